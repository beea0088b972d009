/**
 * The difference between two states as an ordered list of changes: deletes first, against the order of
 * dependency, then creates and replacements along it.
 */
import { deviceOf, keyOf, type Chain, type Ipset, type KernelObject } from './objects.ts'

export type Change =
  | { readonly action: 'create'; readonly object: KernelObject }
  | { readonly action: 'delete'; readonly object: KernelObject }
  /** Same identity, other content, and the kernel can change it in place. */
  | {
      readonly action: 'replace'
      readonly object: KernelObject
      readonly before: KernelObject
      /** Of a set that changes together with other sets or chains: the chains that match it, which see all of it change at once. */
      readonly readers?: readonly Chain[]
    }

/**
 * Where an object stands in the order of creation. Objects of one stage do not depend on each other,
 * except that links are made in list order.
 */
export enum Stage {
  /** Namespaces. */
  Namespaces,
  /** Settings that new devices inherit. */
  Settings,
  /** Devices. */
  Devices,
  /** What lives on devices: addresses, routes, entries, rules. */
  Config,
  /** What is put under its own name again, after rules were led around it while it changed. */
  Settle,
  /** What goes away only when nothing refers to it any more: sets that rules matched. */
  Cleanup,
  /** Containers. */
  Processes,
}

export function stageOf(o: KernelObject): Stage {
  switch (o.kind) {
    case 'netns':
      return Stage.Namespaces
    case 'sysctl':
      return o.dev === undefined ? Stage.Settings : Stage.Config
    case 'veth':
      return Stage.Devices
    case 'link':
      return o.type === 'loopback' ? Stage.Config : Stage.Devices
    case 'process':
      return Stage.Processes
    default:
      return Stage.Config
  }
}

/** Fields that say where an object comes from, not what it is. */
const ABOUT = new Set(['from', 'note'])

/** Names the fields in which two objects of the same identity differ: `mtu`, `peer.mac`. */
export function differences(a: object, b: object): string[] {
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  const fields = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...fields].flatMap((field) => {
    if (ABOUT.has(field)) return []
    const x = left[field]
    const y = right[field]
    if (x === y) return []
    if (typeof x === 'object' && typeof y === 'object' && x !== null && y !== null) {
      if (Array.isArray(x)) return JSON.stringify(x) === JSON.stringify(y) ? [] : [field]
      return differences(x, y).map((f) => `${field}.${f}`)
    }
    return [field]
  })
}

/** Fields of devices that `ip link set` changes on a living device; any other change makes a new one. */
const IN_PLACE = new Set([
  'nonDefault',
  'peer.nonDefault',
  'down',
  'peer.down',
  'mtu',
  'mac',
  'port',
  'port.master',
  'port.hairpin',
  'peer.mtu',
  'peer.mac',
  'peer.port',
  'peer.port.master',
  'peer.port.hairpin',
])

function replaceable(before: KernelObject, object: KernelObject): boolean {
  if (object.kind === 'process' || object.kind === 'rule' || object.kind === 'address') return false
  if (object.kind === 'ipset') return before.kind === 'ipset' && before.type === object.type && before.family === object.family
  if (
    object.kind === 'neighbour' ||
    object.kind === 'route' ||
    object.kind === 'fdb' ||
    object.kind === 'sysctl' ||
    object.kind === 'chain'
  )
    return true
  // Of a pair `port` is what the bridge does with it, of a VTEP it is the UDP port, which is chosen once.
  const remade = object.kind === 'link' ? ['port', ...(object.type === 'bridge' ? [] : ['nonDefault'])] : []
  return differences(before, object).every((f) => IN_PLACE.has(f) && !remade.includes(f))
}

/** Devices (`ns name`) an object makes. */
function devicesOf(o: KernelObject): string[] {
  if (o.kind === 'veth') return [`${o.ns} ${o.name}`, `${o.peer.ns} ${o.peer.name}`]
  return o.kind === 'link' && o.type !== 'loopback' ? [`${o.ns} ${o.name}`] : []
}

/** Devices on top of devices that go away: they go along, and whatever rides on them in turn. */
function stackedDevices(objects: Iterable<KernelObject>, lost: ReadonlySet<string>): KernelObject[] {
  return [...objects].filter((o) => o.kind === 'link' && o.type === 'vxlan' && lost.has(`${o.ns} ${o.dev}`))
}

/**
 * Turns `current` into `desired`. Whatever lives in a namespace or on a device that goes away goes with
 * it, so it is neither deleted by name nor taken for existing.
 */
