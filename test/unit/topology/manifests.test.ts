import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { resolve } from '../../../src/lab/resolve.ts'
import { readTopology } from '../../../src/topology/load.ts'
import { mergeManifests } from '../../../src/topology/kubernetes/manifests.ts'
import { modules } from './fixture.ts'
import { loaded } from './load.ts'

const TOPOLOGY = 'hosts: { node: { replicas: 2, labels: { disk: ssd } }, spare: {} }\npods: {}\nmanifests: [k.yaml]\n'
const merge = (text: string, topology = TOPOLOGY) => mergeManifests(loaded(topology), [{ file: 'k.yaml', text }])
const merged = (text: string, topology = TOPOLOGY) => {
  const { value, diagnostics } = merge(text, topology)
  if (!value) throw new Error(diagnostics.map((d) => `${d.line}:${d.column} ${d.code}: ${d.message}`).join('\n'))
  return value
}
const TEMPLATE =
  'metadata: { labels: { app: web } }, spec: { containers: [{ name: c, image: nginx, ports: [{ name: http, containerPort: 80 }] }] }'
const workload = (kind: string, more = ''): string =>
  `{ apiVersion: apps/v1, kind: ${kind}, metadata: { name: web }, spec: { selector: { matchLabels: { app: web } }, template: { ${TEMPLATE} }${more} } }\n`
const podsOf = (text: string, topology?: string) => resolve(merged(text, topology)).value!.pods

