/** Stories as a trace tells them, over the lab `small`, for reporters' tests: real frames, invented times. */
import { compile, type Compiled } from '../../../src/compile/compile.ts'
import { modules } from '../../../src/cli/topology-file.ts'
import { resolve } from '../../../src/lab/resolve.ts'
import { loadTopology } from '../../../src/topology/load.ts'
import { decode } from '../../../src/packet/decode.ts'
import type { Capture, Decision, Drop, Hop, Outcome, TraceResult } from '../../../src/trace/result.ts'
import { error4, eth, ip4, ip6, ping4, ping6, tcp, udp, vxlan } from './frames.ts'

const TOPOLOGY = (network: string): string => `
name: small
network: ${network}
hosts: { node-1: {}, node-2: {} }
pods:
  pod-a: { host: node-1 }
  shop/cart: { host: node-2, containers: [{ name: http, ports: [{ containerPort: 8080 }] }] }
policies:
  shop/deny-all: { podSelector: {}, policyTypes: [Ingress] }
`

export function lab(network = '{}'): Compiled['lab'] {
  const loaded = loadTopology(TOPOLOGY(network), 'lab.yaml', modules)
  const resolved = loaded.value ? resolve(loaded.value) : loaded
  if (!loaded.value || !resolved.value) throw new Error(JSON.stringify([...loaded.diagnostics, ...resolved.diagnostics]))
  return compile((resolved as ReturnType<typeof resolve>).value!).lab
}

const POD_A = { ip: '10.244.0.2', ip6: 'fd00:10:244::2', mac: '02:01:00:00:00:01', gateway: '02:05:00:00:00:00' }
const CART = { ip: '10.244.1.2', ip6: 'fd00:10:244:1::2', mac: '02:01:00:01:00:01', gateway: '02:05:00:01:00:00' }
const NODE_1 = { ip: '192.168.50.11', mac: '02:03:00:00:00:00', vtep: '02:06:00:00:00:00' }
const NODE_2 = { ip: '192.168.50.12', mac: '02:03:00:01:00:00', vtep: '02:06:00:01:00:00' }

type Step = readonly [node: string, device: string, direction: 'in' | 'out', bytes?: Buffer, decisions?: readonly Decision[]]

const KIND = (node: string): Hop['nodeKind'] => (node.startsWith('node-') ? 'host' : node.startsWith('switch-') ? 'switch' : 'pod')
const START = 1_795_000_000_000_000_000n

/** Captures and hops of one way; times go on from what is there. */
function walk(steps: readonly Step[], captures: Capture[], role: Capture['role']): Hop[] {
  return steps.map(([node, device, direction, bytes, decisions = []]): Hop => {
    const common = { node, nodeKind: KIND(node), device, direction, decisions }
    if (!bytes) return { ...common, at: null, evidence: 'predicted', layers: [] }
    const after = captures.length === 0 ? 0 : Number(captures.at(-1)!.at - START) + 4_300 + 700 * (captures.length % 5)
    const layers = decode(bytes, 1)
    const capture = captures.push({
      at: START + BigInt(after),
      node,
      netns: `small.${node.replace('/', '.')}`,
      device,
      ifindex: 2 + (device.charCodeAt(0) % 7),
      direction,
      hardware: 1,
      bytes,
      length: bytes.length,
      otherHost: false,
      layers,
      role,
    })
    return { ...common, at: after / 1e6, evidence: 'captured', layers, capture: capture - 1 }
  })
}

const decision = (kind: Decision['kind'], text: string, evidence: Decision['evidence'], source?: string): Decision => ({
  kind,
  text,
  evidence,
  ...(source ? { source } : {}),
})

