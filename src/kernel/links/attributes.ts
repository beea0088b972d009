/**
 * What devices of all types have in common: the attributes that are not asked for because a new device has them right,
 * how they show in `ip -j -d` when they were changed by hand, and the lines that change a living device.
 */
import type { IpLink } from '../dumps/content.ts'
import { option, Stage, type NonDefault, type Piece } from '../kinds/kind.ts'

/** What a bridge does with one of its ports. */
export interface BridgePort {
  readonly master: string
  /** Frames may leave by the port they came in on: a pod reaching itself through a Service needs it. */
  readonly hairpin?: boolean
  /** Nothing passes between it and other isolated ports. */
  readonly isolated?: boolean
}

/** Attributes by word of `ip link`, as a new device has them. */
export type Defaults = Readonly<Record<string, string | number | boolean>>

/** Of a bridge's port (ip-link(8), bridge_slave): what a new port has. Hairpin and isolation are asked for, the state comes by itself. */
const PORT: Defaults = {
  learning: true,
  flood: true,
  mcast_flood: true,
  bcast_flood: true,
  guard: false,
  root_block: false,
  proxy_arp: false,
  mcast_to_unicast: false,
  neigh_suppress: false,
  vlan_tunnel: false,
  locked: false,
}

const NO_LINK_LOCAL = 'no link-local address'
/** Of a device that does not come up although both its ends are up. */
export const NO_CARRIER = 'carries no frames'

const onOff = (on: boolean): string => (on ? 'on' : 'off')

/** Which attributes are otherwise than on a new device. What is not printed is as it should be. */
export const differing = (of: Readonly<Record<string, unknown>>, defaults: Defaults): [word: string, value: unknown][] =>
  Object.keys(defaults).flatMap((k): [string, unknown][] => (of[k] === undefined || of[k] === defaults[k] ? [] : [[k, of[k]]]))

/** The bridge it is a port of, and how. */
export function bridgePort(link: IpLink): BridgePort | undefined {
  if (link.linkinfo?.info_slave_kind !== 'bridge' || link.master === undefined) return undefined
  const { hairpin, isolated } = link.linkinfo.info_slave_data ?? {}
  return { master: link.master, ...(hairpin ? { hairpin: true } : {}), ...(isolated ? { isolated: true } : {}) }
}

/**
 * Attributes of a device that are otherwise than on a new one.
 * @param own what its type has to say
 * @param device whether it has Ethernet addresses (tunnels without are `arp off` anyway), and whether it may be a bridge's port
 */
export function nonDefaultAttributes(
  { linkinfo, flags, master, linkmode }: IpLink,
  own: NonDefault,
  device: { readonly ethernet: boolean; readonly port?: boolean },
): NonDefault {
  const isPort = linkinfo?.info_slave_kind === 'bridge'
  return [
    ...(isPort ? differing(linkinfo?.info_slave_data ?? {}, PORT).map(([word, value]) => `${word} ${onOff(value === true)}`) : []),
    ...own,
    ...(device.ethernet && flags.includes('NOARP') ? ['arp off'] : []),
    ...(master !== undefined && !(isPort && device.port) ? [`master ${master}`] : []),
    ...(linkmode === 'DORMANT' ? ['mode dormant'] : []),
  ]
}

/**
 * Whether IPv6 cannot work on a device although it carries frames: neighbour discovery and routed pods' gateway need
 * its own address.
 * @param speaks6 devices on which IPv6 is on
 */
export function lacksLinkLocal(link: IpLink, speaks6: ReadonlySet<string>): NonDefault {
  const { ifname, flags, operstate, link_type: type, addr_info: addresses = [] } = link
  const works = flags.includes('LOWER_UP') && (operstate === 'UP' || operstate === 'UNKNOWN')
  if (type !== 'ether' || !works || !speaks6.has(ifname)) return []
  return addresses.some((a) => a.family === 'inet6' && a.scope === 'link') ? [] : [NO_LINK_LOCAL]
}

