/** What holds of every topology that resolves, and what is said of those that do not. */
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { compile, refusals } from '../../src/compile/compile.ts'
import { nodesOf, type Lab } from '../../src/lab/lab.ts'
import { leasesOf } from '../../src/lab/addressing/lease.ts'
import { resolve } from '../../src/lab/resolve.ts'
import { contains, overlaps, parseCidr, parseIp } from '../../src/topology/address.ts'
import { flaws } from '../unit/compile/structure.ts'
import { textOf, topology, type PlainTopology } from '../unit/lab/arbitrary.ts'
import { load, placeOf } from '../unit/lab/fixture.ts'

const RUNS = { numRuns: 100 }
const tally = { resolved: 0, refused: 0 }

const labOf = (value: PlainTopology): Lab | undefined => resolve(load(textOf(value))).value

/** Runs a check on every lab that comes of a random topology. */
function always(check: (lab: Lab, value: PlainTopology) => void): void {
  fc.assert(
    fc.property(topology, (value) => {
      const lab = labOf(value)
      if (lab) check(lab, value)
      tally[lab ? 'resolved' : 'refused']++
    }),
    RUNS,
  )
}

describe('every lab', () => {
  test('has addresses of its own for each node, gateway and tunnel end, outside the service networks', () => {
    always((lab) => {
      const owners = new Map<string, string>()
      const own = (ip: string, owner: string): void => {
        expect(owners.get(ip), `${ip} of ${owner}`).toBeUndefined()
        owners.set(ip, owner)
      }
      for (const s of lab.segments) for (const g of s.gateways) own(g.ip, `the router on ${s.segment}`)
      for (const h of lab.hosts) {
        for (const a of h.addresses) own(a.ip, h.name)
        for (const b of h.blocks) own(b.gateway, `the bridge of ${h.name}`)
        for (const b of h.blocks) own(b.network, `the tunnel of ${h.name}`)
      }
      for (const p of lab.pods) for (const a of p.addresses) own(a.ip, p.key)
      for (const x of lab.externals) for (const a of x.addresses) own(a.ip, x.name)
      for (const cidr of lab.serviceCIDRs.map((c) => parseCidr(c)!)) {
        for (const [ip, owner] of owners) expect(contains(cidr, parseIp(ip)!), `${owner} in the service network`).toBe(false)
      }
    })
  })

  test('has networks that do not overlap: segments, blocks, services', () => {
    always((lab) => {
      const all = [...lab.segments.flatMap((s) => s.cidrs), ...lab.hosts.flatMap((h) => h.blocks.map((b) => b.cidr)), ...lab.serviceCIDRs]
      const parsed = all.map((c) => parseCidr(c)!)
      parsed.forEach((a, i) => {
        for (const [j, b] of parsed.slice(0, i).entries()) expect(overlaps(a, b), `${all[i]} and ${all[j]}`).toBe(false)
      })
    })
  })

  test('has each pod inside the block of its host, and each host inside its segment, one address a family', () => {
    always((lab) => {
      for (const pod of lab.pods) {
        const host = lab.hosts.find((h) => h.name === pod.host)!
        expect(pod.addresses.map((a) => a.family)).toEqual(lab.families)
        for (const a of pod.addresses) {
          const block = host.blocks.find((b) => b.family === a.family)!
          expect(contains(parseCidr(block.cidr)!, parseIp(a.ip)!)).toBe(true)
          expect(a.prefix).toBe(block.prefix)
        }
      }
      for (const host of lab.hosts) {
        const segment = lab.segments.find((s) => s.segment === host.segment)!
        expect(host.addresses.map((a) => a.family).toSorted()).toEqual([4, 6].slice(0, segment.cidrs.length))
        expect(host.blocks.map((b) => b.family)).toEqual(lab.families)
        for (const a of host.addresses) expect(segment.cidrs.some((c) => contains(parseCidr(c)!, parseIp(a.ip)!))).toBe(true)
      }
    })
  })

  test('has MACs, namespaces and numbers that are unique', () => {
    always((lab) => {
      const nodes = nodesOf(lab)
      expect(new Set(nodes.map((n) => n.netns)).size).toBe(nodes.length)
      const macs = [...lab.hosts.map((h) => h.mac), ...lab.pods.flatMap((p) => [p.mac, p.hostMac]), ...lab.externals.map((x) => x.mac)]
      expect(new Set(macs).size).toBe(macs.length)
      expect(new Set(lab.pods.map((p) => `${p.host} ${p.ordinal}`)).size).toBe(lab.pods.length)
      expect(new Set(lab.hosts.map((h) => h.index)).size).toBe(lab.hosts.length)
    })
  })

  test('is itself when resolved again, with its own leases or without', () => {
    always((lab, value) => {
      expect(labOf(value)).toEqual(lab)
      expect(resolve(load(textOf(value)), () => leasesOf(lab)).value).toEqual(lab)
    })
  })

  test('keeps every node in place when a host or pod is added or removed while it runs', () => {
    fc.assert(
      fc.property(topology, fc.nat(), fc.nat(), (value, where, gone) => {
        const lab = labOf(value)
        if (!lab) return
        const insert = <T extends object>(map: T, name: string): T =>
          Object.fromEntries([...Object.entries(map).slice(0, where % 3), [name, {}], ...Object.entries(map).slice(where % 3)]) as T
        const keep = <T extends object>(map: T): T => Object.fromEntries(Object.entries(map).filter((_, i) => i !== gone % 10)) as T
        const changed = { ...value, hosts: insert(value.hosts, 'new-host'), pods: insert(keep(value.pods), 'new-pod') }
        const after = resolve(load(textOf(changed)), () => leasesOf(lab)).value
        if (!after) return // no room for one more
        for (const host of after.hosts)
          if (host.name !== 'new-host') expect(placeOf(host)).toEqual(placeOf(lab.hosts.find((h) => h.name === host.name)!))
        for (const pod of after.pods)
          if (pod.key !== 'new-pod') expect(placeOf(pod)).toEqual(placeOf(lab.pods.find((p) => p.key === pod.key)!))
      }),
      RUNS,
    )
  })

  test('compiles to a list a kernel could hold', () => {
    always((lab) => {
      if (refusals(lab).some((r) => !r.forceable)) return
      expect(flaws(compile(lab).objects, lab)).toEqual([])
    })
  })

  test('compiles to the same list every time', () => {
    always((lab) => expect(compile(structuredClone(lab)).objects).toEqual(compile(lab).objects))
  })
})

test('a topology that does not resolve is told why, at a place in the file', () => {
  fc.assert(
    fc.property(topology, (value) => {
      const text = textOf(value)
      const { value: lab, diagnostics } = resolve(load(text))
      expect(lab === undefined).toBe(diagnostics.some((d) => d.severity === 'error'))
      const lines = text.split('\n')
      for (const d of diagnostics) {
        expect(d.message).not.toMatch(/undefined|NaN|\[object/)
        expect(lines[d.line! - 1]?.length, d.message).toBeGreaterThanOrEqual(d.column!)
      }
    }),
    RUNS,
  )
})

afterAll(() => {
  // A generator that makes only nonsense would prove nothing.
  expect(tally.resolved).toBeGreaterThan(tally.refused)
})
