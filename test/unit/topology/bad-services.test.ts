import { describeBadInputs } from './bad-input.ts'
import { LAB, type BadInput } from './load.ts'

const service = (spec: string) => `${LAB}services:\n  web: ${spec}\n`

const SERVICES: BadInput[] = [
  {
    name: 'no port',
    text: service('{}'),
    finds: ['4:3 missing-key'],
    says: ['services.web: a service needs at least one port', 'clusterIP: None'],
  },
  {
    name: 'an unknown type',
    text: service('{ type: Nodeport, ports: [{ port: 1 }] }'),
    finds: ['4:16 invalid-value'],
    says: ['did you mean `NodePort`?'],
  },
  { name: 'an unknown key', text: service('{ slector: {}, ports: [{ port: 1 }] }'), finds: ['4:10 unknown-key'], says: ['`selector`'] },
  {
    name: 'a port of another case',
    text: service('{ ports: [{ port: 1, protocol: tcp }] }'),
    finds: ['4:39 invalid-value'],
    says: ['`TCP`'],
  },
  {
    name: 'port 65536',
    text: service('{ ports: [{ port: 65536 }] }'),
    finds: ['4:26 out-of-range'],
    says: ['more than the maximum, 65535'],
  },
  {
    name: 'a target port in quotes',
    text: service('{ ports: [{ port: 1, targetPort: "80" }] }'),
    finds: ['4:41 invalid-name'],
    says: ['remove the quotes'],
  },
  {
    name: 'a target port that is neither',
    text: service('{ ports: [{ port: 1, targetPort: true }] }'),
    finds: ['4:41 wrong-type'],
    says: ['a port number, or the name of a port'],
  },
  {
    name: 'a port name that is too long',
    text: service('{ ports: [{ port: 1, targetPort: abcdefghijklmnop }] }'),
    finds: ['4:41 invalid-name'],
    says: ['at most 15'],
  },
  {
    name: 'a node port out of range',
    text: service('{ type: NodePort, ports: [{ port: 1, nodePort: 80 }] }'),
    finds: ['4:55 out-of-range'],
    says: ['from 30000 to 32767'],
  },
  {
    name: 'a node port of a ClusterIP',
    text: service('{ ports: [{ port: 1, nodePort: 30080 }] }'),
    finds: ['4:39 conflicting-keys'],
    says: ['set `type: NodePort`'],
  },
  {
    name: 'several ports without names',
    text: service('{ ports: [{ port: 1 }, { port: 2, name: b }] }'),
    finds: ['4:18 missing-key'],
    says: ['services.web.ports[0]: `name` is missing', 'with several ports'],
  },
  {
    name: 'a name twice',
    text: service('{ ports: [{ port: 1, name: a }, { port: 2, name: a }] }'),
    finds: ['4:57 duplicate-name'],
    says: ['ports[0]'],
  },
  {
    name: 'a port twice',
    text: service('{ ports: [{ port: 1, name: a }, { port: 1, name: b }] }'),
    finds: ['4:48 duplicate-port'],
    says: ['1/TCP is also'],
  },
  {
    name: 'a node port twice',
    text: service('{ type: NodePort, ports: [{ port: 1, name: a, nodePort: 30001 }, { port: 2, name: b, nodePort: 30001 }] }'),
    finds: ['4:103 duplicate-port'],
  },
  {
    name: 'None for a NodePort',
    text: service('{ type: NodePort, clusterIP: None, ports: [{ port: 1 }] }'),
    finds: ['4:37 conflicting-keys'],
    says: ['headless'],
  },
  {
    name: 'none in small letters',
    text: service('{ clusterIP: none, ports: [{ port: 1 }] }'),
    finds: ['4:21 invalid-address'],
    says: ['did you mean `None`?'],
  },
  {
    name: 'an ExternalName without one',
    text: service('{ type: ExternalName }'),
    finds: ['4:3 missing-key'],
    says: ['`externalName` is missing'],
  },
  {
    name: 'an ExternalName with an address',
    text: service('{ type: ExternalName, externalName: a.b, clusterIP: 10.96.0.1 }'),
    finds: ['4:60 conflicting-keys'],
  },
  { name: 'a bad external name', text: service('{ type: ExternalName, externalName: a_b }'), finds: ['4:44 invalid-name'] },
  {
    name: 'an external policy inside',
    text: service('{ externalTrafficPolicy: Local, ports: [{ port: 1 }] }'),
    finds: ['4:33 conflicting-keys'],
    says: ['NodePort, LoadBalancer, externalIPs'],
  },
  {
    name: 'a health check without the policy that needs it',
    text: service('{ type: LoadBalancer, healthCheckNodePort: 30000, ports: [{ port: 1 }] }'),
    finds: ['4:51 conflicting-keys'],
  },
  {
    name: 'affinity options without affinity',
    text: service('{ sessionAffinityConfig: {}, ports: [{ port: 1 }] }'),
    finds: ['4:33 conflicting-keys'],
  },
  {
    name: 'a timeout beyond a day',
    text: service('{ sessionAffinity: ClientIP, sessionAffinityConfig: { clientIP: { timeoutSeconds: 86401 } }, ports: [{ port: 1 }] }'),
    finds: ['4:90 out-of-range'],
  },
  {
    name: 'balancer options without one',
    text: service('{ loadBalancerSourceRanges: [10.0.0.0/8], ports: [{ port: 1 }] }'),
    finds: ['4:36 conflicting-keys'],
    says: ['LoadBalancer'],
  },
  {
    name: 'addresses that disagree',
    text: service('{ clusterIP: 10.96.0.1, clusterIPs: [10.96.0.2], ports: [{ port: 1 }] }'),
    finds: ['4:45 conflicting-keys'],
  },
  {
    name: 'two addresses of a family',
    text: service('{ clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1, 10.96.0.2], ports: [{ port: 1 }] }'),
    finds: ['4:56 same-family'],
  },
  {
    name: 'an address of another family',
    text: service('{ clusterIP: 10.96.0.1, ipFamilies: [IPv6], ports: [{ port: 1 }] }'),
    finds: ['4:21 conflicting-keys'],
  },
  { name: 'a family twice', text: service('{ ipFamilies: [IPv4, IPv4], ports: [{ port: 1 }] }'), finds: ['4:29 same-family'] },
  {
    name: 'a single stack of two',
    text: service('{ ipFamilyPolicy: SingleStack, ipFamilies: [IPv4, IPv6], ports: [{ port: 1 }] }'),
    finds: ['4:26 conflicting-keys'],
  },
  {
    name: 'a selector that is no text',
    text: service('{ selector: { app: 1 }, ports: [{ port: 1 }] }'),
    finds: ['4:27 wrong-type'],
    says: ['quote it: "1"'],
  },
]

describeBadInputs('services', SERVICES)
