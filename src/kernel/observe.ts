/**
 * Reads namespaces back from the kernel into the same kernel objects that were asked for, so that
 * `diff(observed, desired)` tells what is missing, changed or unexpected.
 */
import { readdirSync, statSync } from 'node:fs'
import { lacksLinkLocal } from './links/attributes.ts'
import { linkObject } from './kinds/link.ts'
import { vethEnd } from './kinds/veth.ts'
import { Connected } from './kinds/connected.ts'
import { ABSENT, type NamespacePool, type Job, type Step } from '../netns/namespace-pool.ts'
import { NETNS_DIR, netnsFile } from '../netns/paths.ts'
import type { KernelObject, Kind, Process } from './objects.ts'
import { pairs, waitForCarrier, type End } from './links/veth-pairs.ts'
import { addressObjects, chainObjects, fdbObjects, ipsetObjects, neighbourObjects } from './kinds/parse.ts'
import { jsonLines, type IpLink } from './kinds/iproute2.ts'
import type { Survey } from './unmanaged/survey.ts'
import { routeObjects, ruleObjects, type IpRoute, type IpRule } from './kinds/parse-routes.ts'

export interface ObserveOptions {
  /** What {@link readSteps} printed, for namespaces that were read while they were made. */
  readonly already?: ReadonlyMap<string, ReadonlyMap<Part, string>>
  /** What a container was started as, if it was (it may have ended since: containers are not restarted). */
  readonly started?: (process: Process) => { readonly spec?: unknown; readonly inDeletedNamespace: boolean } | undefined
  readonly onProgress?: (share: number) => void
  /** What else to look for on the way. */
  readonly survey?: Survey
  /** Longest wait for links that are starting, milliseconds. */
  readonly patience?: number
}

interface Expected {
  readonly kinds: Set<Kind>
  readonly objects: KernelObject[]
}

function byNamespace(hints: readonly KernelObject[]): Map<string, Expected> {
  const map = new Map<string, Expected>()
  const at = (ns: string): Expected => {
    let e = map.get(ns)
    if (!e) map.set(ns, (e = { kinds: new Set(), objects: [] }))
    return e
  }
  for (const o of hints) {
    const e = at(o.ns)
    e.kinds.add(o.kind)
    e.objects.push(o)
    if (o.kind === 'veth') at(o.peer.ns).kinds.add('veth')
  }
  return map
}

/** Lines for `ip -j -d -batch -` that read a namespace back; each prints one JSON array. */
function ipLines(kinds: ReadonlySet<Kind>): string[] {
  return [
    'address show',
    'route show table all',
    ...(kinds.has('neighbour') ? ['neighbour show nud permanent'] : []),
    ...(kinds.has('rule') ? ['rule show'] : []),
  ]
}

/** What a step reads. */
export type Part = 'ip' | 'rules6' | 'fdb' | 'ipset' | 'save4' | 'save6' | 'sysctl'

/** A step that reads part of a namespace. `ip`, where there is one, comes first and is a batch. */
export interface ReadStep {
  readonly part: Part
  readonly step: Step
}

function stepsFor(e: Expected, more: readonly string[] = []): ReadStep[] {
  const lines = [...ipLines(e.kinds), ...more]
  const steps: ReadStep[] = [{ part: 'ip', step: { run: ['ip', '-j', '-d', '-batch', '-'], input: `${lines.join('\n')}\n` } }]
  if (e.kinds.has('rule')) steps.push({ part: 'rules6', step: { run: ['ip', '-6', '-j', 'rule', 'show'] } })
  if (e.kinds.has('fdb')) steps.push({ part: 'fdb', step: { run: ['bridge', '-j', 'fdb', 'show'] } })
  if (e.kinds.has('ipset')) steps.push({ part: 'ipset', step: { run: ['ipset', 'save'] } })
  const chains = e.objects.filter((o) => o.kind === 'chain')
  if (chains.some((c) => c.family === 4)) steps.push({ part: 'save4', step: { run: ['iptables-save'] } })
  if (chains.some((c) => c.family === 6)) steps.push({ part: 'save6', step: { run: ['ip6tables-save'] } })
  if (e.kinds.has('sysctl'))
    steps.push({ part: 'sysctl', step: { get: e.objects.flatMap((o) => (o.kind === 'sysctl' ? [`/proc/sys/${o.key}`] : [])) } })
  return steps
}

/** Which steps read each namespace of these objects. */
export function readSteps(hints: readonly KernelObject[]): (ns: string) => readonly ReadStep[] {
  const expected = byNamespace(hints)
  return (ns) => {
    const e = expected.get(ns)
    return e ? stepsFor(e) : []
  }
}

/**
 * Reads the namespaces that `hints` speak of. Namespaces that do not exist give nothing; other failures throw.
 * A container cannot be asked what it was started as: that is on record, and else what the first hint says.
 */
