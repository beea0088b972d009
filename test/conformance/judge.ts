/** What must hold in every world. */
import assert from 'node:assert/strict'
import { shape } from '../support/pcap.ts'
import { all, called, host, ipOf, isIpv6, untranslated } from './asked.ts'
import { seen } from './wire.ts'
import { links, type Asked, type Node, type World } from './world.ts'

export function reachable(world: World, from: Node['kind'], to: Node['kind']): void {
  const asked = world.about('reach', from, to)
  const pairs = world.nodes.filter((n) => n.kind === from).length * world.nodes.filter((n) => n.kind === to).length
  const families = world.combination.families === 'dual' ? 2 : 1
  // Of hosts one family is asked more than a v4 lab has, none less.
  assert.ok(asked.length >= pairs * families * 3, `${asked.length} questions for ${pairs} pairs`)
  all(
    asked,
    `${from} reaches ${to} as itself`,
    (a) => untranslated(a) && (a.probe.kind === 'ping' || a.from.kind === 'host' || a.from.addresses.includes(ipOf(a.answer.self))),
  )
}

/** Hops are where the packet was routed: the own host, the other's host, the router. */
export function hopCounts(world: World): void {
  const routed = world.combination.attach.type === 'routed'
  const expected = ({ from, to }: Asked): number => {
    if (from === to) return 64
    const near = host(from) === host(to)
    if (from.kind === 'pod' && to.kind === 'pod') return near ? (routed ? 63 : 64) : 62
    return near ? 64 : 63
  }
  const pings = world.asked.filter(
    (a) =>
      a.topic === 'reach' &&
      a.probe.kind === 'ping' &&
      a.from.kind !== 'external' &&
      a.to.kind !== 'external' &&
      (a.from.kind === 'pod' || a.to.kind === 'pod'),
  )
  all(pings, 'the TTL tells the path', (a) => a.answer.ttl === expected(a))
}

export async function mtus(world: World): Promise<void> {
  const { combination: c } = world
  const wrong: string[] = []
  const check = (what: string, mtu: unknown, expected: number): void => {
    if (mtu !== expected) wrong.push(`${what}: ${String(mtu)} instead of ${expected}`)
  }
  const inHost = new Map(await Promise.all(world.hosts().map(async (h) => [h.name, await links(h.netns)] as const)))
  for (const h of world.hosts()) {
    const link = c.mtu.hosts?.[h.name] ?? c.mtu.underlay
    const devices = inHost.get(h.name)!
    check(`eth0 of ${h.name}`, devices['eth0']?.['mtu'], link)
    check(`podMTU of ${h.name}`, h.podMTU, link - c.overhead)
    const bridge = c.attach.type === 'bridge' ? (c.attach.name ?? 'cni0') : undefined
    if (bridge) check(`${bridge} of ${h.name}`, devices[bridge]?.['mtu'], link - c.overhead)
    const tunnels = Object.values(devices).filter(
      (d) =>
        ['vxlan', 'gre', 'ipip'].includes(String((d['linkinfo'] as { info_kind?: string } | undefined)?.info_kind)) &&
        (d['flags'] as string[]).includes('UP'),
    )
    assert.equal(tunnels.length, c.backend.type === 'direct' ? 0 : 1, `tunnels of ${h.name}: ${tunnels.map((t) => t.ifname).join(' ')}`)
    for (const t of tunnels) check(`${t.ifname} of ${h.name}`, t['mtu'], link - c.overhead)
    for (const t of tunnels) {
      const { info_data: options = {} } = t['linkinfo'] as { info_data?: { learning?: boolean } }
      if (options.learning) wrong.push(`${t.ifname} of ${h.name} learns, though every peer is known`)
    }
  }
  await Promise.all(
    world.pods().map(async (p) => {
      check(`eth0 of ${p.name}`, (await links(p.netns))['eth0']?.['mtu'], p.podMTU)
      check(`${p.hostInterface} of ${p.host}`, inHost.get(p.host!)?.[p.hostInterface!]?.['mtu'], p.podMTU)
    }),
  )
  assert.deepEqual(wrong, [])
}

export function sizes(world: World): void {
  all(world.about('full size', 'pod', 'pod'), 'a packet of the full MTU passes', (a) => a.answer.outcome === 'ok')
  all(
    world.about('too large', 'pod', 'pod'),
    'one byte more fails locally',
    (a) => a.answer.outcome === 'too long' && new RegExp(`mtu[:=] ?${a.from.podMTU}\\b`).test(a.answer.text),
  )
  all(world.about('large datagram', 'pod', 'pod'), 'a datagram above the MTU arrives in fragments', untranslated)
}

