/** The way a packet should take: steps from device to device, and what is known of the packet on it. */
import type { RouteAnswer } from './live-state.ts'
import type { Decision } from '../result.ts'
import type { Flow } from '../../lab/services/semantics.ts'

export interface Step {
  readonly ns: string
  readonly device: string
  readonly direction: 'in' | 'out'
  /** What the node decides after this step. */
  readonly decisions: Decision[]
  /**
   * Passed or not, by the state of a neighbour entry at that moment: a bridge that translated a frame sends it out of
   * its port itself where it knows the MAC for sure, else as the node would (br_nf_pre_routing_finish_bridge).
   */
  optional?: true
}

/** Steps that are expected; of the optional ones those that were seen. */
export const expectedSteps = (path: PredictedPath | undefined, seen: (s: Step) => boolean): readonly Step[] =>
  (path?.steps ?? []).filter((s) => s.optional === undefined || seen(s))

/** A node that had several next hops of equal cost, and the device of the one that was chosen. */
export interface Branch {
  readonly ns: string
  readonly device: string
}

export interface PredictedPath {
  readonly steps: readonly Step[]
  /** Where other paths cost the same. */
  readonly branches: readonly Branch[]
  /** `delivered`, or why it ends early; `refused`: a Service without an endpoint for this client. */
  readonly end:
    | 'delivered'
    | 'no-route'
    | 'not-for-us'
    | 'unknown-neighbour'
    | 'no-fdb'
    | 'no-forwarder'
    | 'no-peer'
    | 'lost'
    | 'loop'
    | 'refused'
  /** Namespace it ends in. */
  readonly at: string
  /** The route lookup that failed, or the next hop without a known MAC. */
  readonly failed?: RouteAnswer & { readonly question: string }
  /** Decided before anything left the source. */
  readonly before: readonly Decision[]
}

export interface Packet {
  readonly src: string
  readonly dst: string
  /** Around it: tunnels it is inside of, outermost last. */
  readonly outer?: {
    /** Type of the devices at its ends. */
    readonly type: string
    /** What tells it from others of its type; 0: nothing. */
    readonly id: number
    readonly inner: Packet
    /** Of the frame inside, where there is one. */
    readonly mac?: string
  }
}

/** A host that gave the packet an address of its own. */
export interface Masqueraded {
  readonly ns: string
  readonly address: string
  readonly client: string
}

/** What a walk must know of the connection it is about. */
export interface Way {
  readonly flow?: Flow
  /** Of a Service's endpoints, the one that is chosen. */
  readonly endpoint?: string | undefined
  /** For the way back: who translated on the way there. */
  readonly back?: readonly Masqueraded[]
  /** Whether it is an ICMP packet. */
  readonly isIcmp?: boolean
  /** By namespace: devices that the packet was seen to leave by. */
  readonly taken?: ReadonlyMap<string, ReadonlySet<string>>
}
