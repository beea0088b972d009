/** All evidence of a trace in one place, in the order the diagnosis looks at it. Pure but for reading what collectors have captured. */
import type { KernelObject } from '../../kernel/objects.ts'
import type { Lab, Node } from '../../lab/lab.ts'
import type { Obstacle } from '../../process/sessions.ts'
import { attribute, type Attribution } from './attribute.ts'
import { chain } from './chain.ts'
import type { CountedRule, NativeRule } from '../collect/counters.ts'
import type { Frame } from '../collect/packet-listener.ts'
import type { ReceivedTrace } from '../collect/rule-traces.ts'
import type { KernelEvent } from '../collect/events.ts'
import { sealedPorts, tunnelForms } from '../../packet/tunnels.ts'
import { Recognizer, type Identity, type Sighting } from './identity.ts'
import type { LiveState } from '../predict/live-state.ts'
import type { Expectation, Taken } from '../predict/probe-scope.ts'
import type { Places } from '../predict/places.ts'
import type { Outcome } from '../collect/prober.ts'
import { groupTraces, isDrop, packetOf, verdictOf, type RuleGroup, type RuleTexts } from './rules.ts'
import type { Target } from '../predict/targets.ts'

/** What a evidence is made of. Collectors go on filling their lists. */
/** What is read after the probe was dropped, to name the cause. */
export interface Details {
  /** By namespace: rules of iptables-legacy that ended packets meanwhile. */
  readonly counted: ReadonlyMap<string, readonly CountedRule[]>
  /** By namespace: rules of nftables that cannot be traced and end packets. */
  readonly native: ReadonlyMap<string, readonly NativeRule[]>
  /** By namespace and device: queueing disciplines and filters, in tc's words. */
  readonly queues: ReadonlyMap<string, string>
  /** Why daemons have not brought something about. */
  readonly obstacles: ReadonlyMap<KernelObject, Obstacle>
}

export interface EvidenceParts {
  readonly lab: Lab
  readonly from: Target & { readonly node: Node }
  readonly to: Target
  readonly options: {
    readonly protocol: 'icmp' | 'tcp' | 'udp'
    readonly port: number
    readonly size: number
    readonly df: boolean
    readonly ttl: number
    readonly count: number
    readonly timeout: number
  }
  readonly identity: Identity
  readonly places: Places
  readonly liveState: LiveState
  readonly expected: Expectation
  readonly listener: { readonly frames: readonly Frame[] }
  readonly rules: { readonly traces: readonly ReceivedTrace[]; readonly overflows: number }
  readonly events: { readonly events: readonly KernelEvent[]; readonly failure?: string | undefined }
  readonly prober: { readonly outcomes: readonly Outcome[] }
  /** What this machine lacks, a sentence each. */
  readonly missing: string[]
}

/** A group of rules with the packet it evaluated. */
export interface DiagnosedGroup {
  readonly group: RuleGroup
  readonly packet: Sighting | undefined
  /** The hop after which it was evaluated: where it came in, or the one before it went out. */
  readonly at: Sighting | undefined
}

export class TraceEvidence {
  /** Number of the probe that is looked at. */
  n = 0
  tookMs = 0
  sightings: readonly Sighting[] = []
  forward: readonly Sighting[] = []
  reply: readonly Sighting[] = []
  errors: readonly Sighting[] = []
  neighbours: readonly Sighting[] = []
  rules: readonly DiagnosedGroup[] = []
  attribution: Attribution = { drops: [], queued: [], icmp: [], unseen: [], matched: 0 }
  /** Texts of the rules that spoke, by `ns family table chain handle`. */
  readonly texts = new Map<string, string>()
  /** What was read when it had been dropped, to name what did it. */
  details: Details = { counted: new Map(), native: new Map(), queues: new Map(), obstacles: new Map() }

  parts: EvidenceParts

  constructor(parts: EvidenceParts) {
    this.parts = parts
  }

  outcome(n = this.n): Outcome {
    return this.parts.prober.outcomes[n] ?? {}
  }

  answered(n: number): boolean {
    const what = this.outcome(n).reply?.what
    return what !== undefined && what !== 'refused'
  }

