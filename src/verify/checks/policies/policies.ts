/**
 * What the lab's NetworkPolicies promise: computed reachability is measured reachability, for every pair, on every
 * port that policies speak of and on one that none does. A pair that is denied must be silent, because policies
 * dropped it; a pair that is allowed must be answered, by whom it asked.
 */
import { addressOf, type Lab, nodeName } from '../../../lab/lab.ts'
import { policiesOf } from '../../../lab/policy/policies.ts'
import { kindsOf, mentionedPorts, probeText, type PortProbe } from '../../../lab/policy/reachability.ts'
import { hostSource } from '../../../backends/index.ts'
import { verdict, type Actor } from '../../../lab/policy/verdict.ts'
import { isKeptOut } from '../../../lab/underlay/border.ts'
import { frontendFor } from '../../../lab/services/semantics.ts'
import { unenforcedText } from '../../../policy/index.ts'
import type { Family } from '../../../topology/address.ts'
import type { Check } from '../../check.ts'
import type { Square, Squares } from './square.ts'
import { evaluatePolicies } from './evaluate.ts'
import type { Asked, CheckSource, TestPlan } from '../../check-source.ts'
import type { Listening } from '../../probing/question.ts'
import { actorsOf } from '../../test-plan.ts'

/** Whether there is a way between two actors at all, policies aside. */
function isConnected(lab: Lab, from: Actor, to: Actor): boolean {
  if (from === to || (from.kind !== 'pod' && to.kind !== 'pod')) return false
  // Externals have no route to pods unless the lab gives them one, and without masquerading none back.
  if (from.kind === 'external') return from.podRoutes
  return to.kind !== 'external' || to.podRoutes || lab.masquerade
}

/** Pairs in an order that never leaves out a kind: one of each first, on one host and across hosts apart. */
function pairs(plan: TestPlan): { readonly asked: readonly (readonly [Actor, Actor])[]; readonly left: number } {
  const { lab } = plan
  const actors = actorsOf(lab)
  const kindOf = kindsOf(lab, hostSource)
  const kind = new Map(actors.map((p) => [p, kindOf(p)]))
  const place = (p: Actor): string => (p.kind === 'pod' ? p.host : p.name)
  const seen = new Set<string>()
  const asked: (readonly [Actor, Actor])[] = []
  let left = 0
  for (const from of actors) {
    for (const to of actors) {
      if (!isConnected(lab, from, to)) continue
      const key = `${kind.get(from)} > ${kind.get(to)} ${place(from) === place(to) ? 'here' : 'there'}`
      const isNew = !seen.has(key)
      if (!isNew && !plan.includes(from, to)) {
        left++
        continue
      }
      seen.add(key)
      asked.push([from, to])
    }
  }
  return { asked, left }
}

/**
 * The question whether one actor reaches another on a port; undefined where they have no common family, where the border's
 * firewall ends it before any policy is asked, and where a host leads that port elsewhere: it is then asked as what it is, a Service's or
 * a pod's.
 */
export function square(lab: Lab, from: Actor, to: Actor, probe: PortProbe, family: Family): Square | undefined {
  const address = addressOf(to, family)
  if (address === undefined || addressOf(from, family) === undefined) return undefined
  const { protocol, port } = probe
  const kind = protocol.toLowerCase() as Asked['kind']
  if (isKeptOut(lab, from, { address, protocol: kind, ...(port === undefined ? {} : { port }) })) return undefined
  if (to.kind === 'host' && port !== undefined && frontendFor(lab, from, address, { protocol: kind, port })) return undefined
  const said = verdict(lab, { from, to, protocol, family, ...(port === undefined ? {} : { port }) }, hostSource)
  // A node that cannot listen refuses, and so was reached; whether it could is known when answers are evaluated.
  const expected: Asked['expected'] = said.allowed ? (kind === 'sctp' ? ['ok', 'refused'] : ['ok']) : ['timeout']
  return {
    from,
    to,
    probe,
    port: probeText(probe),
    verdict: said,
    question: { netns: from.netns, kind, family, address, port: port ?? 0, expected },
  }
}

const made = new WeakMap<TestPlan, Squares>()

/** Everything policies are asked about in this lab; nothing where there are none. */
export function squaresOf(plan: TestPlan): Squares {
  let found = made.get(plan)
  if (found) return found
  const { lab } = plan
  const ports = policiesOf(lab).length > 0 ? mentionedPorts(lab) : []
  const { asked, left } = ports.length > 0 ? pairs(plan) : { asked: [], left: 0 }
  const squares = asked.flatMap(([from, to]) =>
    lab.families.flatMap((family) => ports.flatMap((probe) => square(lab, from, to, probe, family) ?? [])),
  )
  made.set(plan, (found = { squares, left }))
  return found
}

/** Who must listen so that an allowed question is answered. */
export function listeners(squares: readonly Square[]): Listening[] {
  const nodes = new Map<string, { name: string; ports: Map<string, Listening['ports'][number]> }>()
  for (const { to, probe } of squares) {
    if (probe.protocol === 'ICMP' || probe.port === undefined) continue
    let node = nodes.get(to.netns)
    if (!node) nodes.set(to.netns, (node = { name: nodeName(to), ports: new Map() }))
    const protocol = probe.protocol.toLowerCase() as 'tcp'
    node.ports.set(`${probe.port}/${protocol}`, { protocol, port: probe.port })
  }
  return [...nodes].map(([netns, { name, ports }]) => ({ netns, name, ports: [...ports.values()] }))
}

/** What policies say is computed, and skipped where nothing enforces them. */
const notEnforced = (lab: Lab): Check => ({
  id: 'policies-enforced',
  group: 'policy',
  title: 'policies are enforced',
  status: 'skipped',
  detail: unenforcedText(lab) ?? '',
  tested: 0,
})

export const policies: CheckSource = {
  group: 'policy',
  listening: (plan) => listeners(squaresOf(plan).squares),
  questions: (plan) => squaresOf(plan).squares.map((s) => s.question),
  evaluate: (plan, evidence) =>
    plan.unenforced ? { checks: [notEnforced(plan.unenforced)] } : evaluatePolicies(plan, squaresOf(plan), evidence),
}
