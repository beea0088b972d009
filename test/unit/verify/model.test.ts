/** The model's invariants as pure judgement: what is healthy passes, and each trouble fails the check that is about it. */
import { describe, expect, test } from 'vitest'
import { podMTU } from '../../../src/backends/index.ts'
import { addressOf, type Lab, nodeName, ownersIn } from '../../../src/lab/lab.ts'
import { addressAtBorder } from '../../../src/lab/underlay/border.ts'
import { expectedTtl } from '../../../src/verify/checks/model/paths.ts'
import { model } from '../../../src/verify/checks/model/model.ts'
import { hostPairs } from '../../../src/verify/checks/model/pairs.ts'
import type { Check } from '../../../src/verify/check.ts'
import { questionKey, type Asked, type Evidence, type TestPlan } from '../../../src/verify/check-source.ts'
import type { Answer } from '../../../src/verify/probing/question.ts'
import type { Device, NodeReading, Readings } from '../../../src/verify/evidence/readings.ts'
import { actorsOf, testPlanOf } from '../../../src/verify/test-plan.ts'
import { headerMismatch, encapsulation } from '../../../src/verify/evidence/headers.ts'
import { documentOf, tableRows } from '../docs/documents.ts'
import { lab } from '../lab/fixture.ts'

const TEXT = `name: l
network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }
hosts: { node-1: {}, node-2: {} }
pods:
  a: { host: node-1 }
  b: { host: node-1 }
  c: { host: node-2, containers: [{ name: web, ports: [{ containerPort: 8080 }] }] }
externals: { client: {}, partner: { podRoutes: true } }
`

/** A border that translates, and lets one external in to one host. */
const BORDER = TEXT.replace('podCIDR', 'backend: { type: bgp, mode: tor }, podCIDR').replace(
  'hosts:',
  'underlay: { routing: bgp, border: { nat: true, firewall: { allow: [{ from: client, to: node-1 }, { from: partner, to: a }] } } }\nhosts:',
)

const device = (ifname: string, mtu: number, more: Partial<Device> = {}): Device => ({ ifindex: 1, ifname, mtu, flags: ['UP'], ...more })

/** What a healthy lab reads back as. */
function readingsOf(l: Lab): Readings {
  const nodes = new Map<string, NodeReading>()
  const add = (netns: string, devices: Device[], routes: NodeReading['routes'] = []): void =>
    void nodes.set(netns, {
      devices,
      routes,
      settings: { 'net/ipv4/ip_forward': '1', 'net/ipv6/conf/all/forwarding': '1' },
      before: { 'Ip.FragCreates': 1, 'conntrack.invalid': 0, 'TcpExt.IPReversePathFilter': 2 },
      after: { 'Ip.FragCreates': 1, 'conntrack.invalid': 0, 'TcpExt.IPReversePathFilter': 2 },
    })
  for (const h of l.hosts) {
    const mtu = podMTU(l, h)
    const ends = l.pods.filter((p) => p.host === h.name).map((p) => device(p.hostInterface, mtu, { master: 'cni0' }))
    add(h.netns, [device('eth0', h.mtu), device('cni0', mtu), device('vxlan1', mtu, { linkinfo: { info_kind: 'vxlan' } }), ...ends])
    for (const p of l.pods.filter((x) => x.host === h.name)) {
      const own = p.addresses.map((a) => ({ family: a.family === 4 ? 'inet' : 'inet6', local: a.ip, prefixlen: a.prefix, scope: 'global' }))
      const ways = h.blocks.map((b) => ({ dst: 'default', gateway: b.gateway }))
      add(p.netns, [device('lo', 65_536), device('eth0', mtu, { addr_info: own })], ways)
    }
  }
  return { nodes, containers: [{ id: 'c.web', owner: ownersIn(l, l.pods.at(-1)!)[0]!, isInPlace: true }] }
}

