import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import type { Path } from '../../../src/topology/diagnostics.ts'
import { loadTopology } from '../../../src/topology/load.ts'
import { brief, LAB, load, loaded } from './load.ts'
import { bigTopology } from './big.ts'
import { EVERYTHING } from './everything.ts'
import type { OptionTypes } from '../../../src/topology/schema/schema.ts'
import { modules } from './fixture.ts'

describe('a good topology', () => {
  it('has a default for everything but hosts and pods', () => {
    expect(loaded(LAB).topology).toEqual({
      network: {
        podCIDR: ['10.244.0.0/16'],
        hostPrefix: {},
        backend: { type: 'vxlan', vni: 1, port: 8472, tunnel: 'always' },
        attach: { type: 'bridge' },
        services: { type: 'iptables' },
        policy: { type: 'iptables' },
        masquerade: true,
      },
      underlay: { mtu: 1500, segments: { lan: ['192.168.50.0/24'] }, routing: 'static' },
      hosts: { 'node-1': { labels: {} } },
      namespaces: {},
      pods: { 'pod-a': { labels: {}, containers: [], ready: true, terminating: false } },
      externals: {},
      services: {},
      policies: {},
      manifests: [],
      expect: [],
    })
  })

  it('names modules, or describes them', () => {
    const { network } = loaded('network: { services: iptables, policy: { type: iptables } }\nhosts: { a: {} }\npods: {}\n').topology
    expect([network.services, network.policy]).toEqual([{ type: 'iptables' }, { type: 'iptables' }])
  })

  it('may have no pods', () => {
    expect(loaded('hosts: { a: {} }\npods: {}\n').topology.pods).toEqual({})
  })

  it('may say everything', () => {
    const { topology } = loaded(EVERYTHING)
    expect(topology.name).toBe('two-racks')
    expect(topology.network).toEqual({
      podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'],
      hostPrefix: { ipv4: 24, ipv6: 64 },
      serviceCIDR: ['10.96.0.0/16'],
      backend: { type: 'vxlan', vni: 7, port: 8472, tunnel: 'cross-segment' },
      attach: { type: 'routed' },
      services: { type: 'iptables' },
      policy: { type: 'iptables' },
      masquerade: false,
    })
    expect(topology.hosts['node-2']).toEqual({
      segment: 'rack-2',
      address: ['192.168.2.20'],
      podCIDR: ['10.244.7.0/24'],
      labels: { zone: 'b' },
      mtu: 9000,
    })
    expect(topology.pods['shop/cart']?.containers).toEqual([
      { name: 'http', ports: [{ name: 'web', containerPort: 8080, protocol: 'TCP' }] },
      { name: 'sidecar', command: ['sh', '-c', 'sleep 5'], ports: [] },
    ])
    expect(topology.services['shop/cart']).toMatchObject({
      type: 'NodePort',
      ports: [{ name: 'web', port: 80, targetPort: 'web', protocol: 'TCP' }],
    })
    expect(topology.policies['shop/deny-all']).toEqual({ podSelector: {}, policyTypes: ['Ingress'] })
    expect(topology.expect).toEqual([
      { from: 'pod-a', to: 'shop/cart', port: '8080/tcp', result: 'allow' },
      { from: 'client', to: 'svc/shop/cart', port: 'icmp', result: 'deny', wire: ['vxlan'] },
    ])
  })

  it.each([
    ['vxlan', { type: 'vxlan', vni: 1, port: 8472, tunnel: 'always' }],
    ['{ type: gre }', { type: 'gre', tunnel: 'always' }],
    ['{ type: vxlan, port: 4789 }', { type: 'vxlan', vni: 1, port: 4789, tunnel: 'always' }],
    ['direct', { type: 'direct' }],
  ])('may name a backend as %s', (written, backend) => {
    expect(loaded(`${LAB}network: { backend: ${written} }\n`).topology.network.backend).toEqual(backend)
  })

  it('may give one prefix for both families', () => {
    expect(loaded(`${LAB}network: { hostPrefix: 26 }\n`).topology.network.hostPrefix).toBe(26)
  })
})

