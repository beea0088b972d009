/** How labels select: the pods a policy is for, its peers, and namespaces. */
import type { Case } from '../expectation.ts'

const e = (key: string, operator: string, ...values: string[]): object => ({ key, operator, ...(values.length > 0 ? { values } : {}) })
const forPods = (podSelector: object): NonNullable<Case['policies']> => ({ 'x/p': { podSelector } })
const ROLE = { 'x/a': { role: 'db' }, 'x/b': { role: 'web', tier: 'back' } }

const subjects: readonly Case[] = [
  { teaches: 'matchLabels: the label must have the value', policies: forPods({ matchLabels: { pod: 'a' } }), expect: 'deny all > x/a' },
  {
    teaches: 'matchLabels: every label must match',
    labels: ROLE,
    policies: forPods({ matchLabels: { role: 'web', tier: 'back' } }),
    expect: 'deny all > x/b',
  },
  {
    teaches: 'matchLabels: one that does not match is enough to be left out',
    labels: ROLE,
    policies: forPods({ matchLabels: { role: 'db', tier: 'back' } }),
    expect: '',
  },
  {
    teaches: 'matchLabels: empty value is a value, and a missing label does not have it',
    labels: { 'x/c': { mark: '' } },
    policies: forPods({ matchLabels: { mark: '' } }),
    expect: 'deny all > x/c',
  },
  {
    teaches: 'matchLabels: keys with a domain are other keys',
    labels: { 'x/a': { 'example.com/role': 'db' }, 'x/b': { role: 'db' } },
    policies: forPods({ matchLabels: { 'example.com/role': 'db' } }),
    expect: 'deny all > x/a',
  },
  {
    teaches: 'matchLabels: case matters',
    labels: { 'x/a': { role: 'DB' }, 'x/b': { role: 'db' } },
    policies: forPods({ matchLabels: { role: 'db' } }),
    expect: 'deny all > x/b',
  },
  { teaches: 'In: one value', policies: forPods({ matchExpressions: [e('pod', 'In', 'b')] }), expect: 'deny all > x/b' },
  { teaches: 'In: any of the values', policies: forPods({ matchExpressions: [e('pod', 'In', 'a', 'c')] }), expect: 'deny all > x/a,x/c' },
  {
    teaches: 'In: not where the label is missing',
    labels: ROLE,
    policies: forPods({ matchExpressions: [e('role', 'In', 'db', 'web')] }),
    expect: 'deny all > x/a,x/b',
  },
  { teaches: 'In: no pod has any of the values', policies: forPods({ matchExpressions: [e('pod', 'In', 'd', 'e')] }), expect: '' },
  { teaches: 'NotIn: all but those', policies: forPods({ matchExpressions: [e('pod', 'NotIn', 'a')] }), expect: 'deny all > x/b,x/c' },
  { teaches: 'NotIn: several values', policies: forPods({ matchExpressions: [e('pod', 'NotIn', 'a', 'b')] }), expect: 'deny all > x/c' },
  {
    teaches: 'NotIn: also where the label is missing',
    labels: ROLE,
    policies: forPods({ matchExpressions: [e('role', 'NotIn', 'db')] }),
    expect: 'deny all > x/b,x/c',
  },
  {
    teaches: 'Exists: whatever the value',
    labels: ROLE,
    policies: forPods({ matchExpressions: [e('role', 'Exists')] }),
    expect: 'deny all > x/a,x/b',
  },
  {
    teaches: 'Exists: also an empty value',
    labels: { 'x/c': { mark: '' } },
    policies: forPods({ matchExpressions: [e('mark', 'Exists')] }),
    expect: 'deny all > x/c',
  },
  { teaches: 'DoesNotExist', labels: ROLE, policies: forPods({ matchExpressions: [e('role', 'DoesNotExist')] }), expect: 'deny all > x/c' },
  {
    teaches: 'expressions must all hold: Exists and NotIn is "has it, but not this value"',
    labels: ROLE,
    policies: forPods({ matchExpressions: [e('role', 'Exists'), e('role', 'NotIn', 'db')] }),
    expect: 'deny all > x/b',
  },
  {
    teaches: 'matchLabels and matchExpressions must both hold',
    labels: ROLE,
    policies: forPods({ matchLabels: { role: 'web' }, matchExpressions: [e('tier', 'DoesNotExist')] }),
    expect: '',
  },
  {
    teaches: 'matchLabels and matchExpressions that both hold',
    labels: ROLE,
    policies: forPods({ matchLabels: { role: 'db' }, matchExpressions: [e('tier', 'DoesNotExist')] }),
    expect: 'deny all > x/a',
  },
  {
    teaches: 'a contradiction selects no pod',
    policies: forPods({ matchExpressions: [e('pod', 'In', 'a'), e('pod', 'NotIn', 'a')] }),
    expect: '',
  },
  { teaches: 'empty lists select every pod', policies: forPods({ matchLabels: {}, matchExpressions: [] }), expect: 'deny all > x/*' },
]

