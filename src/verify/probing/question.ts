/**
 * Questions that nodes of a lab put to addresses, and what came back. Check sources are pure functions from a lab to
 * questions, and from answers to checks; only the askers (askers.ts) touch the machine.
 */
import type { Family } from '../../topology/address.ts'

export interface Question {
  /** Network namespace the question is asked in. */
  readonly netns: string
  readonly kind: 'tcp' | 'udp' | 'sctp' | 'icmp'
  readonly family: Family
  readonly address: string
  /** 0 for ICMP. */
  readonly port: number
  /** ICMP: bytes of the whole IP packet, sent with "don't fragment". Absent: small. */
  readonly size?: number
  /** TCP and UDP: source port to bind. Absent: the kernel's choice. */
  readonly sourcePort?: number
  /** ICMP: so many echoes, 10 ms apart. The answer's text says how many came back: `20 sent, 20 came back, 0 more than once`. */
  readonly count?: number
  /** Tells apart questions that are equal otherwise: a Service with several endpoints is asked several times. */
  readonly nth?: number
}

export interface Answer {
  /**
   * `ok`: there was an answer; `refused`: RST or "port unreachable"; `timeout`: silence;
   * `unreachable`, `prohibited`, `too-long`: ICMP errors or the kernel's own refusal; `error`: anything else, in `text`.
   */
  readonly outcome: 'ok' | 'refused' | 'timeout' | 'unreachable' | 'prohibited' | 'too-long' | 'error'
  /** Address and port the question was sent from, as its own socket says: `10.244.0.2:40000`, `[fd00::2]:40000`; ICMP: the address. */
  readonly self?: string
  /** Who says it answered (a netlab listener or built-in responder), as people call it. */
  readonly by?: string
  /** The source address and port that who answered saw. */
  readonly seen?: string
  /** TTL or hop limit of an ICMP echo reply. */
  readonly ttl?: number
  /** The kernel's or the answerer's words, where they are more than the above. */
  readonly text?: string
  /** Milliseconds. */
  readonly ms: number
}

/** A question and how long silence must last to be an answer, milliseconds. */
export interface Put {
  readonly question: Question
  readonly patience: number
  /** TCP: who accepts answers by itself; others may wait for the client to send something first. */
  readonly quiet?: boolean
  /** TCP: how long who accepts the connection may take to say something, milliseconds. Absent: four times the patience. */
  readonly talk?: number
}

/** What the answer to a train of echoes says. */
export const trainText = (sent: number, received: number, twice: number): string =>
  `${sent} sent, ${received} came back, ${twice} more than once`

/** Whether all echoes of a train came back, each once. */
export const isWholeTrain = (count: number, answer: Answer): boolean => answer.text === trainText(count, count, 0)

/** Text of the answer of who accepts a connection and says nothing. */
export const SILENT_ACCEPT = 'connected, and it said nothing'

/** Who listens where while questions are asked: besides what its containers listen on already. */
export interface Listening {
  readonly netns: string
  /** What it calls itself when it answers. */
  readonly name: string
  readonly ports: readonly {
    readonly protocol: 'tcp' | 'udp' | 'sctp'
    readonly port: number
    /** Only on 127.0.0.1 and ::1. */
    readonly loopback?: true
  }[]
}
