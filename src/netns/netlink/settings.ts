/**
 * Settings of devices that come over netlink, those of all devices of a namespace at once, where files below
 * /proc/sys/net/ipv4/conf and ipv6/conf are opened one by one: of a device along with it (IFLA_INET_CONF, IFLA_INET6_CONF),
 * of `all` and `default` those of RTM_NEWNETCONF (linux/ip.h, ipv6.h, netconf.h). Pure.
 */
import { Attributes, RTM, type Message } from './message.ts'

/** struct netconfmsg: the family, and padding. */
export const NETCONFMSG = 4

/** IPV4_DEVCONF_*, which count from 1, and DEVCONF_*, which count from 0: places in the array of a device's settings. */
const OF_DEVICES: Readonly<Record<Family, Readonly<Record<string, number>>>> = {
  ipv4: {
    forwarding: 0,
    proxy_arp: 2,
    rp_filter: 7,
    arp_filter: 12,
    disable_policy: 15,
    arp_ignore: 18,
    accept_local: 22,
  },
  ipv6: { forwarding: 0, hop_limit: 1, accept_ra: 3, proxy_ndp: 22, disable_ipv6: 26, accept_dad: 27 },
}

/** NETCONFA_* */
const IFINDEX = 1
const OF_PLACES: Readonly<Record<Family, Readonly<Record<string, number>>>> = {
  ipv4: { forwarding: 2, rp_filter: 3, proxy_arp: 5 },
  ipv6: { forwarding: 2, proxy_ndp: 5 },
}
const PLACES: Readonly<Record<string, number>> = { all: -1, default: -2 }

export type Family = 'ipv4' | 'ipv6'

/** Which setting of what: of a device, or of `all` or `default`. */
export interface Setting {
  /** The dump that it is in. */
  readonly dump: 'links' | 'settings4' | 'settings6'
  readonly family: Family
  readonly place: string
  readonly word: string
}

export const IFLA_AF_SPEC = 26
const AF: Readonly<Record<Family, number>> = { ipv4: 2, ipv6: 10 }
/** Of the attributes of each family there. */
const CONF: Readonly<Record<Family, number>> = { ipv4: 1, ipv6: 2 }

/** What a file below /proc/sys is in dumps; undefined for those that no dump has. */
export function settingOf(path: string): Setting | undefined {
  const key = path === 'net/ipv4/ip_forward' ? 'net/ipv4/conf/all/forwarding' : path
  const [, family, place, word] = (/^net\/(ipv4|ipv6)\/conf\/([^/]+)\/(\w+)$/.exec(key) ?? []) as [string?, Family?, string?, string?]
  if (!family || place === undefined || word === undefined) return undefined
  if (Object.hasOwn(PLACES, place))
    return Object.hasOwn(OF_PLACES[family], word) ? { family, place, word, dump: family === 'ipv4' ? 'settings4' : 'settings6' } : undefined
  return Object.hasOwn(OF_DEVICES[family], word) ? { family, place, word, dump: 'links' } : undefined
}

/** A device's setting, as its file has it; undefined where the device does not have the family. @param a attributes of its RTM_NEWLINK */
export function deviceSetting(a: Attributes, { family, word }: Setting): string | undefined {
  const values = a.nested(IFLA_AF_SPEC).nested(AF[family]).bytes(CONF[family])
  const at = 4 * OF_DEVICES[family][word]!
  return values && at + 4 <= values.length ? String(values.readInt32LE(at)) : undefined
}

/** The setting of `all` or `default`. */
export function placeSetting(dump: readonly Message[], { family, place, word }: Setting): string | undefined {
  for (const { type, body } of dump) {
    if (type !== RTM.newNetconf || body[0] !== AF[family]) continue
    const a = new Attributes(body, NETCONFMSG)
    if (a.i32(IFINDEX) !== PLACES[place]) continue
    const value = a.i32(OF_PLACES[family][word]!)
    return value === undefined ? undefined : String(value)
  }
  return undefined
}
