/** Every type of device netlab makes. A new one: its file, and a line here. */
import type { IpLink } from '../dumps/content.ts'
import type { FeatureDefinition } from '../features/definition.ts'
import { bridge } from './bridge.ts'
import { geneve } from './geneve.ts'
import { gre, gretap } from './gre.ts'
import { ipip } from './ipip.ts'
import type { LinkObject, LinkType } from './link-type.ts'
import { loopback } from './loopback.ts'
import { tun } from './tun.ts'
import { vxlan } from './vxlan.ts'
import { wireguard } from './wireguard.ts'

export const LINK_TYPES = [loopback, bridge, vxlan, geneve, gre, gretap, ipip, tun, wireguard] as const

type ObjectOf<T> = T extends LinkType<infer L, string> ? L : never
/** A device that is up: loopback exists by itself, all others are made. */
export type Link = ObjectOf<(typeof LINK_TYPES)[number]>

type FeatureOf<T> = T extends { readonly feature?: FeatureDefinition<infer F> } ? F : never
export type LinkFeature = FeatureOf<(typeof LINK_TYPES)[number]>

const BY_TYPE = new Map<string, LinkType<LinkObject, string>>(LINK_TYPES.map((t) => [t.type, t as unknown as LinkType<LinkObject, string>]))

/** All that is known about the type of a device. */
export const linkType = (o: Link): LinkType<LinkObject, string> => BY_TYPE.get(o.type)!

/** The type of a device the kernel shows; undefined for those netlab does not make. */
export const shownType = (link: IpLink): LinkType<LinkObject, string> | undefined => {
  const kind = link.linkinfo?.info_kind
  if (kind === undefined) return link.flags.includes('LOOPBACK') ? BY_TYPE.get('loopback') : undefined
  const type = kind === 'loopback' ? undefined : BY_TYPE.get(kind)
  return type?.isOwn?.(link.linkinfo?.info_data ?? {}) === false ? undefined : type
}

const ALL = [...BY_TYPE.values()]
/** Those of modules whose types netlab does not make. */
const OF_OTHER_MODULES = ['sit0', 'ip6tnl0', 'ip6gre0', 'ip_vti0', 'ip6_vti0', 'teql0']
const AUTOMATIC = new Set([...ALL.flatMap((t) => t.automatic ?? []), ...OF_OTHER_MODULES])

/** What the types need of a kernel. */
export const linkFeatures = ALL.flatMap((t) => t.feature ?? []) as readonly FeatureDefinition<LinkFeature>[]

/** Whether a kernel module puts a device of this name into every namespace. */
export const isAutomatic = (name: string): boolean => AUTOMATIC.has(name)