/** What a healthy lab answers. */
function healthy({ lab: l }: TestPlan, q: Asked): Answer {
  const from = actorsOf(l).find((p) => p.netns === q.netns)!
  const to = q.address === '127.0.0.1' ? from : actorsOf(l).find((p) => p.addresses.some((a) => a.ip === q.address))!
  const [outcome] = q.expected
  if (outcome === 'too-long') return { outcome, ms: 1, text: `local mtu=${q.size! - 1}` }
  if (outcome !== 'ok') return { outcome: outcome!, ms: 1 }
  const own = addressOf(from, q.family)!
  if (q.kind === 'icmp') {
    const ttl = from.kind === 'external' || to.kind === 'external' ? 60 : expectedTtl(l, from, to)
    return { outcome, ms: 1, self: own, ttl, ...(q.count ? { text: `${q.count} sent, ${q.count} came back, 0 more than once` } : {}) }
  }
  const end = (ip: string): string => `${q.family === 6 ? `[${ip}]` : ip}:4711`
  const isHidden = from.kind === 'pod' && to.kind === 'external' && !to.podRoutes
  const border = from.kind !== 'external' && to.kind === 'external' ? addressAtBorder(l, to, q.family) : undefined
  const seen =
    border !== undefined
      ? border
      : isHidden
        ? addressOf(
            l.hosts.find((h) => h.name === from.host)!,
            q.family,
          )!
        : own
  return { outcome, ms: 1, self: end(own), by: nodeName(to), seen: end(seen) }
}

interface Trouble {
  readonly answer?: (q: Asked, names: string) => Partial<Answer> | undefined
  readonly readings?: (r: Readings, l: Lab) => void
}

/** What the model's checks come to. */
function checksOf(trouble: Trouble, text = TEXT): readonly Check[] {
  const { plan } = testPlanOf(lab(text), {})
  const answers = new Map<string, Answer>()
  for (const q of [...model.questions(plan), ...(model.watched?.(plan) ?? [])]) {
    const from = actorsOf(plan.lab).find((p) => p.netns === q.netns)!
    const to = actorsOf(plan.lab).find((p) => p.addresses.some((a) => a.ip === q.address))
    const said = healthy(plan, q)
    answers.set(questionKey(q), {
      ...said,
      ...trouble.answer?.(q, `${nodeName(from)} ${to ? nodeName(to) : q.address} ${q.kind} ${q.port}`),
    })
  }
  const readings = readingsOf(plan.lab)
  trouble.readings?.(readings, plan.lab)
  const evidence: Evidence = { answer: (q) => answers.get(questionKey(q)), first: () => undefined, listener: () => 'ours', readings }
  return model.evaluate(plan, evidence).checks
}

/** Ids of what fails, and whom it names. */
function failing(trouble: Trouble, text = TEXT): string[] {
  const checks = checksOf(trouble, text)
  expect(checks.filter((c) => c.status === 'passed').every((c) => c.tested > 0)).toBe(true)
  return [...new Set(checks.filter((c) => c.status === 'failed').map((c) => `${c.id} ${c.from ?? ''} ${c.to ?? ''}`.trim()))].toSorted()
}

const silent = (pattern: RegExp): Trouble => ({ answer: (_, names) => (pattern.test(names) ? { outcome: 'timeout' } : undefined) })
const reading = (change: (node: NodeReading) => void, index = 0): Trouble => ({
  readings: (r, l) => change(r.nodes.get(l.pods[index]!.netns)!),
})

test('docs/test.md has a row for every check', () => {
  const rows = tableRows(documentOf('docs/test.md')!, 'check').map(([ids]) => ids!)
  const documented = new Set(rows.flatMap((ids) => [...ids.matchAll(/`([\w-]+)`/g)].map((m) => m[1]!)))
  expect([...new Set([...checksOf({}), ...checksOf({}, BORDER)].map((c) => c.id))].filter((id) => !documented.has(id))).toEqual([])
})

