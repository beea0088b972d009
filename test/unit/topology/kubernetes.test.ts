import { describe, expect, it } from 'vitest'
import { LAB, loaded } from './load.ts'

const service = (spec: string) => `${LAB}services:\n  web: ${spec}\n`
const policy = (spec: string) => `${LAB}policies:\n  p: ${spec}\n`

describe('Kubernetes objects that are fine', () => {
  it('get the defaults of the API', () => {
    expect(loaded(service('{ selector: { app: web }, ports: [{ port: 80 }] }')).topology.services['web']).toEqual({
      type: 'ClusterIP',
      selector: { app: 'web' },
      ports: [{ port: 80, protocol: 'TCP' }],
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
      publishNotReadyAddresses: false,
    })
    expect(loaded(policy('{ ingress: [{ ports: [{ port: 80 }] }] }')).topology.policies['p']).toEqual({
      podSelector: {},
      ingress: [{ ports: [{ port: 80, protocol: 'TCP' }] }],
    })
  })

  it.each([
    '{ clusterIP: None }',
    '{ clusterIP: None, ports: [{ port: 80, targetPort: http }] }',
    '{ type: ExternalName, externalName: db.example.com }',
    '{ type: NodePort, externalTrafficPolicy: Local, ports: [{ port: 80, nodePort: 30080 }] }',
    '{ externalIPs: [198.51.100.7], externalTrafficPolicy: Local, ports: [{ port: 80 }] }',
    '{ type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.1/8], externalTrafficPolicy: Local, healthCheckNodePort: 30000, ports: [{ port: 80 }] }',
    '{ ports: [{ name: dns, port: 53, protocol: UDP }, { name: dns-tcp, port: 53 }] }',
    '{ ports: [{ port: 80 }], clusterIP: 10.96.0.5, clusterIPs: [10.96.0.5, "fd00::5"], ipFamilies: [IPv4, IPv6], ipFamilyPolicy: RequireDualStack }',
    '{ ports: [{ port: 80, appProtocol: kubernetes.io/h2c }], sessionAffinity: ClientIP, sessionAffinityConfig: { clientIP: {} } }',
  ])('service %s', (spec) => {
    expect(loaded(service(spec)).topology.services['web']).toBeDefined()
  })

  it.each([
    '{}',
    '{ podSelector: {}, policyTypes: [Ingress, Egress] }',
    '{ podSelector: { matchLabels: { a: b }, matchExpressions: [{ key: c, operator: NotIn, values: [d, ""] }, { key: e, operator: DoesNotExist }] } }',
    '{ ingress: [{}] }',
    '{ ingress: [{ from: [{ podSelector: {}, namespaceSelector: {} }, { ipBlock: { cidr: 10.1.2.3/8, except: [10.1.0.0/16] } }] }] }',
    '{ egress: [{ to: [], ports: [{ port: dns, protocol: UDP }, { port: 8000, endPort: 8000 }, {}] }] }',
  ])('policy %s', (spec) => {
    expect(loaded(policy(spec)).topology.policies['p']).toBeDefined()
  })
})