/** Link-local address that a device gives itself (RFC 4291, modified EUI-64). */
function linkLocal(mac: string): string {
  const b = mac.split(':').map((byte) => Number.parseInt(byte, 16))
  const word = (high: number, low: number): string => ((high << 8) | low).toString(16)
  return `fe80::${word(b[0]! ^ 2, b[1]!)}:${word(b[2]!, 0xff)}:${word(0xfe, b[3]!)}:${word(b[4]!, b[5]!)}`
}

/** A device, or one end of a pair, as far as `ip link set` changes it. */
export interface Device {
  readonly ns: string
  readonly name: string
  readonly mac?: string
  readonly mtu?: number
  readonly port?: BridgePort
  readonly nonDefault?: NonDefault
}

/** Lines for `ip -batch` that put attributes back. @param type its type and what a new one of that type has */
export function resetLines(
  device: Device,
  nonDefault: NonDefault,
  type?: { readonly name: string; readonly defaults: Defaults },
): string[] {
  const set = `link set dev ${device.name}`
  return nonDefault.map((what) => {
    const word = what.split(' ')[0]!
    if (what === NO_LINK_LOCAL) return `address replace ${linkLocal(device.mac!)}/64 dev ${device.name}`
    // A port may have been told not to forward; any other device is started again.
    if (what === NO_CARRIER) return device.port ? `${set} type bridge_slave state 3` : `${set} down`
    if (word === 'arp') return `${set} arp on`
    if (word === 'master') return `${set} nomaster`
    if (word === 'mode') return `${set} mode default`
    if (type && word in type.defaults) return `${set} type ${type.name} ${word} ${type.defaults[word]}`
    return `${set} type bridge_slave ${word} ${onOff(PORT[word] === true)}`
  })
}

/** Whether a port is isolated, in words. */
export const isolation = (port: BridgePort | undefined): string => `isolated ${onOff(port?.isolated === true)}`

/** What is said of a port to its bridge where it is otherwise than of another one, a new one above all. */
function portWords(before: Omit<BridgePort, 'master'>, after: BridgePort): string {
  const words = (['hairpin', 'isolated'] as const).filter((word) => (before[word] === true) !== (after[word] === true))
  return words.map((word) => ` ${word} ${onOff(after[word] === true)}`).join('')
}

/** The lines that say to a bridge what a port is to be; none where it is that already. @param before a new port, unless it is given */
export function portLines(name: string, port: BridgePort, before: Omit<BridgePort, 'master'> = {}): string[] {
  const words = portWords(before, port)
  return words ? [`link set ${name} type bridge_slave${words}`] : []
}

/** The lines that change a living device. @param fields in which the two differ */
export function changeDevice(
  before: Device,
  after: Device,
  fields: readonly string[],
  type?: { readonly name: string; readonly defaults: Defaults },
): Piece[] {
  const set = `link set dev ${after.name}`
  const changed = new Set(fields.map((f) => f.split('.')[0]))
  const words = `${changed.has('mtu') ? option('mtu', after.mtu) : ''}${changed.has('mac') ? option('address', after.mac) : ''}`
  const texts = words ? [`${set}${words}`] : []
  if (changed.has('port')) {
    // A port that comes to another bridge is a new one there.
    const was = before.port?.master === after.port?.master ? before.port : undefined
    if (after.port) texts.push(...(was ? [] : [`${set} master ${after.port.master}`]), ...portLines(after.name, after.port, was))
    else texts.push(`${set} nomaster`)
  }
  if (changed.has('nonDefault')) texts.push(...resetLines(after, before.nonDefault ?? [], type))
  // Raising a device that is up already is no change, and one that went down is the commonest drift.
  texts.push(`${set} up`)
  return texts.map((text) => ({ ns: after.ns, tool: 'ip', stage: Stage.Devices, text }))
}
