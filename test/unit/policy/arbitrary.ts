/** Random labels and NetworkPolicySpecs: few labels and values, so that selectors meet. */
import fc from 'fast-check'

export const pick = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values)
export const labels = fc.dictionary(pick('app', 'tier', 'team'), pick('a', 'b', ''), { maxKeys: 3 })
const values = fc.uniqueArray(pick('a', 'b', 'c', ''), { minLength: 1, maxLength: 3 })
const requirement = fc.oneof(
  fc.record({ key: pick('app', 'tier', 'team'), operator: pick('In', 'NotIn'), values }),
  fc.record({ key: pick('app', 'tier', 'team'), operator: pick('Exists', 'DoesNotExist') }),
)
const selector = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 3, arbitrary: fc.record({ matchLabels: labels }) },
  { weight: 3, arbitrary: fc.record({ matchExpressions: fc.array(requirement, { minLength: 1, maxLength: 2 }) }) },
)
const namespaceSelector = fc.oneof(
  selector,
  pick('x', 'y', 'default').map((name) => ({ matchLabels: { 'kubernetes.io/metadata.name': name } })),
)
const ipBlock = pick<object>(
  { cidr: '0.0.0.0/0' },
  { cidr: '::/0' },
  { cidr: '0.0.0.0/0', except: ['10.244.0.0/16'] },
  { cidr: '0.0.0.0/0', except: ['0.0.0.0/1'] },
  { cidr: '10.244.0.0/16', except: ['10.244.1.0/24', '10.244.0.2/32'] },
  { cidr: '10.244.1.0/24' },
  { cidr: '10.244.0.3/31' },
  { cidr: '203.0.113.10/32' },
  { cidr: '192.168.0.0/16', except: ['192.168.50.12/32', '192.168.2.11/32'] },
  { cidr: '10.244.1.0/32' },
  { cidr: 'fd00:10:244::/48', except: ['fd00:10:244:1::/64'] },
  { cidr: '2001:db8:ffff::/64' },
)
const peer = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector }),
  fc.record({ podSelector: selector, namespaceSelector }),
  fc.record({ ipBlock }),
)
const protocol = pick('TCP', 'UDP', 'SCTP')
const port = fc.oneof(
  fc.record({ protocol }),
  fc.record({ protocol, port: pick<number | string>(80, 81, 82, 'web', 'dns', 'none') }, { requiredKeys: ['port'] }),
  fc.record({ protocol, port: pick(79, 80, 81), endPort: pick(81, 82, 90) }, { requiredKeys: ['port', 'endPort'] }),
)
const rule = (key: 'from' | 'to'): fc.Arbitrary<object> =>
  fc.record({ [key]: fc.array(peer, { maxLength: 3 }), ports: fc.array(port, { maxLength: 3 }) }, { requiredKeys: [] })
/** A NetworkPolicySpec. */
export const policy = fc.record(
  {
    podSelector: selector,
    policyTypes: fc.uniqueArray(pick('Ingress', 'Egress'), { maxLength: 2 }),
    ingress: fc.array(rule('from'), { maxLength: 3 }),
    egress: fc.array(rule('to'), { maxLength: 3 }),
  },
  { requiredKeys: ['podSelector'] },
)
