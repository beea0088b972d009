/** diff and render on random labs, on labs that change while they run, and on labs that were damaged. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyChanges, diff } from '../../src/kernel/diff.ts'
import { deviceOf, keyOf, kindOf, namespacesOf, providedBy, type Change } from '../../src/kernel/kinds/index.ts'
import type { KernelObject } from '../../src/kernel/objects.ts'
import { render } from '../../src/kernel/render.ts'
import { build } from '../unit/compile/build.ts'
import { FakeKernel } from '../unit/kernel/fake-kernel.ts'
import { content, stateOf } from '../unit/kernel/fake-tables.ts'
import { topology, type PlainTopology } from '../unit/lab/arbitrary.ts'

const RUNS = { numRuns: 80 }

/** The same lab, written differently: another backend, hosts and pods come, go and move, another attach module … */
const edit = fc.record({
  other: topology,
  parts: fc.subarray(['network', 'underlay', 'hosts', 'pods', 'externals', 'services', 'policies'] as const),
  drop: fc.nat(10),
})
function edited(value: PlainTopology, { other, parts, drop }: typeof edit extends fc.Arbitrary<infer T> ? T : never): PlainTopology {
  const without = <T extends object>(map: T, n: number): T => Object.fromEntries(Object.entries(map).filter((_, i) => i !== n)) as T
  const changed = { ...value, ...Object.fromEntries(parts.map((p) => [p, other[p]])) } as PlainTopology
  const hosts = without(changed.hosts, drop)
  return { ...changed, hosts: Object.keys(hosts).length > 0 ? hosts : changed.hosts, pods: without(changed.pods, drop) }
}

/** What the kernel must hold after a change: exactly that, and settings that cannot be taken away. */
function expectHolds(kernel: FakeKernel, desired: readonly KernelObject[]): void {
  const want = stateOf(desired)
  const left = kernel.objects().filter((o) => want.has(keyOf(o)) || !kindOf(o).builtin?.(o))
  expect(Object.fromEntries(stateOf(left))).toEqual(Object.fromEntries(want))
}

/** Nothing is asked of what goes away with its namespace or device, but for pairs that reach out of it; and every delete names something that is there. */
function expectNoWaste(changes: readonly Change[]): void {
  const gone = changes.filter((c) => c.action === 'delete').map((c) => c.object)
  const lost = new Set(gone.flatMap((o) => providedBy(o)))
  for (const o of gone) {
    if (!kindOf(o).outlives)
      expect(
        namespacesOf(o).every((ns) => lost.has(ns)),
        `${keyOf(o)} goes with its namespace`,
      ).toBe(false)
    const dev = deviceOf(o)
    if (dev !== undefined) expect(lost.has(dev), `${keyOf(o)} goes with ${dev}`).toBe(false)
  }
}

describe('a lab', () => {
  test('is built from nothing, with nothing left to do', () => {
    fc.assert(
      fc.property(topology, (value) => {
        const made = build(value)
        if (!made) return
        const { objects } = made
        expect(diff(objects, objects)).toEqual([])
        const kernel = new FakeKernel().run(render(diff([], objects)))
        expectHolds(kernel, objects)
        expect(diff(kernel.objects(), objects)).toEqual([])
      }),
      RUNS,
    )
  })

  test('is removed by its namespaces and its processes', () => {
    fc.assert(
      fc.property(topology, (value) => {
        const made = build(value)
        if (!made) return
        const changes = diff(made.objects, [])
        expect(
          [...new Set(changes.map((c) => `${c.action} ${c.object.kind}`))].filter(
            (c) => c !== 'delete process' && c !== 'delete netns' && c !== 'delete veth',
          ),
        ).toEqual([])
        expect(new FakeKernel(made.objects).run(render(changes)).objects()).toEqual([])
      }),
      RUNS,
    )
  })

  test('becomes any other, in the order of changes, from what was asked for and from what was read back', () => {
    let changed = 0
    fc.assert(
      fc.property(topology, edit, fc.boolean(), (value, how, readBack) => {
        const before = build(value)
        const after = before && build(edited(value, how), before.lab)
        if (!after) return
        const kernel = new FakeKernel(before.objects)
        const changes = diff(readBack ? kernel.objects() : before.objects, after.objects)
        expectNoWaste(changes)
        expectHolds(kernel.run(render(changes)), after.objects)
        expect(stateOf(applyChanges(before.objects, changes))).toEqual(stateOf(after.objects))
        changed++
      }),
      { numRuns: 120 },
    )
    expect(changed).toBeGreaterThan(30)
  })
})

