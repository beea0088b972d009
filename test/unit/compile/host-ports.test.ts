/** Chains of host ports, by hand from what the portmap plugin and dockerd write. */
import { describe, expect, test } from 'vitest'
import type { Chain } from '../../../src/kernel/objects.ts'
import { compiled } from '../lab/fixture.ts'
import { chain, of, sysctls } from './facts.ts'

const text = (attach: string, ports: string, rest = ''): string => `name: lab
network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"], attach: ${attach} }
hosts: { node-1: {}, node-2: {} }
pods:
  web: { host: node-1, containers: [{ name: c, ports: [${ports}] }] }
  near: { host: node-1 }
${rest}`
const PORT = '{ containerPort: 8080, hostPort: 80 }'
const DOCKER = '{ type: bridge, name: docker0 }'
const names = (chains: readonly Chain[], family = 4): string[] =>
  chains.filter((c) => c.family === family).map((c) => `${c.table} ${c.chain}`)

describe('portmap', () => {
  const c = compiled(text('bridge', PORT))
  const pod = of(c, 'chain', 'node-1').find((x) => x.chain.startsWith('CNI-DN-'))!.chain
  test('the name of a pod chain has 28 characters, as the plugin cuts it', () => expect(pod).toMatch(/^CNI-DN-[0-9a-f]{21}$/))
  test('marks come before DNAT', () => {
    expect(chain(c, 'node-1', pod)!.rules).toEqual([
      '-s 10.244.0.0/24 -p tcp -m tcp --dport 80 -j CNI-HOSTPORT-SETMARK',
      '-s 127.0.0.1/32 -p tcp -m tcp --dport 80 -j CNI-HOSTPORT-SETMARK',
      '-p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.0.2:8080',
    ])
    expect(chain(c, 'node-1', pod, 6)!.rules).toEqual([
      '-s fd00:10:244::/64 -p tcp -m tcp --dport 80 -j CNI-HOSTPORT-SETMARK',
      '-p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00:10:244::2]:8080',
    ])
  })
  test('hooks', () => {
    expect(chain(c, 'node-1', 'PREROUTING')!.rules).toEqual(['-m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT'])
    expect(chain(c, 'node-1', 'OUTPUT')!.rules).toEqual(['-m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT'])
    expect(chain(c, 'node-1', 'POSTROUTING')!.rules[0]).toMatch(/-j CNI-HOSTPORT-MASQ$/)
    expect(sysctls(c, 'node-1')['net/ipv4/conf/cni0/route_localnet']).toBe('1')
  })
  test('a host without such a pod has none of it', () => {
    expect(of(c, 'chain', 'node-2').filter((x) => x.chain.startsWith('CNI-'))).toEqual([])
    expect(sysctls(c, 'node-2')).not.toHaveProperty('net/ipv4/conf/cni0/route_localnet')
    expect(c.needs).toContain('host-ports6')
    expect(compiled(text('bridge', '{ containerPort: 8080 }')).needs.filter((n) => n.startsWith('host-ports'))).toEqual([])
  })
  test('one address, one family', () => {
    const at = compiled(text('bridge', '{ containerPort: 8080, hostPort: 80, hostIP: 192.168.50.11 }'))
    expect(chain(at, 'node-1', pod)!.rules.at(-1)).toBe(
      '-d 192.168.50.11/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.0.2:8080',
    )
    expect(chain(at, 'node-1', pod, 6)).toBeUndefined()
    const all = compiled(text('bridge', '{ containerPort: 8080, hostPort: 80, hostIP: "::" }'))
    expect(chain(all, 'node-1', pod)).toBeUndefined()
    expect(chain(all, 'node-1', pod, 6)!.rules.at(-1)).toMatch(/^-p tcp -m tcp --dport 80 -j DNAT/)
  })
  test('fifteen ports a rule, each protocol by itself', () => {
    const many = Array.from({ length: 17 }, (_, i) => `{ containerPort: ${100 + i}, hostPort: ${200 + i} }`)
    const rules = chain(
      compiled(text('bridge', `${many.join(', ')}, { containerPort: 53, hostPort: 53, protocol: UDP }`)),
      'node-1',
      'CNI-HOSTPORT-DNAT',
    )!.rules
    expect(rules.map((r) => /^-p (\w+) .*--dports (\S+)/.exec(r)!.slice(1))).toEqual([
      ['tcp', Array.from({ length: 15 }, (_, i) => 200 + i).join(',')],
      ['tcp', '215,216'],
      ['udp', '53'],
    ])
  })
  test('a routed pod hides from itself alone, and its own link takes 127.0.0.1', () => {
    const routed = compiled(text('routed', PORT))
    expect(chain(routed, 'node-1', pod)!.rules[0]).toBe('-s 10.244.0.2/32 -p tcp -m tcp --dport 80 -j CNI-HOSTPORT-SETMARK')
    expect(sysctls(routed, 'node-1')['net/ipv4/conf/p1-web/route_localnet']).toBe('1')
  })
  test('a pod may meet itself, whatever policies say', () => {
    const isolated = compiled(text('bridge', PORT, 'policies: { web: { podSelector: {} } }\n'))
    expect(isolated.needs).toContain('bpf-match')
  })
})

