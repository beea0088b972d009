/**
 * Evidence of a real trace as a file, so that the diagnosis can be tested without a kernel. Recorded by test/trace/record.ts.
 *
 * A file has one JSON document a line: first what was traced and what must come of it, then one line for each snapshot,
 * frame, rule trace, kernel event, outcome and text, each named by its key. The lab itself is not recorded: all recordings
 * are of the same topology, which compiles to the same lab every time.
 */
import type { KernelObject } from '../../../src/kernel/objects.ts'
import type { Frame } from '../../../src/trace/collect/packet-listener.ts'
import type { ReceivedTrace } from '../../../src/trace/collect/rule-traces.ts'
import type { KernelEvent } from '../../../src/trace/collect/events.ts'
import type { Identity } from '../../../src/trace/diagnose/identity.ts'
import type { LiveState, RouteAnswer, Snapshot } from '../../../src/trace/predict/live-state.ts'
import { Places } from '../../../src/trace/predict/places.ts'
import type { Expectation } from '../../../src/trace/predict/probe-scope.ts'
import type { Outcome } from '../../../src/trace/collect/prober.ts'
import { TraceEvidence, type EvidenceParts } from '../../../src/trace/diagnose/evidence.ts'
import { resolveTargets } from '../../../src/trace/predict/targets.ts'
import { TOPOLOGY } from '../../trace/faults/fault.ts'
import { compiled } from '../lab/fixture.ts'

/** What the lab of a recording is called; `lab.yaml` is its file. */
export const RECORDED_LAB = 'demo'
const { lab, objects } = compiled(`name: ${RECORDED_LAB}\n${TOPOLOGY}`)

interface Header {
  readonly fault: string
  readonly expect: { readonly node: string; readonly cause: string; readonly outcome: string }
  readonly words: readonly [from: string, to: string]
  readonly options: EvidenceParts['options']
  readonly identity: Identity
  readonly expected: Expectation
}

export interface Recording extends Header {
  readonly snapshots: readonly (readonly [
    ns: string,
    snapshot: Omit<Snapshot, 'sysctls' | 'routes'> & {
      readonly sysctls: readonly (readonly [string, string])[]
      readonly routes: readonly (readonly [string, RouteAnswer])[]
    },
  ])[]
  readonly frames: readonly Frame[]
  readonly traces: readonly ReceivedTrace[]
  readonly events: readonly KernelEvent[]
  readonly outcomes: readonly Outcome[]
  readonly texts: readonly (readonly [string, string])[]
}

const LISTS = ['snapshots', 'frames', 'traces', 'events', 'outcomes', 'texts'] as const

/** JSON with buffers and big integers. */
const stringify = (part: unknown): string =>
  JSON.stringify(part, function (this: Record<string, unknown>, key, value: unknown) {
    const raw = this[key]
    if (Buffer.isBuffer(raw)) return { $hex: raw.toString('hex') }
    return typeof raw === 'bigint' ? { $big: String(raw) } : value
  })

const revive = (_: string, value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value
  if ('$hex' in value) return Buffer.from(String(value.$hex), 'hex')
  return '$big' in value ? BigInt(String(value.$big)) : value
}

/** The text of a recording's file. */
export function write(r: Recording): string {
  const { fault, expect, words, options, identity, expected } = r
  const header: Header = { fault, expect, words, options, identity, expected }
  const lines = LISTS.flatMap((list) => r[list].map((item) => ({ [list]: item })))
  return [header, ...lines].map((line) => `${stringify(line)}\n`).join('')
}

/** The recording of a file's text. */
export function read(text: string): Recording {
  const [header, ...lines] = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line, revive) as Record<string, unknown>)
  const of = (list: string): unknown[] => lines.filter((line) => list in line).map((line) => line[list])
  return { ...header, ...Object.fromEntries(LISTS.map((list) => [list, of(list)])) } as unknown as Recording
}

/** The evidence as it was when the trace ended. @param asked how the lab would have asked for an object otherwise */
export function evidenceOf(r: Recording, asked: (o: KernelObject) => KernelObject = (o) => o): TraceEvidence {
  const snapshots = new Map(
    r.snapshots.map(([ns, s]): [string, Snapshot] => [ns, { ...s, sysctls: new Map(s.sysctls), routes: new Map(s.routes) }]),
  )
  const liveState = {
    forwarders: new Map(),
    seen: (ns: string) => snapshots.get(ns),
    routesTo: (ns: string, dst: string) =>
      [...(snapshots.get(ns)?.routes ?? [])].flatMap(([key, a]) => (key.startsWith(`${dst}|`) ? [a] : [])),
  } as unknown as LiveState
  const evidence = new TraceEvidence({
    ...resolveTargets(lab, r.words[0], r.words[1], undefined),
    lab,
    options: r.options,
    identity: r.identity,
    expected: r.expected,
    liveState,
    places: new Places(lab, objects.map(asked)),
    listener: { frames: r.frames },
    rules: { traces: r.traces, overflows: 0 },
    events: { events: r.events },
    prober: { outcomes: r.outcomes },
    missing: [],
  })
  for (const [key, text] of r.texts) evidence.texts.set(key, text)
  return evidence
}
