/** Any object of any kind, sensible or not: names come from few, so that objects meet, stand on each other and collide. */
import fc from 'fast-check'
import type { BridgePort, KernelObject, Link } from '../../src/kernel/objects.ts'

const ns = fc.constantFrom('lab.a', 'lab.b', 'lab.p')
const port = fc.constantFrom('eth0', 'eth1', 'p1')
const dev = fc.constantFrom('eth0', 'eth1', 'p1', 'br0', 'tun0')
const family = fc.constantFrom<4 | 6>(4, 6)
const number = fc.integer({ min: 1, max: 4 })
const mac = number.map((n) => `02:00:00:00:00:0${n}`)
const mtu = fc.constantFrom(1450, 1500)
const ip = number.map((n) => `10.0.0.${n}`)
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })

/** Without the fields that are undefined: an absent field and an undefined one would differ. */
const record = <T>(fields: { [K in keyof T]-?: fc.Arbitrary<T[K] | undefined> }): fc.Arbitrary<T> =>
  fc
    .record(fields as { [K in keyof T]: fc.Arbitrary<T[K]> })
    .map((o) => Object.fromEntries(Object.entries(o as object).filter(([, v]) => v !== undefined)) as T)

type Of<K extends KernelObject['kind']> = Extract<KernelObject, { readonly kind: K }>
type Fields<O> = Omit<
  O,
  'from' | 'note' | 'nonDefault' | 'down' | 'dead' | 'qualifier' | 'protocol' | 'policy' | 'inDeletedNamespace' | 'pending' | 'unready'
>
const is = <const T extends string | number>(word: T): fc.Arbitrary<T> => fc.constant(word)

const some = optional(is('x').map(() => true as const))
const bridgePort = optional(record<BridgePort>({ master: is('br0'), hairpin: some, isolated: some }))

/** A device of each type. */
export const linkArbitraries: { readonly [T in Link['type']]: fc.Arbitrary<Extract<Link, { readonly type: T }>> } = {
  loopback: record<Fields<Extract<Link, { type: 'loopback' }>>>({ kind: is('link'), type: is('loopback'), ns, name: is('lo') }),
  bridge: record<Fields<Extract<Link, { type: 'bridge' }>>>({ kind: is('link'), type: is('bridge'), ns, name: is('br0'), mac, mtu }),
  vxlan: record<Fields<Extract<Link, { type: 'vxlan' }>>>({
    kind: is('link'),
    type: is('vxlan'),
    ns,
    name: is('tun0'),
    mac,
    mtu,
    vni: number,
    port: fc.constantFrom(4789, 8472),
    local: ip,
    dev: port,
    bridgePort,
    learning: some,
  }),
  geneve: record<Fields<Extract<Link, { type: 'geneve' }>>>({
    kind: is('link'),
    type: is('geneve'),
    ns,
    name: is('tun0'),
    mac,
    mtu,
    vni: number,
    port: is(6081),
    remote: ip,
  }),
  gre: record<Fields<Extract<Link, { type: 'gre' }>>>({
    kind: is('link'),
    type: is('gre'),
    ns,
    name: is('tun0'),
    mtu,
    local: ip,
    key: optional(number),
  }),
  gretap: record<Fields<Extract<Link, { type: 'gretap' }>>>({
    kind: is('link'),
    type: is('gretap'),
    ns,
    name: is('tun0'),
    mac,
    mtu,
    local: ip,
    remote: ip,
    key: optional(number),
    bridgePort,
  }),
  ipip: record<Fields<Extract<Link, { type: 'ipip' }>>>({
    kind: is('link'),
    type: is('ipip'),
    ns,
    name: is('tun0'),
    mtu,
    local: ip,
    remote: optional(ip),
  }),
  tun: record<Fields<Extract<Link, { type: 'tun' }>>>({
    kind: is('link'),
    type: is('tun'),
    ns,
    name: is('tun0'),
    mtu,
    pi: optional(is('x').map(() => true)),
  }),
  wireguard: record<Fields<Extract<Link, { type: 'wireguard' }>>>({ kind: is('link'), type: is('wireguard'), ns, name: is('tun0'), mtu }),
}

const lease = { key: '/coreos.com/network/subnets/10.244.1.0-24', value: '{}', node: 'b', store: 'a.etcd', writer: 'b.agent' }
const learned = optional(fc.constant({ daemon: 'a.agent', by: 'agent on a', lease }))

const end = {
  ns,
  name: port,
  mac,
  mtu,
  port: bridgePort,
}

