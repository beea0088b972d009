/** What must hold in every lab. */
import assert from 'node:assert/strict'
import { shape } from '../support/pcap.ts'
import { all, called, host, ipOf, isIpv6, untranslated } from './asked.ts'
import { seen } from './headers.ts'
import { links, type Asked, type Node, type MeasuredLab } from './measured-lab.ts'

export function reachable(measured: MeasuredLab, from: Node['kind'], to: Node['kind']): void {
  const asked = measured.about('reach', from, to)
  const pairs = measured.nodes.filter((n) => n.kind === from).length * measured.nodes.filter((n) => n.kind === to).length
  const families = measured.combination.families === 'dual' ? 2 : 1
  // Of hosts one family is asked more than a v4 lab has, none less.
  assert.ok(asked.length >= pairs * families * 3, `${asked.length} questions for ${pairs} pairs`)
  all(
    asked,
    `${from} reaches ${to} untranslated`,
    (a) => untranslated(a) && (a.probe.kind === 'ping' || a.from.kind === 'host' || a.from.addresses.includes(ipOf(a.answer.self))),
  )
}

/** Hops are where the packet was routed: the own host, the other's host, the router; and programs that do so in their place. */
export function hopCounts(measured: MeasuredLab): void {
  const { attach, bridged, byRouter, crossSegment, fabric, forwarders, headers } = measured.combination
  const routed = attach.type === 'routed'
  const segment = (n: Node): string | undefined => measured.hosts().find((h) => h.name === host(n))?.segment
  /** What is left between two hosts: 64 less what routers and programs in between take. */
  const between = (from: Node, to: Node): number => {
    if (forwarders && !(crossSegment && segment(from) === segment(to))) return 62
    // The routers of both segments and a spine, which see the outer header alone of what is tunnelled.
    if (fabric && headers.length === 0 && segment(from) !== segment(to)) return 61
    return byRouter ? 63 : 64
  }
  const expected = ({ from, to }: Asked): number => {
    if (from === to) return 64
    const near = host(from) === host(to)
    if (bridged) return 64
    if (from.kind === 'pod' && to.kind === 'pod') return near ? (routed ? 63 : 64) : between(from, to) - 2
    if (near) return 64
    // What a host of the same segment is sent needs no router: the answer that comes back to it.
    return byRouter && to.kind !== 'host' && segment(from) === segment(to) ? 63 : between(from, to) - 1
  }
  const pings = measured.asked.filter(
    (a) =>
      a.topic === 'reach' &&
      a.probe.kind === 'ping' &&
      a.from.kind !== 'external' &&
      a.to.kind !== 'external' &&
      (a.from.kind === 'pod' || a.to.kind === 'pod'),
  )
  all(pings, 'the TTL tells the path', (a) => a.answer.ttl === expected(a))
}

export async function mtus(measured: MeasuredLab): Promise<void> {
  const { combination: c } = measured
  const wrong: string[] = []
  const check = (what: string, mtu: unknown, expected: number): void => {
    if (mtu !== expected) wrong.push(`${what}: ${String(mtu)} instead of ${expected}`)
  }
  const inHost = new Map(await Promise.all(measured.hosts().map(async (h) => [h.name, await links(h.netns)] as const)))
  const linkOf = (name: string): number => c.mtu.hosts?.[name] ?? c.mtu.underlay
  const least = Math.min(...measured.hosts().map((h) => linkOf(h.name)))
  for (const h of measured.hosts()) {
    const link = linkOf(h.name)
    const inside = (c.bridged ? least : link) - c.overhead
    const devices = inHost.get(h.name)!
    check(`eth0 of ${h.name}`, devices['eth0']?.['mtu'], link)
    check(`podMTU of ${h.name}`, h.podMTU, inside)
    const bridge = c.attach.type === 'bridge' ? (c.attach.name ?? 'cni0') : undefined
    if (bridge) check(`${bridge} of ${h.name}`, devices[bridge]?.['mtu'], inside)
    const kindOf = (d: object): string => (d as { linkinfo?: { info_kind?: string } }).linkinfo?.info_kind ?? 'none'
    // Some modules put a device of theirs into every namespace: it stays down.
    const tunnels = Object.values(devices).filter(
      (d) => !['none', 'veth', 'bridge'].includes(kindOf(d)) && (d['flags'] as string[]).includes('UP'),
    )
    // One device for all peers, or one for each peer.
    const counts = c.headers.length === 0 ? [0] : [1, measured.hosts().length - 1]
    assert.ok(counts.includes(tunnels.length), `tunnels of ${h.name}: ${tunnels.map((t) => t.ifname).join(' ')}`)
    for (const t of tunnels) check(`${t.ifname} of ${h.name}`, t['mtu'], inside)
    for (const t of tunnels) {
      const { info_data: options = {} } = t['linkinfo'] as { info_data?: { learning?: boolean } }
      if (options.learning === !c.bridged)
        wrong.push(`${t.ifname} of ${h.name} ${c.bridged ? 'does not learn' : 'learns, though every peer is known'}`)
    }
  }
  await Promise.all(
    measured.pods().map(async (p) => {
      check(`eth0 of ${p.name}`, (await links(p.netns))['eth0']?.['mtu'], p.podMTU)
      check(`${p.hostInterface} of ${p.host}`, inHost.get(p.host!)?.[p.hostInterface!]?.['mtu'], p.podMTU)
    }),
  )
  assert.deepEqual(wrong, [])
}

export function sizes(measured: MeasuredLab): void {
  all(measured.about('full size', 'pod', 'pod'), 'a packet of the full MTU passes', (a) => a.answer.outcome === 'ok')
  all(
    measured.about('too large', 'pod', 'pod'),
    'one byte more fails locally',
    (a) => a.answer.outcome === 'too long' && new RegExp(`mtu[:=] ?${a.from.podMTU}\\b`).test(a.answer.text),
  )
  all(measured.about('large datagram', 'pod', 'pod'), 'a datagram above the MTU arrives in fragments', untranslated)
}