describe('what objects become', () => {
  test('a pod: its labels, ports and host; what a network does not see is passed over', () => {
    const [pod] = podsOf(
      '{ apiVersion: v1, kind: Pod, metadata: { name: a, namespace: shop, labels: { app: a }, annotations: { x: y } }, spec: { nodeName: node-2, restartPolicy: Never, containers: [{ name: c, image: x, env: [], resources: {}, ports: [{ containerPort: 53, protocol: UDP, hostPort: 53 }] }] } }',
    )
    expect(pod).toMatchObject({
      key: 'shop/a',
      host: 'node-2',
      labels: { app: 'a' },
      ready: true,
      containers: [{ name: 'c', ports: [{ containerPort: 53, protocol: 'UDP' }] }],
    })
    expect(pod!.containers[0]).not.toHaveProperty('command')
  })
  test('replicas of a Deployment and a ReplicaSet are numbered from 1', () => {
    expect(podsOf(workload('Deployment', ', replicas: 2')).map((p) => p.key)).toEqual(['web-1', 'web-2'])
    expect(podsOf(workload('ReplicaSet')).map((p) => p.key)).toEqual(['web-1'])
    expect(podsOf(workload('Deployment', ', replicas: 0'))).toEqual([])
  })
  test('those of a StatefulSet from 0, or where it says', () => {
    expect(podsOf(workload('StatefulSet', ', replicas: 2, serviceName: web')).map((p) => p.key)).toEqual(['web-0', 'web-1'])
    expect(podsOf(workload('StatefulSet', ', replicas: 2, ordinals: { start: 5 }')).map((p) => p.key)).toEqual(['web-5', 'web-6'])
  })
  test('a DaemonSet has one on every host, or on those it selects', () => {
    expect(podsOf(workload('DaemonSet')).map((p) => [p.key, p.host])).toEqual([
      ['web-node-1', 'node-1'],
      ['web-node-2', 'node-2'],
      ['web-spare', 'spare'],
    ])
    const some = workload('DaemonSet').replace('containers:', 'nodeSelector: { disk: ssd }, containers:')
    expect(podsOf(some).map((p) => p.host)).toEqual(['node-1', 'node-2'])
    expect(podsOf(some.replace('disk: ssd', 'kubernetes.io/hostname: spare')).map((p) => p.host)).toEqual(['spare'])
  })
  test('pods of a Deployment are dealt over the hosts that `nodeSelector` selects; `nodeName` pins them', () => {
    const some = workload('Deployment', ', replicas: 3').replace('containers:', 'nodeSelector: { disk: ssd }, containers:')
    expect(podsOf(some).map((p) => p.host)).toEqual(['node-1', 'node-2', 'node-1'])
    expect(podsOf(some.replace('disk: ssd', 'kubernetes.io/hostname: spare')).map((p) => p.host)).toEqual(['spare', 'spare', 'spare'])
    const pinned = workload('StatefulSet', ', replicas: 2').replace('containers:', 'nodeName: node-2, containers:')
    expect(podsOf(pinned).map((p) => p.host)).toEqual(['node-2', 'node-2'])
  })
  test('what the topology says about the host comes first', () => {
    const some = workload('Deployment').replace('containers:', 'nodeSelector: { disk: ssd }, containers:')
    expect(podsOf(some, TOPOLOGY.replace('pods: {}', 'pods: { web: { replicas: 1, host: spare } }')).map((p) => p.host)).toEqual(['spare'])
  })
  test('no host with the labels: a warning at the selector of the manifest, and no pod', () => {
    const none = workload('Deployment', ', replicas: 3').replace('containers:', 'nodeSelector: { disk: tape }, containers:')
    const { value, diagnostics } = resolve(merged(none))
    expect(value!.pods).toEqual([])
    expect(diagnostics).toMatchObject([
      {
        code: 'no-host-fits',
        severity: 'warning',
        file: 'k.yaml',
        line: 1,
        message: 'pod web-1: no host has the labels disk=tape: in a cluster it would wait, here it is left out',
      },
    ])
    expect(diagnostics[0]!.hint).toContain('Labels of hosts: disk=ssd, kubernetes.io/hostname=node-1')
    expect(diagnostics[0]!.column).toBe(none.indexOf('nodeSelector') + 1)
    const both = none.replace('nodeSelector:', 'nodeName: spare, nodeSelector:').replace('tape', 'ssd')
    expect(resolve(merged(both)).diagnostics.map((d) => d.message)[0]).toContain('host spare does not have the labels disk=ssd')
    const { diagnostics: ofDaemons } = merge(none.replace('Deployment', 'DaemonSet').replace(', replicas: 3', ''))
    expect(ofDaemons).toMatchObject([
      { code: 'no-host-fits', severity: 'warning', message: 'DaemonSet web: no host has the labels disk=tape: it has no pod' },
    ])
  })
  test.each([
    'kubernetes.io/os: linux',
    'kubernetes.io/arch: amd64',
    'beta.kubernetes.io/os: linux',
    'beta.kubernetes.io/arch: amd64',
    'kubernetes.io/hostname: node-2',
    'topology.kubernetes.io/zone: b',
  ])('hosts have the labels of a kubelet, and those they declare: %s', (wanted) => {
    const topology = 'hosts: { node-2: { labels: { topology.kubernetes.io/zone: b } } }\npods: {}\nmanifests: [k.yaml]\n'
    const text = (kind: string): string => workload(kind).replace('containers:', `nodeSelector: { ${wanted} }, containers:`)
    for (const kind of ['Deployment', 'DaemonSet']) {
      const { value, diagnostics } = resolve(merged(text(kind), topology))
      expect([value!.pods.map((p) => p.host), diagnostics]).toEqual([['node-2'], []])
    }
  })
  test('what a host declares wins over a kubelet, also for the deprecated twin', () => {
    const topology = 'hosts: { a: { labels: { kubernetes.io/arch: arm64 } } }\npods: {}\nmanifests: [k.yaml]\n'
    expect(resolve(merged(workload('Deployment'), topology)).value!.hosts[0]!.labels).toEqual({
      'beta.kubernetes.io/arch': 'arm64',
      'beta.kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'arm64',
      'kubernetes.io/hostname': 'a',
      'kubernetes.io/os': 'linux',
    })
  })
  test('rules about where pods run that are passed over are named', () => {
    const some = workload('Deployment').replace('containers:', 'affinity: { nodeAffinity: {} }, topologySpreadConstraints: [], containers:')
    expect(merge(some).diagnostics.map((d) => [d.severity, d.message.split(':')[1]])).toEqual([
      ['warning', ' `affinity` has no effect'],
      ['warning', ' `topologySpreadConstraints` has no effect'],
    ])
  })
  test('a pod that a cluster is deleting is about to end', () => {
    const pod =
      '{ apiVersion: v1, kind: Pod, metadata: { name: a, deletionTimestamp: "2024-01-01T00:00:00Z" }, spec: { containers: [{ name: c }] } }'
    expect(podsOf(pod)[0]).toMatchObject({ ready: true, terminating: true })
  })
  test('a pod that a cluster found not ready is not ready', () => {
    const pod =
      '{ apiVersion: v1, kind: Pod, metadata: { name: a }, spec: { containers: [{ name: c }] }, status: { phase: Running, conditions: [{ type: Ready, status: "False" }] } }'
    expect(podsOf(pod)[0]!.ready).toBe(false)
  })
  test('namespaces, services and policies', () => {
    const { topology } = merged(`
{ apiVersion: v1, kind: Namespace, metadata: { name: shop, labels: { team: red } } }
---
{ apiVersion: v1, kind: Service, metadata: { name: web, namespace: shop }, spec: { selector: { app: web }, ports: [{ port: 80 }] } }
---
{ apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: { name: deny }, spec: { podSelector: {} } }
`)
    expect(topology.namespaces).toEqual({ shop: { labels: { team: 'red' } } })
    expect(topology.services).toMatchObject({ 'shop/web': { selector: { app: 'web' }, ports: [{ port: 80, protocol: 'TCP' }] } })
    expect(topology.policies).toMatchObject({ deny: { podSelector: {} } })
  })
  test('EndpointSlices: who answers for a Service without a selector', () => {
    const lab = resolve(
      merged(`
{ apiVersion: v1, kind: Service, metadata: { name: db }, spec: { ports: [{ name: sql, port: 1, targetPort: 9 }] } }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: db-1, labels: { kubernetes.io/service-name: db } }
addressType: IPv4
endpoints: [{ addresses: [192.0.2.1], nodeName: spare }, { addresses: [192.0.2.2], conditions: { ready: false } }, { addresses: [192.0.2.3], conditions: {} }]
ports: [{ name: sql, port: 5432 }, { name: other, port: 1 }]
`),
    ).value!
    expect(lab.services[0]!.ports[0]!.endpoints).toEqual([
      { family: 4, ip: '192.0.2.1', port: 5432, host: 'spare' },
      { family: 4, ip: '192.0.2.3', port: 5432 },
    ])
  })
  test('conditions of endpoints: ready, or about to end and still serving', () => {
    const lab = (conditions: readonly string[], policy = '') =>
      resolve(
        merged(`
{ apiVersion: v1, kind: Service, metadata: { name: db }, spec: { ports: [{ port: 1 }]${policy} } }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: db-1, labels: { kubernetes.io/service-name: db } }
addressType: IPv4
endpoints: [${conditions.map((c, i) => `{ addresses: [192.0.2.${i + 1}], conditions: { ${c} } }`).join(', ')}]
ports: [{ port: 5432 }]
`),
      ).value!.services[0]!.ports[0]!
    const last = (list: readonly { ip: string }[] = []): string => list.map((e) => e.ip.split('.').pop()).join(' ')
    const ending = ['ready: false, serving: true, terminating: true', 'ready: false, serving: false, terminating: true']
    const unready = ['ready: false, terminating: true', 'ready: false, serving: true', 'ready: false']
    const all = lab([...ending, ...unready])
    expect([last(all.endpoints), last(all.draining)]).toEqual(['1', '1'])
    const some = lab([...ending, ...unready, 'serving: false', 'ready: true'])
    expect([last(some.endpoints), last(some.draining)]).toEqual(['6 7', '1'])
    const none = lab(unready)
    expect([none.endpoints, none.draining]).toEqual([[], undefined])
    expect(last(lab([...ending, ...unready], ', publishNotReadyAddresses: true').endpoints)).toBe('1 2 3 4 5')
  })
  test('Lists, typed or not, and several documents', () => {
    const pod = (name: string, head = ''): string => `{ ${head}metadata: { name: ${name} }, spec: { containers: [{ name: c }] } }`
    const typed = 'apiVersion: v1, kind: Pod, '
    expect(
      podsOf(
        `{ apiVersion: v1, kind: List, metadata: {}, items: [${pod('a', typed)}] }\n---\n{ apiVersion: v1, kind: PodList, items: [${pod('b')}] }\n---\n---\n${pod('c', typed)}\n`,
      ).map((p) => p.key),
    ).toEqual(['a', 'b', 'c'])
  })
  test('what the topology says of a pod of the same name is said of it too', () => {
    const topology =
      'hosts: { node-1: {}, node-2: {} }\npods: { a: { host: node-2, ip: 10.244.1.9, labels: { x: y }, containers: [{ name: c, command: [sleep, "1"] }] }, z: {} }\n'
    const pods = podsOf(
      '{ apiVersion: v1, kind: Pod, metadata: { name: a, labels: { app: a } }, spec: { containers: [{ name: c }, { name: d }] } }',
      topology,
    )
    expect(pods.map((p) => p.key)).toEqual(['a', 'z'])
    expect(pods[0]).toMatchObject({
      host: 'node-2',
      addresses: [{ ip: '10.244.1.9' }],
      labels: { app: 'a', x: 'y' },
      containers: [{ name: 'c', command: ['sleep', '1'] }, { name: 'd' }],
    })
  })
  test('other kinds are named in one warning', () => {
    const { diagnostics } = merge(
      '{ apiVersion: v1, kind: ConfigMap }\n---\n{ apiVersion: v1, kind: ConfigMap }\n---\n{ apiVersion: serving.knative.dev/v1, kind: Service }\n',
    )
    expect(diagnostics).toEqual([expect.objectContaining({ severity: 'warning', code: 'not-acted-upon', file: 'lab.yaml', line: 3 })])
    expect(diagnostics[0]!.message).toContain('ConfigMap (2), Service of serving.knative.dev/v1')
  })
})

