import { describe, expect, test } from 'vitest'
import { backendOf, backends, carriage, podMTU } from '../../../src/backends/index.ts'
import { attachModules, attachOf } from '../../../src/attach/index.ts'
import type { HeaderPattern } from '../../../src/backends/backend.ts'
import type { Host } from '../../../src/lab/lab.ts'
import { headerOf, type Layer } from '../../../src/packet/headers.ts'
import { refusals } from '../../../src/compile/compile.ts'
import { compiled } from '../lab/fixture.ts'
import { parseCidr, within } from '../../../src/topology/address.ts'
import { addresses, link, mtus, of, racks, route, routes, type Family } from './facts.ts'
import { flaws } from './structure.ts'

/** Bytes of the tag behind a packet that WireGuard encrypts (Poly1305, RFC 8439). */
const TAG = 16
/** Bytes of headers around a pod packet, from their definitions. */
const bytesOf = (headers: readonly HeaderPattern[]): number =>
  headers.reduce((sum, h) => sum + headerOf(h).bytes({ type: h.type, ...h.fields } as Layer)! + (h.type === 'wireguard' ? TAG : 0), 0)
/** Of backends with one multipoint device for all peers. */
const DEVICE: Readonly<Record<string, string>> = { vxlan: 'vxlan1', gre: 'gre1', ipip: 'ipip1' }
const families: Family[] = ['ipv4', 'ipv6', 'dual']
const podBlocks = (family: Family): string[] => [
  ...(family === 'ipv6' ? [] : ['10.244.1.0/24']),
  ...(family === 'ipv4' ? [] : ['fd00:10:244:1::/64']),
]

/** Whether a route leads to a block: to it alone, or to a network that holds it. */
const leadsTo = (dst: string, block: string): boolean => dst !== 'default' && within(parseCidr(block)!, parseCidr(dst)!)

/** Whether a backend carries a family; what it refuses a lab of several segments for, it builds when forced to. */
function carries(backend: string, family: Family): boolean {
  const { lab } = racks(backend, 'bridge', family)
  return backendOf(lab.backend)
    .refuse(lab)
    .every((r) => r.forceable)
}

const everywhere = Object.keys(backends).flatMap((b) =>
  Object.keys(attachModules).flatMap((a) => families.filter((f) => carries(b, f)).map((f) => [b, a, f] as const)),
)

