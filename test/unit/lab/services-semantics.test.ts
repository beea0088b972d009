/** What hosts do to a connection's addresses, as rules would: by hand from kube-proxy's chains. */
import { hidingOf } from '../../../src/attach/index.ts'
import { describe, expect, test } from 'vitest'
import { hostSource } from '../../../src/backends/index.ts'
import { onlyPort } from '../../../src/trace/predict/targets.ts'
import { leavesCluster } from '../../../src/lab/masquerade.ts'
import { choiceOf, endpointsBehind, frontendFor, frontendOn, originOf, type ServiceFrontend } from '../../../src/lab/services/semantics.ts'
import { serviceVerdict } from '../../../src/lab/services/service-verdict.ts'
import { lab } from './fixture.ts'

const LAB = lab(`
name: t
network: { podCIDR: [10.244.0.0/16, 'fd00:10:244::/48'] }
hosts: { node-1: {}, node-2: {} }
pods:
  a: { host: node-1, labels: { app: web } }
  b: { host: node-2, labels: { app: web } }
externals: { outside: {}, friend: { podRoutes: true } }
services:
  web: { type: NodePort, clusterIP: 10.96.0.50, selector: { app: web }, ports: [{ port: 80, nodePort: 30080 }] }
  loc: { type: NodePort, clusterIP: 10.96.0.51, externalTrafficPolicy: Local, internalTrafficPolicy: Local, selector: { app: web }, ports: [{ port: 80, nodePort: 30090 }] }
  out: { externalIPs: [192.0.2.1], selector: { app: web }, ports: [{ port: 7000 }] }
  two: { selector: { app: web }, ports: [{ name: x, port: 80 }, { name: y, port: 53, protocol: UDP }] }
  none: { clusterIP: 10.96.0.52, ports: [{ port: 80 }] }
  sctp: { selector: { app: web }, ports: [{ port: 9, protocol: SCTP }] }
`)
const [one, two] = [LAB.hosts[0]!, LAB.hosts[1]!]
const tcp = (port: number) => ({ protocol: 'tcp', port }) as const
const frontend = (dst: string, port: number, host = one): ServiceFrontend => {
  const found = frontendOn(LAB, host, dst, tcp(port))
  if (!found || found === 'unassigned' || found.kind === 'host') throw new Error(`no Service at ${dst}:${port}`)
  return found
}
const pods = (at: ServiceFrontend, src: string): unknown => {
  const { endpoints, masquerade } = choiceOf(at, originOf(LAB, at.host!, src), 4, hidingOf(LAB))
  return [endpoints.map((e) => e.pod), masquerade]
}

describe('which Service an address and a port are', () => {
  test.each([
    ['10.96.0.50', 80, 'web', 'cluster'],
    ['192.0.2.1', 7000, 'out', 'external'],
    ['192.168.50.11', 30080, 'web', 'node'],
    // Any address of the host: its bridge's, its tunnel's.
    ['10.244.0.1', 30080, 'web', 'node'],
    ['10.244.0.0', 30080, 'web', 'node'],
  ])('%s %i', (dst, port, name, by) => {
    const found = frontend(dst, port)
    expect([found.service.name, found.kind]).toEqual([name, by])
  })
  test('not: another port, another protocol, another host, a pod', () => {
    expect(frontendOn(LAB, one, '192.168.50.11', tcp(30081))).toBeUndefined()
    expect(frontendOn(LAB, one, '192.168.50.11', { protocol: 'udp', port: 30080 })).toBeUndefined()
    expect(frontendOn(LAB, one, '192.168.50.12', tcp(30080))).toBeUndefined()
    expect(frontendOn(LAB, one, '10.244.0.2', tcp(80))).toBeUndefined()
  })
  test('unassigned: a cluster address without that port, and ICMP', () => {
    expect(frontendOn(LAB, one, '10.96.0.50', tcp(81))).toBe('unassigned')
    expect(frontendOn(LAB, one, '10.96.0.50', { protocol: 'icmp', port: 0 })).toBe('unassigned')
    expect(frontendOn(LAB, one, '10.96.77.77', tcp(80))).toBe('unassigned')
  })
  test('a lab without Services has no such rules', () => {
    const plain = lab('name: t\nhosts: { node-1: {} }\npods: { a: { host: node-1 } }\n')
    expect(frontendOn(plain, plain.hosts[0]!, '10.96.0.1', tcp(80))).toBeUndefined()
  })
})

