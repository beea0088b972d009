/** Runs a trace: starts the collectors, predicts, sends the probe, listens until the case is clear, cleans up. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { tunnelPorts } from '../../backends/index.ts'
import type { TunnelPorts } from '../../packet/headers.ts'
import type { NamespacePool } from '../../netns/namespace-pool.ts'
import type { Applied } from '../../state/store.ts'
import { captureFilter } from './bpf.ts'
import type { Collectors, ProbeOptions } from './collectors.ts'
import { LegacyCounters } from './counters.ts'
import { readDetails } from '../diagnose/details.ts'
import type { Identity } from '../diagnose/identity.ts'
import { LiveState } from '../predict/live-state.ts'
import { createTable, deleteTable } from './netlink.ts'
import { Places } from '../predict/places.ts'
import { expectation, probeScope } from '../predict/probe-scope.ts'
import { Prober, type Outcome } from './prober.ts'
import { RuleTexts } from '../diagnose/rules.ts'
import { TraceEvidence } from '../diagnose/evidence.ts'
import { selectors } from './selectors.ts'
import { endpointsBehind } from '../../lab/services/semantics.ts'
import type { Target } from '../predict/targets.ts'
import { diagnose } from '../diagnose/diagnose.ts'
import type { Losses } from '../build-result.ts'

/** Ends the listening; what was captured until then is all there. @returns what was missed */
export async function finish(evidence: TraceEvidence, { listener, events }: Collectors): Promise<Losses> {
  const [captured, lost] = await Promise.all([listener.end(), events.end()])
  const { missing } = evidence.parts
  if (!captured.complete) missing.push('frames and rule traces that did not come in time: this machine is too busy')
  if (events.failure !== undefined) missing.push(`no kernel events: ${events.failure}`)
  else if (!lost.complete) missing.push('kernel events that did not come in time: this machine is too busy')
  evidence.refresh(evidence.n)
  // The lengths of fragments are not known beforehand.
  const whole = evidence.forward.filter((s) => !s.layers.some((l) => (l.type === 'ipv4' || l.type === 'ipv6') && l.fragment !== undefined))
  if (whole.length > 0 && evidence.attribution.matched === 0 && events.failure === undefined)
    missing.push('no kernel events: none came of frames that were captured')
  return { frames: captured.frames, overflows: captured.overflows, events: lost.events }
}

/** Time for what belongs to a case that is clear already to come in, milliseconds. */
const GRACE = 12
/** Longest wait for the sender to send, milliseconds. */
const SENDING = 3000
/** Between two looks at the evidence while nothing comes in, milliseconds. */
const LOOK = 40

function identityOf(options: ProbeOptions, ports: TunnelPorts): Identity {
  // Above the ports the kernel hands out by itself (ip_local_port_range ends at 60999).
  const id = 61_000 + (randomBytes(2).readUInt16BE() % (4500 - options.count))
  return { protocol: options.protocol, id, count: options.count, port: options.port, marker: randomBytes(4), ports }
}

