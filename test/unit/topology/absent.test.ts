/** What the API server decodes as left out: null anywhere, "" and 0 where Go has no pointer. */
import { describe, expect, it } from 'vitest'
import { mergeManifests } from '../../../src/topology/kubernetes/manifests.ts'
import { jsonSchemaText, type JsonSchema } from '../../../src/topology/schema/json-schema.ts'
import { modules } from './fixture.ts'
import { brief, LAB, load, loaded } from './load.ts'

const service = (spec: string) => `${LAB}services:\n  web: ${spec}\n`
const policy = (spec: string) => `${LAB}policies:\n  p: ${spec}\n`
const merge = (text: string) => mergeManifests(loaded(`${LAB}manifests: [k.yaml]\n`), [{ file: 'k.yaml', text }])
const manifest = (kind: string, metadata: string, spec: string): string =>
  `{ apiVersion: ${{ Deployment: 'apps/v1', NetworkPolicy: 'networking.k8s.io/v1' }[kind] ?? 'v1'}, kind: ${kind}, metadata: { name: web, ${metadata} }, spec: ${spec} }\n`
const template = (spec: string): string =>
  `{ selector: { matchLabels: { app: web }, matchExpressions: null }, replicas: null, strategy: null, template: { metadata: { labels: { app: web } }, spec: ${spec} } }`

const SERVICES = [
  ['{ ports: [{ port: 80, nodePort: null }] }', '{ ports: [{ port: 80 }] }'],
  ['{ ports: [{ port: 80, nodePort: 0 }] }', '{ ports: [{ port: 80 }] }'],
  ['{ ports: [{ port: 80, protocol: "", name: "", targetPort: "" }] }', '{ ports: [{ port: 80 }] }'],
  ['{ ports: [{ port: 80, targetPort: 0, protocol: null, name: null }] }', '{ ports: [{ port: 80 }] }'],
  ['{ type: "", sessionAffinity: "", externalTrafficPolicy: "", ports: [{ port: 80 }] }', '{ ports: [{ port: 80 }] }'],
  ['{ type: null, sessionAffinity: null, sessionAffinityConfig: null, ports: [{ port: 80 }] }', '{ ports: [{ port: 80 }] }'],
  ['{ selector: null, clusterIP: "", clusterIPs: null, ipFamilies: null, ports: [{ port: 80 }] }', '{ ports: [{ port: 80 }] }'],
  ['{ loadBalancerIP: "", healthCheckNodePort: 0, externalName: "", ports: [{ port: 80 }] }', '{ ports: [{ port: 80 }] }'],
  ['{ clusterIP: None, ports: null }', '{ clusterIP: None }'],
] as const

const POLICIES = [
  ['{ podSelector: null, policyTypes: null, ingress: null, egress: null }', '{}'],
  ['{ podSelector: { matchLabels: , matchExpressions: null } }', '{ podSelector: {} }'],
  ['{ ingress: [{ from: null, ports: null }] }', '{ ingress: [{}] }'],
  ['{ ingress: [{ ports: [{ port: null, endPort: null, protocol: null }] }] }', '{ ingress: [{ ports: [{}] }] }'],
  [
    '{ egress: [{ to: [{ podSelector: null, ipBlock: { cidr: 10.0.0.0/8, except: null } }] }] }',
    '{ egress: [{ to: [{ ipBlock: { cidr: 10.0.0.0/8 } }] }] }',
  ],
] as const

