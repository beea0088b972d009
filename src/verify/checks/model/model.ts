/**
 * The invariants of the container network model, as promises about a running lab: addresses, containers, paths without NAT,
 * closed ports, the cluster's edge, MTU, headers on the wire, and that nothing odd was counted meanwhile.
 */
import { evaluateAddresses } from './addresses.ts'
import { closedQuestions, evaluateClosed } from './closed.ts'
import { evaluateContainers } from './containers.ts'
import { evaluateCounters } from './counters.ts'
import { edgeQuestions, evaluateEdge } from './edge.ts'
import { hostPairs } from './pairs.ts'
import { controlListeners, evaluatePaths, pathCells, pathQuestions } from './paths.ts'
import { evaluateSizes, sizeQuestions } from './sizes.ts'
import { evaluateWire, trainQuestions, wireQuestions } from './wire.ts'
import type { Readings } from '../../evidence/readings.ts'
import type { Evidence, CheckSource } from '../../check-source.ts'
import { plural } from '../../../plural.ts'

const NO_READINGS: Readings = { nodes: new Map(), containers: [] }

/** What a capture lost on a busy machine. */
const lostFrames = ({ captured }: Evidence): string[] =>
  captured !== undefined && captured.lost > 0
    ? [
        `${plural(captured.lost, 'frame')} on the underlay were lost to a capture that was too slow: pairs without a captured packet are not tested for headers`,
      ]
    : []

export const model: CheckSource = {
  group: 'model',
  listening: controlListeners,
  questions: (plan) => [
    ...pathQuestions(plan),
    ...closedQuestions(plan),
    ...edgeQuestions(plan),
    ...sizeQuestions(plan),
    ...trainQuestions(plan),
  ],
  watched: wireQuestions,
  evaluate: (plan, evidence) => {
    const readings = evidence.readings ?? NO_READINGS
    return {
      checks: [
        ...evaluateAddresses(plan, readings),
        ...evaluateContainers(readings.states ?? []),
        ...evaluatePaths(plan, evidence),
        ...evaluateClosed(plan, evidence, readings),
        ...evaluateEdge(plan, evidence),
        ...evaluateSizes(plan, evidence, readings),
        ...evaluateWire(plan, evidence, evidence.captured, evidence.caught),
        ...evaluateCounters(plan, readings, evidence.lateRefusals),
      ],
      cells: pathCells(plan, evidence),
      untested: [...hostPairs(plan).untested, ...lostFrames(evidence)],
    }
  },
}