export async function observe(hints: readonly KernelObject[], pool: NamespacePool, options: ObserveOptions = {}): Promise<KernelObject[]> {
  const names = new Set(namespaces())
  const named = [...byNamespace(hints)].filter(([ns]) => names.has(ns))
  const dead = new Set(named.flatMap(([ns]) => (isMounted(ns) ? [] : [ns])))
  const expected = named.filter(([ns]) => !dead.has(ns))
  const found: KernelObject[] = []
  const ends = new Map<string, End>()

  /** Of namespaces that are surveyed: their devices, and what the lines of the survey printed. */
  const surveyed = new Map<string, { links: IpLink[]; documents: unknown[][] }>()

  const readIp = (ns: string, e: Expected, output: string): void => {
    const [links = [], routes = [], ...rest] = jsonLines(output)
    const ours = new Set(e.objects.flatMap((o) => (o.kind === 'address' ? [`${o.dev} ${o.address}`] : [])))
    const connected = new Connected(routes as IpRoute[])
    const { speaks6 } = connected
    for (const link of links as IpLink[]) {
      found.push(...addressObjects(ns, link, (a) => ours.has(`${link.ifname} ${a}`), connected))
      const mute = lacksLinkLocal(link, speaks6)
      const object = linkObject(ns, link, mute)
      if (object) found.push(object)
      if (link.linkinfo?.info_kind !== 'veth') continue
      ends.set(`${ns} ${link.ifname}`, { link, end: vethEnd(ns, link, mute) })
    }
    found.push(...routeObjects(ns, routes as IpRoute[], links as IpLink[]))
    if (e.kinds.has('neighbour')) found.push(...neighbourObjects(ns, (rest.shift() ?? []) as Parameters<typeof neighbourObjects>[1]))
    if (e.kinds.has('rule')) found.push(...ruleObjects(ns, 4, (rest.shift() ?? []) as IpRule[]))
    if (options.survey) surveyed.set(ns, { links: links as IpLink[], documents: rest })
  }

  const read = (ns: string, e: Expected, part: Part, output: string): void => {
    if (part === 'ip') readIp(ns, e, output)
    else if (part === 'rules6') found.push(...ruleObjects(ns, 6, (jsonLines(output)[0] ?? []) as IpRule[]))
    else if (part === 'fdb') found.push(...fdbObjects(ns, (jsonLines(output)[0] ?? []) as Parameters<typeof fdbObjects>[1]))
    else if (part === 'ipset') found.push(...ipsetObjects(ns, output))
    else if (part === 'sysctl') found.push(...settings(ns, e, output))
    else found.push(...chainObjects(ns, part === 'save4' ? 4 : 6, output))
  }

  const { survey } = options
  const work: { ns: string; e: Expected; steps: ReadStep[] }[] = []
  for (const [ns, e] of expected) {
    const already = options.already?.get(ns)
    if (already) for (const [part, output] of already) read(ns, e, part, output)
    else work.push({ ns, e, steps: stepsFor(e, survey?.lines) })
  }
  const jobs = work.map((w): Job => ({ ns: w.ns, steps: [...w.steps.map((s) => s.step), ...(survey?.steps(w.ns) ?? [])] }))
  let done = 0
  await pool.run(jobs, (index, results) => {
    const { ns, e, steps } = work[index]!
    for (const { step, code, stdout, stderr } of results) {
      const part = steps[step]?.part
      if (code !== 0) throw new Error(`reading ${ns} back: ${part ?? 'what else is there'}: ${stderr.trim() || `exit code ${code}`}`)
      if (part) read(ns, e, part, stdout)
    }
    const seen = surveyed.get(ns)
    const outputs = results.slice(steps.length).map((r) => r.stdout)
    if (seen) survey?.read(ns, seen.links, seen.documents, outputs)
    options.onProgress?.(++done / jobs.length)
  })
  for (const [ns] of expected) found.push({ kind: 'netns', ns })
  for (const ns of dead) found.push({ kind: 'netns', ns, dead: true })
  await survey?.finish(pool)
  await waitForCarrier(hints, ends, pool, options.patience)
  found.push(...pairs(hints, ends))
  const processes = new Set<string>()
  for (const o of hints) {
    if (o.kind !== 'process' || processes.has(o.id)) continue
    processes.add(o.id)
    const started = options.started?.(o)
    if (started)
      found.push({ ...strip((started.spec ?? o) as Process), ...(started.inDeletedNamespace ? { inDeletedNamespace: true } : {}) })
  }
  return survey ? survey.with(found) : found
}

/** Values come in the order they were asked for; a file that is not there gives no object. */
function settings(ns: string, e: Expected, output: string): KernelObject[] {
  const values = output.split('\0')
  return e.objects
    .filter((o) => o.kind === 'sysctl')
    .flatMap((o, i): KernelObject[] =>
      values[i] === ABSENT ? [] : [{ kind: 'sysctl', ns, key: o.key, value: values[i]!, ...(o.dev === undefined ? {} : { dev: o.dev }) }],
    )
}

/** Names of the machine's named namespaces. */
export function namespaces(): string[] {
  try {
    return readdirSync(NETNS_DIR)
  } catch {
    return []
  }
}

/** Whether the file of this name is a namespace: `ip netns add` makes an empty file first, then mounts on it. */
export function isMounted(ns: string): boolean {
  try {
    return statSync(netnsFile(ns)).dev === statSync('/proc/self/ns/net').dev
  } catch {
    return false
  }
}

const strip = ({ from: _from, note: _note, ...o }: Process): Process => o
