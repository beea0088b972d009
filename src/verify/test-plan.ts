/** What a test looks at: two ports nothing else uses, and in a large lab which pairs. Pure, and the same for the same lab. */
import { containerOwners, type Lab, type Pod } from '../lab/lab.ts'
import { policiesOf } from '../lab/policy/policies.ts'
import type { Actor } from '../lab/policy/verdict.ts'
import { enforcedLab } from '../policy/index.ts'
import type { TestPlan } from './check-source.ts'

/** Ordered pairs of pods beyond which a test samples unless it is told otherwise, and how many it then asks about. */
export const MAX_PAIRS = 40_000
export const DEFAULT_SAMPLE = 10_000

export interface Sampling {
  /** Ordered pairs of pods to ask about; absent: all, or {@link DEFAULT_SAMPLE} in a lab with more than {@link MAX_PAIRS}. */
  readonly sample?: number
  /** Another spread of the same size. */
  readonly seed?: number
}

/** Every end a question can have. */
export const actorsOf = (lab: Lab): Actor[] => [...lab.pods, ...lab.hosts, ...lab.externals]

/** Ports tried in turn, so that a reader of a capture recognises them. */
const CONTROLS = [9, 99, 999, 9999, 49_999]
const CLOSED = [7, 77, 777, 7777, 47_777]
const LOOPBACK = [5, 55, 555, 5555, 45_555]

/** A port that no container declares, no Service leads to or from and, if there is any such, no policy speaks of. */
function freePort(lab: Lab, candidates: readonly number[]): number {
  const rules = policiesOf(lab).flatMap((p) => [...(p.ingress ?? []), ...(p.egress ?? [])].flatMap((r) => r.ports ?? []))
  const isMentioned = (port: number): boolean =>
    rules.some((m) => m.kind === 'all' || (m.kind === 'range' && port >= m.first && port <= m.last))
  const taken = new Set([
    ...containerOwners(lab).flatMap((p) =>
      p.containers.flatMap((c) => c.ports.flatMap((x) => [x.containerPort, ...(x.hostPort === undefined ? [] : [x.hostPort])])),
    ),
    ...lab.services.flatMap((s) =>
      s.ports.flatMap((p) => [
        p.port,
        ...(p.nodePort === undefined ? [] : [p.nodePort]),
        ...[...p.endpoints, ...(p.draining ?? [])].map((e) => e.port),
      ]),
    ),
  ])
  const more = Array.from({ length: 1000 }, (_, i) => 20_000 + candidates[0]! + 10 * i)
  const free = [...candidates, ...more].filter((p) => !taken.has(p))
  return free.find((p) => !isMentioned(p)) ?? free[0]!
}

/** Which ordered pairs of `count` things are meant, as distances round a ring: each has as many to ask as ask it. */
function spread(count: number, sample: number, seed: number): (from: number, to: number) => boolean {
  const distances = Math.ceil(sample / count)
  const step = (count - 1) / distances
  const first = seed % Math.max(1, Math.floor(step))
  const full = new Map(Array.from({ length: distances }, (_, i) => [1 + Math.floor(first + i * step), i] as const))
  const rest = sample - (distances - 1) * count
  return (from, to) => {
    const at = full.get((to - from + count) % count)
    if (at === undefined) return false
    // Not all have the last distance: those that do are spread over the ring.
    return at < distances - 1 || Math.floor(((from + 1) * rest) / count) > Math.floor((from * rest) / count)
  }
}

export interface Sampled {
  readonly plan: TestPlan
  /** What is left out, in sentences. */
  readonly untested: readonly string[]
}

export function testPlanOf(asked: Lab, { sample, seed = 0 }: Sampling): Sampled {
  const lab = enforcedLab(asked)
  const common = { lab, ...(lab === asked ? {} : { unenforced: asked }) }
  const ports = { control: freePort(lab, CONTROLS), closed: freePort(lab, CLOSED), loopback: freePort(lab, LOOPBACK) }
  const count = lab.pods.length
  const pairs = count * (count - 1)
  const wanted = sample ?? (pairs > MAX_PAIRS ? DEFAULT_SAMPLE : pairs)
  if (wanted >= pairs) return { plan: { ...common, ...ports, includes: () => true }, untested: [] }
  const isMeant = spread(count, wanted, seed)
  const indexOf = new Map<Actor, number>(lab.pods.map((p, i) => [p, i]))
  const others = [...lab.hosts, ...lab.externals]
  const otherIndex = new Map<Actor, number>(others.map((p, i) => [p, i]))
  // With hosts and externals every pod has one partner besides its own host, and each of those as many pods as the next.
  const isPartner = (pod: Pod, other: Actor): boolean =>
    (other.kind === 'host' && other.name === pod.host) || indexOf.get(pod)! % others.length === otherIndex.get(other)
  const includes = (from: Actor, to: Actor): boolean => {
    if (from === to) return true
    if (from.kind === 'pod' && to.kind === 'pod') return isMeant(indexOf.get(from)!, indexOf.get(to)!)
    return from.kind === 'pod' ? isPartner(from, to) : to.kind === 'pod' ? isPartner(to, from) : true
  }
  const left = `${wanted} of ${pairs} ordered pairs of pods were asked about`
  const why =
    sample === undefined ? `a lab with more than ${MAX_PAIRS} pairs is sampled; --sample ${pairs} asks about all` : `--sample ${sample}`
  const each = wanted >= count ? '; every pod asked and was asked' : ''
  const partners = `, and each pod with its own host and one other host or external`
  return { plan: { ...common, ...ports, includes }, untested: [`${left}${each}${partners} (${why})`] }
}
