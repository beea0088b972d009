import { expect, test, describe } from 'vitest'
import { localEndpoints } from '../../../src/lab/services/endpoints.ts'
import { serviceAddress, serviceOf } from '../../../src/lab/services/services.ts'
import type { Lab } from '../../../src/lab/lab.ts'
import { lab, labAfter, problems, words } from './fixture.ts'

const PODS = `hosts: { node-1: {}, node-2: {} }
pods:
  web-1: { host: node-1, labels: { app: web, tier: front }, containers: [{ name: c, ports: [{ name: http, containerPort: 8080 }] }] }
`
const HEAD = `hosts: { node-1: {}, node-2: {} }
pods:
  a: { host: node-1, labels: { app: web, tier: front }, containers: [{ name: c, ports: [{ name: http, containerPort: 8080 }] }] }
  b: { host: node-2, labels: { app: web }, containers: [{ name: c, ports: [{ name: http, containerPort: 9090 }, { name: dns, containerPort: 53, protocol: UDP }] }] }
  c: { host: node-2, labels: { app: web }, ready: false }
  shop/d: { host: node-1, labels: { app: web } }
`
const DUAL = `network: { podCIDR: [10.244.0.0/16, 'fd00:10:244::/48'] }\n${HEAD}`
const with_ = (services: string, head = HEAD): string => `${head}services:\n${services}`
const made = (services: string, head = HEAD): Lab => lab(with_(services, head))
const addresses = (l: Lab): Record<string, string> =>
  Object.fromEntries(l.services.map((s) => [s.key, s.clusterIPs.map((a) => a.ip).join(' ')]))
const ports = (l: Lab): Record<string, (number | undefined)[]> =>
  Object.fromEntries(l.services.map((s) => [s.key, s.ports.map((p) => p.nodePort)]))
const ends = (l: Lab, key: string, port = 0): string[] => serviceOf(l, key)!.ports[port]!.endpoints.map((e) => `${e.pod} ${e.ip}:${e.port}`)

describe('cluster addresses', () => {
  test('come in file order from the upper part of the range, so that low ones stay free to be pinned', () => {
    expect(addresses(made('  x: { ports: [{ port: 1 }] }\n  y: { ports: [{ port: 1 }] }\n'))).toEqual({ x: '10.96.1.1', y: '10.96.1.2' })
  })
  test('a small range keeps sixteen, a tiny one none', () => {
    expect(addresses(made('  x: { ports: [{ port: 1 }] }\n', `network: { serviceCIDR: 10.96.0.0/24 }\n${HEAD}`))).toEqual({
      x: '10.96.0.17',
    })
    expect(addresses(made('  x: { ports: [{ port: 1 }] }\n', `network: { serviceCIDR: 10.96.0.0/29 }\n${HEAD}`))).toEqual({
      x: '10.96.0.2',
    })
  })
  test('a pinned one is respected, and skipped by the others', () => {
    const l = made('  x: { ports: [{ port: 1 }] }\n  y: { clusterIP: 10.96.1.1, ports: [{ port: 1 }] }\n')
    expect(addresses(l)).toEqual({ x: '10.96.1.2', y: '10.96.1.1' })
  })
  test('a service added at the end moves no address, in a running lab not even one in front', () => {
    const one = made('  x: { type: NodePort, ports: [{ port: 1 }] }\n')
    const more = labAfter(one, with_('  a: { type: NodePort, ports: [{ port: 1 }] }\n  x: { type: NodePort, ports: [{ port: 1 }] }\n'))
    expect(addresses(more)).toEqual({ a: '10.96.1.2', x: '10.96.1.1' })
    expect(ports(more)).toEqual({ a: [30_087], x: [30_086] })
  })
  test('are of the families the service asks for, in its order', () => {
    const l = made(
      '  x: { ports: [{ port: 1 }] }\n  y: { ipFamilyPolicy: PreferDualStack, ports: [{ port: 1 }] }\n  z: { ipFamilies: [IPv6, IPv4], ipFamilyPolicy: RequireDualStack, ports: [{ port: 1 }] }\n  w: { clusterIP: "fd00:10:96::7", ports: [{ port: 1 }] }\n',
      DUAL,
    )
    expect(addresses(l)).toEqual({ x: '10.96.1.1', y: '10.96.1.2 fd00:10:96::101', z: 'fd00:10:96::102 10.96.1.3', w: 'fd00:10:96::7' })
  })
  test('PreferDualStack takes what a single-stack cluster has', () => {
    expect(addresses(made('  x: { ipFamilyPolicy: PreferDualStack, ports: [{ port: 1 }] }\n'))).toEqual({ x: '10.96.1.1' })
  })
  test('none for headless services and for aliases', () => {
    expect(
      addresses(made('  x: { clusterIP: None, selector: { app: web } }\n  y: { type: ExternalName, externalName: example.com }\n')),
    ).toEqual({ x: '', y: '' })
  })
  test('what a client connects to', () => {
    const l = made('  x: { ports: [{ port: 80 }] }\n  shop/x: { ports: [{ port: 81 }] }\n')
    expect(serviceAddress(l, 'svc/x', 4)?.address).toBe('10.96.1.1')
    expect(serviceAddress(l, 'svc/default/x', 4)?.address).toBe('10.96.1.1')
    expect(serviceAddress(l, 'shop/x', 4)).toMatchObject({ address: '10.96.1.2', ports: [{ port: 81 }] })
    expect(serviceAddress(l, 'x', 6)).toBeUndefined()
  })
})