/** What people do to a running lab. */
const DAMAGE = {
  lose: (o: KernelObject) => (o.kind === 'sysctl' || o.kind === 'netns' ? undefined : { action: 'delete', object: o }),
  alter: (o: KernelObject) => {
    const object = nonDefault(o)
    return object && { action: 'replace', object, before: o }
  },
} satisfies Record<string, (o: KernelObject) => Change | undefined>

function nonDefault(o: KernelObject): KernelObject | undefined {
  switch (o.kind) {
    case 'route':
      return o.type === undefined ? { ...o, via: o.family === 4 ? '10.255.255.1' : 'fd99::1', onlink: true } : undefined
    case 'neighbour':
      return { ...o, lladdr: '02:ff:00:00:00:00' }
    case 'fdb':
      return { ...o, dst: '10.255.255.1' }
    case 'sysctl':
      return { ...o, value: '7' }
    case 'chain':
      return { ...o, rules: o.rules.slice(1) }
    case 'ipset':
      return { ...o, members: o.members.slice(1) }
    case 'veth':
      return { ...o, mtu: o.mtu - 1, peer: { ...o.peer, mac: '02:ff:00:00:00:00', mtu: o.peer.mtu - 2 } }
    case 'link':
      return o.type === 'loopback' || !('mac' in o) ? undefined : { ...o, mtu: o.mtu - 1, mac: '02:ff:00:00:00:00' }
    default:
      return undefined
  }
}

test('a damaged lab is mended, whatever was lost or changed', () => {
  let mended = 0
  fc.assert(
    fc.property(
      topology,
      fc.array(fc.tuple(fc.constantFrom('lose', 'alter') as fc.Arbitrary<keyof typeof DAMAGE>, fc.nat()), { minLength: 1, maxLength: 6 }),
      (value, damage) => {
        const made = build(value)
        if (!made) return
        let kernel = new FakeKernel(made.objects)
        for (const [how, where] of damage) {
          const now = kernel.objects()
          const change = DAMAGE[how](now[where % now.length]!)
          try {
            if (change) kernel = new FakeKernel(now).run(render([change]))
          } catch {
            // The kernel refuses: a chain that others jump to, or a set that a rule matches, cannot be lost.
          }
        }
        const damaged = kernel.objects()
        const changes = diff(damaged, made.objects)
        expectNoWaste(changes)
        expectHolds(kernel.run(render(changes)), made.objects)
        expect(stateOf(applyChanges(damaged, changes))).toEqual(stateOf(made.objects))
        mended++
      },
    ),
    RUNS,
  )
  expect(mended).toBeGreaterThan(30)
})

test('diff keeps its promise on any two lists, sensible or not', () => {
  const pool = build({
    network: { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'], attach: 'routed' },
    underlay: { segments: { s0: '192.168.1.0/24', s1: '10.0.0.0/16' } },
    hosts: { a: {}, b: {} },
    pods: { p: {}, q: {} },
    externals: { 'ext-1': { podRoutes: true } },
  } as PlainTopology)!.objects
  const some = fc
    .subarray([...pool])
    .chain((list) =>
      fc
        .array(fc.boolean(), { minLength: list.length, maxLength: list.length })
        .map((odd) => list.map((o, i) => (odd[i] ? (nonDefault(o) ?? o) : o))),
    )
  fc.assert(
    fc.property(some, some, (a, b) => {
      const changes = diff(a, b)
      expect(stateOf(applyChanges(a, changes))).toEqual(stateOf(b))
      expect(diff(b, b)).toEqual([])
      expect(diff(a, b)).toEqual(changes)
      for (const c of changes) if (c.action === 'replace') expect(content(c.before)).not.toBe(content(c.object))
    }),
    RUNS,
  )
})