test('names that objects of JavaScript inherit are names like others', () => {
  const text = ['Pod', 'Namespace']
    .map(
      (kind) =>
        `{ apiVersion: v1, kind: ${kind}, metadata: { name: constructor }, ${kind === 'Pod' ? 'spec: { containers: [{ name: c }] }' : ''} }\n`,
    )
    .join('---\n')
  const { topology } = merged(text)
  expect(Object.keys(topology.pods)).toContain('constructor')
  expect(Object.entries(topology.namespaces)).toContainEqual(['constructor', { labels: {} }])
})

describe('places', () => {
  const text = 'apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec:\n  clusterIP: 10.97.0.1\n  ports: [{ port: 80 }]\n'
  test('what the model finds wrong is in the manifest', () => {
    expect(resolve(merged(text)).diagnostics).toEqual([
      expect.objectContaining({ code: 'address-outside-network', file: 'k.yaml', line: 5, column: 3 }),
    ])
  })
  test('objects of a lab know the manifest', () => {
    const lab = resolve(merged(text.replace('10.97.0.1', '10.96.0.9'))).value!
    expect(lab.services[0]!.source).toEqual({ path: 'services.web', file: 'k.yaml', line: 3, column: 13 })
  })
  test('a pod of a host that does not exist is left out, as a cluster removes it: a warning at nodeName, with the nearest name', () => {
    const pod = 'apiVersion: v1\nkind: Pod\nmetadata: { name: a }\nspec:\n  containers: [{ name: c }]\n  nodeName: node-l\n'
    const { value, diagnostics } = resolve(merged(pod))
    expect(diagnostics).toEqual([
      expect.objectContaining({
        severity: 'warning',
        code: 'unknown-host',
        message: 'pod a: there is no host "node-l": a cluster would remove it, here it is left out',
        hint: expect.stringMatching(/^did you mean "node-\d"\?$/),
        file: 'k.yaml',
        line: 6,
        column: 3,
      }),
    ])
    expect(value!.pods).toEqual([])
  })
  test('pods of one host that does not exist have one warning', () => {
    const pod = (name: string, host: string): string =>
      `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec: { containers: [{ name: c }], nodeName: ${host} }\n`
    const text = [...'abcdefg']
      .map((name) => pod(name, 'ip-10-0-0-5'))
      .concat(pod('x', 'ip-10-0-0-6'), pod('y', 'node-1'))
      .join('---\n')
    const { value, diagnostics } = resolve(merged(text))
    expect(diagnostics.map((d) => `${d.line} ${d.message}`)).toEqual([
      '4 7 pods (a, b, c, d, e, …): there is no host "ip-10-0-0-5": a cluster would remove them, here they are left out',
      '39 pod x: there is no host "ip-10-0-0-6": a cluster would remove it, here it is left out',
    ])
    expect(value!.pods.map((p) => p.name)).toEqual(['y'])
  })
  test('an endpoint on a host that does not exist is one all the same: a warning at its slice', () => {
    const service = 'apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { ports: [{ port: 80 }] }\n---\n'
    const slice =
      'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: web-1, labels: { kubernetes.io/service-name: web } }\n' +
      'addressType: IPv4\nports: [{ name: "", port: 80 }]\nendpoints: [{ addresses: [203.0.113.9], nodeName: nowhere }]\n'
    const { value, diagnostics } = resolve(merged(service + slice))
    expect(diagnostics).toEqual([expect.objectContaining({ severity: 'warning', code: 'unknown-host', file: 'k.yaml', line: 8 })])
    expect(value!.services[0]!.ports[0]!.endpoints).toEqual([{ family: 4, ip: '203.0.113.9', port: 80, host: 'nowhere' }])
  })
})

