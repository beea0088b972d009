/**
 * `wire:` of an expectation: the headers around a packet on the underlay, outermost first, as tunnels (`vxlan`)
 * or header by header (`ipv4`, `udp`, `vxlan`, `ethernet`); nothing at all is `[]`. It is asked once more while the
 * hosts' links to the underlay are listened at.
 */
import type { Lab } from '../../../lab/lab.ts'
import { addressesOfHost, ownHost } from '../../../lab/services/semantics.ts'
import { tunnelsOf } from '../../../packet/tunnels.ts'
import type { Case } from './case.ts'
import type { Asked, Evidence } from '../../check-source.ts'
import { expectedOutcomeOf } from '../services/expected-outcome.ts'
import { withoutPort } from '../services/actors.ts'
import { encapsulationText, seenBetween, type Encapsulation } from '../../evidence/headers.ts'
import { plural } from '../../../plural.ts'

/** The question of a case that is listened for; a Service may answer it from another pod than the one before. */
export const watchedOf = ({ questions }: Case): Asked => ({ ...questions[0]!, nth: 1000 })

const same = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((x, i) => x === b[i])

const hostOf = (actor: Case['from']): string => (actor.kind === 'pod' ? actor.host : actor.name)

/** Addresses the packet may carry on the underlay: translated already, if it is at all. */
function ends(
  lab: Lab,
  c: Case,
  evidence: Evidence,
  question: Asked,
): { readonly src: readonly string[]; readonly dst: readonly string[] } {
  const { from, to, frontend, family } = c
  const self = evidence.answer(question)?.self
  const own = self === undefined ? from.addresses.filter((a) => a.family === family).map((a) => a.ip) : [withoutPort(self)]
  const node = ownHost(lab, from)
  // On its way out of the cluster a pod's packet gets its host's address; behind a node port any client's does.
  const isTranslated = (to?.kind === 'external' && !to.podRoutes && lab.masquerade) || from.kind === 'host'
  const src = [
    ...own,
    ...(isTranslated && node ? addressesOfHost(node, family) : []),
    ...(frontend?.host && frontend.kind !== 'cluster' ? addressesOfHost(frontend.host, family) : []),
  ]
  // The address of a Service is never on the underlay, a node's only outside the cluster: what counts is the way to the pod.
  const dst = frontend ? expectedOutcomeOf(lab, from, frontend, family).allowed.map((a) => a.endpoint.ip) : [question.address]
  return { src, dst }
}

/** How a case's packet was encapsulated, against what is expected; undefined where both agree. */
export function encapsulationMismatch(
  lab: Lab,
  c: Case,
  wire: readonly string[],
  evidence: Evidence,
): { readonly text: string; readonly isUnknown: boolean } | undefined {
  const question = watchedOf(c)
  const { captured } = evidence
  if (!captured || captured.hosts.size === 0)
    return { text: "no capture was possible on the hosts' links to the underlay", isUnknown: true }
  const { src, dst } = ends(lab, c, evidence, question)
  const seen: Encapsulation[] = src.flatMap((s) => dst.flatMap((d) => seenBetween(lab, captured, s, d)))
  if (seen.length === 0) {
    if (captured.lost > 0)
      return { text: `not seen on the underlay, where ${plural(captured.lost, 'frame')} came too fast to be looked at`, isUnknown: true }
    const [near, far] = [hostOf(c.from), c.to && c.to.kind !== 'external' ? hostOf(c.to) : undefined]
    if (near === far) return { text: `both are on ${near}: no packet between them crosses the underlay`, isUnknown: false }
    return { text: 'not seen on the underlay', isUnknown: false }
  }
  const wrong = seen.find(
    ({ headers, layers }) =>
      !same(
        tunnelsOf([...headers, ...layers]).map((t) => t.type),
        wire,
      ) &&
      !same(
        headers.map((h) => h.type),
        wire,
      ),
  )
  if (!wrong) return undefined
  return {
    text: `${encapsulationText(wrong.headers)} on the underlay of ${wrong.host}, expected ${wire.join(' > ') || 'no encapsulation'}`,
    isUnknown: false,
  }
}
