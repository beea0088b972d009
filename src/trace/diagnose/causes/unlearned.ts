/** What a daemon has not brought about: which session is down, which lease is missing, or which daemon keeps it back. */
import type { KernelObject } from '../../../kernel/objects.ts'
import type { Obstacle } from '../../../process/sessions.ts'
import type { CauseId, Drop } from '../../result.ts'
import type { TraceEvidence } from '../evidence.ts'
import { showStatus, upAgain } from '../hints.ts'
import { dropped, type DropParts } from './drop-builder.ts'

/** What a drop comes of that comes of an obstacle. */
const CAUSES: Readonly<Record<Obstacle['kind'], CauseId>> = {
  session: 'session-down',
  announcement: 'route-filtered',
  lease: 'lease',
  agent: 'agent-down',
}

/**
 * @param route what the lab asked for
 * @param instead which way the packet went without it
 * @returns undefined unless that is a learned route, and the daemons said what is in its way
 */
export function notLearned(
  evidence: TraceEvidence,
  common: Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>,
  dst: string,
  route: KernelObject | undefined,
  instead?: string,
): Drop | undefined {
  const obstacle = route && evidence.details.obstacles.get(route)
  if (!obstacle) return undefined
  const { places } = evidence.parts
  const { kind, text, dead } = obstacle
  const wider = instead === undefined ? '' : ` but a wider one: ${instead}`
  return dropped(evidence, {
    ...common,
    object: route,
    cause: CAUSES[kind],
    text: `${places.name(common.ns)} has no route ${common.leg === 'reply' ? 'back ' : ''}to ${dst}${wider}; ${text}`,
    // A session between daemons that run may be down for what netlab did not make: a rule, a link.
    hint: kind !== 'announcement' && dead.length === 0 ? showStatus(evidence) : upAgain(evidence),
  })
}
