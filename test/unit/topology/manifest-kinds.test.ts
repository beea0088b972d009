/** Kinds, names, owners and namespaces: what `kubectl apply` takes and `kubectl get -o yaml` prints. */
import { describe, expect, test } from 'vitest'
import type { Lab } from '../../../src/lab/lab.ts'
import { resolve } from '../../../src/lab/resolve.ts'
import type { Diagnostic } from '../../../src/topology/diagnostics.ts'
import { mergeManifests } from '../../../src/topology/kubernetes/manifests.ts'
import { load } from '../lab/fixture.ts'

const TOPOLOGY = 'hosts: { node: { replicas: 2 } }\npods: {}\nmanifests: [k.yaml]\n'

function labOf(text: string, topology = TOPOLOGY, namespace?: string): { readonly lab: Lab; readonly said: readonly Diagnostic[] } {
  const { value, diagnostics } = mergeManifests(load(topology), [{ file: 'k.yaml', text, ...(namespace ? { namespace } : {}) }])
  const resolved = value && resolve(value)
  const said = [...diagnostics, ...(resolved?.diagnostics ?? [])]
  if (!resolved?.value) throw new Error(said.map((d) => `${d.line}:${d.column} ${d.code}: ${d.message}`).join('\n'))
  return { lab: resolved.value, said }
}

const keys = (text: string, topology?: string): string[] => labOf(text, topology).lab.pods.map((p) => p.key)
const codes = (said: readonly Diagnostic[]): string[] => said.map((d) => `${d.line} ${d.severity} ${d.code}`)
const SPEC = '{ containers: [{ name: c, ports: [{ name: http, containerPort: 80 }] }] }'
const TEMPLATE = `template: { metadata: { labels: { app: web } }, spec: ${SPEC} }`
const object = (kind: string, name: string, spec: string, metadata = ''): string => {
  const group = {
    Deployment: 'apps/v1',
    ReplicaSet: 'apps/v1',
    StatefulSet: 'apps/v1',
    DaemonSet: 'apps/v1',
    Job: 'batch/v1',
    CronJob: 'batch/v1',
  }
  const version = (group as Record<string, string>)[kind] ?? (kind === 'NetworkPolicy' ? 'networking.k8s.io/v1' : 'v1')
  return `---\n{ apiVersion: ${version}, kind: ${kind}, metadata: { name: ${name}${metadata} }, spec: ${spec} }\n`
}
const workload = (kind: string, name: string, more = '', metadata = ''): string =>
  object(kind, name, `{ selector: { matchLabels: { app: web } }, ${TEMPLATE}${more} }`, metadata)
const long = (n: number, c = 'a'): string => c.repeat(n)

