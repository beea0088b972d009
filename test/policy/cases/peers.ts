/** Who is meant by an item of `from` or `to`. Each is told for what comes in to x/a and for what goes out of x/a. */
import type { Case } from '../expectation.ts'

const A = { matchLabels: { pod: 'a' } }
const B = { matchLabels: { pod: 'b' } }
const Y = { matchLabels: { ns: 'y' } }
const Z = { matchLabels: { ns: 'z' } }

const ingress = (...from: object[]): NonNullable<Case['policies']> => ({ 'x/p': { podSelector: A, ingress: [{ from }] } })
const egress = (...to: object[]): NonNullable<Case['policies']> => ({
  'x/p': { podSelector: A, policyTypes: ['Egress'], egress: [{ to }] },
})

export const peers: readonly Case[] = [
  {
    teaches: "podSelector alone: pods of the policy's own namespace",
    policies: ingress({ podSelector: B }),
    expect: 'deny all > x/a; allow x/b > x/a',
  },
  {
    teaches: "out: podSelector alone, pods of the policy's own namespace",
    policies: egress({ podSelector: B }),
    expect: 'deny x/a > all; allow x/a > x/b',
  },
  {
    teaches: 'empty podSelector: all pods of the own namespace, and no others',
    policies: ingress({ podSelector: {} }),
    expect: 'deny all > x/a; allow x/* > x/a',
  },
  {
    teaches: 'out: empty podSelector, all pods of the own namespace',
    policies: egress({ podSelector: {} }),
    expect: 'deny x/a > all; allow x/a > x/*',
  },
  {
    teaches: 'namespaceSelector alone: all pods of those namespaces',
    policies: ingress({ namespaceSelector: Y }),
    expect: 'deny all > x/a; allow y/* > x/a',
  },
  { teaches: 'out: namespaceSelector alone', policies: egress({ namespaceSelector: Y }), expect: 'deny x/a > all; allow x/a > y/*' },
  {
    teaches: 'a namespaceSelector that does not select the own namespace leaves it out',
    policies: ingress({ namespaceSelector: Z }),
    expect: 'deny all > x/a; allow z/* > x/a',
  },
  {
    teaches: 'a namespaceSelector may select the own namespace',
    policies: ingress({ namespaceSelector: { matchLabels: { ns: 'x' } } }),
    expect: 'deny all > x/a; allow x/* > x/a',
  },
  {
    teaches: 'empty namespaceSelector: all pods everywhere, but no one who is not a pod',
    policies: ingress({ namespaceSelector: {} }),
    expect: 'deny ext,node > x/a',
  },
  { teaches: 'out: empty namespaceSelector', policies: egress({ namespaceSelector: {} }), expect: 'deny x/a > ext,node' },
  {
    teaches: 'both selectors in one item: pods with the label in namespaces with the label',
    policies: ingress({ namespaceSelector: Y, podSelector: B }),
    expect: 'deny all > x/a; allow y/b > x/a',
  },
  {
    teaches: 'out: both selectors in one item',
    policies: egress({ namespaceSelector: Y, podSelector: B }),
    expect: 'deny x/a > all; allow x/a > y/b',
  },
  {
    teaches: 'the two selectors as two items: either is enough, and the podSelector means the own namespace',
    policies: ingress({ namespaceSelector: Y }, { podSelector: B }),
    expect: 'deny all > x/a; allow y/*,x/b > x/a',
  },
  {
    teaches: 'out: the two selectors as two items',
    policies: egress({ namespaceSelector: Y }, { podSelector: B }),
    expect: 'deny x/a > all; allow x/a > y/*,x/b',
  },
  {
    teaches: 'both, with an empty namespaceSelector: pods with the label anywhere',
    policies: ingress({ namespaceSelector: {}, podSelector: B }),
    expect: 'deny all > x/a; allow */b > x/a',
  },
  {
    teaches: 'out: both, with an empty namespaceSelector',
    policies: egress({ namespaceSelector: {}, podSelector: B }),
    expect: 'deny x/a > all; allow x/a > */b',
  },
  {
    teaches: 'both, with an empty podSelector: all pods of those namespaces',
    policies: ingress({ namespaceSelector: Z, podSelector: {} }),
    expect: 'deny all > x/a; allow z/* > x/a',
  },
  { teaches: 'both empty: every pod', policies: ingress({ namespaceSelector: {}, podSelector: {} }), expect: 'deny ext,node > x/a' },
  {
    teaches: 'a podSelector that selects no pod: isolated, and no peer is allowed',
    policies: ingress({ podSelector: { matchLabels: { pod: 'none' } } }),
    expect: 'deny all > x/a',
  },
  {
    teaches: 'out: a podSelector that selects no pod',
    policies: egress({ podSelector: { matchLabels: { pod: 'none' } } }),
    expect: 'deny x/a > all',
  },
  {
    teaches: 'a namespaceSelector that selects no namespace',
    policies: ingress({ namespaceSelector: { matchLabels: { ns: 'none' } } }),
    expect: 'deny all > x/a',
  },
  {
    teaches: 'items add up, however many',
    policies: ingress(
      { namespaceSelector: Y, podSelector: A },
      { namespaceSelector: Z, podSelector: B },
      { podSelector: { matchLabels: { pod: 'c' } } },
    ),
    expect: 'deny all > x/a; allow y/a,z/b,x/c > x/a',
  },
  {
    teaches: 'the same item twice is the same',
    policies: ingress({ namespaceSelector: Y }, { namespaceSelector: Y }),
    expect: 'deny all > x/a; allow y/* > x/a',
  },
  { teaches: 'an empty list `from` is no list: anyone', policies: ingress(), expect: '' },
  { teaches: 'an empty list `to` is no list: anyone', policies: egress(), expect: '' },
  {
    teaches: 'who is selected and named as peer is not special: x/a and x/b may talk, both ways',
    policies: { 'x/p': { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }], egress: [{ to: [{ podSelector: {} }] }] } },
    expect: 'deny all > x/*; deny x/* > all; allow x/* > x/*',
  },
  {
    teaches: 'isolation of a namespace: its own pods only',
    policies: { 'x/p': { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] } },
    expect: 'deny all > x/*; allow x/* > x/*',
  },
  {
    teaches: 'rules are alternatives: an item of the first or of the second',
    policies: { 'x/p': { podSelector: A, ingress: [{ from: [{ namespaceSelector: Y }] }, { from: [{ namespaceSelector: Z }] }] } },
    expect: 'deny all > x/a; allow y/*,z/* > x/a',
  },
  {
    teaches: 'a pod that is a peer by two items is let in once',
    policies: ingress({ podSelector: {} }, { podSelector: B }),
    expect: 'deny all > x/a; allow x/* > x/a',
  },
  {
    teaches: 'a rule for peers that do not exist, beside one that allows all',
    policies: { 'x/p': { podSelector: A, ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'none' } } }] }, {}] } },
    expect: '',
  },
]
