/** What the kernel counts while a lab is asked, and what of it is no fault. */
import { describe, expect, test } from 'vitest'
import { judgeCounters } from '../../../src/verify/model/counters.ts'
import type { Scene } from '../../../src/verify/promises.ts'
import type { Readings } from '../../../src/verify/evidence/readings.ts'
import { lab as labOf } from '../model/fixture.ts'

const lab = labOf('name: demo\nhosts: { node-1: {} }\npods: { a: { host: node-1 } }\n')
const ns = lab.hosts[0]!.netns
const judged = (after: Readonly<Record<string, number>>, lateRefusals?: number): Record<string, string> => {
  const before = Object.fromEntries(Object.keys(after).map((name) => [name, 0]))
  const readings = {
    nodes: new Map([[ns, { devices: [], routes: [], settings: {}, before, after }]]),
    containers: [],
  } as unknown as Readings
  return Object.fromEntries(judgeCounters({ lab } as unknown as Scene, readings, lateRefusals).map((c) => [c.id, c.status]))
}

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
