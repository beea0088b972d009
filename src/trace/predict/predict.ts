/**
 * The way a packet should take, found by walking from node to node with the kernel's own answers: where would you
 * route it, which MAC has the next hop, which port has that MAC, which tunnel end. Nothing is sent.
 */
import { hidingOf } from '../../attach/index.ts'
import type { IpLink } from '../../kernel/dumps/content.ts'
import { nextHopText } from '../../kernel/kinds/route.ts'
import { isAutomatic, shownType } from '../../kernel/links/index.ts'
import type { TunnelDevice } from '../../kernel/links/link-type.ts'
import { addressOf } from '../../lab/lab.ts'
import { leavesCluster } from '../../lab/masquerade.ts'
import { UNLEARNED } from '../../lab/names.ts'
import { choiceOf, frontendOn, originOf } from '../../lab/services/semantics.ts'
import type { Branch, Masqueraded, Packet, PredictedPath, Step, Way } from './path.ts'
import type { Decision } from '../result.ts'
import { entryFor, forwarderKey } from './forwarders.ts'
import type { LiveState, RouteAnswer, RouteQuestion } from './live-state.ts'
import type { Place, Places } from './places.ts'
import { plural } from '../../plural.ts'

const familyName = (ip: string): string => (ip.includes(':') ? 'inet6' : 'inet')

/** Number of the IP protocol (IANA). */
const ICMP = 1

/** More devices than any lab has on a path: a loop. */
const LONGEST = 80