describe.each(everywhere)('%s over %s, %s', (backend, attach, family) => {
  const c = racks(backend, attach, family)
  const [router] = c.lab.routers
  /** Whether the router between the hosts has the routes to pods, and hosts a way to it. */
  const { hops, device: between } = carriage(c.lab, c.lab.hosts[0]!, c.lab.hosts[1]!)
  const isByRouter = hops > 2 && between === 'eth0'
  /** Devices that a host's packets to others are routed into, its link to the underlay aside. */
  const devicesOf = (name: string): string[] => {
    const host = c.lab.hosts.find((h) => h.name === name)!
    const all = c.lab.hosts.flatMap((far) => (far === host ? [] : carriage(c.lab, host, far).device))
    return [...new Set(all)].filter((device) => device !== 'eth0')
  }

  test('is a list a kernel could hold', () => {
    expect(flaws(c.objects, c.lab)).toEqual([])
    const withMore = racks(backend, attach, family, 'externals: { x: {}, y: { podRoutes: true } }')
    expect(flaws(withMore.objects, withMore.lab)).toEqual([])
  })

  test('every device of a host carries its link MTU less the overhead', () => {
    const all = mtus(c)
    const [a, , b] = c.lab.hosts
    const { headers, overhead: bytes } = carriage(c.lab, a!, b!)
    expect(bytes).toBe(bytesOf(headers))
    for (const [host, mtu, pods] of [
      ['node-1', 1500, ['pod-a', 'pod-b']],
      ['node-2', 1400, ['pod-c']],
      ['node-3', 9000, ['pod-d']],
    ] as const) {
      expect(all[`${host} eth0`]).toBe(mtu)
      for (const pod of pods) expect(all[`${pod} eth0`]).toBe(mtu - bytes)
      const inner = Object.entries(all).filter(([name]) => name.startsWith(`${host} `) && name !== `${host} eth0`)
      expect(inner.length).toBe(pods.length + attachOf(c.lab.attach).devices.length + devicesOf(host).length)
      for (const [name, value] of inner) expect(value, name).toBe(mtu - bytes)
    }
    expect(all['switch-r1 br0']).toBe(1400)
    expect(all['switch-r2 br0']).toBe(9000)
    expect(c.lab.hosts.map((h) => podMTU(c.lab, h))).toEqual([1500 - bytes, 1400 - bytes, 9000 - bytes])
  })

  test('every host has one route to each block of every other, or the router to each of all', () => {
    const blocks = c.lab.hosts.flatMap((h) => h.blocks.map((b) => b.cidr))
    const atRouter = of(c, 'route', router!.name).filter((r) => r.table === undefined)
    expect(atRouter.map((r) => r.dst).toSorted()).toEqual(isByRouter ? blocks.toSorted() : [])
    for (const host of c.lab.hosts) {
      expect(of(c, 'route', host.name).filter((r) => r.dst === 'default').length).toBeGreaterThan(0)
      const own = host.blocks.map((b) => b.cidr)
      for (const block of blocks.filter((b) => !own.includes(b))) {
        const found = of(c, 'route', host.name).filter((r) => leadsTo(r.dst, block))
        expect(found.map((r) => r.type)).toEqual(isByRouter ? [] : [undefined])
      }
      expect(of(c, 'route', host.name).filter((r) => own.includes(r.dst) && r.type !== 'blackhole')).toEqual([])
    }
  })

  test('its devices are those packets are carried by', () => {
    for (const host of ['node-1', 'node-2', 'node-3']) {
      const tunnels = of(c, 'link', host).filter((l) => l.type !== 'loopback' && l.type !== 'bridge')
      expect(tunnels.map((l) => l.name)).toEqual(devicesOf(host))
      if (backend in DEVICE) expect(devicesOf(host)).toEqual([DEVICE[backend]])
    }
  })

  test('the routes lead through them', () => {
    if (isByRouter) return
    const [a, b] = c.lab.hosts
    const { device } = carriage(c.lab, a!, b!)
    const found = of(c, 'route', 'node-1').filter((r) => podBlocks(family).some((block) => leadsTo(r.dst, block)))
    expect(found).toHaveLength(podBlocks(family).length)
    // A next hop in a tunnel is no neighbour by any address.
    for (const r of found)
      expect(route(r)).toMatch(new RegExp(` dev ${device}${device === 'eth0' || r.via === undefined ? '' : ' onlink'}$`))
  })

  test('beyond the tunnel a host has the first address of each block, alone', () => {
    const own = [...(family === 'ipv6' ? [] : ['10.244.0.0']), ...(family === 'ipv4' ? [] : ['fd00:10:244::'])]
    const [a, , b] = c.lab.hosts
    const { source, device } = carriage(c.lab, a!, b!)
    if (device === 'eth0') return
    expect(Object.values(source)).toEqual(own)
    for (const dev of devicesOf('node-1'))
      expect(addresses(c, 'node-1').filter((x) => x.endsWith(` dev ${dev}`))).toEqual(
        own.map((x) => `${x}/${x.includes(':') ? 128 : 32} dev ${dev}`),
      )
  })
})

