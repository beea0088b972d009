/**
 * What the kernel derives from an address: the route to its network and its entry in the local table. These are not
 * asked for, and without them the address is worth nothing. Pure.
 */
import { addressBytes } from '../../netns/netlink/address.ts'
import type { IpAddress, IpLink, IpRoute } from '../dumps/content.ts'
import type { NonDefault } from './kind.ts'

/** IPv4 as a number; NaN for what is none. */
function number4(ip: string): number {
  let [number, part, dots] = [0, 0, 0]
  for (let i = 0; i < ip.length; i++) {
    const c = ip.charCodeAt(i)
    if (c === DOT) {
      number = number * 256 + part
      part = 0
      dots++
    } else part = part * 10 + c - ZERO
  }
  return dots === 3 ? number * 256 + part : Number.NaN
}
const [DOT, ZERO] = [46, 48]

/** A network by its bits, whatever it is written like: `12625970/24`, and of IPv6 `6 fd00000000000000/64`. */
function networkOf(ip: string, prefix: number): string {
  if (!ip.includes(':')) return `${Math.floor(number4(ip) / 2 ** (32 - prefix))}/${prefix}`
  const bytes = addressBytes(ip).subarray(0, (prefix + 7) >> 3)
  if (prefix % 8 > 0) bytes[bytes.length - 1]! &= 0xff00 >> (prefix % 8)
  return `6 ${bytes.toString('hex')}/${prefix}`
}

function routeNetwork(dst: string): string | undefined {
  const slash = dst.indexOf('/')
  const ip = slash < 0 ? dst : dst.slice(0, slash)
  if (!/[.:]/.test(ip)) return undefined
  return networkOf(ip, slash < 0 ? (ip.includes(':') ? 128 : 32) : Number(dst.slice(slash + 1)))
}

const isLocal = (r: IpRoute): boolean => r.table === 'local' || (r.table === undefined && r.type === 'local')

/** Which networks and addresses a namespace's routes lead to by which device. */
export class Connected {
  readonly #networks = new Set<string>()
  readonly #locals = new Set<string>()
  /** Devices on which IPv6 is on: each has a route to all groups. */
  readonly speaks6 = new Set<string>()

  constructor(routes: readonly IpRoute[]) {
    for (const r of routes) {
      const network = routeNetwork(r.dst)
      if (network === undefined || r.dev === undefined) continue
      if (r.type === 'multicast' && r.dst === 'ff00::/8') this.speaks6.add(r.dev)
      if (isLocal(r)) this.#locals.add(`${r.dev} ${network}`)
      else if (r.gateway === undefined) this.#networks.add(`${r.dev} ${network}`)
    }
  }

  /** What is wrong with an address beyond its being there. */
  nonDefault(link: IpLink, a: IpAddress): NonDefault {
    const bits = a.family === 'inet6' ? 128 : 32
    const isUp = link.flags.includes('UP')
    const states = [
      ...(a.dadfailed ? ['duplicate address detection failed'] : []),
      ...(a.deprecated ? ['deprecated'] : []),
      ...(a.valid_life_time === undefined || a.valid_life_time === FOREVER ? [] : ['expires']),
      ...(a.address === undefined ? [] : [`peer ${a.address}`]),
    ]
    // Nothing is derived from an address before its device is up, or while another host may have it.
    if (!isUp || a.tentative || states.length > 0) return states
    const has = (set: ReadonlySet<string>, prefix: number): boolean => set.has(`${link.ifname} ${networkOf(a.local, prefix)}`)
    return [
      ...(a.prefixlen < bits && !has(this.#networks, a.prefixlen) ? ['no route to its network'] : []),
      ...(has(this.#locals, bits) ? [] : ['not in the local table']),
    ]
  }
}

const known = new WeakMap<readonly IpRoute[], Connected>()

/** What these routes lead to; several kinds of objects ask. */
export function connectedBy(routes: readonly IpRoute[]): Connected {
  let connected = known.get(routes)
  if (!connected) known.set(routes, (connected = new Connected(routes)))
  return connected
}

/** What `ip` prints for a lifetime without end. */
const FOREVER = 4_294_967_295

/** Networks that every device that speaks IPv6 has. */
const OF_DEVICES = [networkOf('fe80::', 64), networkOf('ff00::', 8)]

/** Whether the kernel made a route by itself: because of an address, or because the device speaks IPv6. */
export function derives(links: readonly IpLink[]): (route: IpRoute) => boolean {
  const known = new Set<string>()
  for (const { ifname, addr_info: addresses = [] } of links) {
    for (const network of OF_DEVICES) known.add(`${ifname} ${network}`)
    for (const a of addresses) {
      known.add(`${ifname} ${networkOf(a.local, a.prefixlen)}`)
      if (a.address !== undefined) known.add(`${ifname} ${networkOf(a.address, a.prefixlen)}`)
    }
  }
  return (r) => r.protocol === 'kernel' && (isLocal(r) || known.has(`${r.dev} ${routeNetwork(r.dst)}`))
}
