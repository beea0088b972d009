/** Which failed checks come of which difference. */
import { describe, expect, test } from 'vitest'
import { traceKey, withCauses } from '../../../src/verify/causes.ts'
import type { Check, Difference } from '../../../src/verify/check.ts'
import { lab as labOf } from '../lab/fixture.ts'

const lab = labOf(`
name: demo
hosts: { node-1: {}, node-2: {}, node-3: {} }
pods:
  a: { host: node-1 }
  a2: { host: node-1 }
  b: { host: node-2 }
  b2: { host: node-2 }
  c: { host: node-3 }
`)

const failed = (from: string | undefined, to: string | undefined, ...options: string[]): Check => ({
  id: 'pods-reach-pods',
  group: 'model',
  title: 'pods reach pods',
  status: 'failed',
  ...(from === undefined ? {} : { from }),
  ...(to === undefined ? {} : { to }),
  tested: 1,
  ...(from !== undefined && to !== undefined ? { reproduce: ['trace', from, to, ...options] } : {}),
})

const FDB: Difference = { state: 'missing', object: 'FDB entry 02:06 on vxlan1 in demo.node-1', netns: 'demo.node-1', details: [] }
const ELSEWHERE: Difference = { state: 'unexpected', object: 'route x in demo.node-3', netns: 'demo.node-3', details: [] }

const KNOWN = { differences: [0], isKnown: true }
const POSSIBLE = { differences: [0], isKnown: false }

describe('what follows from a difference', () => {
  test('without a trace it is possible where the packets pass, and nothing is said elsewhere', () => {
    const checks = [failed('a', 'b'), failed('node-1', 'b'), failed('b', 'c'), failed(undefined, undefined)]
    expect(withCauses(lab, checks, [FDB], []).map((c) => c.cause)).toEqual([POSSIBLE, POSSIBLE, undefined, undefined])
    // A Service's endpoint may be anywhere.
    expect(withCauses(lab, [failed('b', 'svc/web')], [FDB], [])[0]!.cause).toEqual(POSSIBLE)
    expect(withCauses(lab, [failed('a', 'c')], [FDB, ELSEWHERE], [])[0]!.cause).toEqual({ differences: [0, 1], isKnown: false })
    expect(withCauses(lab, [failed('a', 'b')], [], [])[0]!.cause).toBeUndefined()
  })

  test('a trace that ends at it speaks for the pair on every port and in both directions, and for all pods of both hosts', () => {
    const checks = [failed('a', 'b'), failed('b', 'a', '--port', '9/tcp'), failed('a2', 'b2'), failed('a', 'c'), failed('node-1', 'b')]
    const traced = [{ check: checks[0]!, drop: { cause: 'fdb-missing', object: FDB.object } as const }]
    expect(withCauses(lab, checks, [FDB], traced).map((c) => c.cause)).toEqual([KNOWN, KNOWN, KNOWN, POSSIBLE, POSSIBLE])
  })

  test('a trace between a host and a pod of another one speaks for all pods of that one, and for no other host', () => {
    const checks = [failed('node-1', 'b'), failed('b2', 'node-1', '--port', '9/tcp'), failed('node-1', 'c'), failed('a', 'b')]
    const traced = [{ check: checks[0]!, drop: { cause: 'fdb-missing', object: FDB.object } as const }]
    expect(withCauses(lab, checks, [FDB], traced).map((c) => c.cause)).toEqual([KNOWN, KNOWN, POSSIBLE, POSSIBLE])
  })

  test('the family is told apart', () => {
    const checks = [failed('a', 'b'), failed('a', 'b', '--family', '6')]
    const traced = [{ check: checks[0]!, drop: { cause: 'fdb-missing', object: FDB.object } as const }]
    expect(withCauses(lab, checks, [FDB], traced).map((c) => c.cause)).toEqual([KNOWN, POSSIBLE])
  })

  test('a route to the only block of a host is that of all its pods, one to an address is not', () => {
    const checks = [failed('a', 'b'), failed('a2', 'b2')]
    const block = lab.hosts[1]!.blocks[0]!.cidr
    for (const [dst, other] of [
      [block, KNOWN],
      ['10.244.1.2/32', POSSIBLE],
    ] as const) {
      const route: Difference = { ...FDB, object: `route ${dst} in demo.node-1` }
      const traced = [{ check: checks[0]!, drop: { cause: 'no-route', object: route.object } as const }]
      expect(withCauses(lab, checks, [route], traced).map((c) => c.cause)).toEqual([KNOWN, other])
    }
  })

  test('what may let other packets of the pair pass speaks for the traced check alone', () => {
    const checks = [failed('a', 'b', '--port', '80/tcp'), failed('a', 'b')]
    const traced = [{ check: checks[0]!, drop: { cause: 'firewall', object: FDB.object } as const }]
    expect(withCauses(lab, checks, [FDB], traced).map((c) => c.cause)).toEqual([KNOWN, POSSIBLE])
  })

  test('a trace that ends elsewhere, or arrives, makes nothing known', () => {
    const checks = [failed('a', 'b')]
    for (const drop of [undefined, { cause: 'no-route', object: 'route 0.0.0.0/0 in demo.a' } as const])
      expect(withCauses(lab, checks, [FDB], [{ check: checks[0]!, drop }]).map((c) => c.cause)).toEqual([POSSIBLE])
  })

  test('checks that passed have no cause', () => {
    const passed: Check = { ...failed('a', 'b'), status: 'passed' }
    expect(withCauses(lab, [passed], [FDB], [])).toEqual([passed])
  })

  test('one trace is enough for two hosts', () => {
    const keys = [failed('a', 'b'), failed('b2', 'a2'), failed('a', 'c'), failed('node-1', 'b'), failed('a', 'a2')].map((c) =>
      traceKey(lab, c),
    )
    expect(keys[0]).toBe(keys[1])
    expect(new Set(keys).size).toBe(4)
    expect(traceKey(lab, failed('a', undefined))).toBeUndefined()
  })
})