describe('vxlan', () => {
  const c = compiled('network: { backend: { type: vxlan, vni: 42, port: 4789 } }\nhosts: { a: {}, b: {}, c: {} }\npods: {}')
  test('the VTEP has its options, no learning is asked for elsewhere', () => {
    expect(link(c, 'a', 'vxlan')).toMatchObject({
      name: 'vxlan42',
      vni: 42,
      port: 4789,
      local: '192.168.50.11',
      dev: 'eth0',
      mac: '02:06:00:00:00:00',
    })
  })
  test('each peer is one route, one neighbour, one FDB entry, and they agree', () => {
    expect(of(c, 'neighbour', 'a').map((n) => [n.dev, n.address, n.lladdr])).toEqual([
      ['vxlan42', '10.244.1.0', '02:06:00:01:00:00'],
      ['vxlan42', '10.244.2.0', '02:06:00:02:00:00'],
    ])
    expect(of(c, 'fdb', 'a').map((f) => [f.dev, f.mac, f.dst])).toEqual([
      ['vxlan42', '02:06:00:01:00:00', '192.168.50.12'],
      ['vxlan42', '02:06:00:02:00:00', '192.168.50.13'],
    ])
    expect(link(c, 'b', 'vxlan')).toMatchObject({ mac: '02:06:00:01:00:00', local: '192.168.50.12' })
  })
  test('with two families the FDB entry stays one', () => {
    const dual = racks('vxlan', 'bridge', 'dual')
    expect(of(dual, 'fdb', 'node-1')).toHaveLength(2)
    expect(of(dual, 'neighbour', 'node-1').map((n) => n.address)).toEqual([
      '10.244.1.0',
      'fd00:10:244:1::',
      '10.244.2.0',
      'fd00:10:244:2::',
    ])
  })
  test('IPv6 rides on an IPv4 outer packet', () => {
    expect(link(racks('vxlan', 'bridge', 'ipv6'), 'node-1', 'vxlan')).toMatchObject({ local: '192.168.1.11' })
    expect(of(racks('vxlan', 'bridge', 'ipv6'), 'fdb', 'node-1').map((f) => f.dst)).toEqual(['192.168.1.12', '192.168.2.11'])
  })
})

describe('gre and ipip', () => {
  test('the neighbour entry of gre is the far end', () => {
    expect(of(racks('gre'), 'neighbour', 'node-1').map((n) => [n.dev, n.address, n.lladdr])).toEqual([
      ['gre1', '10.244.1.0', '192.168.1.12'],
      ['gre1', '10.244.2.0', '192.168.2.11'],
    ])
  })
  test.each([0, 1, 4_294_967_295])('a key of %i costs four bytes', (key) => {
    const c = racks(`{ type: gre, key: ${key} }`)
    expect(link(c, 'node-1', 'gre')).toMatchObject({ key, mtu: 1500 - 28 })
    expect(mtus(c)['pod-a eth0']).toBe(1472)
  })
  test('the next hop of ipip is the far end, and there is nothing else', () => {
    const c = racks('ipip')
    expect(routes(c, 'node-1').filter((r) => r.includes('ipip1'))).toEqual([
      '10.244.1.0/24 via 192.168.1.12 dev ipip1 onlink',
      '10.244.2.0/24 via 192.168.2.11 dev ipip1 onlink',
    ])
    expect(of(c, 'neighbour')).toEqual([])
    expect(of(c, 'fdb')).toEqual([])
  })
  test('no device has the name the kernel module takes in every namespace', () => {
    const names = ['gre', 'ipip', 'vxlan'].flatMap((b) => of(racks(b), 'link').map((l) => l.name))
    for (const taken of ['gre0', 'gretap0', 'erspan0', 'tunl0', 'sit0']) expect(names).not.toContain(taken)
  })
})

