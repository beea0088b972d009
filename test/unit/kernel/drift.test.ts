import { describe, expect, test } from 'vitest'
import { drift } from '../../../src/kernel/drift.ts'
import type { KernelObject, Route } from '../../../src/kernel/objects.ts'

const ns = 'lab.a'
const from = { line: 3, column: 1, path: 'hosts.a' }
const netns: KernelObject = { kind: 'netns', ns, from }
const route: Route = { kind: 'route', ns, family: 4, dst: '10.1.0.0/24', via: '10.0.0.1', dev: 'eth0', from, note: 'pods' }
const bare = ({ from: _from, note: _note, ...o }: Route): Route => o

describe('drift', () => {
  test('is nothing where the kernel holds what was asked for, whatever is said about it', () => {
    expect(drift([netns, route], [bare(route), { kind: 'netns', ns }])).toEqual({ missing: [], changed: [], unexpected: [] })
  })
  test('is what is missing, what changed and how, and what was not asked for; the first two with the line that asked', () => {
    const other: KernelObject = { kind: 'address', ns, dev: 'eth0', address: '10.9.9.9/32' }
    expect(drift([netns, route], [{ ...bare(route), via: '10.0.0.9', onlink: true }, other])).toEqual({
      missing: [netns],
      changed: [{ object: route, observed: { ...bare(route), via: '10.0.0.9', onlink: true }, fields: ['via', 'onlink'] }],
      unexpected: [other],
    })
  })
  test('of a device that is down is one field', () => {
    const lo: KernelObject = { kind: 'link', ns, type: 'loopback', name: 'lo' }
    expect(drift([lo], [{ ...lo, down: true }]).changed.map((c) => c.fields)).toEqual([['down']])
  })
})
