/** What the underlay sees: pod packets in the declared headers, nothing of pods outside them, no virtual address. */
import { carriages } from '../../../backends/index.ts'
import { addressOf } from '../../../lab/lab.ts'
import { contains, parseCidr, parseIp } from '../../../topology/address.ts'
import type { Check } from '../../check.ts'
import { hostPairs, type HostPair } from './pairs.ts'
import { failing, noPairs } from './paths.ts'
import type { Asked, Evidence, TestPlan } from '../../check-source.ts'
import { isWholeTrain } from '../../probing/question.ts'
import { answerText, Tally } from '../../evidence/tally.ts'
import type { Captured } from '../../evidence/underlay.ts'
import type { Forbidden } from '../../evidence/underlay-filter.ts'
import { encapsulationText, headerMismatch, seenBetween, encapsulation, type Encapsulation } from '../../evidence/headers.ts'

/** Echoes of a train: enough that a loss of one in ten is seen nearly always. */
const TRAIN = 20

const across = (plan: TestPlan): HostPair[] => hostPairs(plan).pairs.filter((p) => p.near !== p.far)

const train = (pair: HostPair): Asked => ({
  netns: pair.from.netns,
  kind: 'icmp',
  family: pair.family,
  address: pair.address,
  port: 0,
  count: TRAIN,
  expected: ['ok'],
})
const watched = (pair: HostPair): Asked => ({
  netns: pair.from.netns,
  kind: 'icmp',
  family: pair.family,
  address: pair.address,
  port: 0,
  nth: 1,
  expected: ['ok'],
})

/** Trains over every pair of hosts, and within a host. */
export const trainQuestions = (plan: TestPlan): Asked[] => hostPairs(plan).pairs.map(train)
/** Asked while the underlay is listened at. */
export const wireQuestions = (plan: TestPlan): Asked[] => across(plan).map(watched)

/** A filter program has room for so many addresses; beyond, the whole network is watched. */
const MAX_SERVICES = 150

/** What must not cross the underlay, whatever is asked. */
export function forbidden({ lab }: TestPlan): Forbidden {
  const all = [...carriages(lab)]
  const virtual = lab.services.flatMap((s) => s.clusterIPs.map((c) => `${c.ip}/${c.family === 4 ? 32 : 128}`))
  return {
    anywhere: virtual.length > MAX_SERVICES ? lab.serviceCIDRs : virtual,
    between: all.length > 0 && all.every((c) => c.headers.length > 0) ? lab.podCIDRs : [],
  }
}

function evaluateTrains(plan: TestPlan, evidence: Evidence): Check[] {
  const loss = new Tally('model', 'no-loss', `of ${TRAIN} echoes, 10 ms apart, none is lost and none comes twice`)
  for (const pair of hostPairs(plan).pairs) {
    const asked = train(pair)
    const answer = evidence.answer(asked)
    const isWhole = answer?.outcome === 'ok' && isWholeTrain(TRAIN, answer)
    loss.add(
      isWhole ? undefined : failing({ from: pair.from, to: pair.to, asked }, answer?.outcome === 'ok' ? answer.text! : answerText(answer)),
    )
  }
  return loss.checks('train', noPairs(plan.lab, 'policies let no echo through'))
}

function evaluateHeaders(plan: TestPlan, evidence: Evidence, captured: Captured): Check[] {
  const { lab } = plan
  const [most] = [...carriages(lab)].map((c) => c.headers).toSorted((a, b) => b.length - a.length)
  const what = most?.map((w) => w.type).join(', ') || 'nothing'
  const headers = new Tally('model', 'wire-headers', `between hosts a pod's packet has the headers of ${lab.backend.type}: ${what}`)
  for (const pair of across(plan)) {
    const { near, far, from, to, family, address } = pair
    if (!captured.hosts.has(near.name) || !captured.hosts.has(far.name)) continue
    const asked = watched(pair)
    // Whether it is answered is another check's business.
    if (evidence.answer(asked)?.outcome !== 'ok') continue
    const own = addressOf(from, family)!
    const unseen = (list: readonly Encapsulation[], what: string): string[] =>
      [near, far]
        .filter((h) => !list.some((w) => w.host === h.name))
        .map((h) => `${what} was not on the underlay of ${h.name}, though it came through`)
    const there = seenBetween(lab, captured, own, address)
    const back = seenBetween(lab, captured, address, own)
    const wrong =
      there.map((w) => headerMismatch(lab, near, far, w)).find((why) => why !== undefined) ??
      back.map((w) => headerMismatch(lab, far, near, w)).find((why) => why !== undefined)
    const missed = [...unseen(there, 'it'), ...unseen(back, 'the answer')].at(0)
    // Where frames came too fast for who listens, not to have seen one proves nothing.
    if (wrong === undefined && missed !== undefined && captured.lost > 0) continue
    headers.add(wrong === undefined && missed === undefined ? undefined : failing({ from, to, asked }, (wrong ?? missed)!))
  }
  return headers.checks(
    'pair of hosts, both ways',
    lab.hosts.length < 2
      ? 'there is one host'
      : captured.hosts.size === 0
        ? 'no host could be captured at'
        : 'no echo crossed the underlay',
  )
}

const WATCHED = ['host watched all the time', 'hosts watched all the time'] as const

/** Everything that was caught by {@link forbidden}. */
function evaluateCaught(plan: TestPlan, caught: Captured): Check[] {
  const { lab } = plan
  const { between } = forbidden(plan)
  const bare = new Tally('model', 'pods-stay-in-tunnels', 'no packet between pods is on the underlay outside its tunnel')
  const virtual = new Tally('model', 'no-virtual-address', 'no address of a Service is on the underlay')
  const packets = caught.frames.flatMap((f) => encapsulation(f) ?? [])
  const networks = lab.serviceCIDRs.map((c) => parseCidr(c)!)
  const isService = (a: string): boolean => networks.some((c) => contains(c, parseIp(a)!))
  const once = new Set<string>()
  for (const w of packets) {
    const key = `${w.host} ${w.src} ${w.dst}`
    if (once.has(key)) continue
    once.add(key)
    const line = {
      from: w.host,
      detail: `${w.src} → ${w.dst}, ${encapsulationText(w.headers)}`,
      reproduce: ['exec', w.host, '--', 'tcpdump', '-ni', 'eth0', 'host', w.dst],
    }
    ;(isService(w.src) || isService(w.dst) ? virtual : bare).add(line)
  }
  for (const _ of caught.hosts) {
    if (between.length > 0) bare.add(undefined)
    if (lab.services.length > 0) virtual.add(undefined)
  }
  return [
    ...bare.checks(WATCHED, lab.hosts.length < 2 ? 'there is one host' : `${lab.backend.type} does not tunnel between all hosts here`),
    ...virtual.checks(WATCHED, 'this lab has no Services'),
  ]
}

export function evaluateWire(plan: TestPlan, evidence: Evidence, captured: Captured | undefined, caught: Captured | undefined): Check[] {
  return [
    ...evaluateTrains(plan, evidence),
    ...(captured ? evaluateHeaders(plan, evidence, captured) : []),
    ...(caught ? evaluateCaught(plan, caught) : []),
  ]
}