export function diff(current: readonly KernelObject[], desired: readonly KernelObject[]): Change[] {
  if (current.length === 0) return order(desired.map((object) => ({ action: 'create', object })))
  const want = new Map(desired.map((o) => [keyOf(o), o]))
  const have = new Map(current.map((o) => [keyOf(o), o]))

  const stays = (key: string, o: KernelObject): boolean => {
    const next = want.get(key)
    return next?.kind === o.kind && (differences(o, next).length === 0 || replaceable(o, next))
  }
  const lostNs = new Set(current.flatMap((o) => (o.kind === 'netns' && !want.has(keyOf(o)) ? [o.ns] : [])))
  const isInLostNs = (o: KernelObject): boolean => lostNs.has(o.ns) || (o.kind === 'veth' && lostNs.has(o.peer.ns))
  const lostDevices = new Set<string>()
  for (const [key, o] of have) if (isInLostNs(o) || !stays(key, o)) for (const d of devicesOf(o)) lostDevices.add(d)
  for (const o of stackedDevices(have.values(), lostDevices)) for (const d of devicesOf(o)) lostDevices.add(d)
  const isOnLostDevice = (o: KernelObject): boolean => {
    const dev = deviceOf(o)
    return dev !== undefined && lostDevices.has(`${o.ns} ${dev}`)
  }
  /** Goes without being named. */
  const vanishes = (o: KernelObject): boolean => {
    if (o.kind === 'netns' || o.kind === 'process') return false
    // The kernel tears a namespace down in its own time: a pair that reaches out of it goes at once only by name,
    // and the other end may have to make room for a new one.
    return (lostNs.has(o.ns) && (o.kind !== 'veth' || lostNs.has(o.peer.ns))) || isOnLostDevice(o)
  }

  const changes: Change[] = []
  for (const [key, object] of have) {
    if (!vanishes(object) && (isInLostNs(object) || !stays(key, object))) changes.push({ action: 'delete', object })
  }
  for (const [key, object] of want) {
    const before = have.get(key)
    if (before === undefined || isInLostNs(before) || isOnLostDevice(before) || !stays(key, before))
      changes.push({ action: 'create', object })
    else if (differences(before, object).length > 0) changes.push({ action: 'replace', object, before })
  }
  return order(withReaders(changes, want.values()))
}

/** Names of the sets a chain matches. */
const setsIn = (chain: Chain): string[] => chain.rules.flatMap((rule) => [...rule.matchAll(/--match-set (\S+)/g)].map((m) => m[1]!))

/**
 * One set changes at once by a swap, and the chains of a family by one commit; but what rules decide may hang on
 * several sets, and on chains too. Where more than one of them changes, the sets learn who reads them, so that
 * render can lead the readers to new sets in the commit that changes the chains.
 */
function withReaders(changes: readonly Change[], desired: Iterable<KernelObject>): Change[] {
  const place = (o: Chain | Ipset): string => `${o.ns} ${o.family}`
  const moved = new Map<string, number>()
  const replaced = new Set<string>()
  for (const { action, object: o } of changes) {
    if (o.kind === 'chain' || (o.kind === 'ipset' && action === 'replace')) moved.set(place(o), (moved.get(place(o)) ?? 0) + 1)
    if (o.kind === 'ipset' && action === 'replace') replaced.add(`${o.ns} ${o.name}`)
  }
  if (replaced.size === 0) return [...changes]
  const readers = new Map<string, Chain[]>()
  for (const o of desired) {
    if (o.kind !== 'chain') continue
    for (const key of new Set(setsIn(o).map((name) => `${o.ns} ${name}`))) {
      if (replaced.has(key)) readers.set(key, [...(readers.get(key) ?? []), o])
    }
  }
  return changes.map((c) => {
    const o = c.object
    if (c.action !== 'replace' || o.kind !== 'ipset' || moved.get(place(o))! < 2) return c
    return { ...c, readers: readers.get(`${o.ns} ${o.name}`) ?? [] }
  })
}

function order(changes: Change[]): Change[] {
  const deletes = changes
    .filter((c) => c.action === 'delete')
    .toReversed()
    .sort((a, b) => stageOf(b.object) - stageOf(a.object))
  const others = changes.filter((c) => c.action !== 'delete')
  const byStage: Change[][] = Array.from({ length: Stage.Processes + 1 }, () => [])
  for (const c of others) byStage[stageOf(c.object)]!.push(c)
  return [...deletes, ...byStage.flat()]
}

/** `current` after `changes`: what diff promises. */
export function applyChanges(current: readonly KernelObject[], changes: readonly Change[]): KernelObject[] {
  const state = new Map(current.map((o) => [keyOf(o), o]))
  for (const change of changes) {
    if (change.action !== 'delete') {
      state.set(keyOf(change.object), change.object)
      continue
    }
    const gone = change.object
    state.delete(keyOf(gone))
    const devices = new Set(devicesOf(gone))
    for (const o of stackedDevices(state.values(), devices)) for (const d of devicesOf(o)) devices.add(d)
    for (const [key, o] of state) {
      const dev = deviceOf(o)
      const inside = gone.kind === 'netns' && (o.ns === gone.ns || (o.kind === 'veth' && o.peer.ns === gone.ns))
      if (inside || (dev !== undefined && devices.has(`${o.ns} ${dev}`))) state.delete(key)
    }
  }
  return [...state.values()]
}
