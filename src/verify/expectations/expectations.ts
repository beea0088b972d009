/**
 * What the user expects: each entry of `expect:` is one check. `allow` means that the network lets it through: where
 * a port of a node has no listener the test listens there itself. `deny` means that something in the lab denies it, and
 * what did is named: silence alone is none.
 */
import type { Lab } from '../../model/lab.ts'
import type { Party } from '../../model/verdict.ts'
import { parseIp, type Family } from '../../topology/address.ts'
import type { Source } from '../../topology/diagnostics.ts'
import { nodeName } from '../../trace/places.ts'
import { resolveTargets, TargetError } from '../../trace/targets.ts'
import { judgeExpectations } from './judge.ts'
import { watchedOf } from './wire.ts'
import type { Asked, Promises, Scene } from '../promises.ts'
import type { Listening } from '../ask/question.ts'
import { listenersBehind, triesFor } from '../services/services.ts'
import { doorAt, type Door } from '../services/fate.ts'
import { holderOf, partyAt, partyIn } from '../services/parties.ts'

export type Expectation = Lab['expect'][number]

/** An entry in one family. */
export interface Case {
  readonly family: Family
  readonly from: Party
  /** The node that has the address, a host also that of its bridge; absent: a Service, loopback, or an address nobody has. */
  readonly to?: Party
  /** Whether any node has the address; the router may. */
  readonly isOwned: boolean
  readonly door?: Door
  readonly questions: readonly Asked[]
}

export interface Expected {
  /** `expect-1`: as they stand in the file. */
  readonly id: string
  readonly entry: Expectation
  readonly source?: Source & { readonly file?: string }
  readonly cases: readonly Case[]
  /** Why it cannot be asked. */
  readonly problem?: string
}

/** Tries behind a Service are many only while its endpoints are few. */
const MOST_TRIES = 31

function caseOf(lab: Lab, entry: Expectation, family: Family): Case | undefined {
  const { from, to } = resolveTargets(lab, entry.from, entry.to, family)
  const sender = partyIn(lab, from.node.netns)
  if (!sender) throw new TargetError('no-party', `${entry.from} is a ${from.node.kind}: pods, hosts and externals are asked`)
  const [number, protocol] = entry.port === 'icmp' ? ['0', 'icmp'] : (entry.port.split('/') as [string, string])
  const door = protocol === 'icmp' ? undefined : doorAt(lab, sender, to.address, Number(number), protocol.toUpperCase() as 'TCP')
  const question: Asked = {
    netns: from.node.netns,
    kind: protocol as Asked['kind'],
    family,
    address: to.address,
    port: Number(number),
    expected: entry.result === 'allow' ? ['ok'] : ['timeout', 'refused', 'unreachable', 'prohibited'],
  }
  const node = door ? undefined : partyAt(lab, to.address)
  const endpoints = door?.port.endpoints.filter((e) => e.family === family).length ?? 0
  const tries = Math.min(triesFor(endpoints), MOST_TRIES)
  return {
    family,
    from: sender,
    ...(node ? { to: node } : {}),
    isOwned: to.node !== undefined || holderOf(lab, to.address) !== undefined,
    ...(door ? { door } : {}),
    // One connection says nothing about the other endpoints.
    questions: door && endpoints > 1 ? Array.from({ length: tries }, (_, nth) => ({ ...question, nth })) : [question],
  }
}

function expectedOf(lab: Lab, entry: Expectation, index: number): Expected {
  const source = lab.expectSources?.[index]
  const common = { id: `expect-${index + 1}`, entry, ...(source ? { source } : {}) }
  const families: readonly Family[] = parseIp(entry.to) ? [parseIp(entry.to)!.family] : [4, 6]
  const cases: Case[] = []
  let problem: string | undefined
  for (const family of families) {
    try {
      const found = caseOf(lab, entry, family)
      if (found) cases.push(found)
    } catch (error) {
      if (!(error instanceof TargetError)) throw error
      // Two nodes may well have only one family in common.
      if (error.code !== 'no-common-family' || problem === undefined) problem = error.message
    }
  }
  return { ...common, cases, ...(cases.length === 0 ? { problem: problem ?? 'there is nothing to ask' } : {}) }
}

const made = new WeakMap<Scene, readonly Expected[]>()

export function expectedIn(scene: Scene): readonly Expected[] {
  let found = made.get(scene)
  if (!found) made.set(scene, (found = scene.lab.expect.map((e, i) => expectedOf(scene.lab, e, i))))
  return found
}

function listeners(scene: Scene): Listening[] {
  return expectedIn(scene).flatMap(({ cases }) =>
    cases.flatMap(({ to, door, questions }): Listening[] => {
      if (door) return listenersBehind(scene.lab, [door])
      const { kind, port } = questions[0]!
      return to && kind !== 'icmp' ? [{ netns: to.netns, name: nodeName(to), ports: [{ protocol: kind, port }] }] : []
    }),
  )
}

export const expectations: Promises = {
  group: 'expect',
  listening: listeners,
  questions: (scene) => expectedIn(scene).flatMap((e) => e.cases.flatMap((c) => c.questions)),
  watched: (scene) => expectedIn(scene).flatMap(({ entry, cases }) => (entry.wire ? cases.map(watchedOf) : [])),
  judge: (scene, evidence) => judgeExpectations(scene, expectedIn(scene), evidence),
}