describe('what counts as left out', () => {
  it.each(SERVICES)('service %s', (spec, same) => {
    expect(loaded(service(spec)).topology.services).toEqual(loaded(service(same)).topology.services)
    expect(merge(manifest('Service', '', spec)).value!.topology.services).toEqual(loaded(service(same)).topology.services)
  })
  it('an empty list where a list would not be allowed', () => {
    const [found] = Object.values(
      loaded(service('{ loadBalancerSourceRanges: [], clusterIPs: [], ports: [{ port: 80 }] }')).topology.services,
    )
    expect(found).toMatchObject({ type: 'ClusterIP' })
  })
  it.each(POLICIES)('policy %s', (spec, same) => {
    expect(loaded(policy(spec)).topology.policies).toEqual(loaded(policy(same)).topology.policies)
    expect(Object.values(merge(manifest('NetworkPolicy', '', spec)).value!.topology.policies)).toEqual(
      Object.values(loaded(policy(same)).topology.policies),
    )
  })
  it('in what makes pods', () => {
    const { value, diagnostics } = merge(
      manifest(
        'Deployment',
        'namespace: "", labels: null, annotations: null, ownerReferences: null',
        template(
          '{ nodeSelector: null, nodeName: "", hostNetwork: null, affinity: null, containers: [{ name: c, ports: [{ name: "", containerPort: 80, protocol: "", hostPort: 0 }], env: null }, { name: d, ports: null }] }',
        ),
      ),
    )
    expect(diagnostics).toEqual([])
    expect(value!.topology.pods['web']).toEqual({
      labels: { app: 'web' },
      replicas: 1,
      ready: true,
      terminating: false,
      containers: [
        { name: 'c', ports: [{ containerPort: 80, protocol: 'TCP' }] },
        { name: 'd', ports: [] },
      ],
    })
  })
  it('a policy without a spec, and a list without items', () => {
    expect(merge(manifest('NetworkPolicy', '', 'null')).value!.topology.policies).toEqual({ web: { podSelector: {} } })
    expect(merge('{ apiVersion: v1, kind: List, items: null }').diagnostics).toEqual([])
  })
})

describe('what is still wrong', () => {
  it.each([
    [service('{ ports: [null] }'), '4:18 wrong-type'],
    [service('{ ports: [{ port: null }] }'), '4:26 wrong-type'],
    [service('{ ports: [{ port: 0 }] }'), '4:26 out-of-range'],
    [service('{ type: 0, ports: [{ port: 80 }] }'), '4:16 wrong-type'],
    [service('{ ports: [{ port: 80, nodePort: "" }] }'), '4:40 wrong-type'],
    [service('{ selector: { a: null }, ports: [{ port: 80 }] }'), '4:25 wrong-type'],
    [service('{ selectors: null, ports: [{ port: 80 }] }'), '4:10 unknown-key'],
    [service('{ ipFamilyPolicy: "", ports: [{ port: 80 }] }'), '4:26 invalid-value'],
    [policy('{ ingress: [null] }'), '4:18 wrong-type'],
    [policy('{ podSelector: { a: null } }'), '4:23 unknown-key'],
    [policy('{ ingress: [{ from: [{ podSelector: null }] }] }'), '4:27 empty-peer'],
    [policy('{ ingress: [{ ports: [{ protocol: "" }] }] }'), '4:40 invalid-value'],
    [`${LAB}services: null\n`, '3:11 wrong-type'],
  ])('%s', (text, found) => {
    const { value, diagnostics } = load(text)
    expect([value, diagnostics.map(brief)]).toEqual([undefined, [found]])
  })
  it('in what makes pods', () => {
    const { diagnostics } = merge(manifest('Deployment', 'labels: { a: null }', template('{ containers: [null] }')))
    expect(diagnostics.map((d) => d.code)).toEqual(['wrong-type', 'wrong-type'])
  })
})

it('the JSON Schema allows what counts as left out', () => {
  const { definitions } = JSON.parse(jsonSchemaText(modules)) as JsonSchema
  expect(definitions!['ServicePort']!.properties!['nodePort']!.anyOf).toEqual([
    { type: 'integer', minimum: 30_000, maximum: 32_767 },
    { enum: [0] },
    { type: 'null' },
  ])
  expect(definitions!['ServicePort']!.properties!['port']).toMatchObject({ type: 'integer', minimum: 1 })
  expect(definitions!['NetworkPolicySpec']!.properties!['ingress']!.anyOf!.at(-1)).toEqual({ type: 'null' })
})