describe('names', () => {
  test('have dots and 253 characters where Kubernetes has subdomains', () => {
    const name = `${long(100)}.${long(152)}`
    const text = ['Pod', 'Deployment', 'DaemonSet', 'StatefulSet', 'ReplicaSet', 'NetworkPolicy'].map((kind) => {
      if (kind === 'NetworkPolicy') return object(kind, name, '{}')
      return kind === 'Pod' ? object(kind, `pod.${long(240)}`, SPEC) : workload(kind, kind === 'StatefulSet' ? 'a.b' : name)
    })
    expect(labOf(text.join('')).lab.pods).toHaveLength(6)
    expect(() => labOf(object('Pod', long(254), SPEC))).toThrow('invalid-name')
    expect(() => labOf(object('Service', 'a.b', '{ ports: [{ port: 1 }] }'))).toThrow('invalid-name')
    expect(() => labOf('{ apiVersion: v1, kind: Namespace, metadata: { name: a.b } }')).toThrow('invalid-name')
  })
  test('of nodes have dots: `nodeName: ip-10-0-0-5.ec2.internal`', () => {
    const topology = 'hosts: { ip-10-0-0-5.ec2.internal: {} }\npods: {}\nmanifests: [k.yaml]\n'
    const spec = SPEC.replace('{ ', '{ nodeName: ip-10-0-0-5.ec2.internal, ')
    const { lab, said } = labOf(`${object('Pod', 'a', spec)}${workload('DaemonSet', 'agent')}`, topology)
    expect(said).toEqual([])
    expect(lab.pods.map((p) => [p.key, p.host, p.netns])).toEqual([
      ['a', 'ip-10-0-0-5.ec2.internal', 'lab.a'],
      ['agent-ip-10-0-0-5.ec2.internal', 'ip-10-0-0-5.ec2.internal', 'lab.agent-ip-10-0-0-5_ec2_internal'],
    ])
    expect(lab.hosts[0]!.netns).toBe('lab.ip-10-0-0-5_ec2_internal')
  })
  test.each([
    ['Deployment', `${long(57)}-1`],
    ['DaemonSet', `${long(58)}1`],
  ])('that a %s makes up are cut as Kubernetes cuts them', (kind, expected) => {
    const name = kind === 'Deployment' ? long(57) : long(60)
    expect(keys(workload(kind, name))[0]).toBe(expected)
    expect(keys(workload(kind, long(200)))[0]).toBe(`${long(58)}1`)
  })
  test('that are cut alike go on counting', () => {
    const two = `${workload('Deployment', long(70, 'b'), ', replicas: 2')}${workload('ReplicaSet', long(71, 'b'), ', replicas: 2')}`
    expect(keys(two)).toEqual([1, 2, 3, 4].map((n) => `${long(58, 'b')}${n}`))
  })
})

describe('one name for several kinds', () => {
  test('pods are told apart: made up names give way to those that are fixed', () => {
    const text = [
      workload('Deployment', 'web', ', replicas: 2'),
      workload('ReplicaSet', 'web'),
      workload('StatefulSet', 'web', ', replicas: 2'),
      object('Pod', 'web', SPEC),
      object('Pod', 'web-3', SPEC),
      object('Job', 'web', `{ ${TEMPLATE} }`),
      object('Service', 'web', '{ selector: { app: web }, ports: [{ port: 80 }] }'),
      object('NetworkPolicy', 'web', '{}'),
    ]
    const { lab, said } = labOf(text.join(''))
    expect(said).toEqual([])
    expect(lab.pods.map((p) => p.key)).toEqual(['web-2', 'web-4', 'web-5', 'web-0', 'web-1', 'web', 'web-3', 'web-6'])
    expect(new Set(lab.pods.map((p) => p.netns)).size).toBe(8)
    expect(lab.pods.find((p) => p.key === 'web-5')!.source).toMatchObject({ file: 'k.yaml', line: 4 })
  })
  test('one kind has a name once', () => {
    expect(() => labOf(`${workload('Deployment', 'web')}${workload('Deployment', 'web')}`)).toThrow(
      'Deployment web is there already: k.yaml:2',
    )
    expect(() => labOf(`${workload('StatefulSet', 'web')}${object('Pod', 'web-0', SPEC)}`)).toThrow('pod web-0 is there already: k.yaml:2')
  })
  test('what the topology says of a made up name is still a conflict', () => {
    expect(() => labOf(workload('Deployment', 'web'), TOPOLOGY.replace('pods: {}', 'pods: { web-1: {} }'))).toThrow('name-taken')
  })
})

test('a Namespace may be said twice: labels are merged, later ones win', () => {
  const namespace = (labels: string): string =>
    `---\n{ apiVersion: v1, kind: Namespace, metadata: { name: shop, labels: { ${labels} } } }\n`
  const { lab, said } = labOf(`${namespace('a: "1", b: "1"')}${namespace('b: "2"')}`)
  expect(lab.namespaces).toEqual({ shop: { labels: { a: '1', b: '2' } } })
  expect(codes(said)).toEqual(['4 warning merged-object'])
  expect(said[0]!.message).toContain('namespace shop is there already, k.yaml:2')
})