describe('whom a client gets, and as whom it comes', () => {
  const [pod, host, outside] = ['10.244.0.2', '192.168.50.11', '203.0.113.10']
  test('cluster address', () => {
    expect(pods(frontend('10.96.0.50', 80), pod)).toEqual([['a', 'b'], false])
    expect(pods(frontend('10.96.0.50', 80), host)).toEqual([['a', 'b'], true])
    expect(pods(frontend('10.96.0.51', 80, two), pod)).toEqual([['b'], false])
  })
  test('node port', () => {
    expect(pods(frontend('192.168.50.11', 30080), outside)).toEqual([['a', 'b'], true])
    expect(pods(frontend('192.168.50.11', 30080), pod)).toEqual([['a', 'b'], true])
  })
  test('node port with policy Local', () => {
    const at = frontend('192.168.50.11', 30090)
    expect(pods(at, outside)).toEqual([['a'], false])
    expect(pods(at, pod)).toEqual([['a', 'b'], false])
    expect(pods(at, host)).toEqual([['a', 'b'], true])
  })
  test('no endpoint', () => expect(pods(frontend('10.96.0.52', 80), pod)).toEqual([[], false]))
})

test('a pod at a node port of another host, with policy Local, gets any endpoint as itself, as kube-proxy counts pods as inside', () => {
  const client = LAB.pods.find((p) => p.key === 'a')
  const at = frontendFor(LAB, client!, '192.168.50.12', tcp(30090))!
  expect([at.kind, at.host!.name]).toEqual(['node', 'node-2'])
  const { ways } = serviceVerdict(LAB, client!, at, 4, hostSource, hidingOf)
  // It meets itself as that host, or it would answer itself; so its policies are about that host.
  expect(ways.map((w) => [w.endpoint.pod, w.from.name, w.seen])).toEqual([
    ['a', 'node-2', ['192.168.50.12', '10.244.1.0', '10.244.1.1']],
    ['b', 'a', ['10.244.0.2']],
  ])
})

test('what leaves the cluster does so under the address of its host', () => {
  expect(leavesCluster(LAB, '10.244.0.2', '203.0.113.10')).toBe(true)
  expect(leavesCluster(LAB, '10.244.0.2', '192.168.50.1')).toBe(true)
  for (const dst of ['10.244.1.2', '192.168.50.12', '10.96.0.50', LAB.externals[1]!.addresses[0]!.ip])
    expect(leavesCluster(LAB, '10.244.0.2', dst)).toBe(false)
  expect(leavesCluster(LAB, '192.168.50.11', '203.0.113.10')).toBe(false)
  expect(leavesCluster({ ...LAB, masquerade: false }, '10.244.0.2', '203.0.113.10')).toBe(false)
})

test('endpoints behind an address, each once', () => {
  expect(endpointsBehind(LAB, '192.168.50.12', tcp(30080)).map((e) => e.ip)).toEqual(['10.244.0.2', '10.244.1.2'])
  expect(endpointsBehind(LAB, '10.244.0.2', tcp(80))).toEqual([])
})

describe('a Service without a port', () => {
  test('its only one', () => expect(onlyPort(LAB, 'svc/web')).toEqual({ protocol: 'tcp', port: 80 }))
  test('several: which?', () =>
    expect(() => onlyPort(LAB, 'svc/two')).toThrow(expect.objectContaining({ hint: 'One of --port 80/tcp (x), --port 53/udp (y).' })))
  test('SCTP: no', () => expect(() => onlyPort(LAB, 'svc/sctp')).toThrow(/no probe speaks SCTP/))
  test('no such Service', () =>
    expect(() => onlyPort(LAB, 'svc/wep')).toThrow(expect.objectContaining({ hint: 'did you mean "svc/web"?' })))
})

test('a host without a ready endpoint of its own turns to one that is about to end, where the policy is Local', () => {
  const ending = lab(`
name: t
hosts: { node-1: {}, node-2: {} }
pods:
  a: { host: node-1, terminating: true, labels: { app: web } }
  b: { host: node-2, labels: { app: web } }
services:
  web: { clusterIP: 10.96.0.50, internalTrafficPolicy: Local, selector: { app: web }, ports: [{ port: 80 }] }
  any: { clusterIP: 10.96.0.51, selector: { app: web }, ports: [{ port: 80 }] }
`)
  const from = ending.hosts[0]!
  const chosen = (dst: string): unknown => {
    const at = frontendOn(ending, from, dst, tcp(80)) as ServiceFrontend
    return choiceOf(at, 'pod', 4, hidingOf(LAB)).endpoints.map((e) => e.pod)
  }
  expect(chosen('10.96.0.50')).toEqual(['a'])
  expect(chosen('10.96.0.51')).toEqual(['b'])
  expect(endpointsBehind(ending, '10.96.0.50', tcp(80)).map((e) => e.pod)).toEqual(['b', 'a'])
})
