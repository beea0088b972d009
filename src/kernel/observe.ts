/**
 * Reads namespaces back from the kernel into the same kernel objects that were asked for, so that
 * `diff(observed, desired)` tells what is missing, changed or unexpected.
 */
import { readdirSync, statSync } from 'node:fs'
import type { NamespacePool } from '../netns/namespace-pool.ts'
import { NETNS_DIR, netnsFile } from '../netns/paths.ts'
import type { IpLink, NamespaceDumps, Wanted } from './dumps/content.ts'
import type { ReadingRecorder } from './dumps/readings.ts'
import { dumpsOf, joined, readSteps, takeDumps, takeReadings, type Reading, type ReadStep } from './dumps/take.ts'
import { KINDS, kindOf, namespacesOf, type KernelObject, type Kind } from './kinds/index.ts'
import type { AskSessions, AskWireguard, ObjectKind, Reader, Started } from './kinds/kind.ts'
import { within, type Scope } from './scope.ts'
import type { Survey } from './unmanaged/survey.ts'

/** How to learn of what no dump of a namespace shows. */
export type Asking = Pick<ObserveOptions, 'started' | 'sessions' | 'wireguard'>

export interface ObserveOptions {
  /** What was read of namespaces while they were made; `survey` and `recorder` are those that it was begun with. */
  readonly already?: Observation
  /** What a container was started as, if it was. It may have ended since: whether that counts is for who answers. */
  readonly started?: Started
  /** Asks daemons about their sessions. */
  readonly sessions?: AskSessions
  /** Asks WireGuard devices about their keys and peers. */
  readonly wireguard?: AskWireguard
  readonly onProgress?: (share: number) => void
  /** What else to look for on the way. */
  readonly survey?: Survey
  /** Gets the readings in which the survey found nothing. */
  readonly recorder?: ReadingRecorder
  /** Longest wait for links that are starting, milliseconds. */
  readonly patience?: number
  /** Namespaces to read, of those the hints speak of; absent: all. */
  readonly scope?: Scope
}

const kinds = KINDS as unknown as readonly ObjectKind<KernelObject, string>[]

/** Objects by namespace they are in, and by kind. */
function byNamespace(hints: readonly KernelObject[]): Map<string, Map<Kind, KernelObject[]>> {
  const map = new Map<string, Map<Kind, KernelObject[]>>()
  for (const o of hints) {
    for (const ns of namespacesOf(o)) {
      let here = map.get(ns)
      if (!here) map.set(ns, (here = new Map()))
      const list = here.get(o.kind)
      if (list) list.push(o)
      else here.set(o.kind, [o])
    }
  }
  return map
}

/** What has to be read where these objects are asked for. Devices and routes show what lives on the rest. */
const wantedFor = (asked: ReadonlyMap<Kind, readonly KernelObject[]> | undefined): Wanted[] =>
  asked ? ['links', 'routes', ...kinds.flatMap((k) => (asked.has(k.kind) ? (k.wants?.(asked.get(k.kind)!) ?? []) : []))] : []

/**
 * Which steps read each namespace of these objects.
 * @param survey what else to look for, and to put on record
 */
export function stepsFor(hints: readonly KernelObject[], survey?: Survey): (ns: string) => readonly ReadStep[] {
  const asked = byNamespace(hints)
  return (ns) => readSteps([...wantedFor(asked.get(ns)), ...(survey?.wants(ns) ?? [])], survey !== undefined)
}

/** What reads these objects back. */
function readersOf(asked: readonly KernelObject[]): Reader<KernelObject>[] {
  const byKind = new Map<Kind, KernelObject[]>()
  for (const o of asked) {
    const list = byKind.get(o.kind)
    if (list) list.push(o)
    else byKind.set(o.kind, [o])
  }
  return kinds.flatMap((k) => k.reader?.(byKind.get(k.kind) ?? []) ?? [])
}

/** Whether no dump of a namespace shows an object: it is on record, or a daemon is asked. */
export const isElsewhere = (o: KernelObject): boolean => kindOf(o).elsewhere === true

/** What there is of those objects that no dump shows ({@link isElsewhere}), without a look at any namespace. */
export async function observeElsewhere(hints: readonly KernelObject[], asking: Asking): Promise<KernelObject[]> {
  const context = { namespaces: [], links: async () => {}, ...asking }
  const found: KernelObject[] = []
  for (const reader of readersOf(hints.filter(isElsewhere))) found.push(...((await reader.finish?.(context)) ?? []))
  return found
}

