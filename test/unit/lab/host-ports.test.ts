/** Ports of hosts: who gets them, who is refused, and where they lead. By hand from kube-scheduler's and the plugins' rules. */
import { describe, expect, test } from 'vitest'
import { hidingOf } from '../../../src/attach/index.ts'
import { hostSource } from '../../../src/backends/index.ts'
import type { External, Host, Pod } from '../../../src/lab/lab.ts'
import { hostPortsOf } from '../../../src/lab/services/host-ports.ts'
import { endpointsBehind, frontendFor, frontendOn } from '../../../src/lab/services/semantics.ts'
import { serviceVerdict } from '../../../src/lab/services/service-verdict.ts'
import { staleFlows } from '../../../src/services/stale.ts'
import { lab, labAfter, problems, words } from './fixture.ts'

const pod = (port: string, more = 'host: node-1'): string => `{ ${more}, containers: [{ name: c, ports: [${port}] }] }`
const two = (a: string, b: string, rest = ''): string => `name: t\nhosts: { node-1: {}, node-2: {} }\npods:\n  a: ${a}\n  b: ${b}\n${rest}`

describe('one pod of a host has a port', () => {
  const port = '{ containerPort: 8080, hostPort: 80 }'
  test.each([
    ['the same port', pod(port), pod('{ containerPort: 9, hostPort: 80 }')],
    ['one address and all', pod(port), pod('{ containerPort: 9, hostPort: 80, hostIP: 192.168.50.11 }')],
    ['all of IPv4 and all', pod('{ containerPort: 8080, hostPort: 80, hostIP: 0.0.0.0 }'), pod(port)],
    ['a port of hostNetwork', pod('{ containerPort: 80 }', 'host: node-1, hostNetwork: true'), pod(port)],
    ['a port that hostNetwork comes to', pod(port), pod('{ containerPort: 80 }', 'host: node-1, hostNetwork: true')],
  ])('%s', (_, a, b) => {
    expect(problems(two(a, b))).toEqual([expect.stringMatching(/^5:\d+ port-taken$/)])
    expect(words(two(a, b))).toMatch(/^pod b: port 80\/TCP of node-1 belongs to pod a.*\(lab\.yaml:4\)/)
  })
  test.each([
    ['another port', '{ containerPort: 8080, hostPort: 81 }', 'host: node-1'],
    ['another protocol', '{ containerPort: 8080, hostPort: 80, protocol: UDP }', 'host: node-1'],
    ['another host', port, 'host: node-2'],
    ['no port of the host', '{ containerPort: 80 }', 'host: node-1'],
  ])('not: %s', (_, other, more) => expect(problems(two(pod(port), pod(other, more)))).toEqual([]))
  test('not: two addresses of the host', () => {
    const at = (ip: string): string => pod(`{ containerPort: 8080, hostPort: 80, hostIP: ${ip} }`)
    expect(problems(two(at('127.0.0.1'), at('192.168.50.11')))).toEqual([])
  })
  test('a pod that may choose runs where the port is free', () => {
    const l = lab(
      'name: t\nhosts: { n-1: {}, n-2: {} }\npods:\n  x: {}\n  a: { replicas: 2, containers: [{ name: c, ports: [{ containerPort: 1, hostPort: 80 }] }] }\n',
    )
    expect(
      hostPortsOf(l)
        .map((p) => `${p.pod.key} ${p.host}`)
        .toSorted(),
    ).toEqual(['a-1 n-2', 'a-2 n-1'])
  })
  test('a pod asks for one twice', () => {
    expect(words(two(pod(`${port}, { containerPort: 9, hostPort: 80 }`), '{}'))).toMatch(/^pod a asks for host port 80\/TCP twice/)
  })
  test("a node port is every host's", () => {
    const rest = 'services:\n  s: { type: NodePort, ports: [{ port: 80, nodePort: 30080 }] }\n'
    const text = two(pod('{ containerPort: 8080, hostPort: 30080 }'), '{}', rest)
    expect(problems(text)).toEqual([expect.stringMatching(/^7:\d+ port-taken$/)])
    expect(words(text)).toMatch(/node port 30080\/TCP is also the host port of pod a on node-1 \(lab\.yaml:4\)/)
    const udp = two(pod('{ containerPort: 8080, hostPort: 30080, protocol: UDP }'), '{}', rest)
    expect(problems(udp)).toEqual([])
  })
  test('a node port that is given is another one', () => {
    const text = two(pod('{ containerPort: 8080, hostPort: 30086 }'), '{}', 'services:\n  s: { type: NodePort, ports: [{ port: 80 }] }\n')
    expect(lab(text).services[0]!.ports[0]!.nodePort).toBe(30_087)
  })
  test('an address that its host does not have is warned about', () => {
    expect(words(two(pod('{ containerPort: 8080, hostPort: 80, hostIP: 10.9.9.9 }'), '{}'))).toMatch(
      /^pod a: no packet for 10\.9\.9\.9 and port 80 gets to it on node-1 \| Addresses of node-1: 192\.168\.50\.11, 127\.0\.0\.1\./,
    )
  })
  test('with hostNetwork it is the port itself', () => {
    expect(words(two(pod('{ containerPort: 80, hostPort: 81 }', 'host: node-1, hostNetwork: true'), '{}'))).toMatch(
      /with `hostNetwork` they are one port/,
    )
  })
})