  /** Looks at everything captured so far, for probe `n`. */
  refresh(n: number): this {
    const { listener, rules, events, places, identity } = this.parts
    this.n = n
    this.sightings = new Recognizer(identity).recognize(listener.frames, (ns) => places.name(ns))
    this.#chooseEndpoint()
    const { expected } = this.parts
    const of = (role: Sighting['role']): Sighting[] => this.sightings.filter((s) => s.role === role && s.n === n)
    this.forward = chain(of('probe'), expected.forward.steps, places)
    this.reply = chain(of('reply'), expected.back?.steps ?? [], places)
    this.errors = of('error')
    const from = this.outcome().sent ?? this.forward[0]?.at ?? 0n
    this.neighbours = this.sightings.filter((s) => s.role === 'neighbour' && s.at >= from - 1_000_000n)
    this.attribution = attribute(this.sightings, events.events)
    this.rules = groupTraces(rules.traces)
      .map((group) => {
        const packet = packetOf(group, this.sightings)
        return { group, packet, at: this.#evaluatedAfter(group, packet) }
      })
      .filter(({ group, packet }) => packet?.n === n || (packet === undefined && this.#headerIsOurs(group)))
    return this
  }

  /** Addresses the probe was seen on its way to. */
  get destinations(): ReadonlySet<string> {
    return new Set(
      this.sightings.flatMap((s) =>
        s.role === 'probe' && s.n === this.n ? s.layers.flatMap((l) => (l.type === 'ipv4' || l.type === 'ipv6' ? [l.dst] : [])) : [],
      ),
    )
  }

  /** Devices that the probe and its answer were seen to leave nodes by. */
  get taken(): Taken {
    const devices = (role: Sighting['role']): Map<string, Set<string>> => {
      const map = new Map<string, Set<string>>()
      for (const s of this.sightings) {
        if (s.role !== role || s.n !== this.n || s.direction !== 'out') continue
        map.set(s.netns, (map.get(s.netns) ?? new Set()).add(s.device))
      }
      return map
    }
    return { forward: devices('probe'), back: devices('reply') }
  }

  /** Of a Service's endpoints, the one whose address the probe got. */
  #chooseEndpoint(): void {
    const { endpoints } = this.parts.expected
    const chosen = endpoints?.find((e) =>
      this.sightings.some(
        (s) =>
          s.role === 'probe' && s.n === this.n && s.layers.some((l) => (l.type === 'ipv4' || l.type === 'ipv6') && l.dst === e.endpoint),
      ),
    )
    if (chosen && endpoints) this.parts = { ...this.parts, expected: { ...chosen, endpoints } }
  }

  #evaluatedAfter({ ns, iif, oif }: RuleGroup, packet: Sighting | undefined): Sighting | undefined {
    const chain = packet?.role === 'probe' ? this.forward : packet?.role === 'reply' ? this.reply : []
    const here = chain.filter((s) => s.netns === ns)
    const left = here.findIndex((s) => s.direction === 'out' && s.ifindex === oif)
    if (left >= 0) return here[Math.max(0, left - 1)]
    // Made here and translated before it left: the device it was to leave by is another one now.
    const entered = here.find((s) => s.direction === 'in' && s.ifindex === iif)
    if (entered) return entered
    // A bridge shows netfilter what comes in by a port as if it were its own: then it went on by another port.
    const port = oif === undefined && iif !== undefined ? here.find((s) => s.direction === 'in') : undefined
    return port ?? (iif === undefined ? here[0] : here.at(-1))
  }

  /** Packets that were on no device are known by their transport header alone. */
  #headerIsOurs(group: RuleGroup): boolean {
    const { transport } = group
    const { protocol, id, count, marker } = this.parts.identity
    if (!transport || transport.length < 8) return false
    if (this.isTunnelHeader(group)) return true
    if (protocol !== 'tcp' && transport.indexOf(marker) >= 0) return true
    if (protocol === 'icmp') return transport.readUInt16BE(4) === id
    return [0, 2].some((at) => transport.readUInt16BE(at) >= id && transport.readUInt16BE(at) < id + count)
  }

  /** A tunnel packet of the probe's length that was made here and never left: nothing of the probe itself is in the message. */
  isTunnelHeader({ network, transport }: RuleGroup): boolean {
    if (!network || !transport || network.length < 20 || network[0]! >> 4 !== 4) return false
    const protocol = network[9]!
    const port = transport.length >= 4 ? transport.readUInt16BE(2) : 0
    const forms = tunnelForms(this.parts.identity.ports).filter((t) => t.ipProtocol === protocol && (t.udpPort ?? port) === port)
    // Without the Ethernet header inside, too: it may not have been written yet.
    const added = forms.flatMap(({ length }) => (length > 14 ? [20 + length, 6 + length] : [20 + length]))
    const inner = this.forward.at(-1)?.layers.findLast((l) => l.type === 'ipv4' || l.type === 'ipv6')
    const length = network.readUInt16BE(2)
    const { length: size } = inner ?? {}
    const sealed = sealedPorts(this.parts.identity.ports).filter((s) => protocol === 17 && s.port === port)
    return (
      size !== undefined &&
      (added.some((n) => size + n === length) || sealed.some(({ how }) => how.lengths(size).some((n) => 20 + n === length)))
    )
  }

  /** Words of every rule that decided something. */
  async readRules(texts: RuleTexts): Promise<void> {
    this.refresh(this.n)
    const steps = this.rules.flatMap(({ group }) => {
      const last = verdictOf(group)
      return isDrop(group) && last
        ? group.steps.filter((s) => s.kind === 'rule')
        : group.steps.filter((s) => s.kind === 'rule' && s.verdict !== 'jump')
    })
    await Promise.all(
      steps.map(async (t) => {
        const text = await texts.text(t)
        if (text !== undefined) this.texts.set(textKey(t), text)
      }),
    )
  }

  textOf(t: ReceivedTrace | undefined): string | undefined {
    return t && this.texts.get(textKey(t))
  }

  /** The node the probe should arrive at. */
  get destination(): string | undefined {
    const { to, expected } = this.parts
    // Behind a Service it is the endpoint's, whichever node has the address.
    if (to.node && !expected.endpoint) return to.node.netns
    return expected.forward.end === 'delivered' ? expected.forward.at : undefined
  }

  get arrived(): boolean {
    const last = this.forward.at(-1)
    return last !== undefined && last.direction === 'in' && last.netns === this.destination && !last.otherHost
  }
}

export const textKey = (t: Pick<ReceivedTrace, 'ns' | 'family' | 'table' | 'chain' | 'handle'>): string =>
  `${t.ns} ${t.family} ${t.table} ${t.chain} ${t.handle}`
