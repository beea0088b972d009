/**
 * Reads namespaces back from the kernel into the same kernel objects that were asked for, so that
 * `diff(observed, desired)` tells what is missing, changed or unexpected.
 */
import { readdirSync, statSync } from 'node:fs'
import type { NamespacePool } from '../netns/namespace-pool.ts'
import { NETNS_DIR, netnsFile } from '../netns/paths.ts'
import type { Dumps, IpLink, NamespaceDumps, Wanted } from './dumps/content.ts'
import { joined, readSteps, takeDumps, type ReadStep } from './dumps/take.ts'
import { KINDS, namespacesOf, type KernelObject, type Kind } from './kinds/index.ts'
import type { AskSessions, ObjectKind, Reader, Started } from './kinds/kind.ts'
import { within, type Scope } from './scope.ts'
import type { Survey } from './unmanaged/survey.ts'

export interface ObserveOptions {
  /** What was read of namespaces while they were made. */
  readonly already?: ReadonlyMap<string, Partial<Dumps>>
  /** What a container was started as, if it was. It may have ended since: whether that counts is for who answers. */
  readonly started?: Started
  /** Asks daemons about their sessions. */
  readonly sessions?: AskSessions
  readonly onProgress?: (share: number) => void
  /** What else to look for on the way. */
  readonly survey?: Survey
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

/** Which steps read each namespace of these objects. */
export function stepsFor(hints: readonly KernelObject[]): (ns: string) => readonly ReadStep[] {
  const asked = byNamespace(hints)
  return (ns) => readSteps(wantedFor(asked.get(ns)))
}

/**
 * Reads the namespaces that `hints` speak of. Namespaces that do not exist give nothing; other failures throw.
 * A container cannot be asked what it was started as: that is on record, and else what the first hint says.
 */
export async function observe(hints: readonly KernelObject[], pool: NamespacePool, options: ObserveOptions = {}): Promise<KernelObject[]> {
  const { survey, already, scope } = options
  const asked = scope ? within(hints, scope) : hints
  const names = new Set(namespaces())
  const places = [...byNamespace(asked)].filter(([ns]) => names.has(ns)).map(([ns, here]) => ({ ns, here, dead: !isMounted(ns) }))

  const byKind = new Map<Kind, KernelObject[]>()
  for (const o of asked) {
    const list = byKind.get(o.kind)
    if (list) list.push(o)
    else byKind.set(o.kind, [o])
  }
  const readers: Reader<KernelObject>[] = kinds.flatMap((k) => k.reader?.(byKind.get(k.kind) ?? []) ?? [])
  const found: KernelObject[] = []
  const read = (dumps: NamespaceDumps): void => {
    for (const reader of readers) found.push(...(reader.namespace?.(dumps) ?? []))
    survey?.read(dumps)
  }

  const requests: { ns: string; wanted: Wanted[] }[] = []
  for (const { ns, here, dead } of places) {
    if (dead) continue
    const known = already?.get(ns)
    if (known) read({ ns, ...known })
    else requests.push({ ns, wanted: [...wantedFor(here), ...(survey?.wants(ns) ?? [])] })
  }
  const again: { ns: string; wanted: readonly Wanted[]; dumps: NamespaceDumps }[] = []
  let done = 0
  await takeDumps(pool, requests, (dumps) => {
    const wanted = survey?.further(dumps) ?? []
    if (wanted.length > 0) again.push({ ns: dumps.ns, wanted, dumps })
    else read(dumps)
    options.onProgress?.(++done / requests.length)
  })
  const first = new Map(again.map((a) => [a.ns, a.dumps]))
  await takeDumps(pool, again, (dumps) => read({ ns: dumps.ns, ...joined([first.get(dumps.ns)!, dumps]) }))

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
