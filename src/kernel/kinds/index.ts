/** Every kind of kernel object. A new one: its file, and a line here. */
import { address } from './address.ts'
import { chain } from './chain.ts'
import { daemon } from './daemon.ts'
import { fdb } from './fdb.ts'
import { ipset } from './ipset.ts'
import type { Change as ChangeOf, ObjectKind, Place, Stage } from './kind.ts'
import { learned } from './learned.ts'
import { link } from './link.ts'
import { neighbour } from './neighbour.ts'
import { netns } from './netns.ts'
import { process } from './process.ts'
import { route } from './route.ts'
import { rule } from './rule.ts'
import { session } from './session.ts'
import { sysctl } from './sysctl.ts'
import { veth } from './veth.ts'
import { wireguard } from './wireguard.ts'

export const KINDS = [
  netns,
  veth,
  link,
  address,
  route,
  rule,
  neighbour,
  fdb,
  sysctl,
  chain,
  ipset,
  daemon,
  wireguard,
  session,
  learned,
  process,
] as const

type ObjectOf<K> = K extends ObjectKind<infer O, string> ? O : never
/** Anything the kernel must hold. */
export type KernelObject = ObjectOf<(typeof KINDS)[number]>
export type Kind = KernelObject['kind']
export type Change = ChangeOf<KernelObject>

/** A kind whose objects are not told apart. */
type AnyKind = ObjectKind<KernelObject, string>
const BY_NAME = Object.fromEntries(KINDS.map((k) => [k.kind, k])) as unknown as Readonly<Record<Kind, AnyKind>>

/** All that is known about the kind of an object. */
export const kindOf = (o: KernelObject): AnyKind => BY_NAME[o.kind]

/** What makes an object the same object although its other fields differ. */
export const keyOf = (o: KernelObject): string => BY_NAME[o.kind].key(o)

/** One line for people: `route 10.244.1.0/24 in demo.node-1`. */
export const describe = (o: KernelObject): string => BY_NAME[o.kind].describe(o)

/** When an object is made. */
export const stageOf = (o: KernelObject): Stage => BY_NAME[o.kind].stage(o)

/** Namespaces (`ns`) and devices (`ns name`) an object makes. */
export const providedBy = (o: KernelObject): readonly Place[] => BY_NAME[o.kind].provides?.(o) ?? []

/** The device (`ns name`) an object stands on: it vanishes and comes back with it. */
export function deviceOf(o: KernelObject): Place | undefined {
  const dev = BY_NAME[o.kind].device?.(o)
  return dev === undefined ? undefined : `${o.ns} ${dev}`
}

/** Namespaces an object is in. */
export function namespacesOf(o: KernelObject): readonly string[] {
  const far = BY_NAME[o.kind].reaches?.(o)
  return far === undefined || far === o.ns ? [o.ns] : [o.ns, far]
}
