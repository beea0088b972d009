/** Every type of device netlab makes. A new one: its file, and a line here. */
import type { IpLink } from '../dumps/content.ts'
import { bridge } from './bridge.ts'
import { gre } from './gre.ts'
import { ipip } from './ipip.ts'
import type { LinkObject, LinkType } from './link-type.ts'
import { loopback } from './loopback.ts'
import { vxlan } from './vxlan.ts'

export const LINK_TYPES = [loopback, bridge, vxlan, gre, ipip] as const

type ObjectOf<T> = T extends LinkType<infer L> ? L : never
/** A device that is up: loopback exists by itself, all others are made. */
export type Link = ObjectOf<(typeof LINK_TYPES)[number]>

const BY_TYPE = new Map<string, LinkType<LinkObject>>(LINK_TYPES.map((t) => [t.type, t as unknown as LinkType<LinkObject>]))

/** All that is known about the type of a device. */
export const linkType = (o: Link): LinkType<LinkObject> => BY_TYPE.get(o.type)!

/** The type of a device the kernel shows; undefined for those netlab does not make. */
export const shownType = (link: IpLink): LinkType<LinkObject> | undefined => {
  const kind = link.linkinfo?.info_kind
  if (kind === undefined) return link.flags.includes('LOOPBACK') ? BY_TYPE.get('loopback') : undefined
  return kind === 'loopback' ? undefined : BY_TYPE.get(kind)
}

const AUTOMATIC = new Set<string>(LINK_TYPES.flatMap((t) => (t as unknown as LinkType<LinkObject>).automatic ?? []))

/** Whether the kernel puts a device of this name into every namespace once it has the type. */
export const isAutomatic = (name: string): boolean => AUTOMATIC.has(name)
