/**
 * Session keys of hosts that encrypt for each other. WireGuard makes a handshake when a packet needs one, and both ends may begin at the same
 * moment: each then drops what it knew of its own handshake for that of the other, no answer fits any more, and both wait five seconds
 * (REKEY_TIMEOUT) until they try again. A test that has all pods ask all pods in one moment would find packets lost. So one end of each pair begins,
 * before there is traffic.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../../clock.ts'
import type { KernelObject, WireguardConfig } from '../../kernel/objects.ts'
import { beginHandshakes, handshakesOf, type Handshakes } from './ask.ts'

/** A session is good for so long, seconds (REJECT_AFTER_TIME). */
const LIFETIME = 180
/** How often devices are asked, milliseconds. */
const EVERY = 100
/** How long a handshake with a device that was changed may take, milliseconds: whether one is needed, it does not say. */
const AFTER_CHANGE = 1500

export interface HandshakeOptions {
  /** Longest wait, milliseconds. */
  readonly patience: number
  /** Namespaces whose devices were changed a moment ago: one that was down has no sessions any more, though it names old handshakes. */
  readonly changed?: ReadonlySet<string>
  readonly signal?: AbortSignal
  /** Called with the share of pairs that have a session, 0 to 1. */
  readonly onProgress?: (share: number) => void
}

type Pair = readonly [WireguardConfig, WireguardConfig]

/** Hosts that are each other's peers. */
function pairsOf(configs: readonly WireguardConfig[]): Pair[] {
  return configs.flatMap((a, i) => configs.slice(i + 1).flatMap((b): Pair[] => (b.node in a.peers && a.node in b.peers ? [[a, b]] : [])))
}

/**
 * Has all hosts make sessions with each other that have none, and waits for them. Only ends that answer, and know each other, are waited for.
 * @param dir where daemons and keys are on record
 * @param objects what was asked for
 * @returns pairs that have none in the end: `node-1–node-3`
 */
export async function makeHandshakes(dir: string, objects: readonly KernelObject[], options: HandshakeOptions): Promise<string[]> {
  const { patience, changed, signal, onProgress } = options
  const [started, since] = [now(), Math.floor(Date.now() / 1000)]
  /** Whether an end has a session with another that is still good. */
  const hasSession = ({ ns }: WireguardConfig, of: Handshakes, far: WireguardConfig): boolean => {
    const latest = of.get(far.node) ?? 0
    return changed?.has(ns) && now() < started + AFTER_CHANGE ? latest >= since : Date.now() / 1000 - latest < LIFETIME
  }
  const all = pairsOf(objects.filter((o) => o.kind === 'wireguard'))
  const begun = new Set<Pair>()
  let late = all
  for (const end = now() + patience; late.length > 0;) {
    const states = await handshakesOf(dir, [...new Set(late.flat())])
    const lacking = late.flatMap((pair): { pair: Pair; from: WireguardConfig; to: WireguardConfig }[] => {
      const [a, b] = pair
      const [ofA, ofB] = [states.get(a), states.get(b)]
      if (!ofA?.has(b.node) || !ofB?.has(a.node)) return []
      // An end that has an old session would send by that.
      if (!hasSession(a, ofA, b)) return [{ pair, from: a, to: b }]
      return hasSession(b, ofB, a) ? [] : [{ pair, from: b, to: a }]
    })
    late = lacking.map(({ pair }) => pair)
    onProgress?.(1 - late.length / all.length)
    if (late.length === 0 || now() >= end) break
    const fresh = lacking.filter(({ pair }) => !begun.has(pair))
    for (const { pair } of fresh) begun.add(pair)
    const froms = [...new Set(fresh.map(({ from }) => from))]
    const hostsFor = (from: WireguardConfig): string[] => fresh.flatMap((f) => (f.from === from ? [f.to.node] : []))
    await Promise.all(froms.map((from) => beginHandshakes(dir, from, hostsFor(from))))
    await sleep(EVERY, undefined, signal === undefined ? {} : { signal })
  }
  return late.map(([a, b]) => `${a.node}–${b.node}`)
}
