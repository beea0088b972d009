/** Runs a trace: starts the collectors, predicts, sends the probe, listens until the case is clear, cleans up. */
import { setTimeout as sleep } from 'node:timers/promises'
import { tunnelPorts } from '../../backends/index.ts'
import type { TunnelPorts } from '../../packet/headers.ts'
import type { NamespacePool } from '../../netns/namespace-pool.ts'
import { forgetPathMtus } from '../../netns/path-mtu.ts'
import { processDir, type Applied } from '../../state/store.ts'
import { captureFilter } from './bpf.ts'
import type { Collectors, ProbeOptions } from './collectors.ts'
import { LegacyCounters } from './counters.ts'
import { readDetails } from '../diagnose/details.ts'
import type { Identity } from '../diagnose/identity.ts'
import { readForwarders } from '../predict/forwarders.ts'
import { LiveState } from '../predict/live-state.ts'
import { Places } from '../predict/places.ts'
import { expectation, expectationAlong, expectationOf, probeScope } from '../predict/probe-scope.ts'
import { packetSizes } from './lengths.ts'
import { Prober } from './prober.ts'
import { RuleTraces } from './rule-traces.ts'
import { timestampsBegin } from '../../netns/sockets/packet-socket.ts'
import { POLL, PollSet } from '../../netns/sockets/receive.ts'
import { RuleTexts } from '../diagnose/rules.ts'
import type { Events } from './events.ts'
import type { PacketListener } from './packet-listener.ts'
import { TraceEvidence } from '../diagnose/evidence.ts'
import { selectors } from './selectors.ts'
import { endpointsBehind } from '../../lab/services/semantics.ts'
import type { Target } from '../predict/targets.ts'
import { diagnose } from '../diagnose/diagnose.ts'
import type { Losses } from '../build-result.ts'
import { now } from '../../clock.ts'

/** Ends the listening; what was captured until then is all there. @returns what was missed */
export async function finish(evidence: TraceEvidence, { listener, events }: Collectors): Promise<Losses> {
  const frames = listener.end()
  const lost = await events.end()
  const { missing, rules } = evidence.parts
  if (events.failure !== undefined) missing.push(`no kernel events: ${events.failure}`)
  evidence.refresh(evidence.n)
  // The lengths of fragments are not known beforehand.
  const whole = evidence.forward.filter((s) => !s.layers.some((l) => (l.type === 'ipv4' || l.type === 'ipv6') && l.fragment !== undefined))
  if (whole.length > 0 && evidence.attribution.matched === 0 && events.failure === undefined)
    missing.push('no kernel events: none came of frames that were captured')
  return { frames, overflows: rules.overflows, events: lost }
}

/** Time for what belongs to a case that is clear already to come in, milliseconds. */
const GRACE = 12
/** Time for an answer to come before the evidence is looked at, milliseconds. */
const ANSWER = 3
/** Longest time without a look at everything else, such as Ctrl-C, milliseconds. */
const SLICE = 4
/** Between two looks at the evidence while nothing comes in, milliseconds. */
const LOOK = 40
/** The frames of one packet come in a burst: time until they are looked at together, milliseconds. */
const BURST = 1

function identityOf(options: ProbeOptions, family: 4 | 6, ports: TunnelPorts): Identity {
  // Above the ports the kernel hands out by itself (ip_local_port_range ends at 60999).
  const id = 61_000 + Math.floor(Math.random() * (4500 - options.count))
  const marker = Buffer.alloc(4)
  marker.writeUInt32BE(Math.floor(Math.random() * 2 ** 32))
  return {
    protocol: options.protocol,
    id,
    count: options.count,
    port: options.port,
    marker,
    ports,
    sizes: packetSizes({ ...options, family }),
  }
}