describe('the border', () => {
  test('is as it should be', () => {
    expect(failing({}, BORDER)).toEqual([])
    expect(
      checksOf({}, BORDER)
        .filter((c) => c.id.startsWith('border-'))
        .map((c) => c.tested),
    ).toEqual([10, 10])
  })

  test.each<[string, Trouble, readonly string[]]>([
    [
      'no NAT',
      { answer: (q, n) => (n.startsWith('node-2 client tcp') && q.family === 4 ? { seen: '192.168.50.12:4711' } : undefined) },
      ['border-nat node-2 client'],
    ],
    [
      'NAT where there are routes',
      { answer: (_, n) => (n.startsWith('c partner tcp') ? { seen: '100.64.0.3:1' } : undefined) },
      ['edge-untranslated c partner'],
    ],
    [
      'an external that gets in',
      { answer: (_, n) => (n.startsWith('client node-2 tcp') ? { outcome: 'ok', by: 'node-2' } : undefined) },
      ['border-firewall client node-2'],
    ],
    [
      'a refusal in place of a drop',
      { answer: (_, n) => (n.startsWith('partner b tcp') ? { outcome: 'refused' } : undefined) },
      ['border-firewall partner b'],
    ],
    ['an external that should get in', silent(/^client node-1 tcp/), ['edge-untranslated client node-1']],
    ['one with routes that should get in', silent(/^partner a tcp/), ['edge-untranslated partner a']],
  ])('%s', (_, trouble, expected) => expect(failing(trouble, BORDER)).toEqual(expected))
})

