/**
 * How the contents of a namespace are obtained: netlink and files are read in the namespace, without starting a program, and
 * settings of devices come along with the devices;
 * iptables and ipset keep their programs. This is the seam: whatever gives the same typed contents can take its place, and
 * no kind of object notices.
 */
import { MachineError } from '../../netns/failures.ts'
import { ABSENT, type NamespacePool, type Step, type StepResult } from '../../netns/namespace-pool.ts'
import type { DumpName } from '../../netns/netlink/dumps.ts'
import type { DumpReader } from '../../netns/netlink/reader.ts'
import { settingOf, type Setting } from '../../netns/netlink/settings.ts'
import type { IpNeighbour } from '../../netns/netlink/types.ts'
import type { Dumps, NamespaceDumps, Wanted } from './content.ts'
import { stateOf } from './state.ts'

/** What is read over netlink, each in its own way. */
type Netlink = Exclude<keyof Dumps, 'files' | 'ipsets' | 'chains4' | 'chains6'>

const inState = (entries: readonly IpNeighbour[], state: string): IpNeighbour[] => entries.filter((n) => n.state?.includes(state))

const NETLINK: { readonly [name in Netlink]: { readonly of: readonly DumpName[]; readonly decode: (reader: DumpReader) => Dumps[name] } } =
  {
    links: { of: ['links', 'addresses'], decode: (r) => r.links() },
    routes: { of: ['links', 'routes4', 'routes6'], decode: (r) => r.routes() },
    neighbours: { of: ['links', 'neighbours'], decode: (r) => inState(r.neighbours(), 'PERMANENT') },
    noarp: { of: ['links', 'neighbours'], decode: (r) => inState(r.neighbours(), 'NOARP') },
    proxied: { of: ['links', 'proxied'], decode: (r) => r.proxied() },
    rules4: { of: ['rules4'], decode: (r) => r.rules(4) ?? [] },
    rules6: { of: ['rules6'], decode: (r) => r.rules(6) ?? [] },
    fdb: { of: ['links', 'fdb'], decode: (r) => r.fdb() },
    state: {
      of: ['rules4', 'rules6', 'qdiscs', 'tables'],
      decode: (r) => stateOf({ 4: r.rules(4), 6: r.rules(6) }, r.qdiscs(), r.nftTables()),
    },
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

/** What is read for a digest beside what is asked for: see {@link ReadingRecorder}. */
const FOR_RECORD: readonly DumpName[] = ['identity', 'generation']

/** The step for what comes over netlink; settings of devices among it. */
function netlinkStep(
  names: readonly Netlink[],
  settings: readonly (readonly [path: string, setting: Setting])[],
  more: readonly DumpName[],
): ReadStep {
  const dumps = new Set([...more, ...names.flatMap((name) => NETLINK[name].of), ...settings.map(([, setting]) => setting.dump)])
  return {
    part: 'netlink',
    step: { dump: [...dumps] },
    decode({ value }) {
      const reader = value as DumpReader
      const found: Partial<Record<keyof Dumps, unknown>> = {}
      for (const name of names) found[name] = NETLINK[name].decode(reader)
      if (settings.length > 0) found.files = present(settings.map(([path, setting]) => [path, reader.setting(setting)]))
      return found as Partial<Dumps>
    },
  }
}

/** Files by path, without those that are not there. */
function present(files: readonly (readonly [path: string, content: string | undefined])[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const [path, content] of files) if (content !== undefined) found.set(path, content)
  return found
}

/** The steps by what they read: most namespaces of a lab are read alike. */
const known = new Map<string, readonly ReadStep[]>()

/** The steps that read what is wanted. @param recorded whether a digest of it is to be put on record */
export function readSteps(wanted: Iterable<Wanted>, recorded = false): readonly ReadStep[] {
  const all = [...wanted]
  const key = `${recorded ? 'recorded' : ''}\0${all.join('\0')}`
  let steps = known.get(key)
  if (!steps) known.set(key, (steps = stepsOf(new Set(all), recorded ? FOR_RECORD : [])))
  return steps
}

function stepsOf(all: ReadonlySet<Wanted>, more: readonly DumpName[]): ReadStep[] {
  const steps: ReadStep[] = []
  const names = (Object.keys(NETLINK) as Netlink[]).filter((name) => all.has(name))
  const paths = [...all].filter((name) => name.startsWith('/'))
  const settings = paths.flatMap((path) => {
    const setting = path.startsWith(SYSCTL) ? settingOf(path.slice(SYSCTL.length)) : undefined
    return setting ? [[path, setting] as const] : []
  })
  if (names.length + settings.length > 0) steps.push(netlinkStep(names, settings, more))
  const overNetlink = new Set(settings.map(([path]) => path))
  const files = paths.filter((path) => !overNetlink.has(path))
  if (files.length > 0)
    steps.push({
      part: 'files',
      step: { get: files },
      decode({ stdout }) {
        const values = stdout.split('\0')
        return { files: present(files.map((path, i) => [path, values[i] === ABSENT ? undefined : (values[i] ?? '')])) }
      },
    })
  for (const [name, run] of Object.entries(PROGRAMS) as [keyof typeof PROGRAMS, readonly string[]][])
    if (all.has(name)) steps.push({ part: name, step: { run }, decode: ({ stdout }) => ({ [name]: stdout }) })
  return steps
}

const SYSCTL = '/proc/sys/'

/** Parts of what was read of a namespace, as one. */
export function joined(parts: readonly Partial<Dumps>[]): Partial<Dumps> {
  const files = parts.flatMap((part) => (part.files ? [part.files] : []))
  const all = Object.assign({}, ...parts) as Partial<Dumps>
  return files.length > 1 ? { ...all, files: new Map(files.flatMap((of) => [...of])) } : all
}

/** What was read of a namespace, and by which steps. */
export interface Reading {
  readonly steps: readonly ReadStep[]
  readonly results: readonly StepResult[]
}

type Requests = readonly { readonly ns: string; readonly wanted: Iterable<Wanted> }[]

/** Reads namespaces, side by side. @param onReading gets the number of the request, too; {@link dumpsOf} makes sense of a reading */
export async function takeReadings(
  pool: NamespacePool,
  requests: Requests,
  onReading: (ns: string, reading: Reading, index: number) => void,
  recorded = false,
): Promise<void> {
  const work = requests.map(({ ns, wanted }) => ({ ns, steps: readSteps(wanted, recorded) }))
  await pool.run(
    work.map(({ ns, steps }) => ({ ns, steps: steps.map((s) => s.step) })),
    (index, results) => {
      const { ns, steps } = work[index]!
      onReading(ns, { steps, results }, index)
    },
  )
}

/** Reads namespaces, side by side. @throws Error with the words of what could not be read */
export const takeDumps = (pool: NamespacePool, requests: Requests, onDumps: (dumps: NamespaceDumps) => void): Promise<void> =>
  takeReadings(pool, requests, (ns, reading) => onDumps(dumpsOf(ns, reading)))

/** @throws Error with the words of a step that failed */
export function requireRead(ns: string, { steps, results }: Reading): void {
  for (const [i, { code, stderr }] of results.entries())
    if (code !== 0) throw new MachineError(`reading ${ns} back: ${steps[i]!.part}: ${stderr.trim() || `exit code ${code}`}`)
}

/** What the steps read. @throws Error with the words of one that failed */
export function dumpsOf(ns: string, reading: Reading): NamespaceDumps {
  requireRead(ns, reading)
  return { ns, ...joined(reading.results.map((result, i) => reading.steps[i]!.decode(result))) }
}