describe('tunnel: cross-segment', () => {
  test.each(['vxlan', 'gre', 'ipip'])('%s: direct inside a segment, the tunnel across, one device for all', (type) => {
    const c = racks(`{ type: ${type}, tunnel: cross-segment }`)
    const dev = DEVICE[type]!
    const far = type === 'ipip' ? '192.168.2.11' : '10.244.2.0'
    expect(routes(c, 'node-1')).toEqual([
      'default via 192.168.1.1 dev eth0',
      '10.244.1.0/24 via 192.168.1.12 dev eth0',
      `10.244.2.0/24 via ${far} dev ${dev} onlink`,
    ])
    expect(
      routes(c, 'node-3')
        .slice(1)
        .every((r) => r.includes(dev)),
    ).toBe(true)
    expect(of(c, 'neighbour', 'node-1').map((n) => n.address)).toEqual(type === 'ipip' ? [] : ['10.244.2.0'])
    expect(mtus(c)['pod-a eth0']).toBe(1500 - { vxlan: 50, gre: 24, ipip: 20 }[type]!)
  })
  test.each(['vxlan', 'gre', 'ipip'])('%s: where all hosts share a segment there is no tunnel', (type) => {
    const c = compiled(`network: { backend: { type: ${type}, tunnel: cross-segment } }\nhosts: { a: {}, b: {} }\npods: {}`)
    expect(
      of(c, 'link')
        .map((l) => l.name)
        .filter((n) => n !== 'lo')
        .toSorted(),
    ).toEqual(['br0', 'cni0', 'cni0'])
    expect(routes(c, 'a')).toEqual(['10.244.1.0/24 via 192.168.50.12 dev eth0'])
  })
  test.each(['vxlan', 'gre', 'ipip', 'direct'])('%s: a host alone needs none', (type) => {
    const c = compiled(`network: { backend: ${type} }\nhosts: { a: {} }\npods: {}`)
    expect(of(c, 'link', 'a').map((l) => l.name)).toEqual(['lo', 'cni0'])
  })
})

describe('how a backend carries', () => {
  const between = (options: string) => {
    const { lab } = compiled(`network: { backend: ${options} }\nhosts: { a: {}, b: {} }\npods: { p: { host: a } }`)
    return carriage(lab, lab.hosts[0]!, lab.hosts[1]!)
  }
  test.each([
    ['{ type: vxlan, vni: 7, port: 4789 }', ['ipv4', 'udp', 'vxlan', 'ethernet'], { vni: 7 }],
    ['gre', ['ipv4', 'gre'], undefined],
    ['{ type: gre, key: 5 }', ['ipv4', 'gre'], { key: 5 }],
    ['ipip', ['ipv4'], { protocol: 4 }],
    ['direct', [], undefined],
  ])('%s: headers and their bytes', (options, headers, fields) => {
    const { headers: found, overhead } = between(options)
    expect(found.map((h) => h.type)).toEqual(headers)
    expect(found.findLast((h) => h.type !== 'ethernet')?.fields).toEqual(fields)
    expect(bytesOf(found)).toBe(overhead)
  })

  test('the outer protocol tells tunnels apart', () => {
    expect(['vxlan', 'gre', 'ipip'].map((b) => between(b).headers[0]?.fields?.['protocol'])).toEqual([17, 47, 4])
  })

  test('only between segments, where asked: the same pods have the same MTU towards both', () => {
    const { lab } = racks('{ type: vxlan, tunnel: cross-segment }', 'bridge', 'dual')
    const [a, b, c] = lab.hosts as [Host, Host, Host]
    const of = (from: Host, to: Host) => {
      const { headers, overhead, device, source } = carriage(lab, from, to)
      return [headers.length, overhead, device, source[4]]
    }
    expect(of(a, b)).toEqual([0, 0, 'eth0', a.addresses[0]!.ip])
    expect(of(a, c)).toEqual([4, 50, 'vxlan1', a.blocks[0]!.network])
  })
})

describe('gre, bridged', () => {
  const network = (backend: string) =>
    compiled(`network: { backend: { type: gre, mode: bridged${backend} } }\nhosts: { a: {}, b: { mtu: 1400 }, c: {} }\npods: {}`)
  const c = network(', key: 9')

  test('has a tunnel for each peer, a port of the bridge that is isolated from the others', () => {
    const tunnels = of(c, 'link', 'a').filter((l) => l.type === 'gretap')
    expect(tunnels.map((l) => [l.name, l.remote, l.key, l.mtu])).toEqual([
      ['g2-b', '192.168.50.12', 9, 1400 - 42],
      ['g3-c', '192.168.50.13', 9, 1400 - 42],
    ])
    for (const t of tunnels) expect(t).toMatchObject({ local: '192.168.50.11', bridgePort: { master: 'cni0', isolated: true } })
    expect(flaws(c.objects, c.lab)).toEqual([])
  })
  test('costs what is around the frame: the Ethernet header, and a key', () => {
    const [a, b] = c.lab.hosts
    expect(carriage(c.lab, a!, b!)).toMatchObject({ device: 'g2-b', overhead: 42, hops: 0, sharesL2: true })
    expect(carriage(c.lab, a!, b!).headers.map((h) => h.type)).toEqual(['ipv4', 'gre', 'ethernet'])
    expect(podMTU(network('').lab, a!)).toBe(1400 - 38)
  })
  test.each([', tunnel: cross-segment', ', key: 1 }, attach: { type: routed'])(
    'is refused where not all pods would be on the link: %s',
    (more) => {
      expect(refusals(network(more).lab)).toHaveLength(1)
    },
  )
})

