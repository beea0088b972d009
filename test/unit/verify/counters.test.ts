/** What the kernel counts while a lab is asked, and what of it is no fault. */
import { describe, expect, test } from 'vitest'
import { evaluateCounters } from '../../../src/verify/checks/model/counters.ts'
import type { Check } from '../../../src/verify/check.ts'
import type { TestPlan } from '../../../src/verify/check-source.ts'
import type { Readings } from '../../../src/verify/evidence/readings.ts'
import { lab as labOf } from '../lab/fixture.ts'

const lab = labOf('name: demo\nhosts: { node-1: {} }\npods: { a: { host: node-1 } }\nexternals: { client: {} }\n')

/** What was read of a node: how its counters grew from nothing, and its settings. */
interface Read {
  readonly after: Readonly<Record<string, number>>
  readonly settings?: Readonly<Record<string, string>>
}

/** What is made of readings of nodes, by name. */
function checksOf(nodes: Readonly<Record<string, Read>>, lateRefusals?: number): Check[] {
  const readings = {
    nodes: new Map(
      Object.entries(nodes).map(([name, { after, settings = {} }]) => {
        const before = Object.fromEntries(Object.keys(after).map((c) => [c, 0]))
        return [`demo.${name}`, { devices: [], routes: [], settings, before, after }]
      }),
    ),
    containers: [],
  } as unknown as Readings
  return evaluateCounters({ lab } as unknown as TestPlan, readings, lateRefusals)
}

/** A host tracks connections and filters. */
const judged = (after: Readonly<Record<string, number>>, lateRefusals?: number): Record<string, string> =>
  Object.fromEntries(
    checksOf(
      { 'node-1': { after: { 'conntrack.entries': 3, ...after }, settings: { 'net/ipv4/conf/all/rp_filter': '2' } } },
      lateRefusals,
    ).map((c) => [c.id, c.status]),
  )

describe('counters that grow', () => {
  test('fail by what they count', () => {
    const quiet = { 'Ip.FragCreates': 0, 'conntrack.invalid': 0, 'TcpExt.IPReversePathFilter': 0 }
    expect(judged(quiet)).toEqual({ 'no-fragments': 'passed', 'no-invalid': 'passed', 'no-martians': 'passed' })
    expect(judged({ ...quiet, 'conntrack.invalid': 1 })).toMatchObject({ 'no-fragments': 'passed', 'no-invalid': 'failed' })
    expect(judged({ ...quiet, 'TcpExt.IPReversePathFilter': 1 })).toMatchObject({ 'no-martians': 'failed' })
  })
  test('but for redirects, which connection tracking takes for invalid, and no others', () => {
    expect(judged({ 'conntrack.invalid': 3, Icmp6OutRedirects: 3 })).toMatchObject({ 'no-invalid': 'passed' })
    expect(judged({ 'conntrack.invalid': 4, Icmp6OutRedirects: 3 })).toMatchObject({ 'no-invalid': 'failed' })
    expect(judged({ 'conntrack.invalid': 1, Icmp6OutRedirects: 3 })).toMatchObject({ 'no-invalid': 'passed' })
  })
  test('but for what was refused twice, whose first RST ended the connection, and no others', () => {
    const counted = { 'conntrack.invalid': 5, Icmp6OutRedirects: 3, 'TcpExt.IPReversePathFilter': 2 }
    expect(judged(counted, 2)).toMatchObject({ 'no-invalid': 'passed', 'no-martians': 'failed' })
    expect(judged(counted, 1)).toMatchObject({ 'no-invalid': 'failed' })
  })
})

describe('who is watched', () => {
  const quiet = { 'Ip.FragCreates': 0, 'conntrack.invalid': 0, 'TcpExt.IPReversePathFilter': 0 }
  const off = { settings: { 'net/ipv4/conf/all/rp_filter': '0', 'net/ipv4/conf/default/rp_filter': '0' } }
  const host = { after: { ...quiet, 'conntrack.entries': 3 }, settings: { 'net/ipv4/conf/all/rp_filter': '2' } }
  const told = (checks: readonly Check[]) => checks.map((c) => [c.id, c.status, c.from, c.detail])

  test('router and externals too, but not for what they do not look at', () => {
    const still = { after: quiet, ...off }
    expect(told(checksOf({ 'node-1': host, router: still, client: still }))).toEqual([
      ['no-fragments', 'passed', undefined, '3 nodes'],
      ['no-invalid', 'passed', undefined, '1 node'],
      ['no-martians', 'passed', undefined, '1 node'],
    ])
  })
  test.each(['router', 'client'])('what grows at %s fails under its name', (name) => {
    const grown = { after: { 'Ip.FragCreates': 2, 'conntrack.invalid': 3, 'TcpExt.IPReversePathFilter': 4 }, ...off }
    expect(told(checksOf({ 'node-1': host, [name]: grown }))).toEqual([
      ['no-fragments', 'failed', name, '2 fragments were made while it was tested'],
      ['no-invalid', 'failed', name, '3 packets belonged to no connection while it was tested'],
      ['no-martians', 'failed', name, '4 packets came from where no route leads back while it was tested'],
    ])
  })
  test("a router that tracks connections and sends redirects counts those, and that is no one's fault", () => {
    const redirects = { ...quiet, 'conntrack.entries': 1, 'conntrack.invalid': 2, Icmp6OutRedirects: 2 }
    expect(told(checksOf({ router: { after: redirects, ...off } }))[1]).toEqual(['no-invalid', 'passed', undefined, '1 node'])
  })
  test('pods send what they like; where one of them cuts its packets, nodes may have to', () => {
    expect(told(checksOf({ 'node-1': host, a: { after: { 'conntrack.invalid': 9 } } })).map((c) => c[1])).toEqual([
      'passed',
      'passed',
      'passed',
    ])
    const checks = checksOf({ 'node-1': { ...host, after: { 'Ip.FragCreates': 1 } }, a: { after: { 'Ip.FragCreates': 1 } } })
    expect(told(checks)[0]).toEqual(['no-fragments', 'skipped', undefined, 'pods of this lab send packets larger than their MTU'])
  })
  test('where no node tracks connections, nothing was looked at', () => {
    expect(told(checksOf({ 'node-1': { after: quiet, ...off } })).slice(1)).toEqual([
      ['no-invalid', 'skipped', undefined, 'no node counts them'],
      ['no-martians', 'skipped', undefined, 'no node counts them'],
    ])
  })
})