/** An object of each kind. */
export const arbitraries: { readonly [K in KernelObject['kind']]: fc.Arbitrary<Of<K>> } = {
  netns: record<Fields<Of<'netns'>>>({ kind: is('netns'), ns }),
  veth: record<Fields<Of<'veth'>>>({ kind: is('veth'), ...end, peer: record<Fields<Of<'veth'>['peer']>>(end) }),
  link: fc.oneof(...Object.values(linkArbitraries)),
  address: record<Fields<Of<'address'>>>({
    kind: is('address'),
    ns,
    dev,
    address: ip.map((a) => `${a}/24`),
    scope: optional(is('link')),
  }),
  route: record<Fields<Of<'route'>>>({
    kind: is('route'),
    ns,
    family,
    dst: fc.constantFrom('default', '10.1.0.0/24', '10.2.0.0/24'),
    type: optional(fc.constantFrom('blackhole', 'unreachable', 'prohibit')),
    via: optional(ip),
    dev: optional(dev),
    onlink: optional(is('x').map(() => true)),
    src: optional(ip),
    // Only ever observed.
    nexthops: fc.constant(undefined),
    table: optional(number),
  }),
  rule: record<Fields<Of<'rule'>>>({ kind: is('rule'), ns, family, priority: number, src: ip, table: number }),
  neighbour: record<Fields<Of<'neighbour'>>>({ kind: is('neighbour'), ns, dev, address: ip, lladdr: mac, learned }),
  fdb: record<Fields<Of<'fdb'>>>({ kind: is('fdb'), ns, dev: is('tun0'), mac: fc.oneof(mac, is('00:00:00:00:00:00')), dst: ip, learned }),
  sysctl: record<Fields<Of<'sysctl'>>>({
    kind: is('sysctl'),
    ns,
    key: fc.constantFrom('net/ipv4/ip_forward', 'net/ipv4/conf/eth0/rp_filter'),
    value: fc.constantFrom('0', '1'),
    dev: optional(dev),
  }),
  chain: record<Fields<Of<'chain'>>>({
    kind: is('chain'),
    ns,
    family,
    table: fc.constantFrom('filter', 'nat'),
    chain: fc.constantFrom('FORWARD', 'OURS'),
    builtin: fc.boolean(),
    rules: fc.array(fc.constantFrom('-j RETURN', '-m set --match-set web src -j DROP', '-m set --match-set db dst -j ACCEPT'), {
      maxLength: 3,
    }),
  }),
  ipset: record<Fields<Of<'ipset'>>>({
    kind: is('ipset'),
    ns,
    family,
    name: fc.constantFrom('web', 'db'),
    type: fc.constantFrom('hash:ip', 'hash:net', 'hash:ip,port'),
    members: fc.uniqueArray(ip, { maxLength: 3 }).map((list) => list.toSorted()),
  }),
  wireguard: record<Fields<Of<'wireguard'>>>({
    kind: is('wireguard'),
    ns,
    dev: is('tun0'),
    node: is('a'),
    key: is('a'),
    port: number,
    peers: fc.dictionary(
      fc.constantFrom('b', 'c'),
      fc.record({ endpoint: ip.map((a) => `${a}:51820`), allowedIPs: fc.tuple(ip) }, { noNullPrototype: true }),
      {
        noNullPrototype: true,
      },
    ),
    program: optional(fc.record({ daemon: is('a.wireguard'), control: is('control.sh'), mtu }, { noNullPrototype: true })),
  }),
  daemon: record<Fields<Of<'daemon'>>>({
    kind: is('daemon'),
    ns,
    id: fc.constantFrom('a.bird', 'a.dnsmasq'),
    hostname: is('a'),
    node: is('a'),
    program: is('bird'),
    command: fc.constantFrom(['bird', '-f'], ['bird', '-f', '-d']),
    files: fc.array(fc.constant({ path: 'bird.conf', content: 'x' }), { maxLength: 1 }),
    ready: fc.constantFrom({ socket: 'bird.ctl' }, { tcp: 179 }),
    reload: optional(fc.constantFrom({ signal: 'SIGHUP' as const }, { command: ['birdc', 'configure'] })),
    owns: optional(fc.constant([{ device: 'tun0' }, { routes: 'bird' }])),
    control: optional(fc.constant({ bird: 'bird.ctl' })),
    keeps: optional(is('data')),
    carries: optional(fc.constant({ device: 'tun0', port: 8285, table: 'peers' })),
    capabilities: optional(fc.constant(['net_admin'])),
  }),
  session: record<Omit<Of<'session'>, 'from' | 'note' | 'nonDefault' | 'down'>>({
    kind: is('session'),
    ns,
    protocol: is('BGP'),
    ends: fc.constantFrom(
      ...(['b', 'c'] as const).map(
        (peer) =>
          [
            { daemon: 'a.bird', node: 'a', name: peer },
            { daemon: `${peer}.bird`, node: peer, name: 'a' },
          ] as const,
      ),
    ),
  }),
  learned: record<Omit<Of<'learned'>, 'from' | 'note' | 'nonDefault'>>({
    kind: is('learned'),
    ns,
    family,
    dst: fc.constantFrom('10.1.0.0/24', '10.2.0.0/24'),
    table: optional(number),
    via: optional(ip),
    dev: optional(dev),
    nexthops: optional(fc.constant(['10.9.0.1 dev l1-a', '10.9.0.3 dev l2-b'])),
    protocol: is('bird'),
    daemon: is('a.bird'),
    by: is('bird on a'),
    lease: optional(fc.constant(lease)),
    ways: optional(fc.constant([['b.bird']])),
  }),
  process: record<Fields<Of<'process'>>>({
    kind: is('process'),
    ns,
    id: fc.constantFrom('p.one', 'p.two'),
    hostname: is('p'),
    pod: is('p'),
    external: optional(is('x').map(() => true as const)),
    container: is('one'),
    command: optional(fc.constantFrom(['sleep', '1'], ['sh', '-c', 'true\nfalse'])),
    listen: fc.array(record<Of<'process'>['listen'][number]>({ port: number, protocol: fc.constantFrom('TCP', 'UDP') }), { maxLength: 2 }),
    addresses: fc.array(ip, { maxLength: 2 }),
  }),
}

/** Objects of all kinds, each once. */
export const objects = (keyOf: (o: KernelObject) => string): fc.Arbitrary<KernelObject[]> =>
  fc.uniqueArray(fc.oneof(...(Object.values(arbitraries) as fc.Arbitrary<KernelObject>[])), { maxLength: 20, selector: keyOf })