const LAB = (attach: string) =>
  lab(`name: t
network: { podCIDR: [10.244.0.0/16, 'fd00:10:244::/48'], attach: ${attach} }
underlay: { segments: { lan: [192.168.50.0/24, 'fd00:50::/64'] } }
hosts: { node-1: {}, node-2: {} }
pods:
  web: { host: node-1, labels: { app: web }, containers: [{ name: c, ports: [{ containerPort: 8080, hostPort: 80 }, { containerPort: 53, hostPort: 53, protocol: UDP, hostIP: 192.168.50.11 }] }] }
  near: { host: node-1 }
  far: { host: node-2 }
externals: { client: {} }
policies:
  web: { podSelector: { matchLabels: { app: web } }, ingress: [{ from: [{ ipBlock: { cidr: 203.0.113.0/24 } }], ports: [{ port: 8080 }] }] }
`)

describe('where it leads', () => {
  const l = LAB('bridge')
  const [one, other] = [l.hosts[0]!, l.hosts[1]!]
  const tcp = (port: number) => ({ protocol: 'tcp', port }) as const
  test.each([
    ['192.168.50.11', tcp(80), true],
    ['10.244.0.1', tcp(80), true],
    ['127.0.0.1', tcp(80), true],
    ['fd00:50::11', tcp(80), false],
    ['192.168.50.12', tcp(80), false],
    ['192.168.50.11', tcp(8080), false],
    ['192.168.50.11', { protocol: 'udp', port: 53 } as const, true],
    ['10.244.0.1', { protocol: 'udp', port: 53 } as const, false],
    ['::1', tcp(80), false],
  ])('%s %o', (address, flow, leads) => expect(frontendOn(l, one, address, flow) !== undefined).toBe(leads))
  test('the IPv6 address of the host, and not another host', () => {
    const six = one.addresses.find((a) => a.family === 6)!.ip
    expect(frontendOn(l, one, six, tcp(80))).toMatchObject({ kind: 'host', port: { port: 80 } })
    expect(frontendOn(l, other, six, tcp(80))).toBeUndefined()
  })
  test("loopback is the own host's", () => {
    expect(frontendFor(l, other, '127.0.0.1', tcp(80))).toBeUndefined()
    expect(frontendFor(l, one, '127.0.0.1', tcp(80))).toMatchObject({ host: { name: 'node-1' } })
    expect(endpointsBehind(l, '127.0.0.1', tcp(80), other.netns)).toEqual([])
    expect(endpointsBehind(l, '127.0.0.1', tcp(80), one.netns)).toMatchObject([{ pod: 'web', port: 8080 }])
  })
})

describe.each([
  ['bridge', ['host'], 'host'],
  ['{ type: bridge, name: docker0 }', ['10.244.0.3'], 'host'],
  ['routed', ['10.244.0.3'], 'host'],
] as const)('whom the pod sees, %s', (attach, neighbour, itself) => {
  const l = LAB(attach)
  const host = ['192.168.50.11', '10.244.0.0', '10.244.0.1']
  const seen = (from: Host | Pod | External, address = '192.168.50.11') => {
    const { ways } = serviceVerdict(l, from, frontendFor(l, from, address, { protocol: 'tcp', port: 80 })!, 4, hostSource, hidingOf)
    return ways.map((w) => w.seen)[0]
  }
  const [web, near, far] = l.pods
  test('clients', () => {
    expect(seen(l.externals[0]!)).toEqual(['203.0.113.10'])
    expect(seen(far!)).toEqual(['10.244.1.2'])
    expect(seen(l.hosts[1]!)).toEqual(['192.168.50.12'])
    expect(seen(near!)).toEqual(neighbour[0] === 'host' ? host : neighbour)
    expect(seen(web!)).toEqual(itself === 'host' ? host : [])
    expect(seen(l.hosts[0]!, '127.0.0.1')).toEqual(host)
  })
  test('policies see the pod after DNAT, and the client before SNAT', () => {
    const allowed = (from: Host | Pod | External) =>
      serviceVerdict(l, from, frontendFor(l, from, '192.168.50.11', { protocol: 'tcp', port: 80 })!, 4, hostSource, hidingOf).allowed
    expect([l.externals[0]!, far!, near!, web!, l.hosts[0]!, l.hosts[1]!].map(allowed)).toEqual([true, false, false, true, true, false])
  })
})

describe('a change of a UDP port', () => {
  const at = (host: string): string =>
    `name: t\nhosts: { node-1: {}, node-2: {} }\npods:\n  a: { host: ${host}, containers: [{ name: c, ports: [{ containerPort: 5353, hostPort: 53, protocol: UDP }] }] }\n  b: { host: node-1 }\n`
  const flow = (address: string, answeredBy: string) => ({ address, port: 53, answeredBy })
  test('that comes: flows to the host itself are stale', () => {
    const before = lab(at('node-1').replace(', hostPort: 53', ''))
    const isStale = staleFlows(before, labAfter(before, at('node-1')))!
    expect(isStale(flow('192.168.50.11', '192.168.50.11'))).toBe(true)
    expect(isStale(flow('127.0.0.1', '127.0.0.1'))).toBe(true)
    expect(isStale(flow('192.168.50.12', '192.168.50.12'))).toBe(false)
  })
  test('that goes: flows to the pod are stale, and no others', () => {
    const before = lab(at('node-1'))
    const ip = before.pods[0]!.addresses[0]!.ip
    const isStale = staleFlows(before, labAfter(before, at('node-1').replace(', hostPort: 53', '')))!
    expect(isStale(flow('192.168.50.11', ip))).toBe(true)
    expect(isStale(flow('192.168.50.11', '10.244.0.77'))).toBe(false)
  })
  test('that stays is none', () => expect(staleFlows(lab(at('node-1')), lab(at('node-1')))).toBeUndefined())
})