describe('source', () => {
  const { source } = loaded(EVERYTHING)

  it.each<[Path, number, number, string]>([
    [['name'], 1, 1, 'name'],
    [['network', 'podCIDR'], 3, 3, 'network.podCIDR'],
    [['network', 'podCIDR', 1], 3, 28, 'network.podCIDR[1]'],
    [['underlay', 'segments', 'rack-2'], 11, 39, 'underlay.segments.rack-2'],
    [['hosts', 'node-2', 'address'], 14, 30, 'hosts.node-2.address'],
    [['pods', 'shop/cart'], 20, 3, 'pods.shop/cart'],
    [['pods', 'shop/cart', 'containers', 1], 25, 9, 'pods.shop/cart.containers[1]'],
    [['pods', 'shop/cart', 'containers', 1, 'command', 2], 26, 27, 'pods.shop/cart.containers[1].command[2]'],
    [['pods', 'pod-a', 'labels', 'app.kubernetes.io/name'], 19, 36, 'pods.pod-a.labels."app.kubernetes.io/name"'],
    [['expect', 1, 'wire'], 38, 54, 'expect[1].wire'],
  ])('of %j is its key, or the list item', (path, line, column, text) => {
    expect(source(path)).toEqual({ line, column, path: text })
  })

  it.each<[string, Path, number, number]>([
    ['of a default is the mapping it would be in', ['network', 'backend', 'port'], 6, 3],
    ['of a default deep down is the nearest thing that is there', ['pods', 'load', 'containers', 3, 'name'], 27, 3],
    ['of a value that stands for a list is the value', ['network', 'serviceCIDR', 0], 5, 3],
    ['of a section that is not there is the beginning', ['nowhere', 'at', 'all'], 1, 1],
    ['of everything is the beginning', [], 1, 1],
    ['of an item beyond the last is the list', ['expect', 7], 36, 1],
    ['of a name every object has is not that', ['hosts', 'constructor'], 12, 1],
  ])('%s', (_, path, line, column) => {
    expect(source(path)).toMatchObject({ line, column })
  })

  it('follows aliases and merges to where a value is written', () => {
    const text = 'hosts: { n: {} }\npods:\n  a: &a { host: n, labels: { x: y } }\n  b: *a\n  c: { <<: *a, host: n }\n'
    const { source } = loaded(text)
    expect(source(['pods', 'b'])).toMatchObject({ line: 4, column: 3 })
    expect(source(['pods', 'b', 'host'])).toMatchObject({ line: 3, column: 11 })
    expect(source(['pods', 'c', 'host'])).toMatchObject({ line: 5, column: 16 })
    expect(source(['pods', 'c', 'labels', 'x'])).toMatchObject({ line: 3, column: 30 })
  })
})

describe('a topology of 10 000 pods', () => {
  const text = bigTopology(10_000)

  it('loads, and tells every position', () => {
    const { topology, source } = loaded(text)
    const names = Object.keys(topology.pods)
    expect(names).toHaveLength(10_000)
    for (const [i, name] of names.entries()) expect(source(['pods', name, 'labels', 'tier']).line).toBe(23 + i)
  })
})

describe('several mistakes', () => {
  it('are told at once, in the order of the file', () => {
    const text = 'pods:\n  b: { ip: x }\n  a: { hots: n }\nhosts: { n: { mtu: 1 } }\nnetwork: { backend: foo }\nnmae: y\n'
    expect(load(text).diagnostics.map(brief)).toEqual([
      '2:12 invalid-address',
      '3:8 unknown-key',
      '4:20 out-of-range',
      '5:21 unknown-backend',
      '6:1 unknown-key',
    ])
  })

  it('in a value that is used several times are told once', () => {
    const text = 'hosts: { n: {} }\npods:\n  a: &base { host: 1 }\n  b: *base\n  c: { <<: *base, labels: {} }\n'
    expect(load(text).diagnostics.map(brief)).toEqual(['3:20 wrong-type'])
  })

  it('of one kind in different places are all told', () => {
    const text = 'hosts: { n: {} }\npods:\n  a: { host: 1 }\n  b: { host: 1 }\n'
    expect(load(text).diagnostics.map(brief)).toEqual(['3:14 wrong-type', '4:14 wrong-type'])
  })
})

describe('a module with an option that has no default', () => {
  const needy = {
    ...modules,
    backends: { ...modules.backends, ovs: { options: (z: OptionTypes) => z.object({ bridge: z.string() }).describe('Open vSwitch.') } },
  }
  const backend = (written: string) => loadTopology(`${LAB}network:\n  backend: ${written}\n`, 'lab.yaml', needy)

  it('cannot be named without it', () => {
    expect(backend('ovs').diagnostics.map((d) => `${brief(d)} ${d.message}`)).toEqual([
      '4:3 missing-key network.backend: `bridge` is missing',
    ])
    expect(backend('{ type: ovs }').diagnostics.map(brief)).toEqual(['4:3 missing-key'])
    expect(backend('{ type: ovs, bridge: br0 }').value?.topology.network.backend).toEqual({ type: 'ovs', bridge: 'br0' })
  })

  it('keeps the rules and words of its own schema', () => {
    const own = z.object({
      name: z.string().regex(/^br/, 'must begin with br').default('br0'),
      a: z.int().optional(),
      b: z.int().optional(),
    })
    const strict = {
      ...modules,
      attach: { own: { options: () => own.refine(({ a, b }) => a === undefined || b === undefined, 'a and b exclude each other') } },
    }
    const found = (attach: string) => loadTopology(`${LAB}network: { attach: ${attach} }\n`, 'lab.yaml', strict).diagnostics
    expect(found('own')).toEqual([])
    expect(found('{ type: own, name: x }')[0]).toMatchObject({
      code: 'invalid-value',
      message: 'network.attach.name: the text "x": must begin with br',
    })
    expect(found('{ type: own, a: 1, b: 2 }')[0]).toMatchObject({
      line: 3,
      column: 20,
      message: 'network.attach: a and b exclude each other',
    })
    expect(found('{ type: own, c: 2 }')[0]).toMatchObject({ code: 'unknown-key' })
  })
})