describe('node ports', () => {
  test('come from 30086 on, after those that are kept for pinning', () => {
    expect(
      ports(
        made(
          '  x: { type: NodePort, ports: [{ port: 1, name: a }, { port: 2, name: b }] }\n  y: { type: LoadBalancer, ports: [{ port: 1 }] }\n  z: { ports: [{ port: 1 }] }\n',
        ),
      ),
    ).toEqual({ x: [30_086, 30_087], y: [30_088], z: [undefined] })
  })
  test('one number for a port in several protocols', () => {
    expect(
      ports(made('  x: { type: NodePort, ports: [{ port: 53, name: a }, { port: 53, name: b, protocol: UDP }, { port: 54, name: c }] }\n')),
    ).toEqual({ x: [30_086, 30_086, 30_087] })
  })
  test('a pinned one is respected, also for the same port of another protocol', () => {
    expect(
      ports(made('  x: { type: NodePort, ports: [{ port: 53, name: a }, { port: 53, name: b, protocol: UDP, nodePort: 30000 }] }\n')),
    ).toEqual({ x: [30_000, 30_000] })
  })
  test('a load balancer without node ports', () => {
    expect(ports(made('  x: { type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{ port: 1 }] }\n'))).toEqual({
      x: [undefined],
    })
  })
})

describe('endpoints', () => {
  test('are the ready pods of the namespace that have all the labels', () => {
    expect(ends(made('  x: { selector: { app: web }, ports: [{ port: 80 }] }\n'), 'x')).toEqual(['a 10.244.0.2:80', 'b 10.244.1.2:80'])
    expect(ends(made('  x: { selector: { app: web, tier: front }, ports: [{ port: 80 }] }\n'), 'x')).toEqual(['a 10.244.0.2:80'])
    expect(ends(made('  shop/x: { selector: { app: web }, ports: [{ port: 80 }] }\n'), 'shop/x')).toEqual(['shop/d 10.244.0.3:80'])
  })
  test('also those that are not ready where the service wants them', () => {
    expect(ends(made('  x: { publishNotReadyAddresses: true, selector: { app: web }, ports: [{ port: 80 }] }\n'), 'x')).toHaveLength(3)
  })
  test('while one is ready, those about to end are kept aside; when none is, they answer', () => {
    const ending = HEAD.replace('a: { host: node-1,', 'a: { host: node-1, terminating: true,').replace(
      'ready: false',
      'ready: false, terminating: true',
    )
    const X = '  x: { selector: { app: web }, ports: [{ port: 80 }] }\n'
    const some = serviceOf(made(X, ending), 'x')!.ports[0]!
    expect(some.endpoints.map((e) => e.pod)).toEqual(['b'])
    expect(some.draining!.map((e) => e.pod)).toEqual(['a'])
    expect(localEndpoints(some, 'node-1', 4).map((e) => e.pod)).toEqual(['a'])
    expect(localEndpoints(some, 'node-2', 4).map((e) => e.pod)).toEqual(['b'])
    expect(ends(made(X.replace('app: web', 'app: web, tier: front'), ending), 'x')).toEqual(['a 10.244.0.2:80'])
    expect(ends(made(X.replace('{ selector', '{ publishNotReadyAddresses: true, selector'), ending), 'x')).toHaveLength(3)
  })
  test("a named port is each pod's own; one without it is left out", () => {
    const l = made(
      '  x: { selector: { app: web }, ports: [{ port: 80, name: a, targetPort: http }, { port: 53, name: b, targetPort: dns, protocol: UDP }] }\n',
    )
    expect(ends(l, 'x')).toEqual(['a 10.244.0.2:8080', 'b 10.244.1.2:9090'])
    expect(ends(l, 'x', 1)).toEqual(['b 10.244.1.2:53'])
  })
  test('a name is of one protocol: the same name in another is another port', () => {
    expect(ends(made('  x: { selector: { app: web }, ports: [{ port: 80, targetPort: http }] }\n', PODS), 'x')).toEqual([
      'web-1 10.244.0.2:8080',
    ])
    expect(ends(made('  x: { selector: { app: web }, ports: [{ port: 80, targetPort: http, protocol: UDP }] }\n', PODS), 'x')).toEqual([])
    expect(ends(made('  x: { selector: { app: web }, ports: [{ port: 80, targetPort: http, protocol: SCTP }] }\n', PODS), 'x')).toEqual([])
  })
  test('none without a selector, and none for an empty one', () => {
    expect(ends(made('  x: { ports: [{ port: 80 }] }\n'), 'x')).toEqual([])
    expect(ends(made('  x: { selector: {}, ports: [{ port: 80 }] }\n'), 'x')).toEqual([])
  })
  test('of each family of the service', () => {
    expect(
      ends(made('  x: { selector: { app: web, tier: front }, ipFamilyPolicy: PreferDualStack, ports: [{ port: 80 }] }\n', DUAL), 'x'),
    ).toEqual(['a 10.244.0.2:80', 'a fd00:10:244::2:80'])
  })
})