/** The packet from one pod to the other, dressed for every device of the way. `ttl` counts down at hosts. */
function crossing(make: (ttl: number) => Buffer, v6: boolean, back: boolean): Step[] {
  const [from, to] = back ? [CART, POD_A] : [POD_A, CART]
  const [near, far] = back ? [NODE_2, NODE_1] : [NODE_1, NODE_2]
  const [here, there] = back ? ['node-2', 'node-1'] : ['node-1', 'node-2']
  const [source, target] = back ? ['shop/cart', 'pod-a'] : ['pod-a', 'shop/cart']
  const [veth, farVeth] = back ? ['p1-cart', 'p1-pod-a'] : ['p1-pod-a', 'p1-cart']
  const type = v6 ? 0x86dd : 0x0800
  const n = back ? '0' : '1'
  const block = v6 ? `fd00:10:244${back ? '' : ':1'}::/64` : `10.244.${n}.0/24`
  const vtepIp = v6 ? `fd00:10:244${back ? '' : ':1'}::` : `10.244.${n}.0`
  const first = eth(from.mac, from.gateway, type, make(64))
  const onVtep = eth(near.vtep, far.vtep, type, make(63))
  const outer = eth(near.mac, far.mac, 0x0800, ip4(near.ip, far.ip, 17, udp([51234, 8472], vxlan(1, onVtep)), { id: 9 }))
  const last = eth(to.gateway, to.mac, type, make(62))
  return [
    [
      source,
      'eth0',
      'out',
      first,
      [
        decision(
          'route',
          `default via ${v6 ? `fd00:10:244${back ? ':1' : ''}::1` : `10.244.${back ? 1 : 0}.1`} dev eth0`,
          'predicted',
          `lab.yaml:${back ? 6 : 5}`,
        ),
      ],
    ],
    [here, veth, 'in', first, [decision('fdb', `${from.gateway} is this bridge`, 'inferred')]],
    [
      here,
      'cni0',
      'in',
      first,
      [
        decision('route', `${block} via ${vtepIp} dev vxlan1 onlink`, 'kernel', 'lab.yaml:3'),
        decision('neighbour', `${vtepIp} is at ${far.vtep}, permanent`, 'predicted'),
      ],
    ],
    [
      here,
      'vxlan1',
      'out',
      onVtep,
      [
        decision('fdb', `${far.vtep} is behind ${far.ip}`, 'predicted'),
        decision('encap', `VXLAN, VNI 1, UDP 8472: ${near.ip} to ${far.ip}, 50 bytes more`, 'captured', 'lab.yaml:3'),
      ],
    ],
    [here, 'eth0', 'out', outer],
    [
      'switch-lan',
      `h${here.at(-1)}-${here}`,
      'in',
      outer,
      [decision('fdb', `${far.mac} is behind port h${there.at(-1)}-${there}`, 'predicted')],
    ],
    ['switch-lan', `h${there.at(-1)}-${there}`, 'out', outer],
    [there, 'eth0', 'in', outer, [decision('decap', 'VXLAN, VNI 1: taken off by vxlan1', 'captured')]],
    [there, 'vxlan1', 'in', onVtep, [decision('route', `${v6 ? to.ip6 : to.ip} dev cni0`, 'kernel')]],
    [there, 'cni0', 'out', last, [decision('fdb', `${to.mac} is behind ${farVeth}`, 'predicted')]],
    [there, farVeth, 'out', last],
    [target, 'eth0', 'in', last, [decision('deliver', `${target} has ${v6 ? to.ip6 : to.ip}`, 'kernel')]],
  ]
}

/** What was never reached: the same hops without packets. */
const unreached = (steps: readonly Step[]): Step[] => steps.map(([node, device, direction]) => [node, device, direction])

const ping = (ttl: number): Buffer => ip4(POD_A.ip, CART.ip, 1, ping4(8, 77, 1), { df: true, ttl, id: 4711 })
const pong = (ttl: number): Buffer => ip4(CART.ip, POD_A.ip, 1, ping4(0, 77, 1), { ttl, id: 9 })

interface Parts {
  readonly forward: readonly Step[]
  readonly reply?: readonly Step[]
  readonly outcome: Outcome
  readonly drop?: Drop
  readonly probe?: Partial<TraceResult['probe']>
  readonly notes?: readonly string[]
  readonly differences?: readonly string[]
}

function traced(parts: Parts): TraceResult {
  const captures: Capture[] = []
  const forward = walk(parts.forward, captures, 'probe')
  const error = (parts.reply?.[0]?.[3] ?? Buffer.alloc(0)).includes(Buffer.from([3, 4]))
  const reply = walk(parts.reply ?? [], captures, error ? 'error' : 'reply')
  const v6 = parts.probe?.family === 6
  const answered = parts.outcome === 'delivered'
  const rttMs = answered ? reply.at(-1)!.at : null
  return {
    lab: 'small',
    file: 'lab.yaml',
    from: { word: 'pod-a', node: 'pod-a', address: v6 ? POD_A.ip6 : POD_A.ip },
    to: { word: 'shop/cart', node: 'shop/cart', address: v6 ? CART.ip6 : CART.ip },
    probe: { protocol: 'icmp', family: 4, port: null, id: 77, size: 36, df: true, ttl: 64, count: 1, ...parts.probe },
    outcome: parts.outcome,
    rttMs,
    forward,
    reply,
    ...(parts.drop ? { drop: parts.drop } : {}),
    differences: parts.differences ?? [],
    notes: parts.notes ?? [],
    counted: { sent: 1, answered: answered ? 1 : 0, rtts: rttMs === null ? [] : [rttMs] },
    evidence: {
      captured: captures.length,
      expected: 24,
      kernelEvents: captures.length - 2,
      ruleEvents: 4,
      lost: 0,
      eventsLost: 0,
      missing: [],
    },
    captures,
  }
}

/** An echo and its answer across two hosts. */
export const delivered = (): TraceResult =>
  traced({ forward: crossing(ping, false, false), reply: crossing(pong, false, true), outcome: 'delivered' })