describe('Docker', () => {
  const c = compiled(text(DOCKER, PORT))
  test('its chains, and none of the plugin', () => {
    const found = names(of(c, 'chain', 'node-1').filter((x) => !x.builtin && x.chain !== 'NETLAB-MASQ'))
    expect(found).toEqual([
      'nat DOCKER',
      'filter DOCKER',
      'filter DOCKER-USER',
      'filter DOCKER-ISOLATION-STAGE-1',
      'filter DOCKER-ISOLATION-STAGE-2',
    ])
  })
  test('rules', () => {
    const rules = (table: string, name: string) =>
      of(c, 'chain', 'node-1').find((x) => x.family === 4 && x.table === table && x.chain === name)!.rules
    expect(rules('nat', 'DOCKER')).toEqual(['-p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.0.2:8080'])
    expect(rules('nat', 'OUTPUT')).toEqual(['-m addrtype --dst-type LOCAL -j DOCKER'])
    expect(rules('nat', 'POSTROUTING').slice(0, 2)).toEqual([
      '-o docker0 -m addrtype --src-type LOCAL -j MASQUERADE',
      '-s 10.244.0.2/32 -d 10.244.0.2/32 -p tcp -m tcp --dport 8080 -j MASQUERADE',
    ])
    expect(rules('filter', 'DOCKER')).toEqual(['-d 10.244.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 8080 -j ACCEPT'])
    expect(sysctls(c, 'node-1')['net/ipv4/conf/docker0/route_localnet']).toBe('1')
  })
  test('policies come first in FORWARD', () => {
    const isolated = compiled(text(DOCKER, PORT, 'policies: { web: { podSelector: {} } }\n'))
    expect(chain(isolated, 'node-1', 'FORWARD')!.rules[0]).toMatch(/NetworkPolicies/)
  })
})

test.each(['bridge', DOCKER, 'routed'])('every jump leads to a chain, and every chain is jumped to: %s', (attach) => {
  const chains = of(compiled(text(attach, PORT)), 'chain', 'node-1')
  const key = (c: Chain, name = c.chain): string => `${c.family} ${c.table} ${name}`
  const known = new Set(chains.map((c) => key(c)))
  const used = chains.flatMap((c) => c.rules.flatMap((r) => /-j ((?:CNI|DOCKER|NETLAB)\S*)/.exec(r)?.[1] ?? []).map((name) => key(c, name)))
  expect(used.filter((name) => !known.has(name))).toEqual([])
  expect(chains.filter((c) => !c.builtin && !used.includes(key(c))).map((c) => key(c))).toEqual([])
})