function payloadOf(options: ProbeOptions, family: 4 | 6, identity: Identity): Buffer {
  const headers = (family === 4 ? 20 : 40) + 8
  const payload = Buffer.alloc(Math.max(5, options.size - headers), 'netlab trace ')
  identity.marker.copy(payload)
  return payload
}

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`)

/** Everything the result is told from. */
export async function gather(
  { lab, objects }: Applied,
  from: Target & { readonly node: NonNullable<Target['node']> },
  to: Target,
  options: ProbeOptions,
  { listener, events }: Collectors,
  pool: NamespacePool,
  signal: AbortSignal,
): Promise<TraceEvidence> {
  const { family } = from
  const places = new Places(lab, objects)
  const identity = identityOf(options, tunnelPorts(lab))
  const ns = from.node.netns
  // Before anything is started: it may throw, and then there is nothing to end.
  const way = probeScope(lab, from.node, to)
  const prober = new Prober({
    ns,
    protocol: options.protocol,
    family,
    to: to.address,
    port: options.port,
    id: identity.id,
    payload: payloadOf(options, family, identity),
    df: options.df,
    ttl: options.ttl,
    ...(from.address === from.word ? { source: from.address } : {}),
  })
  const live = listener.open(
    way.listen,
    captureFilter({
      ...identity,
      marker: identity.marker.readUInt32BE(),
      answerPorts: to.flow ? endpointsBehind(lab, to.address, to.flow).map((e) => e.port) : [],
      translated: way.translated,
    }),
  )
  const liveState = new LiveState(pool)
  const texts = new RuleTexts(pool, listener)
  const legacy = new LegacyCounters(pool, family)
  const table = `netlab_trace_${listener.pid}_${identity.marker.toString('hex')}`
  const ruled: string[] = []
  const missing: string[] = []

  const markRules = async (): Promise<void> => {
    await live
    await Promise.all(
      way.core.map(async (node) => {
        const tables = await listener.tables(node)
        const stale = tables.filter((t) => t.family === 'inet' && !isAlive(Number(/^netlab_trace_(\d+)_/.exec(t.name)?.[1] ?? process.pid)))
        for (const t of stale) await listener.transact(node, deleteTable(t.name))
        if (tables.every((t) => t.name.startsWith('netlab_trace_'))) return
        let errno = await listener.transact(node, createTable(table, selectors(identity, family), true))
        if (errno !== 0) errno = await listener.transact(node, createTable(table, selectors(identity, family), false))
        if (errno === 0) {
          ruled.push(node)
          texts.prefetch(
            node,
            tables
              .filter((t) => t.family === (family === 4 ? 'ip' : 'ip6'))
              .slice(0, 1)
              .map((t) => t.family),
          )
        } else missing.push(`no rule traces in ${places.name(node)}: nf_tables says error ${errno}`)
      }),
    )
  }
  const predict = async () => {
    await liveState.read(way.questions(places))
    return expectation(places, liveState, from, to)
  }
  try {
    const [expected] = await Promise.all([predict(), markRules(), events.live, prober.ready, legacy.start(way.core)])
    signal.throwIfAborted()
    const evidence = new TraceEvidence({ lab, from, to, options, identity, places, liveState, expected, listener, events, prober, missing })
    await listen(evidence, prober, options, signal, () => [listener, events, prober], events.switch)
    // On a busy machine the answer may be here before the traces of its rules: an answer to a question comes behind them.
    await Promise.all(ruled.map((node) => listener.tables(node)))
    await evidence.readRules(texts)
    await readDetails(evidence, legacy, pool)
    return evidence
  } finally {
    prober.leave()
    await Promise.allSettled(ruled.map((node) => listener.transact(node, deleteTable(table))))
  }
}

/** When a probe's time begins to run: when it was sent, which on a machine without a free processor may be later than asked for. */
const startOf = ({ sent, error }: Outcome, asked: number): number =>
  sent !== undefined ? Number(sent / 1_000_000n) : error ? asked : asked + SENDING

/** Sends the probes and looks at the evidence as it comes in, until it is clear what happened or time is up. */
async function listen(
  evidence: TraceEvidence,
  prober: Prober,
  options: ProbeOptions,
  signal: AbortSignal,
  sources: () => { onNews: () => void }[],
  recording: string | undefined,
): Promise<void> {
  let wake: () => void = () => {}
  for (const s of sources()) s.onNews = () => wake()
  const started = Date.now()
  let told = 0
  for (let n = 0; n < options.count; n++) {
    prober.send(n, recording)
    const asked = Date.now()
    let clearSince: number | undefined
    for (;;) {
      signal.throwIfAborted()
      if (evidence.answered(n)) break
      const began = performance.now()
      const verdict = diagnose(evidence.refresh(n))
      const took = performance.now() - began
      if (verdict.certain) clearSince ??= Date.now()
      else clearSince = undefined
      if (clearSince !== undefined && Date.now() - clearSince >= GRACE) break
      if (Date.now() - startOf(evidence.outcome(n), asked) >= options.timeout) break
      const news = new Promise<void>((resolve) => (wake = resolve))
      await Promise.race([news, sleep(clearSince === undefined ? LOOK : GRACE, undefined, { signal }).catch(() => {})])
      // Frames of one packet come in a burst: look once at all of them. Where much comes in, a look takes long.
      await sleep(Math.max(2, 2 * took))
    }
    told = n
    if (!evidence.answered(n)) break
  }
  evidence.n = told
  evidence.tookMs = Date.now() - started
}