describe('more kinds', () => {
  test('a ReplicationController, whose selector may be left out', () => {
    expect(keys(object('ReplicationController', 'web', `{ replicas: 2, ${TEMPLATE} }`))).toEqual(['web-1', 'web-2'])
    expect(() => labOf(object('ReplicationController', 'web', `{ selector: { app: db }, ${TEMPLATE} }`))).toThrow('selector-mismatch')
  })
  test('a Job has as many pods as run at a time, a CronJob those of one run', () => {
    expect(keys(object('Job', 'once', `{ ${TEMPLATE} }`))).toEqual(['once-1'])
    expect(keys(object('Job', 'many', `{ parallelism: 3, completions: 2, ${TEMPLATE} }`))).toEqual(['many-1', 'many-2'])
    expect(keys(object('Job', 'none', `{ suspend: true, ${TEMPLATE} }`))).toEqual([])
    const cron = (more: string): string =>
      object('CronJob', 'nightly', `{ schedule: "0 3 * * *"${more}, jobTemplate: { spec: { ${TEMPLATE} } } }`)
    expect(keys(cron(''))).toEqual(['nightly-1'])
    expect(keys(cron(', suspend: true'))).toEqual([])
    expect(labOf(object('Job', 'once', `{ ${TEMPLATE} }`)).lab.pods[0]!.labels).toMatchObject({ app: 'web', 'job-name': 'once' })
  })
  test('pods of a StatefulSet have the labels that Services pick one by', () => {
    const service = object('Service', 'one', '{ selector: { statefulset.kubernetes.io/pod-name: db-1 }, ports: [{ port: 80 }] }')
    const { lab } = labOf(`${workload('StatefulSet', 'db', ', replicas: 2')}${service}`)
    expect(lab.services[0]!.ports[0]!.endpoints.map((e) => e.pod)).toEqual(['db-1'])
  })
  test('native sidecars run as long as the pod: their ports and names count', () => {
    const spec = (policy: string): string =>
      `{ initContainers: [{ name: proxy${policy}, ports: [{ name: proxy, containerPort: 15001 }] }], containers: [{ name: c }] }`
    const service = object('Service', 'a', '{ selector: { app: a }, ports: [{ port: 80, targetPort: proxy }] }')
    const ports = (policy: string) =>
      labOf(`${object('Pod', 'a', spec(policy), ', labels: { app: a }')}${service}`).lab.services[0]!.ports[0]!.endpoints.map((e) => e.port)
    expect(ports(', restartPolicy: Always')).toEqual([15_001])
    expect(ports('')).toEqual([])
    expect(() => labOf(object('Pod', 'a', spec('').replace('name: proxy', 'name: c')))).toThrow('"c" is taken')
  })
  test('a container port twice is legal, and warned about', () => {
    const twice =
      '{ containers: [{ name: c, ports: [{ name: a, containerPort: 80 }, { name: b, containerPort: 80 }] }, { name: d, ports: [{ containerPort: 80 }] }] }'
    const { lab, said } = labOf(object('Pod', 'a', twice))
    expect(codes(said)).toEqual(['2 warning port-taken', '2 warning port-taken'])
    expect(lab.pods[0]!.containers[0]!.ports).toHaveLength(2)
    expect(
      load('hosts: { h: {} }\npods: { a: { containers: [{ name: c, ports: [{ containerPort: 1 }, { containerPort: 1 }] }] } }\n'),
    ).toBeDefined()
  })
  test('Endpoints stand for a Service without a selector, as EndpointSlices do', () => {
    const service = object('Service', 'db', '{ ports: [{ name: sql, port: 1 }] }')
    const endpoints = (more = ''): string =>
      `---\n{ apiVersion: v1, kind: Endpoints, metadata: { name: db${more} }, subsets: [{ addresses: [{ ip: 192.0.2.1, nodeName: node-1 }], notReadyAddresses: [{ ip: 192.0.2.2 }], ports: [{ name: sql, port: 5432, protocol: "" }] }, { ports: null }] }\n`
    const of = (text: string) => labOf(text).lab.services[0]!.ports[0]!.endpoints
    expect(of(`${service}${endpoints()}`)).toEqual([{ family: 4, ip: '192.0.2.1', port: 5432, host: 'node-1' }])
    expect(of(`${service}${endpoints(', labels: { endpointslice.kubernetes.io/skip-mirror: "true" }')}`)).toEqual([])
    const selecting = object('Service', 'db', '{ selector: { app: web }, ports: [{ name: sql, port: 1, targetPort: 80 }] }')
    expect(of(`${selecting}${endpoints()}`)).toEqual([])
  })
})

