/**
 * The verdict: what happened to the probe, and if it died, where and why. Looks at the evidence from the strongest
 * down; what is only concluded says so. Pure.
 */
import { byArp } from './causes/arp.ts'
import { byDrop } from './causes/drops.ts'
import { byError } from './causes/errors.ts'
import { byLocalError } from './causes/local.ts'
import { byReplyMissing } from './causes/reply.ts'
import { byRule } from './causes/rules.ts'
import { bySilence } from './causes/silence.ts'
import { byCounters, byReset } from './causes/untraced.ts'
import type { Scene } from './scene.ts'
import type { Drop, Outcome } from './story.ts'

export interface Verdict {
  readonly outcome: Outcome
  readonly drop?: Drop
  readonly rttMs: number | null
  /** Nothing that could still come in would change it. */
  readonly certain: boolean
}

/** Causes that mean somebody answered "no". */
const SAYS_NO = new Set(['nobody-listening'])

export function judge(scene: Scene): Verdict {
  const { sent, reply } = scene.outcome()
  if (reply && reply.what !== 'refused') {
    const start = scene.forward[0]?.at ?? sent
    const end = scene.reply.at(-1)?.at ?? reply.at
    return { outcome: 'delivered', rttMs: start === undefined ? null : Number(end - start) / 1e6, certain: true }
  }
  const found = byLocalError(scene) ?? byRule(scene) ?? byKernel(scene) ?? byReset(scene)
  if (found) return verdict(scene, found, true)
  const waited = byArp(scene)
  if (waited) return verdict(scene, waited.drop, waited.certain)
  if (scene.arrived) {
    const back = byReplyMissing(scene)
    if (back)
      return 'delivered' in back ? { outcome: 'delivered', rttMs: null, certain: back.certain } : verdict(scene, back.drop, back.certain)
  }
  const silent = bySilence(scene)
  if (silent) return verdict(scene, silent.drop, silent.certain)
  const counted = byCounters(scene)
  if (counted) return verdict(scene, counted, true)
  return { outcome: 'unanswered', rttMs: null, certain: false, drop: noEvidence(scene) }
}

/** A drop the kernel gave no telling reason for is explained better by the ICMP error about it. */
function byKernel(scene: Scene): Drop | undefined {
  const drop = byDrop(scene)
  return drop && drop.cause !== 'kernel' ? drop : (byError(scene) ?? drop)
}

function verdict(scene: Scene, drop: Drop, certain: boolean): Verdict {
  const refused = scene.outcome().reply?.what === 'refused'
  const error = scene.errors.some((s) => s.netns === scene.parts.from.node.netns && s.direction === 'in')
  const rejected =
    SAYS_NO.has(drop.cause) || refused || ((error || drop.cause === 'no-endpoints') && isReject(drop)) || drop.cause === 'prohibit'
  return { outcome: rejected ? 'rejected' : 'dropped', drop, rttMs: null, certain }
}

const isReject = ({ rule = '' }: Drop): boolean => / REJECT\b|\breject\b/.test(rule)

function noEvidence(scene: Scene): Drop {
  const last = scene.reply.at(-1) ?? scene.forward.at(-1)
  const leg = scene.reply.length > 0 ? 'reply' : 'forward'
  const where = last
    ? `last seen ${last.direction === 'in' ? 'coming in on' : 'leaving'} ${last.node} ${last.device}`
    : 'it was not seen on any device'
  return {
    leg,
    node: last?.node ?? scene.parts.places.name(scene.parts.from.node.netns),
    device: last?.device ?? '',
    cause: 'no-evidence',
    text: `no answer came, and nothing says why: ${where}`,
    evidence: 'inferred',
    hint: 'A longer --timeout helps where links are slow; netlab status says whether the lab is as planned.',
  }
}
