/** Who is isolated, and in which direction. */
import type { Case } from '../expectation.ts'

export const directions: readonly Case[] = [
  { teaches: 'without policies nothing is isolated', expect: '' },
  {
    teaches: 'a policy without rules is a default deny: what comes in',
    policies: { 'x/p': { podSelector: {} } },
    expect: 'deny all > x/*',
  },
  { teaches: 'the same, said out loud', policies: { 'x/p': { podSelector: {}, policyTypes: ['Ingress'] } }, expect: 'deny all > x/*' },
  { teaches: 'default deny of what goes out', policies: { 'x/p': { podSelector: {}, policyTypes: ['Egress'] } }, expect: 'deny x/* > all' },
  {
    teaches: 'default deny both ways',
    policies: { 'x/p': { podSelector: {}, policyTypes: ['Ingress', 'Egress'] } },
    expect: 'deny all > x/*; deny x/* > all',
  },
  {
    teaches: 'order of policyTypes does not matter',
    policies: { 'x/p': { podSelector: {}, policyTypes: ['Egress', 'Ingress'] } },
    expect: 'deny all > x/*; deny x/* > all',
  },
  { teaches: 'an empty rule allows everything in', policies: { 'x/p': { podSelector: {}, ingress: [{}] } }, expect: '' },
  {
    teaches: 'an empty rule allows everything out',
    policies: { 'x/p': { podSelector: {}, policyTypes: ['Egress'], egress: [{}] } },
    expect: '',
  },
  {
    teaches: 'an empty list of ingress rules is no rule: nothing comes in',
    policies: { 'x/p': { podSelector: {}, ingress: [] } },
    expect: 'deny all > x/*',
  },
  {
    teaches: 'an empty list of egress rules does not make it an egress policy',
    policies: { 'x/p': { podSelector: {}, egress: [] } },
    expect: 'deny all > x/*',
  },
  {
    teaches: 'an egress rule makes it an ingress and egress policy',
    policies: { 'x/p': { podSelector: {}, egress: [{}] } },
    expect: 'deny all > x/*',
  },
  {
    teaches: 'an egress rule with peers, without policyTypes: the rest does not go out, and nothing comes in',
    policies: { 'x/p': { podSelector: {}, egress: [{ to: [{ podSelector: {} }] }] } },
    expect: 'deny x/* > all; deny all > x/*',
  },
  {
    teaches: 'policyTypes Egress alone: what is listed under ingress has no effect',
    policies: { 'x/p': { podSelector: {}, policyTypes: ['Egress'], ingress: [{ from: [{ podSelector: {} }] }] } },
    expect: 'deny x/* > all',
  },
  {
    teaches: 'policyTypes Ingress alone: what is listed under egress has no effect',
    policies: { 'x/p': { podSelector: {}, policyTypes: ['Ingress'], egress: [{ to: [{ podSelector: {} }] }] } },
    expect: 'deny all > x/*',
  },
  {
    teaches: 'both types with ingress rules only: nothing goes out',
    policies: { 'x/p': { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [{}] } },
    expect: 'deny x/* > all',
  },
  {
    teaches: 'both types with egress rules only: nothing comes in',
    policies: { 'x/p': { podSelector: {}, policyTypes: ['Ingress', 'Egress'], egress: [{}] } },
    expect: 'deny all > x/*',
  },
  {
    teaches: 'an empty list of policyTypes is the default',
    policies: { 'x/p': { podSelector: {}, policyTypes: [], egress: [{}] } },
    expect: 'deny all > x/*',
  },
  {
    teaches: 'both types with empty rules both ways is as without a policy',
    policies: { 'x/p': { podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [{}], egress: [{}] } },
    expect: '',
  },
  { teaches: 'a podSelector left out selects every pod of the namespace', policies: { 'x/p': { ingress: [] } }, expect: 'deny all > x/*' },
  {
    teaches: 'a selector that selects no pod isolates none',
    policies: { 'x/p': { podSelector: { matchLabels: { pod: 'none' } } } },
    expect: '',
  },
  { teaches: 'a policy of a namespace without pods isolates none', policies: { 'w/p': { podSelector: {} } }, expect: '' },
  {
    teaches: 'a policy without a namespace is in namespace default',
    policies: { p: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] } },
    expect: '',
  },
  {
    teaches: 'a policy selects in its own namespace only, whatever pods have the same labels elsewhere',
    policies: { 'y/p': { podSelector: { matchLabels: { pod: 'a' } } } },
    expect: 'deny all > y/a',
  },
  {
    teaches: 'a pod isolated for ingress may begin connections: policies do not apply to replies',
    policies: { 'x/p': { podSelector: { matchLabels: { pod: 'a' } } } },
    expect: 'deny all > x/a; allow x/a > all',
  },
  {
    teaches: 'who is isolated for egress may answer connections of others',
    policies: { 'x/p': { podSelector: { matchLabels: { pod: 'a' } }, policyTypes: ['Egress'] } },
    expect: 'deny x/a > all; allow all > x/a',
  },
  {
    teaches: 'both ends must agree: an egress that is allowed meets an ingress that is not',
    policies: {
      'x/p': {
        podSelector: { matchLabels: { pod: 'a' } },
        policyTypes: ['Egress'],
        egress: [{ to: [{ namespaceSelector: { matchLabels: { ns: 'y' } } }] }],
      },
      'y/p': { podSelector: { matchLabels: { pod: 'a' } } },
    },
    expect: 'deny x/a > all; allow x/a > y/*; deny all > y/a',
  },
  {
    teaches: 'both ends must agree: an ingress that is allowed meets an egress that is not',
    policies: {
      'y/p': { podSelector: { matchLabels: { pod: 'a' } }, ingress: [{ from: [{ namespaceSelector: { matchLabels: { ns: 'x' } } }] }] },
      'x/p': { podSelector: { matchLabels: { pod: 'a' } }, policyTypes: ['Egress'] },
    },
    expect: 'deny all > y/a; allow x/* > y/a; deny x/a > all',
  },
  {
    teaches: 'both ends agree: it passes',
    policies: {
      'x/p': {
        podSelector: { matchLabels: { pod: 'a' } },
        policyTypes: ['Egress'],
        egress: [{ to: [{ namespaceSelector: { matchLabels: { ns: 'y' } } }] }],
      },
      'y/p': { podSelector: { matchLabels: { pod: 'a' } }, ingress: [{ from: [{ namespaceSelector: { matchLabels: { ns: 'x' } } }] }] },
    },
    expect: 'deny x/a > all; allow x/a > y/*; deny all > y/a; allow x/* > y/a',
  },
  {
    teaches: 'both ends agree on one port only: the intersection passes',
    policies: {
      'x/p': { podSelector: { matchLabels: { pod: 'a' } }, policyTypes: ['Egress'], egress: [{ ports: [{ port: 80 }] }] },
      'y/p': { podSelector: { matchLabels: { pod: 'a' } }, ingress: [{ ports: [{ port: 80 }, { port: 81 }] }] },
    },
    expect: 'deny x/a > all; allow x/a > all 80/tcp; deny all > y/a; allow all > y/a tcp; deny x/a > y/a 81/tcp',
  },
  {
    teaches: 'every namespace with a default deny: only own nodes are left',
    policies: { 'x/p': { podSelector: {} }, 'y/p': { podSelector: {} }, 'z/p': { podSelector: {} } },
    expect: 'deny all > *',
  },
  {
    teaches: 'own node always reaches its pods, another node does not',
    policies: { 'x/p': { podSelector: {} }, 'z/p': { podSelector: {} } },
    expect: 'deny all > x/*,z/*',
  },
  {
    teaches: 'a pod always reaches its own node, but not another one',
    policies: { 'y/p': { podSelector: {}, policyTypes: ['Egress'] } },
    expect: 'deny y/* > all',
  },
  {
    teaches: 'to all pods in all namespaces: the outside and other nodes are not pods',
    policies: { 'x/p': { podSelector: {}, ingress: [{ from: [{ namespaceSelector: {} }] }], policyTypes: ['Ingress'] } },
    expect: 'deny ext,node > x/*',
  },
  {
    teaches: 'out to all pods in all namespaces: the outside and other nodes are not pods',
    policies: { 'x/p': { podSelector: {}, egress: [{ to: [{ namespaceSelector: {} }] }], policyTypes: ['Egress'] } },
    expect: 'deny x/* > ext,node',
  },
]
