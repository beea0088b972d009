/** Which ports a rule means. On pods a and b the name `web` is TCP 80 and `dns` UDP 80, on pods c they are 81. */
import type { Case } from '../expectation.ts'

const A = { matchLabels: { pod: 'a' } }
const C = { matchLabels: { pod: 'c' } }
const Y = { matchLabels: { ns: 'y' } }

const into = (podSelector: object, ...ports: object[]): NonNullable<Case['policies']> => ({ 'x/p': { podSelector, ingress: [{ ports }] } })
const out = (...ports: object[]): NonNullable<Case['policies']> => ({
  'x/p': { podSelector: A, policyTypes: ['Egress'], egress: [{ ports }] },
})
const many = (count: number, first: number): object[] => Array.from({ length: count }, (_, i) => ({ port: first + i }))

export const ports: readonly Case[] = [
  { teaches: 'a number: that port of TCP, from anyone', policies: into(A, { port: 80 }), expect: 'deny all > x/a; allow all > x/a 80/tcp' },
  { teaches: 'out: a number, to anyone', policies: out({ port: 80 }), expect: 'deny x/a > all; allow x/a > all 80/tcp' },
  {
    teaches: 'a rule with ports allows no ICMP',
    policies: into(A, { protocol: 'TCP' }, { protocol: 'UDP' }, { protocol: 'SCTP' }),
    expect: 'deny all > x/a icmp',
  },
  {
    teaches: 'out: a rule with ports allows no ICMP',
    policies: out({ protocol: 'TCP' }, { protocol: 'UDP' }, { protocol: 'SCTP' }),
    expect: 'deny x/a > all icmp',
  },
  { teaches: 'a protocol: all of its ports', policies: into(A, { protocol: 'TCP' }), expect: 'deny all > x/a; allow all > x/a tcp' },
  { teaches: 'UDP is not TCP', policies: into(A, { protocol: 'UDP' }), expect: 'deny all > x/a; allow all > x/a udp' },
  { teaches: 'a port of UDP', policies: into(A, { protocol: 'UDP', port: 81 }), expect: 'deny all > x/a; allow all > x/a 81/udp' },
  { teaches: 'out: a port of UDP', policies: out({ protocol: 'UDP', port: 81 }), expect: 'deny x/a > all; allow x/a > all 81/udp' },
  { teaches: 'two ports', policies: into(A, { port: 80 }, { port: 81 }), expect: 'deny all > x/a; allow all > x/a tcp' },
  {
    teaches: 'the same number of two protocols',
    policies: into(A, { port: 80 }, { port: 80, protocol: 'UDP' }),
    expect: 'deny all > x/a; allow all > x/a 80/tcp,80/udp',
  },
  {
    teaches: 'the same port twice',
    policies: into(A, { port: 80 }, { port: 80, protocol: 'TCP' }),
    expect: 'deny all > x/a; allow all > x/a 80/tcp',
  },
  {
    teaches: 'a protocol makes its ports beside it superfluous',
    policies: into(A, { protocol: 'TCP' }, { port: 80 }),
    expect: 'deny all > x/a; allow all > x/a tcp',
  },
  {
    teaches: 'a port nothing listens on: allowed is not answered, and the rest is denied',
    policies: into(A, { port: 4444 }),
    expect: 'deny all > x/a',
  },
  { teaches: 'an empty list of ports is no list: all', policies: into(A), expect: '' },
  { teaches: 'out: an empty list of ports is no list', policies: out(), expect: '' },
  { teaches: 'a range holds both its ends', policies: into(A, { port: 80, endPort: 81 }), expect: 'deny all > x/a; allow all > x/a tcp' },
  { teaches: 'out: a range', policies: out({ port: 80, endPort: 81 }), expect: 'deny x/a > all; allow x/a > all tcp' },
  { teaches: 'a range that ends before', policies: into(A, { port: 1, endPort: 80 }), expect: 'deny all > x/a; allow all > x/a 80/tcp' },
  {
    teaches: 'a range that begins after',
    policies: into(A, { port: 81, endPort: 65_535 }),
    expect: 'deny all > x/a; allow all > x/a 81/tcp',
  },
  { teaches: 'a range of one', policies: into(A, { port: 81, endPort: 81 }), expect: 'deny all > x/a; allow all > x/a 81/tcp' },
  {
    teaches: 'a range of UDP',
    policies: into(A, { port: 1, endPort: 80, protocol: 'UDP' }),
    expect: 'deny all > x/a; allow all > x/a 80/udp',
  },
  {
    teaches: 'the range of everything is not every protocol',
    policies: into(A, { port: 1, endPort: 65_535 }),
    expect: 'deny all > x/a; allow all > x/a tcp',
  },
  {
    teaches: 'ranges and numbers together',
    policies: into(A, { port: 1000, endPort: 2000 }, { port: 81 }, { port: 3000, endPort: 4000 }),
    expect: 'deny all > x/a; allow all > x/a 81/tcp',
  },
  {
    teaches: 'more ports than one match of iptables takes: the first of them',
    policies: into(A, ...many(1, 80), ...many(20, 5000)),
    expect: 'deny all > x/a; allow all > x/a 80/tcp',
  },
  {
    teaches: 'more ports than one match of iptables takes: the last of them',
    policies: into(A, ...many(20, 5000), { port: 6000, endPort: 6010 }, ...many(1, 81)),
    expect: 'deny all > x/a; allow all > x/a 81/tcp',
  },
  {
    teaches: 'a name: the port the container calls so',
    policies: into(A, { port: 'web' }),
    expect: 'deny all > x/a; allow all > x/a 80/tcp',
  },
  {
    teaches: 'a name: another pod may mean another port by it',
    policies: into(C, { port: 'web' }),
    expect: 'deny all > x/c; allow all > x/c 81/tcp',
  },
  {
    teaches: 'a name is looked up pod by pod',
    policies: into({}, { port: 'web' }),
    expect: 'deny all > x/*; allow all > x/a,x/b 80/tcp; allow all > x/c 81/tcp',
  },
  {
    teaches: 'a name of UDP',
    policies: into({}, { port: 'dns', protocol: 'UDP' }),
    expect: 'deny all > x/*; allow all > x/a,x/b 80/udp; allow all > x/c 81/udp',
  },
  { teaches: 'a name with the wrong protocol is no port', policies: into(A, { port: 'dns' }), expect: 'deny all > x/a' },
  { teaches: 'a name no container declares is no port', policies: into(A, { port: 'nothing' }), expect: 'deny all > x/a' },
  {
    teaches: 'a name and a number',
    policies: into(A, { port: 'web' }, { port: 81, protocol: 'UDP' }),
    expect: 'deny all > x/a; allow all > x/a 80/tcp,81/udp',
  },
  { teaches: 'two names', policies: into(A, { port: 'web' }, { port: 'alt' }), expect: 'deny all > x/a; allow all > x/a tcp' },
  {
    teaches: 'out: a name is looked up on the receiver, so the outside and nodes have none',
    policies: out({ port: 'web' }),
    expect: 'deny x/a > all; allow x/a > */a,*/b 80/tcp; allow x/a > */c 81/tcp',
  },
  {
    teaches: 'out: a name, to some pods only',
    policies: {
      'x/p': { podSelector: A, policyTypes: ['Egress'], egress: [{ to: [{ namespaceSelector: Y }], ports: [{ port: 'web' }] }] },
    },
    expect: 'deny x/a > all; allow x/a > y/a,y/b 80/tcp; allow x/a > y/c 81/tcp',
  },
  {
    teaches: 'in: a name, from some pods only',
    policies: { 'x/p': { podSelector: {}, ingress: [{ from: [{ namespaceSelector: Y }], ports: [{ port: 'web' }] }] } },
    expect: 'deny all > x/*; allow y/* > x/a,x/b 80/tcp; allow y/* > x/c 81/tcp',
  },
  {
    teaches: 'ports and peers of one rule must both match',
    policies: { 'x/p': { podSelector: A, ingress: [{ from: [{ namespaceSelector: Y }], ports: [{ port: 80 }] }] } },
    expect: 'deny all > x/a; allow y/* > x/a 80/tcp',
  },
  {
    teaches: 'peers of one rule do not get the ports of another',
    policies: {
      'x/p': {
        podSelector: A,
        ingress: [
          { from: [{ namespaceSelector: Y }], ports: [{ port: 80 }] },
          { from: [{ podSelector: {} }], ports: [{ port: 81 }] },
        ],
      },
    },
    expect: 'deny all > x/a; allow y/* > x/a 80/tcp; allow x/* > x/a 81/tcp',
  },
  {
    teaches: 'out: peers of one rule do not get the ports of another',
    policies: {
      'x/p': {
        podSelector: A,
        policyTypes: ['Egress'],
        egress: [
          { to: [{ namespaceSelector: Y }], ports: [{ port: 80 }] },
          { to: [{ podSelector: {} }], ports: [{ port: 81, protocol: 'UDP' }] },
        ],
      },
    },
    expect: 'deny x/a > all; allow x/a > y/* 80/tcp; allow x/a > x/* 81/udp',
  },
  {
    teaches: 'every port of a rule counts for every peer of it',
    policies: {
      'x/p': {
        podSelector: A,
        ingress: [{ from: [{ namespaceSelector: Y }, { podSelector: C }], ports: [{ port: 80 }, { port: 80, protocol: 'UDP' }] }],
      },
    },
    expect: 'deny all > x/a; allow y/*,x/c > x/a 80/tcp,80/udp',
  },
  { teaches: 'SCTP: a number', policies: into(A, { protocol: 'SCTP', port: 36_412 }), expect: 'deny all > x/a; allow all > x/a sctp' },
  { teaches: 'SCTP: another number', policies: into(A, { protocol: 'SCTP', port: 36_413 }), expect: 'deny all > x/a' },
  { teaches: 'SCTP: all of it', policies: into(A, { protocol: 'SCTP' }), expect: 'deny all > x/a; allow all > x/a sctp' },
  {
    teaches: 'SCTP: a range',
    policies: into(A, { protocol: 'SCTP', port: 36_000, endPort: 37_000 }),
    expect: 'deny all > x/a; allow all > x/a sctp',
  },
  { teaches: 'SCTP: a name', policies: into(A, { protocol: 'SCTP', port: 'sig' }), expect: 'deny all > x/a; allow all > x/a sctp' },
  { teaches: 'SCTP: out', policies: out({ protocol: 'SCTP', port: 36_412 }), expect: 'deny x/a > all; allow x/a > all sctp' },
  { teaches: 'SCTP: the same number of TCP is not it', policies: into(A, { protocol: 'TCP', port: 36_412 }), expect: 'deny all > x/a' },
  {
    teaches: 'a rule without ports allows every protocol, ICMP and SCTP too',
    policies: { 'x/p': { podSelector: A, ingress: [{ from: [{ podSelector: {} }] }] } },
    expect: 'deny all > x/a; allow x/* > x/a',
  },
]