describe('the network model', () => {
  test('holds in a healthy lab', () => {
    expect(failing({})).toEqual([])
    expect(failing({}, TEXT.replace('podCIDR', 'attach: routed, podCIDR'))).toEqual([])
    expect(failing({}, TEXT.replace('podCIDR', 'masquerade: false, podCIDR'))).toEqual([])
    expect(failing({}, 'name: l\nhosts: { node-1: {} }\npods: { a: {} }\n')).toEqual([])
  })

  test.each<[string, Trouble, readonly string[]]>([
    ['silence between two pods', silent(/^a c tcp 9$/), ['pods-reach-pods a c']],
    ['a node that reaches no pod', silent(/^node-2 a icmp/), ['nodes-reach-pods node-2 a']],
    ['an answer of another node', { answer: (_, n) => (n === 'a b tcp 9' ? { by: 'c' } : undefined) }, ['pods-reach-pods a b']],
    ['an answer that names no node', { answer: (_, n) => (n === 'a b tcp 9' ? { by: '' } : undefined) }, ['pods-reach-pods a b']],
    ['NAT inside', { answer: (_, n) => (n === 'a c tcp 9' ? { seen: '192.168.50.11:4711' } : undefined) }, ['no-nat-inside a c']],
    [
      'a port that was changed',
      { answer: (q, n) => (n === 'a c tcp 9' && q.family === 4 ? { seen: '10.244.0.2:1' } : undefined) },
      ['no-nat-inside a c'],
    ],
    ['a hop more', { answer: (q, n) => (n === 'a b icmp 0' && !q.size && !q.count ? { ttl: 63 } : undefined) }, ['path-length a b']],
    ['a closed port that is silent', silent(/ c tcp 7$/), ['closed-ports-refuse a c', 'closed-ports-refuse node-2 c']],
    [
      'a loopback that is not private',
      { answer: (_, n) => (n.endsWith('b tcp 5') ? { outcome: 'ok' } : undefined) },
      ['loopback-private c b', 'loopback-private node-1 b'],
    ],
    [
      'a container that is gone',
      { answer: (q) => (q.port === 8080 ? { outcome: 'refused' } : undefined) },
      ['containers-share-loopback c c'],
    ],
    [
      'no masquerading',
      { answer: (_, n) => (n.startsWith('a client tcp') ? { seen: '10.244.0.2:1' } : undefined) },
      ['egress-masqueraded a client'],
    ],
    [
      'masquerading where there is a way back',
      { answer: (_, n) => (n.startsWith('a partner tcp') ? { seen: '192.168.50.11:1' } : undefined) },
      ['edge-untranslated a partner'],
    ],
    ['a way in', { answer: (_, n) => (n.startsWith('client b tcp') ? { outcome: 'ok', by: 'b' } : undefined) }, ['no-way-in client b']],
    [
      'a large packet that is lost',
      { answer: (q, n) => (q.size === 1450 && n.startsWith('a c') ? { outcome: 'timeout' } : undefined) },
      ['full-mtu-passes a c'],
    ],
    [
      'one that is too large and passes',
      { answer: (q, n) => (q.size === 1451 && n.startsWith('a c') ? { outcome: 'ok' } : undefined) },
      ['beyond-mtu-fails a c'],
    ],
    [
      'another MTU than it should be',
      { answer: (q, n) => (q.size === 1451 && n.startsWith('c a') ? { text: 'local mtu=1440' } : undefined) },
      ['beyond-mtu-fails c a'],
    ],
    [
      'loss',
      { answer: (q, n) => (q.count && n.startsWith('a c') ? { text: '20 sent, 19 came back, 0 more than once' } : undefined) },
      ['no-loss a c'],
    ],
    [
      'repetition',
      { answer: (q, n) => (q.count && n.startsWith('a c') ? { text: '20 sent, 20 came back, 1 more than once' } : undefined) },
      ['no-loss a c'],
    ],
    ['an address twice', reading((n) => Object.assign(n.devices[1]!.addr_info![0]!, { local: '10.244.0.3' })), ['addresses-unique b']],
    ['the gateway’s address', reading((n) => Object.assign(n.devices[1]!.addr_info![0]!, { local: '10.244.0.1' })), ['addresses-unique a']],
    [
      'the broadcast address',
      reading((n) => Object.assign(n.devices[1]!.addr_info![0]!, { local: '10.244.0.255' })),
      ['addresses-unique a'],
    ],
    [
      'an address of another block',
      reading((n) => Object.assign(n.devices[1]!.addr_info![0]!, { local: '10.244.1.77' })),
      ['addresses-in-block a'],
    ],
    ['no address at all', reading((n) => Object.assign(n.devices[1]!, { addr_info: [] })), ['addresses-unique a']],
    ['a device too many', reading((n) => void (n.devices as Device[]).push(device('eth1', 1500))), ['pods-have-one-interface a']],
    ['a loopback that is down', reading((n) => Object.assign(n.devices[0]!, { flags: [] })), ['pods-have-one-interface a']],
    ['no IPv6 default route', reading((n) => void (n.routes as object[]).pop()), ['pods-have-one-interface a']],
    ['a tentative address', reading((n) => Object.assign(n.devices[1]!.addr_info![1]!, { tentative: true })), ['no-tentative-address a']],
    ['an MTU in a pod', reading((n) => Object.assign(n.devices[1]!, { mtu: 1400 })), ['mtu-everywhere a']],
    [
      'an MTU of a tunnel',
      { readings: (r, l) => void Object.assign(r.nodes.get(l.hosts[0]!.netns)!.devices[2]!, { mtu: 1500 }) },
      ['mtu-everywhere node-1'],
    ],
    [
      'a node that does not forward',
      { readings: (r, l) => void Object.assign(r.nodes.get(l.hosts[0]!.netns)!.settings, { 'net/ipv4/ip_forward': '0' }) },
      ['nodes-forward node-1'],
    ],
    [
      'a node that is gone',
      { readings: (r, l) => void (r.nodes as Map<string, NodeReading>).delete(l.pods[0]!.netns) },
      ['nodes-are-there a'],
    ],
    [
      'a container inDeletedNamespace',
      { readings: (r) => void Object.assign(r.containers[0]!, { isInPlace: false }) },
      ['containers-share-namespace c'],
    ],
    ['fragments', { readings: (r, l) => void (r.nodes.get(l.hosts[1]!.netns)!.after = { 'Ip.FragCreates': 9 }) }, ['no-fragments node-2']],
    [
      'invalid packets',
      { readings: (r, l) => void (r.nodes.get(l.hosts[1]!.netns)!.after = { 'conntrack.invalid': 1 }) },
      ['no-invalid node-2'],
    ],
    [
      'martians',
      { readings: (r, l) => void (r.nodes.get(l.hosts[1]!.netns)!.after = { 'TcpExt.IPReversePathFilter': 3 }) },
      ['no-martians node-2'],
    ],
  ])('%s', (_, trouble, expected) => expect(failing(trouble)).toEqual(expected))

  test('asks only what policies allow', () => {
    const { plan } = testPlanOf(
      lab(`${TEXT}policies: { c: { podSelector: { matchLabels: { x: y } } }, all: { podSelector: {}, policyTypes: [Ingress, Egress] } }\n`),
      {},
    )
    const asked = model.questions(plan)
    const pods = new Set(plan.lab.pods.flatMap((p) => p.addresses.map((a) => a.ip)))
    // A pod's own node may always, and so may it there; itself, too.
    for (const q of asked.filter((x) => pods.has(x.address) && x.expected.includes('ok'))) {
      const from = actorsOf(plan.lab).find((p) => p.netns === q.netns)!
      const to = plan.lab.pods.find((p) => p.addresses.some((a) => a.ip === q.address))!
      expect(`${from.name} ${to.host}`).toBe(`${to.host} ${to.host}`)
    }
    expect(hostPairs(plan).pairs).toEqual([])
    expect(hostPairs(plan).untested).toHaveLength(1)
  })
})