describe('files', () => {
  test('a stream of JSON objects, each at its line', () => {
    const pod = (name: string): string =>
      `{ "apiVersion": "v1", "kind": "Pod",\n  "metadata": { "name": "${name}" },\n  "spec": { "containers": [{ "name": "c{" }] } }`
    expect(() => labOf(`${pod('a')}\n${pod('b')}`)).toThrow('3:38 invalid-name')
    const fine = (name: string): string => pod(name).replace('c{', 'c')
    expect(keys(`${fine('a')}\n${fine('b')}${fine('c')}\n`)).toEqual(['a', 'b', 'c'])
    expect(() => labOf(`${fine('a')}\n${fine('B')}\n`)).toThrow('5:25 invalid-name')
    expect(() => labOf(`${fine('a')}\n{ "kind": "Pod" `)).toThrow('yaml-syntax')
  })
  test('a namespace for objects without one', () => {
    const text = `${object('Pod', 'a', SPEC)}${object('Pod', 'b', SPEC, ', namespace: own')}${object('Pod', 'c', SPEC, ', namespace: ""')}`
    expect(labOf(text, TOPOLOGY, 'shop').lab.pods.map((p) => p.key)).toEqual(['shop/a', 'own/b', 'shop/c'])
    expect(
      load(`${TOPOLOGY.replace('[k.yaml]', '[a.yaml, { path: b.yaml, namespace: shop }]')}network: { namespace: base }\n`).topology,
    ).toMatchObject({
      manifests: [{ path: 'a.yaml' }, { path: 'b.yaml', namespace: 'shop' }],
      network: { namespace: 'base' },
    })
  })
})