export function bulk(world: World): void {
  all(world.about('bulk', 'pod', 'pod'), 'a bulk transfer comes through', (a) => a.answer.outcome === 'ok')
  const fragments = new Set<string>()
  let bytes = 0
  for (const { at, frame, inner, from, to } of seen(world)) {
    if (from?.kind === 'pod' && to?.kind === 'pod' && frame.at(-1)!.type === 'tcp') bytes += frame[inner]!.length!
    frame.forEach((l, i) => {
      // Only who sent the large datagrams above cut them; no tunnel and no router did, and TCP never needs to.
      if (l.fragment && !(i === inner && l.protocol === 17)) fragments.add(`at ${at}: ${shape(frame)} ${l.src} → ${l.dst}`)
    })
  }
  assert.ok(bytes > 100_000, `only ${bytes} bytes of TCP between pods were seen on the underlay`)
  assert.deepEqual([...fragments], [])
}

export function closed(world: World): void {
  for (const from of ['pod', 'host'] as const)
    all(world.about('closed', from, 'pod'), 'a closed port refuses', (a) => a.answer.outcome === 'refused')
  const loopback = world.asked.filter((a) => a.topic === 'loopback')
  all(
    loopback,
    "a listener on 127.0.0.1 is its pod's own",
    (a) => a.answer.outcome === (a.from === a.to && a.address === '127.0.0.1' ? 'closed' : 'refused'),
  )
}

/** As whom the other side saw it: `itself`, or else the address seen, or why there was no answer. */
function seenAs(a: Asked): string {
  const [name, peer = ''] = a.answer.text.split(' ')
  if (a.answer.outcome !== 'ok') return a.answer.outcome
  return name !== called(a.to) ? a.answer.text : peer === a.answer.self ? 'itself' : ipOf(peer)
}

export function leaving(world: World): void {
  const { masquerade } = world.combination
  const outside = (from: Node['kind'], to: Node['kind'], routes: boolean, ping = false): Asked[] =>
    world
      .about('reach', from, to)
      .filter((a) => (a.from.kind === 'external' ? a.from : a.to).podRoutes === routes && (a.probe.kind === 'ping') === ping)
  const nodeOf = (a: Asked): readonly string[] => world.hosts().find((h) => h.name === a.from.host)!.addresses
  const family = (a: Asked): string | undefined => nodeOf(a).find((x) => isIpv6(x) === isIpv6(a.address))
  if (masquerade) all(outside('pod', 'external', false), 'a pod is seen outside as its node', (a) => seenAs(a) === family(a))
  else all(outside('pod', 'external', false), 'a pod gets no answer from outside', (a) => a.answer.outcome === 'timeout')
  all(outside('pod', 'external', true), 'a pod is seen as itself where there is a way back', (a) => seenAs(a) === 'itself')
  all(outside('host', 'external', false), 'a node is seen outside as itself', (a) => seenAs(a) === 'itself')
  all(
    outside('external', 'pod', true),
    'who has routes to pods reaches them as itself',
    (a) => seenAs(a) === 'itself' && a.from.addresses.includes(ipOf(a.answer.self)),
  )
  const router = world.asked.filter((a) => a.topic === 'router')
  all(router, 'a pod reaches the router, which is outside the cluster, as its node', (a) => (a.answer.outcome === 'ok') === masquerade)
  // Without masquerade the router has many unanswerable replies to complain about, and does so now and then.
  const noWay = masquerade ? ['unreachable'] : ['unreachable', 'timeout']
  all(outside('external', 'pod', false, true), 'who has none does not', (a) => noWay.includes(a.answer.outcome))
  // What crossed the nodes' links says the same of every packet, those of ping and those unanswered included.
  const bare = new Set<string>()
  const own = new Set<string>()
  for (const { frame, inner, from, to } of seen(world)) {
    if (from?.kind !== 'pod' || to?.kind !== 'external' || frame[inner]!.type === undefined) continue
    ;(to.podRoutes ? own : bare).add(`${called(from)} → ${called(to)}`)
  }
  const everybody = (podRoutes: boolean): string[] =>
    world.nodes
      .filter((n) => n.kind === 'external' && n.podRoutes === podRoutes)
      .flatMap((x) => world.pods().map((p) => `${called(p)} → ${called(x)}`))
      .sort()
  assert.deepEqual(
    [...bare].sort(),
    masquerade ? [] : everybody(false),
    'pods seen on the underlay by their own address, bound for where no way leads back',
  )
  assert.deepEqual([...own].sort(), everybody(true), 'pods seen on the underlay by their own address, bound for where one does')
}
