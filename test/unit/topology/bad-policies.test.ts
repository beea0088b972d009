import { describeBadInputs } from './bad-input.ts'
import { LAB, type BadInput } from './load.ts'

const policy = (spec: string) => `${LAB}policies:\n  p: ${spec}\n`

const POLICIES: BadInput[] = [
  {
    name: 'labels right in a selector',
    text: policy('{ podSelector: { app: web } }'),
    finds: ['4:23 unknown-key'],
    says: ['labels go under `matchLabels:`'],
  },
  { name: 'an unknown direction', text: policy('{ policyTypes: [ingress] }'), finds: ['4:22 invalid-value'], says: ['`Ingress`'] },
  { name: 'three directions', text: policy('{ policyTypes: [Ingress, Egress, Ingress] }'), finds: ['4:21 out-of-range'] },
  {
    name: 'In without values',
    text: policy('{ podSelector: { matchExpressions: [{ key: a, operator: In }] } }'),
    finds: ['4:42 missing-values'],
  },
  {
    name: 'Exists with values',
    text: policy('{ podSelector: { matchExpressions: [{ key: a, operator: Exists, values: [b] }] } }'),
    finds: ['4:78 surplus-values'],
  },
  {
    name: 'an unknown operator',
    text: policy('{ podSelector: { matchExpressions: [{ key: a, operator: in, values: [b] }] } }'),
    finds: ['4:62 invalid-value'],
    says: ['`In`'],
  },
  {
    name: 'an empty peer',
    text: policy('{ ingress: [{ from: [{}] }] }'),
    finds: ['4:27 empty-peer'],
    says: ['`podSelector: {}` means all pods'],
  },
  {
    name: 'a block with a selector',
    text: policy('{ ingress: [{ from: [{ ipBlock: { cidr: 10.0.0.0/8 }, podSelector: {} }] }] }'),
    finds: ['4:38 conflicting-keys'],
    says: ['two items of the list'],
  },
  {
    name: 'a block without a network',
    text: policy('{ egress: [{ to: [{ ipBlock: {} }] }] }'),
    finds: ['4:26 missing-key'],
    says: ['`cidr` is missing'],
  },
  {
    name: 'exceptions elsewhere, and of everything',
    text: policy('{ egress: [{ to: [{ ipBlock: { cidr: 10.0.0.0/8, except: [10.1.0.0/16, 11.0.0.0/8, 10.0.0.0/8] } }] }] }'),
    finds: ['4:77 outside-network', '4:89 outside-network'],
  },
  {
    name: 'a range that ends before it begins',
    text: policy('{ ingress: [{ ports: [{ port: 90, endPort: 80 }] }] }'),
    finds: ['4:49 out-of-range'],
    says: ['80 is less than `port`, 90'],
  },
  { name: 'a range without a beginning', text: policy('{ ingress: [{ ports: [{ endPort: 80 }] }] }'), finds: ['4:39 conflicting-keys'] },
  { name: 'a range of names', text: policy('{ ingress: [{ ports: [{ port: http, endPort: 80 }] }] }'), finds: ['4:51 conflicting-keys'] },
  {
    name: 'sources of what goes out',
    text: policy('{ egress: [{ from: [] }] }'),
    finds: ['4:19 unknown-key'],
    says: ['allowed here: to, ports'],
  },
]

describeBadInputs('policies', POLICIES)