/** A field of a device's own data, as text. */
export function dataOf(link: IpLink | undefined, field: string): string {
  const value = link?.linkinfo?.info_data?.[field]
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

/** What tells a tunnel device's packets from those of others of its type; 0: nothing. */
const tunnelId = (link: IpLink): number => shownType(link)?.tunnel?.id(link.linkinfo?.info_data ?? {}) ?? 0

const predicted = (kind: Decision['kind'], text: string): Decision => ({ kind, text, evidence: 'predicted' })

/** An answer, and what it says of a choice among equal paths. */
type Answer = RouteAnswer & { readonly choice?: string }

export class Walk {
  readonly steps: Step[] = []
  readonly #before: Decision[] = []
  readonly #branches: Branch[] = []

  constructor(
    private readonly places: Places,
    private readonly liveState: LiveState,
    private readonly way: Way = {},
  ) {}

  /** Addresses the packet had at the end, and who translated them on the way. */
  packet: Packet = { src: '', dst: '' }
  readonly masqueraded: Masqueraded[] = []

  /** From a node that makes the packet itself. `source`: the address it is sent from, where that is not the node's choice. */
  async run(ns: string, src: string, to: string, source?: string): Promise<PredictedPath> {
    const { dst, masquerade } = this.#translate(ns, { src, dst: to })
    if (dst === undefined) return this.#end(ns, 'refused')
    const packet = { src, dst }
    const answer = await this.#lookup(ns, { dst, ...(source === undefined ? {} : { src: source }) }, packet)
    if (answer.local) {
      this.#step(ns, 'lo', 'out')
      this.#step(ns, 'lo', 'in')
    }
    return this.#routed(ns, answer, await this.#masquerade(ns, answer, packet, masquerade), `to ${dst}`)
  }

  /** Hosts translate Service addresses of what comes in and of what they send; pods do not. No `dst`: refused. */
  #translate(ns: string, { src, dst, outer }: Packet): { readonly dst: string | undefined; readonly masquerade: boolean } {
    const node = this.places.node(ns)
    const { flow, endpoint, back } = this.way
    const untouched = { dst, masquerade: false }
    if (outer || node.kind !== 'host') return untouched
    const own = back?.find((m) => m.ns === ns && m.address === dst)
    if (own) return { dst: own.client, masquerade: false }
    const { lab } = this.places
    const frontend = flow && frontendOn(lab, node, dst, flow)
    if (!frontend) return untouched
    if (frontend === 'unassigned') return { dst: undefined, masquerade: false }
    const choice = choiceOf(frontend, originOf(lab, node, src), src.includes(':') ? 6 : 4, hidingOf(lab))
    const chosen = choice.endpoints.find((e) => e.ip === endpoint)?.ip
    // A pod that reaches itself this way is masqueraded, or it would answer itself.
    return { dst: chosen, masquerade: choice.masquerade || chosen === src }
  }

  /** The packet as it leaves a host: under an address of the device it leaves by, where the host hides its sender. */
  async #masquerade(ns: string, answer: RouteAnswer, packet: Packet, isMarked: boolean): Promise<Packet> {
    if (answer.dev === undefined || answer.local || packet.outer || this.places.node(ns).kind !== 'host' || this.way.back) return packet
    if (!isMarked && !leavesCluster(this.places.lab, packet.src, packet.dst)) return packet
    const own = (await this.#link(ns, answer.dev))?.addr_info?.filter((a) => a.scope === 'global' && a.family === familyName(packet.dst))
    const src = own?.[0]?.local ?? (await this.liveState.route(ns, { dst: packet.dst })).src
    if (src === undefined) return packet
    this.masqueraded.push({ ns, address: src, client: packet.src })
    return { ...packet, src }
  }

  #end(ns: string, end: PredictedPath['end'], failed?: PredictedPath['failed']): PredictedPath {
    return { steps: this.steps, branches: this.#branches, end, at: ns, before: this.#before, ...(failed ? { failed } : {}) }
  }

  #decide(d: Decision): void {
    const last = this.steps.at(-1)
    if (last) last.decisions.push(d)
    else this.#before.push(d)
  }

  #step(ns: string, device: string, direction: 'in' | 'out'): void {
    this.steps.push({ ns, device, direction, decisions: [] })
  }

  async #link(ns: string, device: string): Promise<IpLink | undefined> {
    return (await this.liveState.at(ns)).links.find((l) => l.ifname === device)
  }

  /** How a node sends a packet; of several equal paths the one that it was seen to take, else the one that the kernel would choose. */
  async #lookup(ns: string, question: RouteQuestion, packet: Packet): Promise<Answer> {
    const answer = await this.liveState.route(ns, question)
    const { nexthops } = answer
    if (!nexthops) return answer
    const is6 = packet.dst.includes(':')
    const { sysctls } = await this.liveState.at(ns)
    const byAddresses = sysctls.get(`net/${is6 ? 'ipv6' : 'ipv4'}/fib_multipath_hash_policy`) !== '1'
    // A packet with ports or a flow label has a hash from its sender, which all namespaces of a kernel go by: it cannot be asked for.
    const isForetold = !packet.outer && (byAddresses || (this.way.isIcmp === true && !is6))
    const chosen = isForetold && !byAddresses ? await this.liveState.route(ns, { ...question, protocol: ICMP }) : answer
    const seen = this.way.taken?.get(ns)
    const hop = nexthops.find(({ dev }) => dev !== undefined && seen?.has(dev)) ?? chosen
    const others = nexthops.flatMap(({ dev }) => (dev === hop.dev ? [] : [dev])).join(', ')
    const how =
      isForetold && hop.dev === chosen.dev
        ? `: the kernel's choice by hash of addresses${byAddresses ? '' : ' and protocol'}`
        : ', by the hash of its connection'
    return {
      ...chosen,
      ...(hop.dev === undefined ? {} : { dev: hop.dev }),
      ...(hop.via === undefined ? {} : { via: hop.via }),
      entry: `${answer.entry ?? packet.dst} via ${nextHopText(hop)}`,
      choice: `one of ${nexthops.length} equal paths (also ${others})${how}`,
    }
  }

  async #routed(ns: string, answer: Answer, packet: Packet, question: string): Promise<PredictedPath> {
    if (answer.error !== undefined) return this.#end(ns, 'no-route', { ...answer, question })
    if (answer.local) return this.#local(ns, packet)
    if (answer.dev === undefined) return this.#end(ns, 'lost')
    this.#decide(predicted('route', answer.entry ?? `${packet.dst} dev ${answer.dev}`))
    if (answer.choice !== undefined) this.#decide(predicted('route', answer.choice))
    if (answer.nexthops) this.#branches.push({ ns, device: answer.dev })
    return this.#transmit(ns, answer.dev, answer.via ?? packet.dst, packet)
  }

  async #local(ns: string, packet: Packet): Promise<PredictedPath> {
    if (!packet.outer) {
      this.packet = packet
      return this.#end(ns, 'delivered')
    }
    const { type, id, inner } = packet.outer
    const ends = (await this.liveState.at(ns)).links.filter((l) => l.linkinfo?.info_kind === type && tunnelId(l) === id)
    // The devices that come with the modules take what no other takes.
    const end =
      ends.find((l) => dataOf(l, 'remote') === packet.src) ??
      ends.find((l) => dataOf(l, 'local') === packet.dst) ??
      ends.find((l) => shownType(l)?.tunnel?.farEnd !== 'remote' && !isAutomatic(l.ifname))
    if (!end) return this.#end(ns, 'lost')
    const forwarder = this.liveState.forwarders.get(forwarderKey(ns, end.ifname))
    if (forwarder) {
      if (forwarder.idle !== undefined) return this.#end(ns, 'no-forwarder')
      const { name, port, device, keys } = forwarder
      this.#decide(
        predicted(
          'daemon',
          keys
            ? `${name} decrypts it, and takes ${inner.src} from the peer that has it among its allowed IPs`
            : `${name} takes it from its socket, UDP port ${port}, and writes it into ${device}`,
        ),
      )
    }
    this.#decide(predicted('decap', `${type} out of ${packet.src} > ${packet.dst}`))
    return this.#received({ ns, device: end.ifname }, inner, packet.outer.mac)
  }

  /** MAC of a next hop: what the neighbour table says, else that of the address's owner. */
  async #macOf(ns: string, device: string, nextHop: string): Promise<string | undefined> {
    const { neighbours } = await this.liveState.at(ns)
    const known = neighbours.find((n) => n.dst === nextHop && n.dev === device && n.lladdr !== undefined)
    if (known?.lladdr) {
      if (known.state?.includes('PERMANENT')) this.#decide(predicted('neighbour', `${nextHop} is ${known.lladdr} (permanent)`))
      return known.lladdr
    }
    // On a link of two, only the other end can answer, for whatever address (proxy ARP).
    const peer = this.places.peer(ns, device)
    const alone = peer && this.places.end(peer.ns, peer.device)?.port === undefined
    const owner = alone ? { ns: peer.ns, device: peer.device } : this.places.ownerOfAddress(nextHop)
    if (!owner) return undefined
    const link = await this.#link(owner.ns, owner.device)
    return link?.address
  }

  async #transmit(ns: string, device: string, nextHop: string, packet: Packet): Promise<PredictedPath> {
    if (this.steps.length > LONGEST) return this.#end(ns, 'loop')
    this.#step(ns, device, 'out')
    const link = await this.#link(ns, device)
    const kind = link?.linkinfo?.info_kind
    const tunnel = link && shownType(link)?.tunnel
    if (link && tunnel?.farEnd === 'program') return this.#intoProgram(ns, link, packet)
    if (tunnel) return this.#intoTunnel(ns, link, tunnel.farEnd, nextHop, packet)
    const mac = await this.#macOf(ns, device, nextHop)
    if (kind === 'bridge') return this.#bridged(ns, device, mac, nextHop, packet)
    const peer = this.places.peer(ns, device)
    return peer ? this.#received(peer, packet, mac) : this.#end(ns, 'lost')
  }

  /** Into a tunnel device: whose packet it becomes, and to whom, is where its type looks it up. */
  async #intoTunnel(ns: string, link: IpLink, lookup: TunnelDevice['farEnd'], nextHop: string, packet: Packet): Promise<PredictedPath> {
    const device = link.ifname
    const { fdb, neighbours } = await this.liveState.at(ns)
    const entry = neighbours.find((n) => n.dst === nextHop && n.dev === device && n.lladdr !== undefined)
    // A device with a remote of its own asks no next hop.
    const own = dataOf(link, 'remote')
    let far: string | undefined = lookup === 'next-hop' && own !== '' && own !== 'any' ? own : nextHop
    let mac: string | undefined
    if (lookup === 'neighbour') {
      far = entry?.lladdr
      if (far === undefined) return this.#end(ns, 'unknown-neighbour', { question: nextHop })
      this.#decide(predicted('neighbour', `${nextHop} is behind ${far}`))
    } else if (lookup !== 'next-hop') {
      // No next hop can be asked where nothing is flooded: what is not in the table is not found.
      const isAsked = lookup === 'remote' || fdb.some((f) => f.ifname === device && f.mac === '00:00:00:00:00:00')
      mac = entry || isAsked ? await this.#macOf(ns, device, nextHop) : undefined
      if (mac === undefined) return this.#end(ns, 'unknown-neighbour', { question: nextHop })
      far = lookup === 'remote' ? own : fdb.find((f) => f.ifname === device && f.mac === mac && f.dst !== undefined)?.dst
      if (!far) return this.#end(ns, 'no-fdb')
      if (lookup === 'fdb') this.#decide(predicted('fdb', `${mac} is behind ${far}`))
    }
    return this.#encapsulated(ns, link, far, mac, packet)
  }

  /** A frame out of a bridge by a tunnel device: to the host that its MAC was learned from, or, among others, to the one that has it. */
  async #bridgedIntoTunnel(
    ns: string,
    link: IpLink,
    lookup: TunnelDevice['farEnd'],
    mac: string | undefined,
    packet: Packet,
  ): Promise<PredictedPath> {
    if (lookup !== 'fdb') return this.#encapsulated(ns, link, dataOf(link, 'remote'), mac, packet)
    const entries = (await this.liveState.at(ns)).fdb.filter((f) => f.ifname === link.ifname && f.dst !== undefined)
    const learned = entries.find((f) => f.mac === mac)?.dst
    if (learned !== undefined) {
      this.#decide(
        predicted('fdb', `${mac} is behind ${learned}${entries.find((f) => f.mac === mac)?.state === 'permanent' ? '' : ' (learned)'}`),
      )
      return this.#encapsulated(ns, link, learned, mac, packet)
    }
    const copies = entries.filter((f) => f.mac === UNLEARNED)
    this.#decide(predicted('fdb', `${mac} is not learned yet: until then a copy goes to ${plural(copies.length, 'peer')}`))
    const owner = this.places.ownerOfMac(mac ?? '')
    const host = owner && this.places.hostOf(owner)
    const far = copies.find((f) => host?.addresses.some((a) => a.ip === f.dst))?.dst
    return far === undefined ? this.#end(ns, 'no-fdb') : this.#encapsulated(ns, link, far, mac, packet)
  }

  async #encapsulated(ns: string, link: IpLink, far: string, mac: string | undefined, packet: Packet): Promise<PredictedPath> {
    const type = link.linkinfo!.info_kind!
    const id = tunnelId(link)
    const src = dataOf(link, 'local') || ((await this.liveState.route(ns, { dst: far })).src ?? '')
    this.#decide(predicted('encap', `${type}${id === 0 ? '' : ` ${id},`} ${src} > ${far}`))
    return this.#outer(ns, { src, dst: far, outer: { type, id, inner: packet, ...(mac === undefined ? {} : { mac }) } })
  }

  /** Into a device that a program reads: where the packet goes is in the table of the program. */
  async #intoProgram(ns: string, link: IpLink, packet: Packet): Promise<PredictedPath> {
    const forwarder = this.liveState.forwarders.get(forwarderKey(ns, link.ifname))
    if (!forwarder || forwarder.idle !== undefined) return this.#end(ns, 'no-forwarder')
    const entry = entryFor(forwarder.table, packet.dst)
    if (!entry) return this.#end(ns, 'no-peer')
    const { name, port, keys } = forwarder
    this.#decide(
      predicted(
        'daemon',
        keys
          ? `${name} encrypts it for the peer that has ${entry.network} among its allowed IPs, at ${entry.host}`
          : `${name} reads it from ${link.ifname} and looks ${packet.dst} up: ${entry.network} is at ${entry.host}`,
      ),
    )
    const src = (await this.liveState.route(ns, { dst: entry.host })).src ?? ''
    this.#decide(predicted('encap', `UDP ${port}, ${src} > ${entry.host}`))
    return this.#outer(ns, { src, dst: entry.host, outer: { type: link.linkinfo!.info_kind!, id: tunnelId(link), inner: packet } })
  }

  async #outer(ns: string, packet: Packet): Promise<PredictedPath> {
    return this.#routed(ns, await this.#lookup(ns, { dst: packet.dst, src: packet.src }, packet), packet, `to ${packet.dst}`)
  }

  /** Out of a bridge's own port: the node itself is the sender. */
  async #bridged(ns: string, bridge: string, mac: string | undefined, nextHop: string, packet: Packet): Promise<PredictedPath> {
    if (mac === undefined) return this.#end(ns, 'unknown-neighbour', { question: nextHop })
    const port = (await this.#portOf(ns, bridge, mac)) ?? this.#portOfAddress(ns, nextHop)
    if (port === undefined) return this.#end(ns, 'lost')
    return this.#leavePort(ns, port, mac, packet)
  }

  #portOfAddress(ns: string, address: string): string | undefined {
    const owner = this.places.ownerOfAddress(address)
    const peer = owner && this.places.peer(owner.ns, owner.device)
    return peer?.ns === ns ? peer.device : undefined
  }

  /** What a bridge knows of a MAC, or where it would be found by flooding. */
  async #portOf(ns: string, bridge: string, mac: string): Promise<string | undefined> {
    const { fdb } = await this.liveState.at(ns)
    const known = fdb.find((f) => f.mac === mac && f.master === bridge)
    if (known) return known.ifname
    const owner = this.places.ownerOfMac(mac)
    const peer = owner && this.places.peer(owner.ns, owner.device)
    if (peer?.ns === ns) return peer.device
    const far = owner && this.places.hostOf(owner)
    if (!far || far.netns === ns) return undefined
    // A tunnel device for all hosts, or one for each.
    const { links } = await this.liveState.at(ns)
    const tunnels = links.filter((l) => l.master === bridge && shownType(l)?.tunnel)
    return (tunnels.find((l) => dataOf(l, 'remote') === addressOf(far, 4)) ?? tunnels.find((l) => dataOf(l, 'remote') === ''))?.ifname
  }

  async #leavePort(ns: string, port: string, mac: string | undefined, packet: Packet): Promise<PredictedPath> {
    this.#step(ns, port, 'out')
    const link = await this.#link(ns, port)
    const tunnel = link && shownType(link)?.tunnel
    if (tunnel) return this.#bridgedIntoTunnel(ns, link, tunnel.farEnd, mac, packet)
    const peer = this.places.peer(ns, port)
    return peer ? this.#received(peer, packet, mac) : this.#end(ns, 'lost')
  }

  async #received(at: Place, packet: Packet, mac: string | undefined): Promise<PredictedPath> {
    const { ns } = at
    if (this.steps.length > LONGEST) return this.#end(ns, 'loop')
    this.#step(ns, at.device, 'in')
    const link = await this.#link(ns, at.device)
    if (!link) return this.#end(ns, 'lost')
    const bridge = link.master
    if (bridge !== undefined && mac !== undefined) {
      const own = (await this.#link(ns, bridge))?.address
      if (mac !== own) {
        const port = await this.#portOf(ns, bridge, mac)
        if (port === undefined || port === bridge || (port === at.device && shownType(link)?.tunnel)) return this.#end(ns, 'not-for-us')
        this.#decide(predicted('fdb', `${mac} is at port ${port}`))
        return this.#leavePort(ns, port, mac, packet)
      }
      this.#step(ns, bridge, 'in')
      return this.#forward(ns, bridge, packet)
    }
    if (mac !== undefined && link.address !== undefined && mac !== link.address) return this.#end(ns, 'not-for-us')
    return this.#forward(ns, at.device, packet)
  }

  async #forward(ns: string, iif: string, arrived: Packet): Promise<PredictedPath> {
    const { dst, masquerade } = this.#translate(ns, arrived)
    if (dst === undefined) return this.#end(ns, 'refused')
    const answer = await this.#lookup(ns, { dst, src: arrived.src, iif }, arrived)
    const packet = await this.#masquerade(ns, answer, { ...arrived, dst }, masquerade)
    // Translated to a pod of the same bridge, it is bridged on and never comes up to the bridge's own device.
    const isBridged = dst !== arrived.dst && answer.dev === iif && (await this.#link(ns, iif))?.linkinfo?.info_kind === 'bridge'
    if (isBridged) this.steps.pop()
    const at = this.steps.length
    const path = await this.#routed(ns, answer, packet, `to ${dst} from ${packet.src}, in on ${iif}`)
    const out = this.steps[at]
    if (isBridged && out) out.optional = true
    return path
  }
}
