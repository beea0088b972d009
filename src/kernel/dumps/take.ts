/**
 * How the contents of a namespace are obtained: netlink and files are read in the namespace, without starting a program;
 * iptables and ipset keep their programs. This is the seam: whatever gives the same typed contents can take its place, and
 * no kind of object notices.
 */
import { MachineError } from '../../netns/failures.ts'
import { ABSENT, type NamespacePool, type Step, type StepResult } from '../../netns/namespace-pool.ts'
import { withReader, type NetlinkReader } from '../../netns/netlink/reader.ts'
import type { IpNeighbour } from '../../netns/netlink/types.ts'
import type { Dumps, NamespaceDumps, Wanted } from './content.ts'
import { stateOf } from './state.ts'

/** What is read over netlink, each in its own way. */
type Netlink = Exclude<keyof Dumps, 'files' | 'ipsets' | 'chains4' | 'chains6'>

const inState = (entries: readonly IpNeighbour[], state: string): IpNeighbour[] => entries.filter((n) => n.state?.includes(state))

const NETLINK: { readonly [name in Netlink]: (reader: NetlinkReader) => Dumps[name] } = {
  links: (r) => r.links(),
  routes: (r) => r.routes(),
  neighbours: (r) => inState(r.neighbours(), 'PERMANENT'),
  noarp: (r) => inState(r.neighbours(), 'NOARP'),
  proxied: (r) => r.proxied(),
  rules4: (r) => r.rules(4) ?? [],
  rules6: (r) => r.rules(6) ?? [],
  fdb: (r) => r.fdb(),
  state: (r) => stateOf({ 4: r.rules(4), 6: r.rules(6) }, r.qdiscs(), r.nftTables()),
}

/** Dumps of programs. */
const PROGRAMS = { ipsets: ['ipset', 'save'], chains4: ['iptables-save'], chains6: ['ip6tables-save'] } as const

/** A step that reads part of a namespace. */
export interface ReadStep {
  /** For messages. */
  readonly part: 'netlink' | 'files' | keyof typeof PROGRAMS
  readonly step: Step
  decode(result: StepResult): Partial<Dumps>
}

/** The steps that read what is wanted. */
export function readSteps(wanted: Iterable<Wanted>): ReadStep[] {
  const all = new Set(wanted)
  const steps: ReadStep[] = []
  const names = (Object.keys(NETLINK) as Netlink[]).filter((name) => all.has(name))
  if (names.length > 0)
    steps.push({
      part: 'netlink',
      step: { call: () => withReader((reader) => Object.fromEntries(names.map((name) => [name, NETLINK[name](reader)]))) },
      decode: ({ value }) => value as Partial<Dumps>,
    })
  const paths = [...all].filter((name) => name.startsWith('/'))
  if (paths.length > 0)
    steps.push({
      part: 'files',
      step: { get: paths },
      decode({ stdout }) {
        const values = stdout.split('\0')
        return { files: new Map(paths.flatMap((path, i) => (values[i] === ABSENT ? [] : [[path, values[i] ?? ''] as const]))) }
      },
    })
  for (const [name, run] of Object.entries(PROGRAMS) as [keyof typeof PROGRAMS, readonly string[]][])
    if (all.has(name)) steps.push({ part: name, step: { run }, decode: ({ stdout }) => ({ [name]: stdout }) })
  return steps
}

/** Reads namespaces, side by side. @throws Error with the words of what could not be read */
export async function takeDumps(
  pool: NamespacePool,
  requests: readonly { readonly ns: string; readonly wanted: Iterable<Wanted> }[],
  onDumps: (dumps: NamespaceDumps) => void,
): Promise<void> {
  const work = requests.map(({ ns, wanted }) => ({ ns, steps: readSteps(wanted) }))
  await pool.run(
    work.map(({ ns, steps }) => ({ ns, steps: steps.map((s) => s.step) })),
    (index, results) => {
      const { ns, steps } = work[index]!
      onDumps(Object.assign({ ns }, ...results.map((result) => decoded(ns, steps[result.step]!, result))) as NamespaceDumps)
    },
  )
}

/** What a step read. @throws Error when it failed */
export function decoded(ns: string, step: ReadStep, result: StepResult): Partial<Dumps> {
  const { code, stderr } = result
  if (code !== 0) throw new MachineError(`reading ${ns} back: ${step.part}: ${stderr.trim() || `exit code ${code}`}`)
  return step.decode(result)
}