describe('a dump of a cluster', () => {
  const owned = (kind: string, name: string): string =>
    `, ownerReferences: [{ apiVersion: apps/v1, kind: ${kind}, name: ${name}, uid: x, controller: true }]`
  const pod = (name: string, ip: string, more = ''): string =>
    `---\n{ apiVersion: v1, kind: Pod, metadata: { name: ${name}, labels: { app: web }${owned('ReplicaSet', 'web-5d')} }, spec: { nodeName: node-1, containers: [{ name: c }] }, status: { phase: Running, podIP: ${ip}, podIPs: [{ ip: ${ip} }]${more} } }\n`
  const controllers = `${workload('Deployment', 'web', ', replicas: 2')}${workload('ReplicaSet', 'web-5d', ', replicas: 2', owned('Deployment', 'web'))}`

  test('a Deployment, its ReplicaSet and their pods are the same pods', () => {
    expect(keys(`${controllers}${pod('web-5d-x', '10.244.0.7')}${pod('web-5d-y', '10.244.0.8')}`)).toEqual(['web-5d-x', 'web-5d-y'])
    expect(keys(controllers)).toEqual(['web-1', 'web-2'])
    expect(keys(workload('ReplicaSet', 'web-5d', '', owned('Deployment', 'web')))).toEqual(['web-5d-1'])
  })
  test('pods keep their addresses where they fit, and otherwise it is said', () => {
    const { lab, said } = labOf(`${pod('a', '10.244.0.7')}${pod('b', '172.16.3.4')}${pod('c', '10.244.0.7')}`)
    expect(lab.pods.map((p) => p.addresses[0]!.ip)).toEqual(['10.244.0.7', '10.244.0.2', '10.244.0.3'])
    expect(codes(said)).toEqual(['4 warning address-not-kept'])
    expect(said[0]!.message).toContain('2 pods had in their cluster do not fit here: b (172.16.3.4), c (10.244.0.7)')
    expect(labOf(pod('a', '10.244.0.7')).said).toEqual([])
  })
  test('pods that have ended are left out', () => {
    const { lab, said } = labOf(pod('a', '10.244.0.7').replace('Running', 'Succeeded'))
    expect([lab.pods, codes(said)]).toEqual([[], ['2 warning not-acted-upon']])
  })
  test('the API server’s own Service, and what a cluster lists of others', () => {
    const { lab, said } = labOf(`apiVersion: v1
kind: List
items:
  - { apiVersion: v1, kind: Service, metadata: { name: kubernetes, labels: { component: apiserver } }, spec: { type: ClusterIP, clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1], ipFamilies: [IPv4], ipFamilyPolicy: SingleStack, internalTrafficPolicy: Cluster, sessionAffinity: None, ports: [{ name: https, port: 443, protocol: TCP, targetPort: 6443 }] }, status: { loadBalancer: {} } }
  - { apiVersion: v1, kind: Endpoints, metadata: { name: kubernetes, labels: { endpointslice.kubernetes.io/skip-mirror: "true" } }, subsets: [{ addresses: [{ ip: 192.0.2.9 }], ports: [{ name: https, port: 6443 }] }] }
  - { apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: { name: kubernetes, labels: { kubernetes.io/service-name: kubernetes } }, addressType: IPv4, endpoints: [{ addresses: [192.0.2.9], conditions: { ready: true } }], ports: [{ name: https, port: 6443, protocol: TCP }] }
  - { apiVersion: v1, kind: Service, metadata: { name: web }, spec: { selector: { app: web }, ports: [{ port: 80 }] } }
  - { apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: { name: web-x, labels: { kubernetes.io/service-name: web, endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io } }, addressType: IPv4, endpoints: [{ addresses: [10.9.9.9] }], ports: [{ name: "", port: 80 }] }
`)
    // The dump has no pod for it.
    expect(said.map((d) => d.message)).toEqual(['service web selects no pod: namespace default has no pod'])
    expect(lab.services.map((s) => [s.key, s.clusterIPs[0]!.ip, s.ports[0]!.endpoints])).toEqual([
      ['kubernetes', '10.96.0.1', [{ family: 4, ip: '192.0.2.9', port: 6443 }]],
      ['web', expect.any(String), []],
    ])
  })
})

