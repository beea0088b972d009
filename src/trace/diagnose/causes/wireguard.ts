/**
 * Two hosts that encrypt for each other, and one does not take what the other sends: a key that the other does not know, an endpoint where
 * it is not, or allowed IPs that do not hold the packet's address. WireGuard says nothing of any; what both ends hold does.
 */
import { describe } from '../../../kernel/kinds/index.ts'
import type { WireguardConfig, WireguardState } from '../../../kernel/objects.ts'
import { entryFor, type Forwarder } from '../../predict/forwarders.ts'
import type { CauseId, Drop } from '../../result.ts'
import type { TraceEvidence } from '../evidence.ts'
import { upAgain } from '../hints.ts'
import type { Sighting } from '../identity.ts'
import { deviceTrouble, dropped, innerAddresses, interfaceDown, legOf } from './drop-builder.ts'

/** An end: what was asked for, and what it says of itself. */
interface End {
  readonly forwarder: Forwarder
  readonly asked: WireguardConfig
  readonly live: WireguardState | undefined
}

const endOf = (forwarder: Forwarder | undefined): End | undefined =>
  forwarder?.keys ? { forwarder, asked: forwarder.keys.asked, live: forwarder.keys.live } : undefined

/** The ends of the tunnel that a packet takes, by what the lab asked for. */
function endsOf(evidence: TraceEvidence, here: Forwarder, s: Sighting, isSender: boolean): { sender?: End; receiver?: End } {
  const all = [...evidence.parts.liveState.forwarders.values()]
  const own = endOf(here)
  const { src = '', dst = '' } = innerAddresses(s) ?? {}
  const far = own && Object.keys(own.asked.peers).find((name) => entryFor(networksOf(own.asked, name), isSender ? dst : src))
  const other = endOf(all.find((f) => f.keys?.asked.node === far))
  const [sender, receiver] = isSender ? [own, other] : [other, own]
  return { ...(sender ? { sender } : {}), ...(receiver ? { receiver } : {}) }
}

const networksOf = (state: WireguardState, peer: string) => (state.peers[peer]?.allowedIPs ?? []).map((network) => ({ network, host: '' }))

/** @param s last seen going into the device of `here`, or coming to its port */
export function wireguardTrouble(evidence: TraceEvidence, s: Sighting, here: Forwarder, isSender: boolean): Drop | undefined {
  const { sender, receiver } = endsOf(evidence, here, s, isSender)
  const leg = legOf(s)
  if (!sender || !receiver) return undefined
  const at = (end: End, cause: CauseId, text: string): Drop =>
    dropped(evidence, {
      leg,
      ns: end.asked.ns,
      device: end.asked.dev,
      cause,
      evidence: 'inferred',
      object: end.asked,
      text,
      hint: upAgain(evidence),
    })
  const idle = receiver.forwarder.idle
  if (idle !== undefined)
    return dropped(evidence, {
      leg,
      ns: receiver.asked.ns,
      device: receiver.asked.dev,
      cause: 'forwarder-down',
      evidence: 'inferred',
      object: receiver.forwarder.object,
      text: `${receiver.forwarder.name}, which decrypts what is for ${receiver.asked.dev}, ${idle}`,
      hint: upAgain(evidence),
    })
  for (const [end, far] of [
    [sender, receiver],
    [receiver, sender],
  ] as const) {
    const { live, asked } = end
    const name = describe(asked)
    if (!live || live.key === 'no key') return at(end, 'wireguard-key', `${name} has no key, and encrypts nothing`)
    if (live.key !== asked.key)
      return at(end, 'wireguard-key', `${name} has ${keyText(live.key)}: ${far.asked.node} knows it by another, and takes nothing from it`)
    if (!live.peers[far.asked.node])
      return at(end, 'wireguard-key', `${name} has no peer with the key of ${far.asked.node}, so that neither takes what the other sends`)
    if (live.peers[far.asked.node]!.preshared)
      return at(end, 'wireguard-key', `${name} wants a preshared key of ${far.asked.node}, which has none`)
  }
  const { src = '', dst = '' } = innerAddresses(s) ?? {}
  if (!entryFor(networksOf(sender.live!, receiver.asked.node), dst))
    return at(
      sender,
      'wireguard-allowed-ips',
      `${describe(sender.asked)} has no peer for ${dst}: it is not among the allowed IPs of ${receiver.asked.node}, which are ${allowed(sender, receiver)}`,
    )
  if (receiver.live!.port !== receiver.asked.port)
    return at(
      receiver,
      'wireguard-endpoint',
      `${describe(receiver.asked)} receives on UDP port ${receiver.live!.port}, but ${sender.asked.node} sends to ${receiver.asked.port}`,
    )
  const [endpoint, wanted] = [sender.live, sender.asked].map((state) => state!.peers[receiver.asked.node]?.endpoint)
  if (isSender && endpoint !== wanted)
    return at(
      sender,
      'wireguard-endpoint',
      `${describe(sender.asked)} sends what is for ${receiver.asked.node} to ${endpoint ?? 'no endpoint'}; the lab asked for ${wanted}`,
    )
  if (!entryFor(networksOf(receiver.live!, sender.asked.node), src))
    return at(
      receiver,
      'wireguard-allowed-ips',
      `${describe(receiver.asked)} decrypted it and dropped it: ${src} is not among the allowed IPs of ${sender.asked.node}, which are ${allowed(receiver, sender)}`,
    )
  if (deviceTrouble(evidence, receiver.asked.ns, receiver.asked.dev))
    return interfaceDown(evidence, leg, receiver.asked.ns, receiver.asked.dev)
  return undefined
}

const allowed = (end: End, peer: End): string => end.live!.peers[peer.asked.node]?.allowedIPs.join(', ') || 'none'

/** The key of a device as its state has it: a host's, or in words what it is. */
const keyText = (key: string): string => (key.includes(' ') ? key : `the key of ${key}`)