describe('vxlan, bridged', () => {
  const topology = (more = '', attach = 'bridge') => `
network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"], backend: { type: vxlan, mode: bridged${more} }, attach: ${attach} }
hosts: { a: {}, b: { mtu: 1400 }, c: {} }
pods: { p: { host: a }, q: { host: b } }
`
  const c = compiled(topology())

  test('the VTEP is a port of the bridge and learns; what goes to all is copied to each peer', () => {
    expect(link(c, 'a', 'vxlan')).toMatchObject({ bridgePort: { master: 'cni0' }, learning: true })
    expect(of(c, 'fdb', 'a').map((f) => [f.dev, f.mac, f.dst])).toEqual([
      ['vxlan1', '00:00:00:00:00:00', '192.168.50.12'],
      ['vxlan1', '00:00:00:00:00:00', '192.168.50.13'],
    ])
    expect(flaws(c.objects, c.lab)).toEqual([])
  })
  test('pods and bridges are in the network of all pods, and hosts have no route to each other', () => {
    expect(addresses(c, 'q')).toEqual(expect.arrayContaining(['10.244.1.2/16 dev eth0', 'fd00:10:244:1::2/48 dev eth0']))
    expect(addresses(c, 'b')).toEqual(expect.arrayContaining(['10.244.1.1/16 dev cni0', 'fd00:10:244:1::1/48 dev cni0']))
    expect([...of(c, 'neighbour', 'a'), ...of(c, 'route', 'a').filter((r) => r.dst !== 'default')]).toEqual([])
    expect(of(c, 'route', 'q').map((r) => [r.dst, r.via])).toEqual([
      ['default', '10.244.1.1'],
      ['default', 'fd00:10:244:1::1'],
    ])
  })
  test('one link has one MTU, the smallest', () => {
    expect(c.lab.hosts.map((h) => podMTU(c.lab, h))).toEqual([1350, 1350, 1350])
    expect(
      Object.entries(mtus(c)).flatMap(([name, mtu]) => (/ (eth0|vxlan1|cni0)$/.test(name) && /^[apq] /.test(name) ? [[name, mtu]] : [])),
    ).toEqual(
      expect.arrayContaining([
        ['a vxlan1', 1350],
        ['a cni0', 1350],
        ['p eth0', 1350],
        ['q eth0', 1350],
      ]),
    )
  })
  test('no host routes between pods, and hosts are seen under the addresses of their bridges', () => {
    const [a, b] = c.lab.hosts
    expect(carriage(c.lab, a!, b!)).toMatchObject({
      device: 'vxlan1',
      hops: 0,
      hopsToHost: 0,
      sharesL2: true,
      source: { 4: '10.244.0.1', 6: 'fd00:10:244::1' },
    })
  })
  test('a host alone has no tunnel', () => {
    expect(
      of(compiled('network: { backend: { type: vxlan, mode: bridged } }\nhosts: { a: {} }\npods: {}'), 'link', 'a').map((l) => l.type),
    ).not.toContain('vxlan')
  })
  test.each([
    [topology('', 'routed'), 'no-bridge'],
    [topology(', tunnel: cross-segment'), 'conflicting-keys'],
  ])('is refused where not all pods would be on the link: %#', (text, code) => {
    expect(refusals(compiled(text).lab).map((r) => r.code)).toEqual([code])
  })
})
