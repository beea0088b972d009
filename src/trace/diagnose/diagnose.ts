/**
 * The verdict: what happened to the probe, and if it was dropped, where and why. Looks at the evidence from the strongest
 * down; what is only concluded says so. Pure.
 */
import { byArp } from './causes/arp.ts'
import { byDrop } from './causes/drops.ts'
import { byError } from './causes/errors.ts'
import { byHostPort } from './causes/host-ports.ts'
import { byLocalError } from './causes/local.ts'
import { byReplyMissing } from './causes/reply.ts'
import { byRule } from './causes/rules.ts'
import { bySilence } from './causes/silence.ts'
import { byUntranslated } from './causes/untranslated.ts'
import { byCounters, byReset } from './causes/untraced.ts'
import type { TraceEvidence } from './evidence.ts'
import { showStatus } from './hints.ts'
import type { Drop, Outcome } from '../result.ts'

export interface Verdict {
  readonly outcome: Outcome
  readonly drop?: Drop
  readonly rttMs: number | null
  /** Nothing that could still come in would change it. */
  readonly certain: boolean
}

/** Causes that mean the probe was refused. */
const SAYS_NO = new Set(['nobody-listening'])

export function diagnose(evidence: TraceEvidence): Verdict {
  const { sent, reply } = evidence.outcome()
  if (reply && reply.what !== 'refused') {
    const start = evidence.forward[0]?.at ?? sent
    const end = evidence.reply.at(-1)?.at ?? reply.at
    return { outcome: 'delivered', rttMs: start === undefined ? null : Number(end - start) / 1e6, certain: true }
  }
  const found =
    byHostPort(evidence) ??
    byLocalError(evidence) ??
    byRule(evidence) ??
    byUntranslated(evidence) ??
    byKernel(evidence) ??
    byReset(evidence)
  if (found) return verdict(evidence, found, true)
  const waited = byArp(evidence)
  if (waited) return verdict(evidence, waited.drop, waited.certain)
  if (evidence.arrived) {
    const back = byReplyMissing(evidence)
    if (back)
      return 'delivered' in back ? { outcome: 'delivered', rttMs: null, certain: back.certain } : verdict(evidence, back.drop, back.certain)
  }
  const silent = bySilence(evidence)
  if (silent) return verdict(evidence, silent.drop, silent.certain)
  const counted = byCounters(evidence)
  if (counted) return verdict(evidence, counted, true)
  return { outcome: 'unanswered', rttMs: null, certain: false, drop: noEvidence(evidence) }
}

/** A drop the kernel gave no telling reason for is explained better by the ICMP error about it. */
function byKernel(evidence: TraceEvidence): Drop | undefined {
  const drop = byDrop(evidence)
  return drop && drop.cause !== 'kernel' ? drop : (byError(evidence) ?? drop)
}

function verdict(evidence: TraceEvidence, drop: Drop, certain: boolean): Verdict {
  const refused = evidence.outcome().reply?.what === 'refused' && drop.cause !== 'not-translated-back'
  const error = evidence.errors.some((s) => s.netns === evidence.parts.from.node.netns && s.direction === 'in')
  const rejected =
    SAYS_NO.has(drop.cause) || refused || ((error || drop.cause === 'no-endpoints') && isReject(drop)) || drop.cause === 'prohibit'
  return { outcome: rejected ? 'rejected' : 'dropped', drop, rttMs: null, certain }
}

const isReject = ({ rule = '' }: Drop): boolean => / REJECT\b|\breject\b/.test(rule)

function noEvidence(evidence: TraceEvidence): Drop {
  const last = evidence.reply.at(-1) ?? evidence.forward.at(-1)
  const leg = evidence.reply.length > 0 ? 'reply' : 'forward'
  const where = last
    ? `last seen ${last.direction === 'in' ? 'coming in on' : 'leaving'} ${last.node} ${last.device}`
    : 'it was not seen on any device'
  return {
    leg,
    node: last?.node ?? evidence.parts.places.name(evidence.parts.from.node.netns),
    device: last?.device ?? '',
    cause: 'no-evidence',
    text: `no answer came, and nothing says why: ${where}`,
    evidence: 'inferred',
    hint: showStatus(evidence),
  }
}
