/** Options that presets are made of: names of devices, of host ends of pods, of a chain; and what people read of a preset. */
import { describe, expect, test } from 'vitest'
import { refusals } from '../../../src/compile/compile.ts'
import { presets, waiting } from '../../../src/presets/index.ts'
import { resolve } from '../../../src/lab/resolve.ts'
import { labDocument } from '../../../src/report/lab/inspect.ts'
import { presetText } from '../../../src/report/lab/preset.ts'
import { loadTopology } from '../../../src/topology/load.ts'
import { chain, of } from '../compile/facts.ts'
import { compiled, lab, load, modules, podOf } from '../lab/fixture.ts'

const HOSTS =
  '\nhosts: { node-1: {}, node-2: {} }\npods: { pod-a: { host: node-1 }, shop/pod-a: { host: node-1 }, pod-b: { host: node-2 } }\n'
const network = (text: string): string => `name: lab\nnetwork: ${text}${HOSTS}`
const complaints = (text: string): string[] => loadTopology(network(text), 'lab.yaml', modules).diagnostics.map((d) => d.message)
const devices = (text: string): string[] => of(compiled(network(text)), 'link', 'node-1').map((o) => o.name)

describe('devices', () => {
  test('have the name that the file gives them, with the VNI where it says so', () => {
    expect(devices('{ backend: { type: vxlan, vni: 7 } }')).toContain('vxlan7')
    expect(devices('{ backend: { type: vxlan, device: overlay } }')).toContain('overlay')
    expect(devices('{ preset: flannel, backend: { vni: 7 } }')).toContain('flannel.7')
    expect(devices('{ backend: { type: udp, device: flannel0 } }')).toContain('flannel0')
  })

  test.each(['tunl0', 'eth0', 'p1-pod-a', 'a-name-of-16-let', 'Big', 'with space'])('cannot be called %s', (name) => {
    expect(complaints(`{ backend: { type: ipip, device: ${name} } }`)).toHaveLength(1)
  })

  test('of backend and attach module cannot have one name', () => {
    const taken = lab(network('{ backend: { type: vxlan, device: cni0 } }'))
    expect(refusals(taken).map((r) => r.code)).toEqual(['device-name-taken'])
  })
})

describe('host ends of pods', () => {
  const ends = (text: string): string[] => lab(network(text)).pods.map((p) => p.hostInterface)

  test('are named by a digest of namespace and name', () => {
    // sha1sum of default.pod-a, shop.pod-a and default.pod-b.
    expect(ends("{ attach: { type: routed, interfaces: 'cali###########' } }")).toEqual([
      'cali5e1c4d6c68c',
      'caliab4683e59d7',
      'cali2f5353dd8c5',
    ])
  })

  test('fall back to number and name where a digest is taken', () => {
    const loaded = { ...load(network('{ preset: calico-bgp }')), interfaceOf: () => 'same' }
    expect(resolve(loaded).value!.pods.map((p) => p.hostInterface)).toEqual(['same', 'p2-shop-pod-a', 'same'])
  })

  test.each(['cali##', 'Cali######', '######', 'cali############', 'eth0######'])('%s is no such name', (pattern) => {
    expect(complaints(`{ attach: { type: bridge, interfaces: '${pattern}' } }`)).toHaveLength(1)
  })
})

test('the chain that masquerades has the name that the file gives it', () => {
  const c = compiled(network('{ masquerade: { chain: MINE } }'))
  expect(chain(c, 'node-1', 'MINE')!.rules.length).toBeGreaterThan(2)
  expect(chain(c, 'node-1', 'POSTROUTING')!.rules.at(-1)).toContain('-j MINE')
  expect(chain(c, 'node-1', 'NETLAB-MASQ')).toBeUndefined()
  expect(complaints('{ masquerade: { chain: -j } }')).toHaveLength(1)
})

test('a table of hosts behind tunnels needs a tunnel for each peer', () => {
  const codes = (backend: string): string[] => refusals(lab(network(`{ backend: ${backend} }`))).map((r) => r.code)
  expect(codes('{ type: bgp, table: 77 }')).toEqual(['bgp-table-unused'])
  expect(codes('{ type: bgp, tunnel: always, table: 77 }')).toEqual(['bgp-table-unused'])
  expect(codes("{ type: bgp, tunnel: always, device: 'tun-######', table: 77 }")).toEqual([])
})

describe('what a preset chose', () => {
  test('is said in a line, and in the document of a lab', () => {
    const c = compiled(network('{ preset: flannel, attach: routed }'))
    expect(presetText(c.lab.preset!)).toBe(
      'flannel chose backend: { type: vxlan, vni: 1, port: 8472, device: "flannel.{vni}" }, policy: none, masquerade: { chain: FLANNEL-POSTRTG }',
    )
    expect(labDocument(c.lab, c.objects)).toMatchObject({ preset: { name: 'flannel', chose: { policy: 'none' } } })
    expect(podOf(c.lab, 'pod-a').hostInterface).toBe('p1-pod-a')
  })

  test('is nothing where the file says everything', () => {
    expect(presetText({ name: 'x', filled: {} })).toMatch(/nothing/)
  })
})

test.each(Object.entries(waiting))('%s is refused by what it waits for', (name, why) => {
  expect(presets).not.toHaveProperty(name)
  expect(complaints(`{ preset: ${name} }`)).toEqual([`network.preset: preset "${name}" is not built: ${why}`])
})
