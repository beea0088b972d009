/**
 * How the contents of a namespace are obtained: which programs, files and netlink dumps hold which {@link Dumps}, and how
 * their output is decoded. This is the seam: whatever gives the same typed contents can take its place, and no kind of
 * object notices.
 */
import { ABSENT, type NamespacePool, type Step, type StepResult } from '../../netns/namespace-pool.ts'
import type { Dumps, NamespaceDumps, Wanted } from './content.ts'
import { decodeState, stateStep } from './state.ts'

/** Documents `ip -j -batch` printed, one a line and command. */
export const jsonLines = (output: string): unknown[][] =>
  output
    .split('\n')
    .filter((l) => l.startsWith('['))
    .map((l) => JSON.parse(l) as unknown[])

/** Lines of one `ip -j -d -batch`, which prints one JSON array each, in this order. */
const IP_LINES = {
  links: 'address show',
  routes: 'route show table all',
  neighbours: 'neighbour show nud permanent',
  rules4: 'rule show',
  noarp: 'neighbour show nud noarp',
  proxied: 'neighbour show proxy',
} as const
type IpDump = keyof typeof IP_LINES
const IP_DUMPS = Object.keys(IP_LINES) as readonly IpDump[]

const json = (output: string): unknown => jsonLines(output)[0] ?? []
const plain = (output: string): string => output

/** Dumps of programs of their own, and how their output is decoded. */
const PROGRAMS = {
  rules6: [['ip', '-6', '-j', 'rule', 'show'], json],
  fdb: [['bridge', '-j', 'fdb', 'show'], json],
  ipsets: [['ipset', 'save'], plain],
  chains4: [['iptables-save'], plain],
  chains6: [['ip6tables-save'], plain],
} as const

/** A step that reads part of a namespace. */
export interface ReadStep {
  /** For messages: the batch of `ip`, files, or a dump. */
  readonly part: 'ip' | 'files' | keyof Dumps
  readonly step: Step
  decode(output: string): Partial<Dumps>
}

/** The steps that read what is wanted. The batch of `ip`, where there is one, comes first. */
export function readSteps(wanted: Iterable<Wanted>): ReadStep[] {
  const all = new Set(wanted)
  const steps: ReadStep[] = []
  const ofIp = IP_DUMPS.filter((name) => all.has(name))
  if (ofIp.length > 0)
    steps.push({
      part: 'ip',
      step: { run: ['ip', '-j', '-d', '-batch', '-'], input: `${ofIp.map((name) => IP_LINES[name]).join('\n')}\n` },
      decode(output) {
        const documents = jsonLines(output)
        return Object.fromEntries(ofIp.map((name, i) => [name, documents[i] ?? []]))
      },
    })
  for (const [name, [run, decode]] of Object.entries(PROGRAMS))
    if (all.has(name as Wanted)) steps.push({ part: name as keyof Dumps, step: { run }, decode: (output) => ({ [name]: decode(output) }) })
  if (all.has('state')) steps.push({ part: 'state', step: stateStep, decode: (output) => ({ state: decodeState(output) }) })
  const paths = [...all].filter((name) => name.startsWith('/'))
  if (paths.length > 0)
    steps.push({
      part: 'files',
      step: { get: paths },
      decode(output) {
        const values = output.split('\0')
        return { files: new Map(paths.flatMap((path, i) => (values[i] === ABSENT ? [] : [[path, values[i] ?? ''] as const]))) }
      },
    })
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
export function decoded(ns: string, step: ReadStep, { code, stdout, stderr }: StepResult): Partial<Dumps> {
  if (code !== 0) throw new Error(`reading ${ns} back: ${step.part}: ${stderr.trim() || `exit code ${code}`}`)
  return step.decode(stdout)
}
