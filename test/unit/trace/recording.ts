/** Evidence of a real trace as a file, so that the judge can be tried on it without a kernel. Recorded by test/trace/record.ts. */
import type { KernelObject } from '../../../src/kernel/objects.ts'
import type { Lab } from '../../../src/lab/lab.ts'
import type { Frame, HeardTrace } from '../../../src/trace/collect/packet-listener.ts'
import type { KernelEvent } from '../../../src/trace/collect/events.ts'
import type { Identity } from '../../../src/trace/diagnose/identity.ts'
import type { LiveState, RouteAnswer, Snapshot } from '../../../src/trace/predict/live-state.ts'
import { Places } from '../../../src/trace/predict/places.ts'
import type { Expectation } from '../../../src/trace/predict/probe-scope.ts'
import type { Outcome } from '../../../src/trace/collect/prober.ts'
import { TraceEvidence, type EvidenceParts } from '../../../src/trace/diagnose/evidence.ts'
import { resolveTargets } from '../../../src/trace/predict/targets.ts'

export interface Recording {
  readonly fault: string
  readonly expect: { readonly node: string; readonly cause: string; readonly outcome: string }
  readonly words: readonly [from: string, to: string]
  readonly lab: Lab
  readonly objects: readonly KernelObject[]
  readonly options: EvidenceParts['options']
  readonly identity: Identity
  readonly expected: Expectation
  readonly snapshots: readonly (readonly [
    ns: string,
    snapshot: Omit<Snapshot, 'sysctls' | 'routes'> & {
      readonly sysctls: readonly (readonly [string, string])[]
      readonly routes: readonly (readonly [string, RouteAnswer])[]
    },
  ])[]
  readonly frames: readonly Frame[]
  readonly traces: readonly HeardTrace[]
  readonly events: readonly KernelEvent[]
  readonly outcomes: readonly Outcome[]
  readonly texts: readonly (readonly [string, string])[]
}

/** JSON with buffers and big integers. */
export const stringify = (r: Recording): string =>
  JSON.stringify(r, function (this: Record<string, unknown>, key, value: unknown) {
    const raw = this[key]
    if (Buffer.isBuffer(raw)) return { $hex: raw.toString('hex') }
    return typeof raw === 'bigint' ? { $big: String(raw) } : value
  })

export const parse = (text: string): Recording =>
  JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value
    if ('$hex' in value) return Buffer.from(String(value.$hex), 'hex')
    return '$big' in value ? BigInt(String(value.$big)) : value
  }) as Recording

/** The evidence as it was when the trace ended. */
export function testPlanOf(r: Recording): TraceEvidence {
  const snapshots = new Map(
    r.snapshots.map(([ns, s]): [string, Snapshot] => [ns, { ...s, sysctls: new Map(s.sysctls), routes: new Map(s.routes) }]),
  )
  const liveState = {
    seen: (ns: string) => snapshots.get(ns),
    routesTo: (ns: string, dst: string) =>
      [...(snapshots.get(ns)?.routes ?? [])].flatMap(([key, a]) => (key.startsWith(`${dst}|`) ? [a] : [])),
  } as unknown as LiveState
  const evidence = new TraceEvidence({
    ...resolveTargets(r.lab, r.words[0], r.words[1], undefined),
    lab: r.lab,
    options: r.options,
    identity: r.identity,
    expected: r.expected,
    liveState,
    places: new Places(r.lab, r.objects),
    ear: { frames: r.frames, traces: r.traces },
    events: { events: r.events },
    prober: { outcomes: r.outcomes },
    missing: [],
  })
  for (const [key, text] of r.texts) evidence.texts.set(key, text)
  return evidence
}
