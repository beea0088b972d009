/**
 * ipBlocks. Pods of node-1 are 10.244.0.2 (x/a) to .5 (x/b, y/c, z/c), of node-2 10.244.1.2 to .4 (x/c, y/a, z/b), of
 * node-3 10.244.2.2 and .3 (y/b, z/a); in IPv6 fd00:10:244::2, fd00:10:244:1::2 and so on. The external is
 * 203.0.113.10 and 2001:db8:ffff::a. A node speaks to pods beyond the tunnel from the first address of its block.
 */
import type { Case } from '../expectation.ts'

const A = { matchLabels: { pod: 'a' } }
const block = (cidr: string, ...except: string[]): object => ({ ipBlock: { cidr, ...(except.length > 0 ? { except } : {}) } })
const from = (...peers: object[]): NonNullable<Case['policies']> => ({ 'x/p': { podSelector: A, ingress: [{ from: peers }] } })
const to = (...peers: object[]): NonNullable<Case['policies']> => ({
  'x/p': { podSelector: A, policyTypes: ['Egress'], egress: [{ to: peers }] },
})

export const blocks: readonly Case[] = [
  { teaches: 'the outside, by its address', policies: from(block('203.0.113.10/32')), expect: 'deny all > x/a; allow ext > x/a v4' },
  { teaches: 'out: the outside, by its address', policies: to(block('203.0.113.10/32')), expect: 'deny x/a > all; allow x/a > ext v4' },
  { teaches: 'the outside, by its network', policies: from(block('203.0.113.0/24')), expect: 'deny all > x/a; allow ext > x/a v4' },
  {
    teaches: 'an IPv6 block says nothing about IPv4',
    policies: from(block('2001:db8:ffff::/64')),
    expect: 'deny all > x/a; allow ext > x/a v6',
  },
  { teaches: 'out: an IPv6 block', policies: to(block('2001:db8:ffff::a/128')), expect: 'deny x/a > all; allow x/a > ext v6' },
  {
    teaches: 'both families, as two items',
    policies: from(block('203.0.113.0/24'), block('2001:db8:ffff::/64')),
    expect: 'deny all > x/a; allow ext > x/a',
  },
  { teaches: '0.0.0.0/0 is all of IPv4, pods too', policies: from(block('0.0.0.0/0')), expect: 'deny all > x/a v6' },
  { teaches: '::/0 is all of IPv6', policies: from(block('::/0')), expect: 'deny all > x/a v4' },
  { teaches: 'out: 0.0.0.0/0', policies: to(block('0.0.0.0/0')), expect: 'deny x/a > all v6' },
  { teaches: 'out: ::/0', policies: to(block('::/0')), expect: 'deny x/a > all v4' },
  { teaches: 'all of both families', policies: from(block('0.0.0.0/0'), block('::/0')), expect: '' },
  { teaches: 'one pod by its address', policies: from(block('10.244.1.3/32')), expect: 'deny all > x/a; allow y/a > x/a v4' },
  { teaches: 'one pod by its IPv6 address', policies: from(block('fd00:10:244:1::3/128')), expect: 'deny all > x/a; allow y/a > x/a v6' },
  { teaches: 'out: one pod by its address', policies: to(block('10.244.0.3/32')), expect: 'deny x/a > all; allow x/a > x/b v4' },
  {
    teaches: 'the pods of one node, by its block',
    policies: from(block('10.244.1.0/24')),
    expect: 'deny all > x/a; allow x/c,y/a,z/b > x/a v4',
  },
  {
    teaches: 'out: the pods of one node, by its block',
    policies: to(block('10.244.2.0/24')),
    expect: 'deny x/a > all; allow x/a > y/b,z/a v4',
  },
  {
    teaches: 'all pods, by the network they are in: nodes speak from there too when they use the tunnel',
    policies: from(block('10.244.0.0/16')),
    expect: 'deny all > x/a; allow *,node > x/a v4',
  },
  {
    teaches: 'out: all pods, by their network; nodes are addressed elsewhere',
    policies: to(block('10.244.0.0/16')),
    expect: 'deny x/a > all; allow x/a > * v4',
  },
  { teaches: 'host bits do not matter', policies: from(block('10.244.1.99/24')), expect: 'deny all > x/a; allow x/c,y/a,z/b > x/a v4' },
  {
    teaches: 'except cuts a piece out',
    policies: from(block('10.244.0.0/16', '10.244.1.0/24')),
    expect: 'deny all > x/a; allow *,-x/c,-y/a,-z/b > x/a v4',
  },
  {
    teaches: 'except one address',
    policies: from(block('10.244.1.0/24', '10.244.1.3/32')),
    expect: 'deny all > x/a; allow x/c,z/b > x/a v4',
  },
  {
    teaches: 'except several pieces',
    policies: from(block('10.244.0.0/16', '10.244.1.0/24', '10.244.2.2/32')),
    expect: 'deny all > x/a; allow x/b,y/c,z/c,z/a > x/a v4',
  },
  {
    teaches: 'pieces may overlap',
    policies: from(block('10.244.0.0/16', '10.244.1.0/24', '10.244.1.2/32')),
    expect: 'deny all > x/a; allow *,-x/c,-y/a,-z/b > x/a v4',
  },
  {
    teaches: 'out: except',
    policies: to(block('10.244.0.0/16', '10.244.1.0/24')),
    expect: 'deny x/a > all; allow x/a > *,-x/c,-y/a,-z/b v4',
  },
  {
    teaches: 'everything but the pods: egress to the internet',
    policies: to(block('0.0.0.0/0', '10.244.0.0/16')),
    expect: 'deny x/a > all; allow x/a > ext,node v4',
  },
  {
    teaches: 'everything but half of the addresses',
    policies: to(block('0.0.0.0/0', '0.0.0.0/1')),
    expect: 'deny x/a > all; allow x/a > ext,node v4',
  },
  {
    teaches: 'everything of IPv6 but the pods',
    policies: to(block('::/0', 'fd00:10:244::/48')),
    expect: 'deny x/a > all; allow x/a > ext,node v6',
  },
  {
    teaches: 'except in IPv6',
    policies: from(block('fd00:10:244::/48', 'fd00:10:244:1::/64')),
    expect: 'deny all > x/a; allow *,-x/c,-y/a,-z/b > x/a v6',
  },
  {
    teaches: 'what one block cuts out another may let in',
    policies: from(block('10.244.0.0/16', '10.244.1.0/24'), block('10.244.1.3/32')),
    expect: 'deny all > x/a; allow *,-x/c,-z/b > x/a v4',
  },
  {
    teaches: 'two blocks with holes: an address in one hole only is let in by the other',
    policies: from(block('10.244.0.0/16', '10.244.1.0/24'), block('10.244.1.0/24', '10.244.1.2/32')),
    expect: 'deny all > x/a; allow *,-x/c > x/a v4',
  },
  {
    teaches: 'a hole does not stop whom a selector lets in',
    policies: from(block('10.244.0.0/16', '10.244.1.0/24'), { podSelector: { matchLabels: { pod: 'c' } } }),
    expect: 'deny all > x/a; allow *,-x/c,-y/a,-z/b > x/a v4; allow x/c > x/a',
  },
  {
    teaches: 'blocks and selectors are alternatives',
    policies: from(block('203.0.113.0/24'), { namespaceSelector: { matchLabels: { ns: 'y' } } }),
    expect: 'deny all > x/a; allow ext > x/a v4; allow y/* > x/a',
  },
  {
    teaches: 'blocks with ports',
    policies: { 'x/p': { podSelector: A, ingress: [{ from: [block('203.0.113.0/24'), block('10.244.1.0/24')], ports: [{ port: 80 }] }] } },
    expect: 'deny all > x/a; allow ext,x/c,y/a,z/b > x/a 80/tcp,v4',
  },
  {
    teaches: 'out: blocks with ports',
    policies: {
      'x/p': {
        podSelector: A,
        policyTypes: ['Egress'],
        egress: [{ to: [block('0.0.0.0/0', '10.244.0.0/16')], ports: [{ port: 80, protocol: 'UDP' }] }],
      },
    },
    expect: 'deny x/a > all; allow x/a > ext,node 80/udp,v4',
  },
  {
    teaches: 'another node, by the address it speaks from: the first of its block where there is a tunnel',
    policies: { 'y/p': { podSelector: {}, ingress: [{ from: [block('10.244.0.0/32')] }] } },
    expect: 'deny all > y/*; allow node > y/* v4',
  },
  { teaches: 'out: another node, by its address', policies: to(block('192.168.50.12/32')), expect: 'deny x/a > all; allow x/a > node v4' },
  { teaches: 'an address no node has', policies: from(block('198.51.100.1/32')), expect: 'deny all > x/a' },
  {
    teaches: 'blocks that overlap',
    policies: from(block('10.244.1.0/24'), block('10.244.0.0/23')),
    expect: 'deny all > x/a; allow x/b,y/c,z/c,x/c,y/a,z/b,node > x/a v4',
  },
]
