/** Who has a BGP session with whom, and by which of them a block becomes known. */
import { gatewayOf, routerPorts, type Host, type Lab } from '../../lab/lab.ts'

/** How sessions are laid out: the names of the hosts that reflect routes; none: every host has a session with every other. */
export type Layout = { readonly reflectors: readonly string[] }

/** A session of a host with another. */
export interface Neighbour {
  readonly host: Host
  /** The other is a client of this host: it is told what other clients announced (RFC 4456). */
  readonly client: boolean
}

/** The sessions of a host. */
export function neighboursOf(host: Host, lab: Lab, { reflectors }: Layout): Neighbour[] {
  const others = lab.hosts.filter((h) => h !== host)
  const reflects = (h: Host): boolean => reflectors.includes(h.name)
  if (reflectors.length === 0) return others.map((h) => ({ host: h, client: false }))
  if (reflects(host)) return others.map((h) => ({ host: h, client: !reflects(h) }))
  return others.filter(reflects).map((h) => ({ host: h, client: false }))
}

/** The ways by which a host hears of another's block: the hosts that tell it on, the next one first and the owner last. */
export function waysTo(host: Host, owner: Host, lab: Lab, { reflectors }: Layout): Host[][] {
  const between = lab.hosts.filter((h) => reflectors.includes(h.name) && h !== host && h !== owner)
  const direct = reflectors.length === 0 || reflectors.includes(host.name) || reflectors.includes(owner.name)
  return [...(direct ? [[owner]] : []), ...between.map((reflector) => [reflector, owner])]
}

/** The same where the routers of a fabric pass it on: by that of the segment, or of both segments and a spine. */
export function waysByRouters(host: Host, owner: Host, lab: Lab): { readonly name: string }[][] {
  const [near, far] = [gatewayOf(lab, host.segment), gatewayOf(lab, owner.segment)]
  if (!near || !far) return []
  if (near === far) return [[near, owner]]
  return routerPorts(lab, near.name).map((port) => [near, { name: port.far.router }, far, owner])
}