/** A SYN that a policy on the far host drops in front of the pod. */
export function policyDrop(): TraceResult {
  const syn = (ttl: number): Buffer =>
    ip4(POD_A.ip, CART.ip, 6, tcp(POD_A.ip, CART.ip, [40001, 8080], 7, 0, 2, { options: Buffer.from('020405a2', 'hex') }), {
      df: true,
      ttl,
    })
  const way = crossing(syn, false, false)
  const cut = way.slice(0, 9)
  const rule = '-A NETLAB-POL-IN-cart -m comment --comment "policy shop/deny-all" -j DROP'
  cut[8] = [
    ...cut[8]!.slice(0, 4),
    [...cut[8]![4]!, decision('rule', `filter FORWARD: ${rule}`, 'rule', 'policy shop/deny-all')],
  ] as unknown as Step
  return traced({
    forward: [...cut, ...unreached(way.slice(9))],
    outcome: 'dropped',
    probe: { protocol: 'tcp', port: 8080, size: 44 },
    drop: {
      leg: 'forward',
      node: 'node-2',
      device: 'vxlan1',
      cause: 'policy',
      text: 'policy shop/deny-all lets nothing in to shop/cart',
      kernelReason: 'NETFILTER_DROP',
      rule,
      source: 'policy shop/deny-all (lab.yaml:8)',
      policies: ['shop/deny-all'],
      object: 'rule in filter/NETLAB-POL-IN-cart in small.node-2',
      hint: 'Add an ingress rule that selects pod-a, or trace from a pod the policy lets in.',
      evidence: 'rule',
    },
    notes: ['No answer came within 1 s; a dropped SYN is sent again, which this trace did not wait for.'],
  })
}

/** A 1472-byte echo that the tunnel cannot carry: node-1 answers with "fragmentation needed". */
export function tooBig(): TraceResult {
  const big = (ttl: number): Buffer => ip4(POD_A.ip, CART.ip, 1, ping4(8, 77, 1, Buffer.alloc(1472, 0x61)), { df: true, ttl, id: 5 })
  const way = crossing(big, false, false)
  const back = eth(POD_A.gateway, POD_A.mac, 0x0800, ip4('10.244.0.1', POD_A.ip, 1, error4(3, 4, big(64).subarray(0, 548), 1450)))
  return traced({
    forward: [...way.slice(0, 3), ...unreached(way.slice(3))],
    reply: [
      ['node-1', 'cni0', 'out', back, [decision('icmp', 'fragmentation needed, MTU 1450, to pod-a', 'kernel')]],
      ['node-1', 'p1-pod-a', 'out', back],
      ['pod-a', 'eth0', 'in', back],
    ],
    outcome: 'rejected',
    probe: { size: 1500 },
    drop: {
      leg: 'forward',
      node: 'node-1',
      device: 'cni0',
      cause: 'mtu',
      text: '1500 bytes with DF do not fit vxlan1 (MTU 1450)',
      kernelReason: 'PKT_TOO_BIG',
      object: 'link vxlan1 in small.node-1',
      source: 'lab.yaml:3',
      hint: 'Pods should have MTU 1450: underlay 1500 less 50 bytes of VXLAN.',
      evidence: 'kernel',
    },
    differences: ['Predicted: pod-a sends 1500 bytes into a path of 1450; seen: node-1 refused it.'],
  })
}

/** Echo and answer over IPv6. */
export const overIpv6 = (): TraceResult =>
  traced({
    forward: crossing((ttl) => ip6(POD_A.ip6, CART.ip6, 58, ping6(POD_A.ip6, CART.ip6, 128, 77, 1), ttl), true, false),
    reply: crossing((ttl) => ip6(CART.ip6, POD_A.ip6, 58, ping6(CART.ip6, POD_A.ip6, 129, 77, 1), ttl), true, true),
    outcome: 'delivered',
    probe: { family: 6, df: false, size: 56 },
    notes: ['Times are of IPv6.'],
  })

/** A traced whose every text wants to leave the page it is put in. */
export function hostile(): TraceResult {
  const evil = '</script><script>window.evil=1</script><img src=x onerror="window.evil=2">&\u2028"\''
  const plain = policyDrop()
  return {
    ...plain,
    lab: evil,
    file: evil,
    to: { ...plain.to, word: evil },
    notes: [evil],
    differences: [evil],
    drop: { ...plain.drop!, text: evil, rule: evil, source: evil, hint: evil, object: evil, kernelReason: evil },
    forward: plain.forward.map((h) => ({ ...h, decisions: h.decisions.map((d) => ({ ...d, text: evil, source: evil })) })),
    evidence: { ...plain.evidence, missing: [evil], lost: 3 },
  }
}

/** Tunnel devices without Ethernet, as IPIP has. */
export function overIpip(): TraceResult {
  const base = delivered()
  const captures = base.captures.map((c): Capture => {
    if (c.device !== 'vxlan1') return c
    const bytes = c.bytes.subarray(14)
    return { ...c, device: 'ipip1', hardware: 768, bytes, length: bytes.length, layers: decode(bytes, 768) }
  })
  const rename = (hops: readonly Hop[]): Hop[] =>
    hops.map((h) => (h.device === 'vxlan1' ? { ...h, device: 'ipip1', layers: captures[h.capture!]!.layers } : h))
  return { ...base, captures, forward: rename(base.forward), reply: rename(base.reply) }
}
