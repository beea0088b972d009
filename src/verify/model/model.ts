/**
 * The invariants of the container network model, as promises about a running lab: addresses, containers, paths without NAT,
 * closed ports, the cluster's edge, MTU, headers on the wire, and that nothing odd was counted meanwhile.
 */
import { judgeAddresses } from './addresses.ts'
import { closedQuestions, judgeClosed } from './closed.ts'
import { judgeContainers } from './containers.ts'
import { judgeCounters } from './counters.ts'
import { edgeQuestions, judgeEdge } from './edge.ts'
import { hostPairs } from './pairs.ts'
import { controlListeners, judgePaths, pathCells, pathQuestions } from './paths.ts'
import { judgeSizes, sizeQuestions } from './sizes.ts'
import { judgeWire, trainQuestions, wireQuestions } from './wire.ts'
import type { Readings } from '../evidence/readings.ts'
import type { Evidence, Promises } from '../promises.ts'

const NO_READINGS: Readings = { nodes: new Map(), containers: [] }

/** What a busy machine kept who listens from hearing. */
const unheard = ({ heard }: Evidence): string[] =>
  heard !== undefined && heard.lost > 0
    ? [
        `${heard.lost} frames on the underlay came too fast for who listened there: pairs of which none was heard are not judged by their headers`,
      ]
    : []

export const model: Promises = {
  group: 'model',
  listening: controlListeners,
  questions: (scene) => [
    ...pathQuestions(scene),
    ...closedQuestions(scene),
    ...edgeQuestions(scene),
    ...sizeQuestions(scene),
    ...trainQuestions(scene),
  ],
  watched: wireQuestions,
  judge: (scene, evidence) => {
    const readings = evidence.readings ?? NO_READINGS
    return {
      checks: [
        ...judgeAddresses(scene, readings),
        ...judgeContainers(readings.states ?? []),
        ...judgePaths(scene, evidence),
        ...judgeClosed(scene, evidence, readings),
        ...judgeEdge(scene, evidence),
        ...judgeSizes(scene, evidence, readings),
        ...judgeWire(scene, evidence, evidence.heard, evidence.caught),
        ...judgeCounters(scene, readings, evidence.lateRefusals),
      ],
      cells: pathCells(scene, evidence),
      untested: [...hostPairs(scene).untested, ...unheard(evidence)],
    }
  },
}