const service = (spec: string): string => `{ apiVersion: v1, kind: Service, metadata: { name: a }, spec: ${spec} }`
const pod = (spec: string, metadata = '{ name: a }'): string => `{ apiVersion: v1, kind: Pod, metadata: ${metadata}, spec: ${spec} }`
const policy = (spec: string): string => `{ apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: { name: a }, spec: ${spec} }`
const slice = (rest: string): string => `{ apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: { name: a }, ${rest} }`

describe('what an API server refuses', () => {
  test.each<[string, string, string, string]>([
    ['no kind', '{ apiVersion: v1 }', 'missing-key', '`kind` is missing'],
    ['no version', '{ kind: Pod }', 'missing-key', 'add `apiVersion: v1`'],
    ['a kind in the wrong case', '{ apiVersion: v1, kind: service }', 'unknown-kind', 'did you mean `Service`?'],
    ['a version of long ago', '{ apiVersion: extensions/v1beta1, kind: Deployment }', 'unknown-version', 'write `apiVersion: apps/v1`'],
    ['a version that never was', '{ apiVersion: v1, kind: NetworkPolicy }', 'unknown-version', 'networking.k8s.io/v1'],
    ['no object at all', 'hello', 'wrong-type', 'expected a Kubernetes object'],
    ['an item that is none', '{ apiVersion: v1, kind: List, items: [7] }', 'wrong-type', 'found the number 7'],
    ['no name', pod('{ containers: [{ name: c }] }', '{}'), 'missing-key', '`name` is missing'],
    ['a bad name', pod('{ containers: [{ name: c }] }', '{ name: A_b }'), 'invalid-name', 'metadata.name'],
    ['a bad label', pod('{ containers: [{ name: c }] }', '{ name: a, labels: { x: "a b" } }'), 'invalid-label', 'metadata.labels.x'],
    ['a label that is no text', pod('{ containers: [{ name: c }] }', '{ name: a, labels: { x: 1 } }'), 'wrong-type', 'quote it: "1"'],
    ['a field that does not exist', pod('{ containers: [{ name: c }], nodename: x }'), 'unknown-key', 'did you mean `nodeName`?'],
    ['no containers', pod('{ containers: [] }'), 'out-of-range', 'spec.containers: the list is empty'],
    [
      'a port out of range',
      pod('{ containers: [{ name: c, ports: [{ containerPort: 70000 }] }] }'),
      'out-of-range',
      'spec.containers[0].ports[0].containerPort',
    ],
    [
      'a port name that is too long',
      pod('{ containers: [{ name: c, ports: [{ name: abcdefghijklmnop, containerPort: 1 }] }] }'),
      'invalid-name',
      'at most 15',
    ],
    [
      'a protocol in lower case',
      pod('{ containers: [{ name: c, ports: [{ containerPort: 1, protocol: tcp }] }] }'),
      'invalid-value',
      '`TCP`',
    ],
    [
      'a port name twice',
      pod('{ containers: [{ name: c, ports: [{ name: a, containerPort: 1 }, { name: a, containerPort: 2 }] }] }'),
      'duplicate-name',
      '"a" is taken',
    ],
    ['a service without ports', service('{}'), 'missing-key', 'at least one port'],
    [
      'a field of a service that does not exist',
      service('{ ports: [{ port: 1 }], selectors: {} }'),
      'unknown-key',
      'did you mean `selector`?',
    ],
    [
      'a policy with a bad network',
      policy('{ ingress: [{ from: [{ ipBlock: { cidr: 10.0.0.0/33 } }] }] }'),
      'invalid-network',
      'spec.ingress[0].from[0].ipBlock.cidr',
    ],
    [
      'an exception outside its network',
      policy('{ ingress: [{ from: [{ ipBlock: { cidr: 10.0.0.0/24, except: [10.1.0.0/24] } }] }] }'),
      'outside-network',
      'except[0]',
    ],
    [
      'an operator that does not exist',
      policy('{ podSelector: { matchExpressions: [{ key: a, operator: Is }] } }'),
      'invalid-value',
      'operator',
    ],
    [
      'a slice of another family',
      slice('addressType: IPv6, endpoints: [{ addresses: [192.0.2.1] }]'),
      'invalid-address',
      'endpoints[0].addresses[0]',
    ],
    [
      'a slice with loopback',
      slice('addressType: IPv4, endpoints: [{ addresses: [127.0.0.1] }]'),
      'address-reserved',
      'cannot be an endpoint',
    ],
    ['a slice without addresses', slice('addressType: IPv4, endpoints: [{ addresses: [] }]'), 'out-of-range', 'the list is empty'],
    ['a slice with a port name twice', slice('addressType: IPv4, ports: [{ port: 1 }, { port: 2 }]'), 'duplicate-name', 'ports[1].name'],
    ['an empty selector', workload('Deployment').replace('matchLabels: { app: web }', ''), 'empty-selector', 'spec.selector'],
    [
      'a selector that does not select the template',
      workload('Deployment').replace('matchLabels: { app: web }', 'matchLabels: { app: db }'),
      'selector-mismatch',
      'by their label "app"',
    ],
    ['replicas below zero', workload('Deployment', ', replicas: -1'), 'out-of-range', 'spec.replicas'],
    ['replicas of a DaemonSet', workload('DaemonSet', ', replicas: 2'), 'unknown-key', 'unknown key "replicas" in spec'],
    ['not YAML', '{ a: [', 'yaml-syntax', ''],
  ])('%s', (_name, text, code, says) => {
    const { value, diagnostics } = merge(text)
    expect(value).toBeUndefined()
    expect(diagnostics.map((d) => d.code)).toContain(code)
    expect(diagnostics.map((d) => `${d.message} ${d.hint ?? ''}`).join('\n')).toContain(says)
    for (const d of diagnostics) expect(d).toMatchObject({ severity: 'error', file: 'k.yaml', line: 1 })
  })
  test('one name twice, in manifests or also in the topology', () => {
    const { diagnostics } = merge(`${service('{ ports: [{ port: 1 }] }')}\n---\n${service('{ ports: [{ port: 1 }] }')}`)
    expect(diagnostics).toEqual([
      expect.objectContaining({ code: 'duplicate-object', line: 3, message: 'service a is there already: k.yaml:1' }),
    ])
    const both = merge(service('{ ports: [{ port: 1 }] }'), `${TOPOLOGY}services: { a: { ports: [{ port: 1 }] } }\n`)
    expect(both.diagnostics).toEqual([
      expect.objectContaining({ code: 'duplicate-object', line: 1, message: 'service a is there already: lab.yaml:4' }),
    ])
  })
  test('everything at once, in the order of the lines', () => {
    const { diagnostics } = merge(`${service('{}')}\n---\n${pod('{}')}\n---\n${workload('Deployment', ', replicas: x')}`)
    expect(diagnostics.map((d) => d.line)).toEqual([1, 3, 5])
  })
})