const from = (...peers: object[]): NonNullable<Case['policies']> => ({
  'x/p': { podSelector: { matchLabels: { pod: 'a' } }, ingress: [{ from: peers }] },
})
const pods = (...matchExpressions: object[]): object => ({ podSelector: { matchExpressions } })
const namespaces = (...matchExpressions: object[]): object => ({ namespaceSelector: { matchExpressions } })

const peers: readonly Case[] = [
  { teaches: 'peers by In', policies: from(pods(e('pod', 'In', 'b', 'd'))), expect: 'deny all > x/a; allow x/b > x/a' },
  {
    teaches: 'peers by NotIn, where the label is missing too',
    labels: { 'x/c': { role: 'web' } },
    policies: from(pods(e('role', 'NotIn', 'web'))),
    expect: 'deny all > x/a; allow x/b > x/a',
  },
  {
    teaches: 'peers by Exists',
    labels: { 'x/c': { role: 'web' }, 'y/c': { role: 'web' } },
    policies: from(pods(e('role', 'Exists'))),
    expect: 'deny all > x/a; allow x/c > x/a',
  },
  {
    teaches: 'peers by DoesNotExist',
    labels: { 'x/c': { role: 'web' } },
    policies: from(pods(e('role', 'DoesNotExist'))),
    expect: 'deny all > x/a; allow x/b > x/a',
  },
  {
    teaches: 'peers by two expressions',
    labels: { 'x/b': { role: 'web' }, 'x/c': { role: 'web' } },
    policies: from(pods(e('role', 'Exists'), e('pod', 'NotIn', 'c'))),
    expect: 'deny all > x/a; allow x/b > x/a',
  },
  { teaches: 'namespaces by In', policies: from(namespaces(e('ns', 'In', 'y', 'z'))), expect: 'deny all > x/a; allow y/*,z/* > x/a' },
  {
    teaches: 'namespaces by NotIn: those without the label too (namespace default has none)',
    policies: from(namespaces(e('ns', 'NotIn', 'y'))),
    expect: 'deny all > x/a; allow x/*,z/* > x/a',
  },
  {
    teaches: 'namespaces by Exists',
    namespaces: { z: { team: 'red' } },
    policies: from(namespaces(e('team', 'Exists'))),
    expect: 'deny all > x/a; allow z/* > x/a',
  },
  {
    teaches: 'namespaces by DoesNotExist',
    namespaces: { z: { team: 'red' } },
    policies: from(namespaces(e('team', 'DoesNotExist'))),
    expect: 'deny all > x/a; allow x/*,y/* > x/a',
  },
  {
    teaches: 'namespaces by two labels',
    namespaces: { y: { team: 'red', env: 'test' }, z: { team: 'red' } },
    policies: from({ namespaceSelector: { matchLabels: { team: 'red', env: 'test' } } }),
    expect: 'deny all > x/a; allow y/* > x/a',
  },
  {
    teaches: 'namespaces by the name that Kubernetes writes on them',
    policies: from({ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'y' } } }),
    expect: 'deny all > x/a; allow y/* > x/a',
  },
  {
    teaches: 'every namespace but one, by its name',
    policies: from(namespaces(e('kubernetes.io/metadata.name', 'NotIn', 'y'))),
    expect: 'deny all > x/a; allow x/*,z/* > x/a',
  },
  {
    teaches: 'a namespace cannot call itself by another name',
    namespaces: { z: { 'kubernetes.io/metadata.name': 'y' } },
    policies: from({ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'y' } } }),
    expect: 'deny all > x/a; allow y/* > x/a',
  },
  {
    teaches: "a namespaceSelector looks at namespaces' labels, not at pods'",
    labels: { 'y/b': { team: 'red' } },
    policies: from({ namespaceSelector: { matchLabels: { team: 'red' } } }),
    expect: 'deny all > x/a',
  },
  {
    teaches: "a podSelector looks at pods' labels, not at their namespace's",
    namespaces: { x: { team: 'red' } },
    policies: from({ podSelector: { matchLabels: { team: 'red' } } }),
    expect: 'deny all > x/a',
  },
]

export const selectors: readonly Case[] = [...subjects, ...peers]