describe('headers on the wire', () => {
  const ip = (src: string, dst: string, length: number, protocol = 1) =>
    ({ type: 'ipv4', src, dst, length, protocol, ttl: 62, id: 1, df: true }) as const
  const ethernet = { type: 'ethernet', src: '', dst: '', etherType: 0x800 } as const
  const inner = ip('10.244.0.2', '10.244.1.2', 84)
  const bare = [ethernet, inner]
  const tunnel = (vni = 1, port = 8472, grown = 50, dst = '192.168.50.12') => [
    ethernet,
    ip('192.168.50.11', dst, 84 + grown, 17),
    { type: 'udp', srcPort: 1, dstPort: port, length: 100 } as const,
    { type: 'vxlan', vni } as const,
    ethernet,
    inner,
  ]
  const encrypted = (dst = '192.168.50.12', port = 51_820) => [
    ethernet,
    ip('192.168.50.11', dst, 156, 17),
    { type: 'udp', srcPort: 51_820, dstPort: port, length: 136 } as const,
    { type: 'wireguard', message: 'data', receiver: 7, counter: 1, sealed: 96 } as const,
    { type: 'payload', length: 112 } as const,
  ]
  const judged = (text: string, layers: Parameters<typeof encapsulation>[0]['layers']): string | undefined => {
    const l = lab(text)
    return headerMismatch(l, l.hosts[0]!, l.hosts.at(-1)!, encapsulation({ host: 'node-1', direction: 'out', layers })!)
  }
  const VXLAN = 'name: l\nhosts: { node-1: {}, node-2: {} }\npods: { a: {} }\n'
  const WIREGUARD = VXLAN.replace('hosts', 'network: { backend: wireguard }\nhosts')
  const DIRECT = VXLAN.replace('hosts', 'network: { backend: direct }\nhosts')
  test.each<[string, string, Parameters<typeof encapsulation>[0]['layers'], RegExp | undefined]>([
    ['as declared', VXLAN, tunnel(), undefined],
    ['bare, as declared', DIRECT, bare, undefined],
    ['bare in a lab with tunnels', VXLAN, bare, /not encapsulated .*, expected ipv4 > udp 8472 > vxlan 1 > ethernet$/],
    ['a tunnel in a lab without', DIRECT, tunnel(), /encapsulated in ipv4 > udp 8472 > vxlan 1 > ethernet .*, expected no encapsulation$/],
    ['another network', VXLAN, tunnel(2), /vxlan 2/],
    ['another port', VXLAN, tunnel(1, 4789), /udp 4789/],
    ['more bytes', VXLAN, tunnel(1, 8472, 54), /54 bytes instead of 50$/],
    ['encrypted, as declared', WIREGUARD, encrypted(), undefined],
    ['encrypted, to another port', WIREGUARD, encrypted('192.168.50.12', 51_821), /udp 51821/],
    ['encrypted, to another far end', WIREGUARD, encrypted('192.168.50.13'), /to 192\.168\.50\.13$/],
    ['bare where it should be encrypted', WIREGUARD, bare, /not encapsulated .*, expected ipv4 > udp 51820 > wireguard$/],
    ['encrypted in a lab without tunnels', DIRECT, encrypted(), /expected no encapsulation$/],
    ['another far end', VXLAN, tunnel(1, 8472, 50, '192.168.50.13'), /to 192\.168\.50\.13$/],
  ])('%s', (_, text, layers, expected) =>
    expected ? expect(judged(text, layers)).toMatch(expected) : expect(judged(text, layers)).toBeUndefined(),
  )
})
