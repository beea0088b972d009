/** Several policies, and labels that decide. */
import type { Case } from '../expectation.ts'

const A = { matchLabels: { pod: 'a' } }
const B = { matchLabels: { pod: 'b' } }
const ns = (name: string): object => ({ namespaceSelector: { matchLabels: { ns: name } } })
const DENY = { podSelector: {}, policyTypes: ['Ingress'] }
const RED = { matchLabels: { team: 'red' } }

export const unions: readonly Case[] = [
  {
    teaches: 'a default deny and an exception for one pod',
    policies: { 'x/deny': DENY, 'x/web': { podSelector: A, ingress: [{}] } },
    expect: 'deny all > x/b,x/c',
  },
  {
    teaches: 'the order of policies does not matter',
    policies: { 'x/web': { podSelector: A, ingress: [{}] }, 'x/deny': DENY },
    expect: 'deny all > x/b,x/c',
  },
  {
    teaches: 'what one policy allows no other takes away',
    policies: { 'x/open': { podSelector: {}, ingress: [{}] }, 'x/deny': DENY },
    expect: '',
  },
  {
    teaches: 'two policies for one pod add up',
    policies: { 'x/one': { podSelector: A, ingress: [{ from: [ns('y')] }] }, 'x/two': { podSelector: A, ingress: [{ from: [ns('z')] }] } },
    expect: 'deny all > x/a; allow y/*,z/* > x/a',
  },
  {
    teaches: 'ports of two policies add up',
    policies: {
      'x/one': { podSelector: A, ingress: [{ ports: [{ port: 80 }] }] },
      'x/two': { podSelector: A, ingress: [{ ports: [{ port: 81 }] }] },
    },
    expect: 'deny all > x/a; allow all > x/a tcp',
  },
  {
    teaches: 'peers of one policy do not get the ports of another',
    policies: {
      'x/one': { podSelector: A, ingress: [{ from: [ns('y')], ports: [{ port: 80 }] }] },
      'x/two': { podSelector: A, ingress: [{ from: [ns('z')], ports: [{ port: 81 }] }] },
    },
    expect: 'deny all > x/a; allow y/* > x/a 80/tcp; allow z/* > x/a 81/tcp',
  },
  {
    teaches: 'policies with other selectors meet on one pod',
    policies: {
      'x/all': { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] },
      'x/a': { podSelector: A, ingress: [{ from: [ns('y')] }] },
    },
    expect: 'deny all > x/*; allow x/* > x/*; allow y/* > x/a',
  },
  {
    teaches: 'one policy for ingress, one for egress',
    policies: {
      'x/in': { podSelector: A, ingress: [{ from: [ns('y')] }] },
      'x/out': { podSelector: A, policyTypes: ['Egress'], egress: [{ to: [ns('z')] }] },
    },
    expect: 'deny all > x/a; deny x/a > all; allow y/* > x/a; allow x/a > z/*',
  },
  {
    teaches: 'egress policies add up',
    policies: {
      'x/deny': { podSelector: {}, policyTypes: ['Egress'] },
      'x/dns': { podSelector: {}, policyTypes: ['Egress'], egress: [{ ports: [{ protocol: 'UDP', port: 80 }] }] },
      'x/web': { podSelector: A, policyTypes: ['Egress'], egress: [{ to: [ns('y')] }] },
    },
    expect: 'deny x/* > all; allow x/* > all 80/udp; allow x/a > y/*',
  },
  {
    teaches: 'policies of the same name in two namespaces are two',
    policies: { 'x/p': { podSelector: A }, 'y/p': { podSelector: B } },
    expect: 'deny all > x/a,y/b',
  },
  {
    teaches: 'three tiers: the world to a, a to b, b to c, and nothing else',
    policies: {
      'x/deny': DENY,
      'x/front': { podSelector: A, ingress: [{ ports: [{ port: 80 }] }] },
      'x/back': { podSelector: B, ingress: [{ from: [{ podSelector: A }], ports: [{ port: 80 }] }] },
      'x/db': { podSelector: { matchLabels: { pod: 'c' } }, ingress: [{ from: [{ podSelector: B }], ports: [{ port: 'web' }] }] },
    },
    expect: 'deny all > x/*; allow all > x/a 80/tcp; allow x/a > x/b 80/tcp; allow x/b > x/c 81/tcp',
  },
  {
    teaches: 'namespaces that only talk to themselves',
    policies: Object.fromEntries(['x', 'y', 'z'].map((n) => [`${n}/own`, { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] }])),
    expect: 'deny all > *; allow x/* > x/*; allow y/* > y/*; allow z/* > z/*',
  },
  {
    teaches: 'a ring: x to y, y to z, z to x',
    policies: Object.fromEntries(
      [
        ['x', 'z'],
        ['y', 'x'],
        ['z', 'y'],
      ].map(([to, from]) => [`${to}/ring`, { podSelector: {}, ingress: [{ from: [ns(from!)] }] }]),
    ),
    expect: 'deny all > *; allow z/* > x/*; allow x/* > y/*; allow y/* > z/*',
  },
  {
    teaches: 'the same policy many times is the same policy',
    policies: Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [`x/p${i}`, { podSelector: A, ingress: [{ from: [ns('y')], ports: [{ port: 80 }] }] }]),
    ),
    expect: 'deny all > x/a; allow y/* > x/a 80/tcp',
  },
  {
    teaches: 'the last of many policies still counts',
    policies: Object.fromEntries([
      ...Array.from({ length: 60 }, (_, i) => [`x/p${i}`, { podSelector: A, ingress: [{ ports: [{ port: 1000 + i }] }] }]),
      ['x/zz', { podSelector: A, ingress: [{ from: [{ podSelector: B }] }] }],
    ]) as NonNullable<Case['policies']>,
    expect: 'deny all > x/a; allow x/b > x/a',
  },
  {
    teaches: 'a label brings a pod under a policy',
    labels: { 'x/b': { team: 'red' } },
    policies: { 'x/p': { podSelector: RED } },
    expect: 'deny all > x/b',
  },
  { teaches: 'without the label it is free: the same policy', policies: { 'x/p': { podSelector: RED } }, expect: '' },
  {
    teaches: 'the label on another pod: the same policy',
    labels: { 'x/c': { team: 'red' } },
    policies: { 'x/p': { podSelector: RED } },
    expect: 'deny all > x/c',
  },
  {
    teaches: 'a label makes a pod a peer',
    labels: { 'x/c': { team: 'red' } },
    policies: { 'x/p': { podSelector: A, ingress: [{ from: [{ podSelector: RED }] }] } },
    expect: 'deny all > x/a; allow x/c > x/a',
  },
  {
    teaches: 'the label moves, and with it the peer: the same policy',
    labels: { 'x/b': { team: 'red' } },
    policies: { 'x/p': { podSelector: A, ingress: [{ from: [{ podSelector: RED }] }] } },
    expect: 'deny all > x/a; allow x/b > x/a',
  },
  {
    teaches: 'a label of the namespace makes its pods peers',
    namespaces: { y: { team: 'red' } },
    policies: { 'x/p': { podSelector: A, ingress: [{ from: [{ namespaceSelector: RED }] }] } },
    expect: 'deny all > x/a; allow y/* > x/a',
  },
  {
    teaches: 'the label of the namespace moves: the same policy',
    namespaces: { z: { team: 'red' } },
    policies: { 'x/p': { podSelector: A, ingress: [{ from: [{ namespaceSelector: RED }] }] } },
    expect: 'deny all > x/a; allow z/* > x/a',
  },
  {
    teaches: 'a pod that is subject and peer at once',
    labels: { 'x/a': { team: 'red' }, 'x/b': { team: 'red' } },
    policies: { 'x/p': { podSelector: RED, ingress: [{ from: [{ podSelector: RED }] }] } },
    expect: 'deny all > x/a,x/b; allow x/a,x/b > x/a,x/b',
  },
]