describe('hostNetwork', () => {
  const host = SPEC.replace('{ ', '{ hostNetwork: true, ')
  const service = object('Service', 'web', '{ selector: { app: web }, ports: [{ port: 80, targetPort: http }] }')
  test('such a pod is its host: its addresses, its namespace, and no policy selects it', async () => {
    const { policiesOf } = await import('../../../src/lab/policy/policies.ts')
    const { lab, said } = labOf(`${object('Pod', 'a', host, ', labels: { app: web }')}${service}${object('NetworkPolicy', 'all', '{}')}`)
    expect(said.map((d) => d.code)).toEqual(['selects-nothing'])
    expect(lab.pods).toEqual([])
    expect(lab.hostPods).toMatchObject([{ key: 'a', host: 'node-1', netns: lab.hosts[0]!.netns, addresses: lab.hosts[0]!.addresses }])
    expect(lab.services[0]!.ports[0]!.endpoints).toEqual([
      { family: 4, ip: lab.hosts[0]!.addresses[0]!.ip, port: 80, host: 'node-1', pod: 'a' },
    ])
    expect([...policiesOf(lab)[0]!.selected.pods]).toEqual([])
  })
  test('its containers run in the namespace of the host, under its name', async () => {
    const { compile } = await import('../../../src/compile/compile.ts')
    const { lab } = labOf(object('Pod', 'a', host))
    const processes = compile(lab).objects.filter((o) => o.kind === 'process')
    expect(processes).toMatchObject([
      { ns: 'lab.node-1', hostname: 'node-1', pod: 'a', listen: [{ port: 80, protocol: 'TCP' }], addresses: ['192.168.50.11'] },
    ])
    expect(
      compile(lab)
        .objects.filter((o) => o.kind === 'netns')
        .map((o) => o.ns),
    ).not.toContain('lab.a')
  })
  test('words name the host by it', async () => {
    const { resolveTarget } = await import('../../../src/lab/actors.ts')
    const { lab } = labOf(
      object('Pod', 'a', host),
      `${TOPOLOGY}expect: [{ from: a, to: node-2 }, { from: node-2, to: default/a, port: 80/tcp }]\n`,
    )
    expect(resolveTarget(lab, 'a')).toMatchObject({ kind: 'actor', actor: { kind: 'host', name: 'node-1' } })
  })
  test('one pod of a host has a port: others run elsewhere, or wait', () => {
    const { lab, said } = labOf(workload('Deployment', 'web', ', replicas: 3').replace('containers:', 'hostNetwork: true, containers:'))
    expect(lab.hostPods!.map((p) => p.host)).toEqual(['node-1', 'node-2'])
    expect(codes(said)).toEqual(['2 warning port-taken'])
    const later = labOf(`${object('Pod', 'x', SPEC)}${object('Pod', 'a', host)}${object('Pod', 'y', SPEC)}${object('Pod', 'b', host)}`)
    expect([later.said, later.lab.hostPods!.map((p) => p.host)]).toEqual([[], ['node-2', 'node-1']])
    const pinned =
      'hosts: { n: {} }\npods:\n  a: &a { hostNetwork: true, containers: [{ name: c, ports: [{ containerPort: 80 }] }] }\n  b: *a\n'
    expect(codes(resolve(load(pinned)).diagnostics)).toEqual(['3 error port-taken'])
  })
  test('hostPort is a port of the host, at hostIP alone if there is one; with hostNetwork it is the port itself', () => {
    const spec = SPEC.replace('containerPort: 80', 'containerPort: 80, hostPort: 8080')
    const ports = (text: string) => labOf(object('Pod', 'a', text)).lab.pods[0]!.containers[0]!.ports
    expect(ports(spec)).toMatchObject([{ containerPort: 80, hostPort: 8080 }])
    expect(ports(spec.replace('hostPort: 8080', 'hostPort: 8080, hostIP: 127.0.0.1'))).toMatchObject([{ hostIP: '127.0.0.1' }])
    expect(ports(spec.replace('hostPort: 8080', 'hostPort: 8080, hostIP: ""'))[0]).not.toHaveProperty('hostIP')
    expect(labOf(object('Pod', 'a', spec)).said).toEqual([])
    const two = labOf(
      `${object('Pod', 'a', spec.replace('{ ', '{ nodeName: node-1, '))}${object('Pod', 'b', spec.replace('{ ', '{ nodeName: node-1, '))}`,
    )
    expect([two.lab.pods.map((p) => p.key), codes(two.said)]).toEqual([['a'], ['4 warning port-taken']])
    expect(labOf(object('Pod', 'a', host.replace('containerPort: 80', 'containerPort: 80, hostPort: 80'))).said).toEqual([])
    expect(() => labOf(object('Pod', 'a', host.replace('containerPort: 80', 'containerPort: 80, hostPort: 81')))).toThrow(
      'conflicting-keys',
    )
  })
})
