/**
 * What the kernel derives from an address: the route to its network and its entry in the local table. These are not
 * asked for, and without them the address is worth nothing. Pure.
 */
import type { IpAddress, IpLink, IpRoute } from '../dumps/content.ts'
import type { NonDefault } from './kind.ts'

/** IPv4, and IPv6 as the kernel prints it, as a number. */
function numberOf(ip: string): bigint {
  if (!ip.includes(':')) return ip.split('.').reduce((n, part) => n * 256n + BigInt(part), 0n)
  const [head = '', tail] = ip.split('::')
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'))
  const [front, back] = [groups(head), groups(tail ?? '')]
  const all = tail === undefined ? front : [...front, ...Array.from({ length: 8 - front.length - back.length }, () => '0'), ...back]
  return all.reduce((n, group) => n * 65_536n + BigInt(`0x${group}`), 0n)
}

/** A network by number, whatever it is written like: `4 3232248320/24`. */
function networkOf(ip: string, prefix: number): string {
  const bits = ip.includes(':') ? 128 : 32
  return `${bits} ${numberOf(ip) >> BigInt(bits - prefix)}/${prefix}`
}

function routeNetwork(dst: string): string | undefined {
  const [ip = '', prefix] = dst.split('/')
  if (!/[.:]/.test(ip)) return undefined
  return networkOf(ip, prefix === undefined ? (ip.includes(':') ? 128 : 32) : Number(prefix))
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

/** Whether the kernel made a route by itself: because of an address, or because the device speaks IPv6. */
export function derives(links: readonly IpLink[]): (route: IpRoute) => boolean {
  const known = new Set<string>()
  for (const { ifname, addr_info: addresses = [] } of links) {
    for (const network of ['fe80::/64', 'ff00::/8']) known.add(`${ifname} ${routeNetwork(network)}`)
    for (const a of addresses) {
      known.add(`${ifname} ${networkOf(a.local, a.prefixlen)}`)
      if (a.address !== undefined) known.add(`${ifname} ${networkOf(a.address, a.prefixlen)}`)
    }
  }
  return (r) => r.protocol === 'kernel' && (isLocal(r) || known.has(`${r.dev} ${routeNetwork(r.dst)}`))
}