/** What namespaces hold, made sense of as they are read, in whatever order: what was read need not be kept. */
export class Observation {
  readonly readers: readonly Reader<KernelObject>[]
  readonly found: KernelObject[] = []
  readonly #survey: Survey | undefined
  readonly #recorder: ReadingRecorder | undefined
  readonly #taken = new Set<string>()
  #again: { ns: string; wanted: readonly Wanted[]; dumps: NamespaceDumps }[] = []

  constructor(asked: readonly KernelObject[], { survey, recorder }: Pick<ObserveOptions, 'survey' | 'recorder'>) {
    this.readers = readersOf(asked)
    this.#survey = survey
    this.#recorder = recorder
  }

  has(ns: string): boolean {
    return this.#taken.has(ns)
  }

  /** Takes in what was read of a namespace. @throws Error with the words of what could not be read */
  take(ns: string, reading: Reading): void {
    this.#taken.add(ns)
    const dumps = dumpsOf(ns, reading)
    const wanted = this.#survey?.further(dumps) ?? []
    if (wanted.length > 0) this.#again.push({ ns, wanted, dumps })
    else this.#read(dumps, reading)
  }

  #read(dumps: NamespaceDumps, reading?: Reading): void {
    for (const reader of this.readers) this.found.push(...(reader.namespace?.(dumps) ?? []))
    if (this.#survey?.read(dumps) && reading) this.#recorder?.add(dumps.ns, reading)
  }

  /** Reads what has to be read because of what was found. */
  async takeFurther(pool: NamespacePool): Promise<void> {
    const again = this.#again.splice(0)
    await takeReadings(pool, again, (ns, reading, i) => this.#read({ ns, ...joined([again[i]!.dumps, dumpsOf(ns, reading)]) }))
  }
}

/**
 * Reads the namespaces that `hints` speak of. Namespaces that do not exist give nothing; other failures throw.
 * A container cannot be asked what it was started as: that is on record, and else what the first hint says.
 */
export async function observe(hints: readonly KernelObject[], pool: NamespacePool, options: ObserveOptions = {}): Promise<KernelObject[]> {
  const { survey, recorder, scope } = options
  const asked = scope ? within(hints, scope) : hints
  const names = new Set(namespaces())
  const places = [...byNamespace(asked)].filter(([ns]) => names.has(ns)).map(([ns, here]) => ({ ns, here, dead: !isMounted(ns) }))

  const observation = options.already ?? new Observation(asked, options)
  const { readers, found } = observation
  const requests = places
    .filter(({ ns, dead }) => !dead && !observation.has(ns))
    .map(({ ns, here }) => ({ ns, wanted: [...wantedFor(here), ...(survey?.wants(ns) ?? [])] }))
  let done = 0
  const onReading = (ns: string, reading: Reading): void => {
    observation.take(ns, reading)
    options.onProgress?.(++done / requests.length)
  }
  await takeReadings(pool, requests, onReading, recorder !== undefined)
  await observation.takeFurther(pool)

  const context = {
    namespaces: places,
    links: async (spaces: readonly string[], onLinks: (ns: string, links: readonly IpLink[]) => void) =>
      takeDumps(
        pool,
        spaces.map((ns) => ({ ns, wanted: ['links'] as const })),
        ({ ns, links = [] }) => onLinks(ns, links),
      ),
    ...(options.patience === undefined ? {} : { patience: options.patience }),
    ...(options.started ? { started: options.started } : {}),
    ...(options.sessions ? { sessions: options.sessions } : {}),
    ...(options.wireguard ? { wireguard: options.wireguard } : {}),
  }
  for (const reader of readers) found.push(...((await reader.finish?.(context)) ?? []))
  return scope ? within(found, scope) : found
}

/** Names of the machine's named namespaces. */
export function namespaces(): string[] {
  try {
    return readdirSync(NETNS_DIR)
  } catch {
    return []
  }
}

/** The file system of namespaces. */
let nsfs: number | undefined

/** Whether the file of this name is a namespace: `ip netns add` makes an empty file first, then mounts on it. */
export function isMounted(ns: string): boolean {
  try {
    nsfs ??= statSync('/proc/self/ns/net').dev
    return statSync(netnsFile(ns)).dev === nsfs
  } catch {
    return false
  }
}
