/** A node on the way that routes the packet elsewhere than the lab asked for: the drop, if any, comes later, and somewhere else. */
import { contains, parseCidr, parseIp } from '../../../topology/address.ts'
import type { KernelObject } from '../../../kernel/objects.ts'
import type { RouteAnswer } from '../../predict/live-state.ts'
import type { Drop } from '../../result.ts'
import type { TraceEvidence } from '../evidence.ts'
import type { Sighting } from '../identity.ts'
import { inNode, upAgain } from '../hints.ts'
import { nextHopText } from '../../../kernel/kinds/route.ts'
import { notLearned } from './unlearned.ts'
import { askedRoute, deviceTrouble, dropped, innerAddresses, interfaceDown, isTunnelled, linkOf, type DropParts } from './drop-builder.ts'

type Address = Extract<KernelObject, { readonly kind: 'address' }>

/** The address whose network an address lies in, as the lab asked for it: what makes that network reachable without a route. */
export function askedNetwork(evidence: TraceEvidence, ns: string, address: string): Address | undefined {
  const ip = parseIp(address)
  return evidence.parts.places
    .at(ns)
    .find((o): o is Address => o.kind === 'address' && o.dev !== 'lo' && ip !== undefined && contains(parseCidr(o.address)!, ip))
}

/** Whether a device has lost the address that the lab gave it. */
export function lacks(evidence: TraceEvidence, { ns, dev, address }: Address): boolean {
  const link = linkOf(evidence, ns, dev)
  const ip = address.replace(/\/.*/, '')
  return link !== undefined && link.addr_info?.some((a) => a.local === ip) !== true
}

/**
 * A device lost its address, and with it the network that a packet was for or from. That of IPv6 goes when the device is
 * taken down, and then that is the cause.
 */
export function networkLost(
  evidence: TraceEvidence,
  object: Address,
  consequence: string,
  common: Omit<DropParts, 'cause' | 'text'>,
): Drop {
  const { ns, dev, address } = object
  const name = evidence.parts.places.name(ns)
  const trouble = deviceTrouble(evidence, ns, dev)
  if (trouble) {
    const { leg, ns: _ns, device: _device, ...seen } = common
    return interfaceDown(evidence, leg, ns, dev, {
      ...seen,
      text: `${dev} in ${name} ${trouble}, and its address ${address} went with it: ${consequence}`,
    })
  }
  return dropped(evidence, {
    ...common,
    cause: 'no-such-address',
    object,
    text: `${name} has lost the address ${address} of ${dev}, and with it that network: ${consequence}`,
    hint: upAgain(evidence),
  })
}

const lengthOf = (network: string | undefined): number =>
  network === undefined || network === 'default' ? 0 : Number(network.split('/')[1] ?? (network.includes(':') ? 128 : 32))

/** What a node was to do with a packet, where its tables say otherwise. */
function elsewhere(evidence: TraceEvidence, s: Sighting, leg: Drop['leg']): Drop | undefined {
  const { places, liveState } = evidence.parts
  const dst = innerAddresses(s)?.dst
  const live: RouteAnswer | undefined = dst === undefined ? undefined : liveState.routesTo(s.netns, dst)[0]
  if (dst === undefined || !live || live.error !== undefined || live.local) return undefined
  const route = askedRoute(evidence, s.netns, dst)
  const network = askedNetwork(evidence, s.netns, dst)
  const isConnected = network !== undefined && lengthOf(network.address) > lengthOf(route?.dst)
  const equal = route?.nexthops ?? []
  const dev = isConnected ? network.dev : (route?.dev ?? equal[0]?.replace(/.* dev /, ''))
  if (!isConnected && equal.includes(nextHopText(live))) return undefined
  if (dev === undefined || (live.dev === dev && live.via === (isConnected ? undefined : route?.via))) return undefined
  const name = places.name(s.netns)
  const instead = `what is for ${dst} goes by ${live.entry ?? `${live.dev}`}`
  const common = { leg, ns: s.netns, device: s.device, evidence: 'inferred' } as const
  const trouble = deviceTrouble(evidence, s.netns, dev)
  if (trouble)
    return interfaceDown(evidence, leg, s.netns, dev, { text: `${dev} in ${name} ${trouble}, and its routes went with it: ${instead}` })
  if (isConnected)
    return lacks(evidence, network)
      ? networkLost(evidence, network, instead, { ...common, device: dev })
      : dropped(evidence, {
          ...common,
          cause: 'route-wrong',
          object: network,
          text: `${name} has ${network.address} on ${dev}, but ${instead}`,
          hint: inNode(evidence, s.netns, `ip route del ${live.network ?? dst}`),
        })
  const hops = route!.nexthops ?? [nextHopText(route!)]
  const asked = `the lab asked for ${route!.dst} ${hops[0]!.startsWith('dev ') ? '' : 'via '}${hops.join(' or ')}`
  const isLost = lengthOf(live.network) < lengthOf(route!.dst)
  const unlearned = isLost ? notLearned(evidence, common, dst, route, instead) : undefined
  if (unlearned) return unlearned
  return dropped(evidence, {
    ...common,
    cause: isLost ? (leg === 'reply' ? 'no-route-back' : 'no-route') : 'route-wrong',
    object: route,
    text: isLost
      ? `${name} has no route ${leg === 'reply' ? 'back ' : ''}to ${dst} but a wider one: ${instead}; ${asked}`
      : `${name} has another route to ${dst} than it should: ${instead}; ${asked}`,
    // What is not netlab's own route is not put in place of another.
    hint:
      lengthOf(live.network) > lengthOf(route!.dst) || (route!.kind === 'learned' && !isLost)
        ? inNode(evidence, s.netns, `ip route del ${live.network}`)
        : upAgain(evidence),
  })
}

/** The first node on the way that sends the packet on by another route than the lab asked for; undefined where all do as asked. */
export function diverted(evidence: TraceEvidence, leg: Drop['leg']): Drop | undefined {
  const { places } = evidence.parts
  const chain = leg === 'forward' ? evidence.forward : evidence.reply
  for (const [i, s] of chain.entries()) {
    // Where it came in, or where it was made; what is in a tunnel is routed by its outer header.
    if (isTunnelled(s) || (s.direction === 'out' && i > 0) || places.end(s.netns, s.device)?.port) continue
    const found = elsewhere(evidence, s, leg)
    if (found) return found
  }
  return undefined
}
