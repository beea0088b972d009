import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { PORT } from '../../../src/bench/paths.ts'
import { filePaths, policyNumbers, runningPaths } from '../../../src/bench/plan.ts'
import { benchEnds, benchName, benchTopology, POLICIES } from '../../../src/bench/topology.ts'
import { modules } from '../../../src/cli/topology-file.ts'
import { compile, refusals } from '../../../src/compile/compile.ts'
import type { Lab } from '../../../src/lab/lab.ts'
import { policiesOf, type Policy } from '../../../src/lab/policy/policies.ts'
import { resolve } from '../../../src/lab/resolve.ts'
import { loadTopology } from '../../../src/topology/load.ts'
import type { LoadedTopology } from '../../../src/topology/loaded.ts'

const FOLDER = fileURLToPath(new URL('../../../topologies/bench/', import.meta.url))

function labOf(loaded: LoadedTopology): Lab {
  const { value, diagnostics } = resolve(loaded)
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([])
  return value!
}

function load(text: string): { loaded: LoadedTopology; lab: Lab } {
  const { value, diagnostics } = loadTopology(text, 'lab.yaml', modules)
  expect(diagnostics).toEqual([])
  return { loaded: value!, lab: labOf(value!) }
}

/** The labs that are built for a topology. */
function built(text: string): ReadonlyMap<number, Lab> {
  const { loaded, lab } = load(text)
  return new Map(policyNumbers(lab).map((n) => [n, labOf(benchTopology(loaded, lab, n))]))
}

const ids = (paths: readonly { readonly id: string }[]): string[] => paths.map((p) => p.id)
const TWO_HOSTS = 'name: pair\nhosts: { a: {}, b: {} }\npods: { web: { host: b, labels: { app: web } } }\n'

describe('the labs of a topology', () => {
  test('keep its network and hosts, and have pods of their own, under other names', () => {
    const labs = built(`${TWO_HOSTS}network: { podCIDR: 10.9.0.0/16, backend: { type: vxlan, vni: 77 } }\nexternals: { client: {} }\n`)
    expect([...labs.values()].map((l) => l.name)).toEqual(['bench-pair', 'bench-pair-100', 'bench-pair-500'])
    for (const lab of labs.values()) {
      expect(lab.backend).toMatchObject({ type: 'vxlan', vni: 77 })
      expect(lab.podCIDRs).toEqual(['10.9.0.0/16'])
      expect(lab.pods.map((p) => [p.name, p.host])).toEqual([
        ['bench-client', 'a'],
        ['bench-near', 'a'],
        ['bench-far', 'b'],
      ])
      expect(lab.externals).toEqual([])
    }
  })

  test('every path to measure, each with a place to connect to', () => {
    const { paths, unmeasured } = filePaths(built(TWO_HOSTS))
    expect(ids(paths)).toEqual(['host-host', 'same-host', 'other-host', 'service', 'policies-100', 'policies-500'])
    expect(paths.map((p) => p.policies)).toEqual([0, 0, 0, 0, 100, 500])
    expect(paths.map((p) => [p.client, p.server])).toEqual([
      ['bench-pair.a', 'bench-pair.b'],
      ['bench-pair.bench-client', 'bench-pair.bench-near'],
      ['bench-pair.bench-client', 'bench-pair.bench-far'],
      ['bench-pair.bench-client', 'bench-pair.bench-far'],
      ['bench-pair-100.bench-client', 'bench-pair-100.bench-far'],
      ['bench-pair-500.bench-client', 'bench-pair-500.bench-far'],
    ])
    expect(ids(unmeasured)).toEqual(['encrypted'])
  })

  test('the Service leads to the pod of the other host alone', () => {
    const lab = built(TWO_HOSTS).get(0)!
    const [service] = lab.services
    expect(service!.ports.flatMap((p) => p.endpoints)).toMatchObject([{ pod: 'bench-far', port: PORT }])
    const path = filePaths(new Map([[0, lab]])).paths.find((p) => p.id === 'service')
    expect(path?.address).toBe(service!.clusterIPs[0]!.ip)
  })

  test('one host has nothing to compare with; policies that nothing enforces are not measured', () => {
    const alone = filePaths(built('name: one\nhosts: { a: {} }\npods: {}\n'))
    expect(ids(alone.paths)).toEqual(['same-host', 'service'])
    expect(ids(alone.unmeasured)).toEqual(['host-host', 'other-host', 'policies-100', 'policies-500'])
    const unenforced = filePaths(built(`${TWO_HOSTS}network: { policy: none }\n`))
    expect(unenforced.unmeasured.map((u) => u.reason)).toContain('nothing enforces policies in this lab')
    expect(ids(unenforced.paths)).toEqual(['host-host', 'same-host', 'other-host', 'service'])
  })

  test('the other host is one of another segment, if there is one', () => {
    const text = 'name: r\nunderlay: { segments: { x: 192.168.1.0/24, y: 192.168.2.0/24 } }\n'
    const hosts = 'hosts: { a: { segment: x }, b: { segment: x }, c: { segment: y } }\npods: {}\n'
    expect(filePaths(built(text + hosts)).paths[0]).toMatchObject({ from: 'a', to: 'c' })
  })

  test('pods without IPv4 are measured over IPv6', () => {
    const { paths } = filePaths(built('name: six\nnetwork: { podCIDR: "fd00:10::/48" }\nhosts: { a: {}, b: {} }\npods: {}\n'))
    expect(paths.map((p) => [p.id, p.family])).toContainEqual(['other-host', 6])
    expect(paths.map((p) => [p.id, p.family])).toContainEqual(['service', 6])
  })

  test('paths to another host are encrypted where the backend says that they are', () => {
    const lab = built(`${TWO_HOSTS}network: { backend: wireguard }\n`).get(0)!
    const { paths, unmeasured } = filePaths(new Map([[0, lab]]))
    expect(paths.filter((p) => p.encrypted).map((p) => p.title)).toEqual(['pod, other host, encrypted', 'Service, other host, encrypted'])
    expect(ids(unmeasured)).not.toContain('encrypted')
  })

  test('a long name still is a name', () => {
    expect(benchName(`${'a'.repeat(39)}-${'b'.repeat(20)}`, 500)).toBe(`bench-${'a'.repeat(39)}-500`)
  })
})

