/** What must hold in every world. Each failure lists every pair it concerns, not just the first. */
import assert from 'node:assert/strict'
import type { HeaderPattern } from '../../src/backends/backend.ts'
import { shape, type Frame, type Layer } from '../support/pcap.ts'
import { links, type Asked, type Node, type World } from './world.ts'

const isIpv6 = (address: string): boolean => address.includes(':')
const host = (n: Node): string => (n.kind === 'pod' ? n.host! : n.name)
const called = (n: Node): string => (n.namespace === undefined || n.namespace === 'default' ? n.name : `${n.namespace}/${n.name}`)
/** `10.0.0.1:80` or `[fd00::1]:80` without the port. */
const ipOf = (end: string): string => end.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')

const say = ({ from, to, probe, answer }: Asked): string =>
  `${called(from)} → ${called(to)}, ${Object.values(probe).join(' ')}: ${answer.outcome} from ${answer.self || '?'}: ${answer.text}`

/** Fails with every question whose answer is not what it must be; also when none was asked at all. */
function all(asked: readonly Asked[], what: string, holds: (a: Asked) => boolean): void {
  assert.ok(asked.length > 0, `${what}: nothing was asked`)
  const bad = asked.filter((a) => !holds(a))
  assert.equal(bad.length, 0, `${what}: ${bad.length} of ${asked.length} do not\n${bad.map(say).join('\n')}`)
}

/** The right node answered and saw the address and port the prober's own socket has. */
const untranslated = ({ to, probe, answer }: Asked): boolean =>
  answer.outcome === 'ok' &&
  (probe.kind === 'ping' ? answer.text.includes(`bytes from ${probe.to}:`) : answer.text === `${called(to)} ${answer.self}`)

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

/** Whether packets between two hosts take the tunnel. */
const tunnelled = (world: World, a: Node, b: Node): boolean => {
  const segment = (n: Node): string | undefined => world.hosts().find((h) => h.name === host(n))?.segment
  return world.combination.wire.length > 0 && (!world.combination.crossSegment || segment(a) !== segment(b))
}

const matches = (layer: Layer | undefined, pattern: HeaderPattern): boolean =>
  layer?.type === pattern.type &&
  Object.entries(pattern.fields ?? {}).every(([field, value]) => (layer as unknown as Record<string, unknown>)[field] === value)

interface Seen {
  readonly at: string
  readonly frame: Frame
  /** Index of the innermost IP header. */
  readonly inner: number
  readonly from: Node | undefined
  readonly to: Node | undefined
}

function* seen(world: World): Generator<Seen> {
  for (const [at, frames] of world.frames) {
    for (const frame of frames) {
      const inner = frame.findLastIndex((l) => l.type === 'ipv4' || l.type === 'ipv6')
      if (inner > 0) yield { at, frame, inner, from: world.owner(frame[inner]!.src), to: world.owner(frame[inner]!.dst) }
    }
  }
}

/** What is between the underlay's Ethernet header and the packet: `bare`, `as declared`, or else the headers. */
function dress(world: World, { frame, inner }: Seen): string {
  if (inner === 1) return 'bare'
  const { wire, overhead } = world.combination
  const between = frame.slice(1, inner)
  if (between.length !== wire.length || !wire.every((p, i) => matches(between[i], p))) return shape(frame)
  const grown = between[0]!.length! - frame[inner]!.length!
  // The inner Ethernet header and the outer one are of one size, so what the link carries more is all in the outer packet.
  return grown === overhead ? 'as declared' : `${shape(frame)}, ${grown} bytes more`
}

export function wire(world: World): void {
  const bad = new Set<string>()
  const pairs = new Set<string>()
  for (const s of seen(world)) {
    const { at, frame, inner, from, to } = s
    if (frame[0]!.type !== 'ethernet' || !from || !to) continue
    const how = dress(world, s)
    const tell = `at ${at}: ${called(from)} → ${called(to)} (${shape(frame.slice(inner))}) is ${how}`
    if (from.kind === 'pod' && to.kind === 'pod') {
      pairs.add(`${called(from)} ${called(to)} ${frame[inner]!.type} at ${at}`)
      if (host(from) === host(to)) bad.add(`${tell}, though both are on ${host(from)}`)
      else if (how !== (tunnelled(world, from, to) ? 'as declared' : 'bare')) bad.add(tell)
    } else if (from.kind === 'host' && to.kind === 'pod') {
      if (how !== (tunnelled(world, from, to) ? 'as declared' : 'bare')) bad.add(tell)
    } else if (how !== 'bare') bad.add(tell)
  }
  assert.deepEqual([...bad], [])
  // Both ends of every conversation were seen leaving and arriving, or the above would mean little.
  const pods = world.pods()
  for (const from of pods) {
    for (const to of pods.filter((p) => host(p) !== host(from))) {
      for (const family of to.addresses.map((a) => (isIpv6(a) ? 'ipv6' : 'ipv4'))) {
        for (const at of [host(from), host(to)])
          assert.ok(
            pairs.has(`${called(from)} ${called(to)} ${family} at ${at}`),
            `no ${family} packet ${called(from)} → ${called(to)} at ${at}`,
          )
      }
    }
  }
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
