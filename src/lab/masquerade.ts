/**
 * Which packets of pods leave the cluster, and so under their host's address: what stays in it is never touched. The
 * network model wants pods, hosts and pods of other hosts to see each other's own addresses, so all of those are
 * passed by name before anything is masqueraded (Flannel's and kube-proxy's order).
 */
import { bits, type Family } from '../topology/address.ts'
import { addressOf, gatewayOf, type Lab } from './lab.ts'
import { isWithin } from './services/semantics.ts'

/** A destination; the first one that matches decides. */
export interface EdgeRule {
  readonly cidr: string
  readonly masquerade: boolean
  readonly why: string
}

/** Destinations that are passed or masqueraded by name, in order; any other is masqueraded. */
export function edgeRules(lab: Lab, family: Family): EdgeRule[] {
  const ofFamily = (c: string): boolean => c.includes(':') === (family === 6)
  const pass = (cidr: string, why: string): EdgeRule => ({ cidr, masquerade: false, why: `${why}: no NAT` })
  const single = (ip: string): string => `${ip}/${bits(family)}`
  return [
    ...lab.podCIDRs.filter(ofFamily).map((c) => pass(c, 'to pods')),
    ...lab.serviceCIDRs.filter(ofFamily).map((c) => pass(c, 'to Services')),
    ...lab.segments.flatMap((s) => [
      // The router is on the segment but not of the cluster: it has no route back to pods.
      ...(gatewayOf(lab, s.segment)
        ? s.gateways
            .filter((g) => g.family === family)
            .map((g) => ({ cidr: single(g.ip), masquerade: true, why: 'the router is outside the cluster' }))
        : []),
      ...s.cidrs.filter(ofFamily).map((c) => pass(c, `to hosts on ${s.segment}`)),
    ]),
    ...lab.externals
      .filter((x) => x.podRoutes && addressOf(x, family))
      .map((x) => pass(single(addressOf(x, family)!), `${x.name} has routes to pods`)),
    pass(family === 4 ? '224.0.0.0/4' : 'ff00::/8', 'multicast'),
  ]
}

/** Whether what a pod sends there leaves the cluster, and so under its host's address. */
export function leavesCluster(lab: Lab, src: string, dst: string): boolean {
  if (!lab.masquerade || !lab.podCIDRs.some((c) => isWithin(c, src))) return false
  return edgeRules(lab, dst.includes(':') ? 6 : 4).find((r) => isWithin(r.cidr, dst))?.masquerade ?? true
}