export function bulk(measured: MeasuredLab): void {
  all(measured.about('bulk', 'pod', 'pod'), 'a bulk transfer comes through', (a) => a.answer.outcome === 'ok')
  const fragments = new Set<string>()
  let bytes = 0
  for (const { at, frame, inner, from, to } of seen(measured)) {
    const last = frame.at(-1)!
    if (last.sealed || (from?.kind === 'pod' && to?.kind === 'pod' && last.type === 'tcp')) bytes += frame[inner]!.length!
    frame.forEach((l, i) => {
      // Only the senders of the large datagrams above fragment them: no tunnel and no router does, and TCP never needs to.
      if (l.fragment && !(i === inner && l.protocol === 17)) fragments.add(`at ${at}: ${shape(frame)} ${l.src} → ${l.dst}`)
    })
  }
  assert.ok(bytes > 100_000, `only ${bytes} bytes of TCP between pods were seen on the underlay`)
  assert.deepEqual([...fragments], [])
}

export function closed(measured: MeasuredLab): void {
  for (const from of ['pod', 'host'] as const)
    all(measured.about('closed', from, 'pod'), 'a closed port refuses', (a) => a.answer.outcome === 'refused')
  const loopback = measured.asked.filter((a) => a.topic === 'loopback')
  all(
    loopback,
    'a listener on 127.0.0.1 is reached by its own pod alone',
    (a) => a.answer.outcome === (a.from === a.to && a.address === '127.0.0.1' ? 'closed' : 'refused'),
  )
}

/** Under which address the other side saw it: `itself`, or else the address seen, or why there was no answer. */
function seenAs(a: Asked): string {
  const [name, peer = ''] = a.answer.text.split(' ')
  if (a.answer.outcome !== 'ok') return a.answer.outcome
  return name !== called(a.to) ? a.answer.text : peer === a.answer.self ? 'itself' : ipOf(peer)
}

export function leaving(measured: MeasuredLab): void {
  const { masquerade, border } = measured.combination
  const outside = (from: Node['kind'], to: Node['kind'], routes: boolean, ping = false): Asked[] =>
    measured
      .about('reach', from, to)
      .filter((a) => (a.from.kind === 'external' ? a.from : a.to).podRoutes === routes && (a.probe.kind === 'ping') === ping)
  const nodeOf = (a: Asked): readonly string[] => measured.hosts().find((h) => h.name === a.from.host)!.addresses
  const family = (a: Asked): string | undefined => nodeOf(a).find((x) => isIpv6(x) === isIpv6(a.address))
  const { addresses: ofBorder = [] } = measured.document.nodes.find((n) => n.name === 'border') ?? {}
  const isBorder = (a: Asked): boolean => ofBorder.some((x) => isIpv6(x) === isIpv6(a.address) && seenAs(a) === x)
  if (border) all(outside('pod', 'external', false), 'a pod is seen outside as the border', isBorder)
  else if (masquerade) all(outside('pod', 'external', false), 'a pod is seen outside as its node', (a) => seenAs(a) === family(a))
  else all(outside('pod', 'external', false), 'a pod gets no answer from outside', (a) => a.answer.outcome === 'timeout')
  all(outside('pod', 'external', true), 'a pod is seen as itself where there is a way back', (a) => seenAs(a) === 'itself')
  all(outside('host', 'external', false), border ? 'a node is seen outside as the border' : 'a node is seen outside as itself', (a) =>
    border ? isBorder(a) : seenAs(a) === 'itself',
  )
  all(outside('external', 'host', true), 'an external that the border lets in reaches nodes', (a) => seenAs(a) === 'itself')
  all(outside('external', 'host', false), border ? 'the border lets no other external in' : 'any external reaches nodes', (a) =>
    border ? a.answer.outcome === 'timeout' : seenAs(a) === 'itself',
  )
  all(
    outside('external', 'pod', true),
    'an external with routes to pods reaches them under its own address',
    (a) => seenAs(a) === 'itself' && a.from.addresses.includes(ipOf(a.answer.self)),
  )
  const router = measured.asked.filter((a) => a.topic === 'router')
  all(router, 'a pod reaches the router, which is outside the cluster, as its node', (a) => (a.answer.outcome === 'ok') === masquerade)
  // Without masquerade the router cannot forward many replies, and limits the rate of its errors.
  const noWay = masquerade ? ['unreachable'] : ['unreachable', 'timeout']
  all(outside('external', 'pod', false, true), 'an external without pod routes reaches no pod', (a) => noWay.includes(a.answer.outcome))
  // What crossed the nodes' links says the same of every packet, those of ping and those unanswered included.
  const bare = new Set<string>()
  const own = new Set<string>()
  for (const { frame, inner, from, to } of seen(measured)) {
    if (from?.kind !== 'pod' || to?.kind !== 'external' || frame[inner]!.type === undefined) continue
    ;(to.podRoutes ? own : bare).add(`${called(from)} → ${called(to)}`)
  }
  const allPairs = (podRoutes: boolean): string[] =>
    measured.nodes
      .filter((n) => n.kind === 'external' && n.podRoutes === podRoutes)
      .flatMap((x) => measured.pods().map((p) => `${called(p)} → ${called(x)}`))
      .sort()
  assert.deepEqual(
    [...bare].sort(),
    masquerade ? [] : allPairs(false),
    'pods seen on the underlay by their own address, bound for where no way leads back',
  )
  assert.deepEqual([...own].sort(), allPairs(true), 'pods seen on the underlay by their own address, bound for where one does')
}