function payloadOf(options: ProbeOptions, family: 4 | 6, identity: Identity): Buffer {
  const headers = (family === 4 ? 20 : 40) + 8
  const payload = Buffer.alloc(Math.max(5, options.size - headers), 'netlab trace ')
  identity.marker.copy(payload)
  return payload
}

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
  const identity = identityOf(options, family, tunnelPorts(lab))
  const { sizes, ...shown } = identity
  const ns = from.node.netns
  const forwarders = await readForwarders(processDir(lab.name), objects)
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
  listener.open(
    way.listen,
    captureFilter({
      ...shown,
      // Over UDP a program answers with as many bytes as it likes.
      ...(options.protocol === 'udp' ? {} : { sizes }),
      marker: identity.marker.readUInt32BE(),
      answerPorts: to.flow ? endpointsBehind(lab, to.address, to.flow, from.node.netns).map((e) => e.port) : [],
      translated: way.translated,
    }),
  )
  const rules = new RuleTraces(identity.marker.toString('hex'))
  const liveState = new LiveState(
    pool,
    (ns) => places.at(ns).flatMap((o) => (o.kind === 'sysctl' && o.key.endsWith('/route_localnet') ? [o.key] : [])),
    forwarders,
  )
  const texts = new RuleTexts(pool, rules)
  const legacy = new LegacyCounters(pool, family)
  const missing: string[] = []

  const markRules = (): void => {
    for (const node of way.core) {
      // It vanished.
      if (!listener.hasListened(node)) continue
      try {
        const own = family === 4 ? 'ip' : 'ip6'
        if (rules.mark(node, selectors(identity, family)).some((t) => t.family === own)) texts.prefetch(node, [own])
      } catch (error) {
        missing.push(`no rule traces in ${places.name(node)}: nf_tables says ${(error as Error).message}`)
      }
    }
  }
  const predict = async () => {
    await liveState.read(way.questions(places))
    return expectation({ places, liveState, from, to, identity })
  }
  try {
    markRules()
    const [expected] = await Promise.all([predict(), events.live, legacy.start(way.core)])
    await timestampsBegin()
    signal.throwIfAborted()
    const evidence = new TraceEvidence({
      lab,
      from,
      to,
      options,
      identity,
      places,
      liveState,
      expected,
      listener,
      rules,
      events,
      prober,
      missing,
    })
    await listen(evidence, { prober, listener, rules, events }, options, signal)
    rules.read()
    const chosen = await expectationOf(evidence.parts, evidence.refresh(evidence.n).destinations)
    if (chosen) evidence.parts = { ...evidence.parts, expected: chosen }
    const along = await expectationAlong(evidence.refresh(evidence.n).parts, evidence.taken)
    if (along) evidence.parts = { ...evidence.parts, expected: along }
    await evidence.readRules(texts)
    await readDetails(evidence, legacy, pool)
    forgetMtu(evidence)
    return evidence
  } finally {
    prober.close()
    rules.end()
  }
}

/**
 * What nodes remember of the MTU of a path because of errors about the probe, they would go by for ten minutes
 * (net.ipv4.route.mtu_expires), also when the link is mended meanwhile.
 */
function forgetMtu({ errors, parts: { from } }: TraceEvidence): void {
  const tooBig = errors.filter((s) => s.layers.some((l) => (l.type === 'icmp' || l.type === 'icmpv6') && (l.mtu ?? 0) > 0))
  for (const ns of new Set(tooBig.flatMap((s) => [s.netns, from.node.netns]))) forgetPathMtus(ns)
}

interface Sources {
  readonly prober: Prober
  readonly listener: PacketListener
  readonly rules: RuleTraces
  readonly events: Events
}

/** Takes over everything that has come. */
function readAll({ prober, listener, rules, events }: Sources): void {
  prober.read()
  listener.read()
  rules.read()
  events.read()
}

/** Resolves when a descriptor is ready, or time is up. Looks itself, because that must not wait for other threads on a busy machine. */
async function newsWithin(
  fds: readonly (readonly [fd: number, events: number])[],
  milliseconds: number,
  signal: AbortSignal,
): Promise<void> {
  const set = new PollSet()
  for (const [fd, events] of fds) set.set(fd, events)
  for (const end = now() + milliseconds; ;) {
    const left = Math.ceil(end - now())
    const isReady = set.wait(Math.max(0, Math.min(left, SLICE))).size > 0
    await new Promise((resolve) => setImmediate(resolve))
    signal.throwIfAborted()
    if (isReady || left <= 0) return
  }
}

/** Sends the probes and looks at the evidence as it comes in, until it is clear what happened or time is up. */
async function listen(evidence: TraceEvidence, sources: Sources, options: ProbeOptions, signal: AbortSignal): Promise<void> {
  const { prober, listener, rules, events } = sources
  const all = () => [...prober.fds, ...[...listener.fds, ...rules.fds].map((fd) => [fd, POLL.in] as const)]
  const started = Date.now()
  let told = 0
  for (let n = 0; n < options.count; n++) {
    events.record(true)
    prober.send(n)
    const sent = Date.now()
    // Most answers are there at once, and then there is nothing to find out.
    await newsWithin(prober.fds, ANSWER, signal)
    let clearSince: number | undefined
    for (;;) {
      readAll(sources)
      if (evidence.answered(n)) break
      const began = now()
      const verdict = diagnose(evidence.refresh(n))
      const took = now() - began
      if (verdict.certain) clearSince ??= Date.now()
      else clearSince = undefined
      if (clearSince !== undefined && Date.now() - clearSince >= GRACE) break
      if (Date.now() - sent >= options.timeout) break
      await newsWithin(all(), clearSince === undefined ? LOOK : GRACE, signal)
      // Where much comes in, a look takes long.
      await sleep(Math.max(BURST, 2 * took))
    }
    events.record(false)
    told = n
    if (!evidence.answered(n)) break
  }
  readAll(sources)
  evidence.n = told
  evidence.tookMs = Date.now() - started
}