describe('what an API server refuses', () => {
  const AT = HEAD.split('\n').length + 1
  test.each([
    [
      'an address outside every range',
      '  x: { clusterIP: 10.97.0.1, ports: [{ port: 1 }] }',
      ['8 address-outside-network'],
      'is not an address of serviceCIDR 10.96.0.0/16',
    ],
    ['the first address', '  x: { clusterIP: 10.96.0.1, ports: [{ port: 1 }] }', ['8 address-taken'], 'already belongs to the API server'],
    ['the network itself', '  x: { clusterIP: 10.96.0.0, ports: [{ port: 1 }] }', ['8 address-outside-network'], 'is not an address'],
    [
      'one address twice',
      '  x: { clusterIP: 10.96.0.9, ports: [{ port: 1 }] }\n  y: { clusterIP: 10.96.0.9, ports: [{ port: 1 }] }',
      ['9 address-taken'],
      'already belongs to service x',
    ],
    [
      'one node port twice',
      '  x: { type: NodePort, ports: [{ port: 1, nodePort: 30080 }] }\n  y: { type: NodePort, ports: [{ port: 1, nodePort: 30080 }] }',
      ['9 port-taken'],
      'already belongs to service x',
    ],
    [
      'one node port twice, in another protocol',
      '  x: { type: NodePort, ports: [{ port: 1, nodePort: 30080 }] }\n  y: { type: NodePort, ports: [{ port: 1, protocol: UDP, nodePort: 30080 }] }',
      ['9 port-taken'],
      'service x',
    ],
    [
      'a health check at a node port of another service',
      '  x: { type: NodePort, ports: [{ port: 1, nodePort: 30080 }] }\n  y: { type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 30080, ports: [{ port: 1 }] }',
      ['9 port-taken'],
      'node port 30080 already belongs to service x',
    ],
    [
      'a health check at its own node port',
      '  x: { type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 30080, ports: [{ port: 1, nodePort: 30080 }] }',
      ['8 port-taken'],
      'already belongs to service x',
    ],
    [
      'a node port that is a health check',
      '  x: { type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 30080, ports: [{ port: 1 }] }\n  y: { type: NodePort, ports: [{ port: 1, nodePort: 30080 }] }',
      ['9 port-taken'],
      'already belongs to the health check of service x',
    ],
    [
      'a family the cluster does not have',
      '  x: { ipFamilies: [IPv6], ports: [{ port: 1 }] }',
      ['8 family-unavailable'],
      'IPv6 is not configured',
    ],
    [
      'an address of such a family',
      '  x: { clusterIP: "fd00:10:96::1", ports: [{ port: 1 }] }',
      ['8 family-unavailable'],
      'IPv6 is not configured',
    ],
    [
      'two families where there is one',
      '  x: { ipFamilyPolicy: RequireDualStack, ports: [{ port: 1 }] }',
      ['8 family-unavailable'],
      'needs a cluster with both',
    ],
    [
      'loopback as an external address',
      '  x: { externalIPs: [127.0.0.1], ports: [{ port: 1 }] }',
      ['8 address-reserved'],
      'cannot be an external address',
    ],
    ['one name twice', '  x: { ports: [{ port: 1 }] }\n  default/x: { ports: [{ port: 1 }] }', ['9 name-taken'], 'also "x"'],
  ])('%s', (_name, services, finds, says) => {
    expect(AT).toBe(8)
    expect(problems(with_(`${services}\n`)).map((p) => p.replace(/:\d+/, ''))).toEqual(finds)
    expect(words(with_(`${services}\n`))).toContain(says)
  })
  test('more services than addresses', () => {
    const many = Array.from({ length: 7 }, (_, i) => `  x${i}: { ports: [{ port: 1 }] }\n`).join('')
    expect(problems(with_(many, `network: { serviceCIDR: 10.96.0.0/29 }\n${HEAD}`))).toEqual([
      '14:3 network-too-small',
      '15:3 network-too-small',
    ])
  })
})