describe('policies', () => {
  const about = (policy: Policy, pod: string): boolean => [...policy.selected.pods].some((p) => p.name === pod)

  test.each(POLICIES)('%d of them: half name others, and both ends are selected', (n) => {
    const lab = built(TWO_HOSTS).get(n)!
    const policies = policiesOf(lab)
    expect(policies).toHaveLength(n)
    expect(policies.filter((p) => p.ingress && about(p, 'bench-far'))).toHaveLength(n / 2)
    expect(policies.filter((p) => p.egress && about(p, 'bench-client'))).toHaveLength(n / 2)
    const lets = policies
      .flatMap((p) => [...(p.ingress ?? []), ...(p.egress ?? [])])
      .filter((r) => r.ports?.some((p) => p.kind === 'range' && p.first === PORT))
    expect(lets).toHaveLength(n / 2)
  })
})

describe('a running lab', () => {
  test('is measured between pods of its own', () => {
    const { lab } = load('name: r\nhosts: { a: {}, b: {} }\npods: { one: { host: b }, two: { host: a }, three: { host: a } }\n')
    const { paths, unmeasured } = runningPaths(lab)!
    expect(paths.map((p) => [p.id, p.from, p.to])).toEqual([
      ['host-host', 'a', 'b'],
      ['same-host', 'two', 'three'],
      ['other-host', 'two', 'one'],
    ])
    expect(ids(unmeasured)).toEqual(['service', 'policies-100', 'policies-500', 'encrypted'])
  })

  test('that has no pods is not', () => expect(runningPaths(load('hosts: { a: {} }\npods: {}\n').lab)).toBeUndefined())
})

describe.each(readdirSync(FOLDER))('topologies/bench/%s', (name) => {
  const text = readFileSync(FOLDER + name, 'utf8')

  test('is a lab of a pair of hosts, called after its file, and so are those that are built for it', () => {
    const { lab } = load(text)
    expect(lab.name).toBe(`${name.replace('.yaml', '')}-pair`)
    expect(lab.hosts).toHaveLength(2)
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=../../topology.schema.json')
    expect(runningPaths(lab)!.paths).toHaveLength(3)
    for (const each of built(text).values()) {
      expect(refusals(each)).toEqual([])
      expect(compile(each).objects.length).toBeGreaterThan(20)
      expect(benchEnds(each).far).toBeDefined()
    }
  })
})