describe('files', () => {
  const dir = mkdtempSync(join(tmpdir(), 'netlab-manifests-'))
  afterAll(() => rmSync(dir, { recursive: true, force: true }))
  mkdirSync(join(dir, 'k8s/deep'), { recursive: true })
  const write = (name: string, pod: string): void =>
    writeFileSync(join(dir, name), `{ apiVersion: v1, kind: Pod, metadata: { name: ${pod} }, spec: { containers: [{ name: c }] } }\n`)
  write('k8s/b.yaml', 'b')
  write('k8s/a.yml', 'a')
  write('k8s/c.json', 'c')
  writeFileSync(join(dir, 'k8s/README.md'), '# no manifest')
  write('k8s/deep/d.yaml', 'd')
  writeFileSync(join(dir, 'bad.yaml'), '{ apiVersion: v1, kind: Pod, metadata: { name: a } }\n')
  const read = (manifests: string) => {
    const file = join(dir, 'lab.yaml')
    writeFileSync(file, `hosts: { node-1: {} }\npods: {}\nmanifests: ${manifests}\n`)
    return readTopology(file, modules)
  }
  const names = async (manifests: string): Promise<string[]> => Object.keys((await read(manifests)).value!.topology.pods)

  test.each([
    ['[k8s/b.yaml, k8s/a.yml]', ['b', 'a']],
    ['[k8s]', ['a', 'b', 'c']],
    ['[k8s/*.yaml]', ['b']],
    ['["k8s/**/*.yaml"]', ['b', 'd']],
    ['["**/?.y*"]', ['a', 'b', 'd']],
    ['["k8s/[ac].*"]', ['a', 'c']],
    ['[k8s/b.yaml, k8s]', ['b', 'a', 'c']],
  ])('%s', async (manifests, pods) => {
    expect(await names(manifests)).toEqual(pods)
  })
  test.each([
    ['[k8s/bb.yaml]', 'did you mean `k8s/b.yaml`?'],
    ['[k8s/*.txt]', 'nothing matches k8s/*.txt'],
    ['[nowhere]', 'there is no file nowhere'],
  ])('%s: %s', async (manifests, says) => {
    const { value, diagnostics } = await read(manifests)
    expect(value).toBeUndefined()
    expect(diagnostics).toEqual([expect.objectContaining({ code: 'file-not-found', line: 3, column: 13 })])
    expect(`${diagnostics[0]!.message} ${diagnostics[0]!.hint}`).toContain(says)
  })
  test('mistakes name the manifest, and its text comes along for the code frame', async () => {
    const { diagnostics, texts } = await read('[bad.yaml]')
    expect(diagnostics).toEqual([expect.objectContaining({ code: 'missing-key', file: join(dir, 'bad.yaml'), line: 1 })])
    expect(texts.get(join(dir, 'bad.yaml'))).toContain('kind: Pod')
  })
})
