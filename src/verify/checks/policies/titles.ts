/** What policies say to a pair, in the words of `netlab policy explain`, on one line. */
import { nodeName } from '../../../lab/lab.ts'
import { ruleText, type Direction, type Policy } from '../../../lab/policy/policies.ts'
import type { Actor, Verdict } from '../../../lab/policy/verdict.ts'
import type { Source } from '../../../topology/diagnostics.ts'

/** `lab.yaml:12`. */
export const placeOf = (policy: Policy, source = policy.source): string => (source ? `${policy.file}:${source.line}` : policy.file)

/** Where a policy stands, for a check. */
export function sourceOf(policy: Policy | undefined): (Source & { file: string }) | undefined {
  return policy?.source && { ...policy.source, file: policy.file }
}

/** The direction that denies, and the policies that isolate for it; undefined of what is allowed. */
export function denial({
  egress,
  ingress,
  allowed,
}: Verdict): { readonly way: Direction; readonly policies: readonly Policy[] } | undefined {
  if (allowed) return undefined
  // Egress is evaluated first.
  return egress.allowed ? { way: 'ingress', policies: ingress.isolating } : { way: 'egress', policies: egress.isolating }
}

/** Why it is denied or allowed: `ingress of db is isolated by policy shop/db (lab.yaml:31), and no rule of it allows this`. */
export function why(from: Actor, to: Actor, verdict: Verdict): string {
  if (verdict.exempt === 'self') return 'a pod always reaches itself'
  if (verdict.exempt === 'own-node') return 'a node and its own pods always reach each other'
  const no = denial(verdict)
  if (no) {
    const names = no.policies.map((p) => `${p.title} (${placeOf(p)})`).join(', ')
    const who = nodeName(no.way === 'egress' ? from : to)
    return no.policies.length === 1
      ? `${no.way} of ${who} is isolated by policy ${names}, and no rule of it allows this`
      : `${no.way} of ${who} is isolated by policies ${names}, and no rule of theirs allows this`
  }
  const sides = (['egress', 'ingress'] as const).flatMap((way) => {
    const { isolating, allowing } = verdict[way]
    if (isolating.length === 0) return []
    const { policy, rule } = allowing[0]!
    return [`policy ${policy.title} ${ruleText(rule, way)} (${placeOf(policy, rule.source)})`]
  })
  return sides.length > 0 ? `${sides.join(' and ')} ${sides.length > 1 ? 'allow' : 'allows'} it` : 'no policy isolates either end for it'
}
