import { expect, test } from 'vitest'
import { ABSENT } from '../../../src/netns/namespace-pool.ts'
import { countersOf, growth } from '../../../src/verify/evidence/readings.ts'

const SNMP = 'Ip: Forwarding DefaultTTL FragCreates\nIp: 1 64 3\nIcmp: InMsgs\nIcmp: 12'
const SNMP6 = 'Ip6InReceives                   \t20\nIp6FragCreates                  \t4'
const NETSTAT = 'TcpExt: SyncookiesSent IPReversePathFilter\nTcpExt: 0 17'
const CONNTRACK =
  'entries  clashres found new invalid\n0000000a  00000000 00000000 00000000 0000000f\n0000000a  00000000 00000000 00000000 00000001'

test('counters are read by their names, those of processors added up', () => {
  const c = countersOf([SNMP, SNMP6, NETSTAT, CONNTRACK])
  expect(c).toMatchObject({
    'Ip.FragCreates': 3,
    'Icmp.InMsgs': 12,
    Ip6FragCreates: 4,
    'TcpExt.IPReversePathFilter': 17,
    'conntrack.invalid': 16,
  })
})

test('what a kernel does not have is missing, not zero', () => {
  const c = countersOf([SNMP, ABSENT, NETSTAT, ABSENT])
  expect(Object.keys(c).filter((k) => k.includes('6') || k.includes('conntrack'))).toEqual([])
})

test('growth is the difference', () => {
  const node = { devices: [], routes: [], settings: {}, before: countersOf([SNMP]), after: { 'Ip.FragCreates': 5 } }
  expect([growth(node, 'Ip.FragCreates'), growth(node, 'nothing')]).toEqual([2, 0])
})
