/** A lab that answers questions as promised, and what goes wrong in it when a test says so. */
import type { Check } from '../../../src/verify/check.ts'
import { questionKey, type Asked, type Evidence, type Findings, type Promises, type Scene } from '../../../src/verify/promises.ts'
import type { Answer, Question } from '../../../src/verify/ask/question.ts'
import { fateOf, doorAt } from '../../../src/verify/services/fate.ts'
import { partyAt, partyIn } from '../../../src/verify/services/parties.ts'
import { dropsOf } from '../../../src/verify/policies/vacuity.ts'
import type { Proof } from '../../../src/verify/policies/vacuity-proof.ts'
import { nodeName } from '../../../src/trace/places.ts'
import { declaring } from '../../../src/verify/evidence/idle.ts'
import { lab } from '../model/fixture.ts'

export const sceneOf = (text: string, includes: Scene['includes'] = () => true): Scene => ({
  lab: lab(text),
  control: 9,
  closed: 7,
  loopback: 11,
  includes,
})

/** Answers by hand: undefined leaves it as promised. */
export type Trouble = (question: Asked, names: { readonly from: string; readonly to: string }) => Partial<Answer> | undefined

const withPort = (ip: string): string => (ip.includes(':') ? `[${ip}]:40000` : `${ip}:40000`)

/** What is heard where everything is as it should be. */
function asPromised({ lab: l }: Scene, q: Asked): Answer {
  const from = partyIn(l, q.netns)
  const own = from?.addresses.find((a) => a.family === q.family)?.ip
  const door = q.kind === 'icmp' || !from ? undefined : doorAt(l, from, q.address, q.port, q.kind.toUpperCase() as 'TCP')
  const outcome = q.expected[0]!
  if (outcome !== 'ok') return { outcome, ms: 1 }
  if (q.kind === 'icmp') return { outcome, ms: 1, ttl: 64 }
  if (door && from) {
    const { allowed } = fateOf(l, from, door, q.family)
    const turn = door.service.affinity === undefined ? (q.nth ?? 0) : 0
    const chosen = allowed[turn % Math.max(allowed.length, 1)]
    return chosen ? { outcome, ms: 1, by: chosen.name, seen: withPort(chosen.seen[0]!) } : { outcome: 'timeout', ms: 1 }
  }
  const to = partyAt(l, q.address)
  return { outcome, ms: 1, ...(to ? { by: nodeName(to) } : {}), ...(own === undefined ? {} : { seen: withPort(own) }) }
}

export interface World {
  readonly heard?: Evidence['heard']
  readonly trouble?: Trouble
  readonly readings?: Evidence['readings']
  readonly listener?: Evidence['listener']
  readonly proof?: (question: Question) => Proof | undefined
}

/** Containers listen where they declare it, the test elsewhere. */
function listens({ lab: l }: Scene, netns: string, protocol: 'tcp' | 'udp' | 'sctp', port: number): ReturnType<Evidence['listener']> {
  if (protocol === 'sctp') return { why: 'this kernel has no sockets for sctp' }
  const party = partyIn(l, netns)
  return party && declaring(party, protocol, port) ? 'container' : 'ours'
}

/** What a source of promises finds in such a lab. */
export function findings(promises: Promises, scene: Scene, world: World = {}): Findings {
  const answers = new Map<string, Answer>()
  for (const q of [...promises.questions(scene), ...(promises.watched?.(scene) ?? [])]) {
    const names = { from: nodeName(partyIn(scene.lab, q.netns)!), to: nameAt(scene, q.address) }
    const wrong = world.trouble?.(q, names)
    answers.set(questionKey(q), wrong ? { outcome: 'ok', ms: 1, ...wrong } : asPromised(scene, q))
  }
  return promises.judge(scene, {
    answer: (q) => answers.get(questionKey(q)),
    first: () => undefined,
    ...(world.heard ? { heard: world.heard } : {}),
    ...(world.readings ? { readings: world.readings } : {}),
    listener: world.listener ?? ((...of) => listens(scene, ...of)),
    proof(q) {
      const rules = dropsOf(scene.lab, q)
      return world.proof?.(q) ?? (rules[0] ? { by: 'rule', rule: rules[0] } : { by: 'no-rule' })
    },
  })
}

const nameAt = ({ lab: l }: Scene, address: string): string => {
  const party = partyAt(l, address)
  return party ? nodeName(party) : address
}

export const failed = (found: Findings): readonly Check[] => found.checks.filter((c) => c.status === 'failed')
export const withId = (found: Findings, id: string): Check => {
  const check = found.checks.find((c) => c.id === id)
  if (!check) throw new Error(`no check ${id} among ${found.checks.map((c) => c.id).join(', ')}`)
  return check
}
