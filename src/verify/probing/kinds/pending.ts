/** A question under way, and how any question ends. */
import { constants } from 'node:os'
import { now } from '../../../clock.ts'
import { systemWords } from '../../../netns/libc.ts'
import { addressBytes, addressText } from '../../../netns/netlink/address.ts'
import { inetAddress } from '../../../netns/sockets/socket.ts'
import type { NodeSockets } from '../node-sockets.ts'
import type { Answer, Put } from '../question.ts'

const { errno: E } = constants

/** What the kernel says of a failed call, as an outcome. */
const OUTCOMES = new Map<number, Answer['outcome']>([
  [E.ECONNREFUSED, 'refused'],
  [E.EHOSTUNREACH, 'unreachable'],
  [E.ENETUNREACH, 'unreachable'],
  [E.EACCES, 'prohibited'],
  [E.EPERM, 'prohibited'],
  [E.EMSGSIZE, 'too-long'],
  [E.ETIMEDOUT, 'timeout'],
])

/** Of a datagram: there is no room for it now, so it is as good as lost. */
export const isNoRoom = (errno: number): boolean => errno === E.ENOBUFS || errno === E.EAGAIN
export const isNothingYet = (errno: number): boolean => errno === E.EAGAIN

/** What an answer says besides its outcome. */
export type Said = Pick<Answer, 'self' | 'by' | 'seen' | 'ttl' | 'text'>

/** Longest text of an answer. */
const TEXT = 200

/** Who asks it. */
export interface Follower {
  settled(pending: Pending, answer: Answer): void
  /** It is due sooner than it said last. */
  sooner(pending: Pending): void
}

export abstract class Pending {
  /** When it was asked; 0: not yet. */
  at = 0
  /** Where it is counted while it is so young that who was asked may not have got round to it; the loop's. */
  youngOf: { young: number } | undefined
  isSettled = false
  protected readonly is6: boolean
  /** struct sockaddr of who is asked. */
  protected readonly name: Buffer
  /** Its address as the C library writes it. */
  protected readonly peer: string
  /** When silence has lasted long enough. */
  protected deadline = Infinity
  /** When something more is to be sent; never: Infinity. */
  protected nextSend = Infinity

  constructor(
    protected readonly node: NodeSockets,
    protected readonly put: Put,
    protected readonly follower: Follower,
  ) {
    const { address, port } = put.question
    const bytes = addressBytes(address)
    this.is6 = bytes.length === 16
    this.peer = addressText(bytes)
    this.name = inetAddress({ address, port })
  }

  /** Descriptors it holds until it is settled. */
  abstract readonly descriptors: number
  /** Whether it makes sockets when it starts, so must be started inside the node's namespace. */
  abstract get makesSockets(): boolean
  /** Asks. @throws SystemError */
  protected abstract ask(): void
  /** Gives back what it holds, because it is settled, or could not be asked for want of descriptors. */
  abstract release(): void

  /** @throws SystemError when a socket cannot be made; it can be started again then */
  start(): void {
    this.at = now()
    this.deadline = this.at + this.put.patience
    this.ask()
  }

  /** Sends what is to be sent by now, and ends it if silence has lasted. @returns when it should be called next; undefined: never */
  due(time: number): number | undefined {
    if (!this.isSettled && time >= this.nextSend) this.sendMore(time)
    if (!this.isSettled && time >= this.deadline) this.silent(time)
    return this.dueAt
  }

  /** When `due` should be called; undefined: never. */
  get dueAt(): number | undefined {
    return this.isSettled ? undefined : Math.min(this.deadline, this.nextSend)
  }

  protected sendMore(_time: number): void {}

  protected silent(_time: number): void {
    this.settle('timeout')
  }

  settle(outcome: Answer['outcome'], said: Said = {}): void {
    if (this.isSettled) return
    this.isSettled = true
    this.release()
    const text = said.text
      ?.replace(/[^ -~]+/g, ' ')
      .trim()
      .slice(0, TEXT)
    const { text: _text, ...rest } = said
    const ms = this.at === 0 ? 0 : Math.round((now() - this.at) * 10) / 10
    this.follower.settled(this, { outcome, ...rest, ...(text ? { text } : {}), ms })
  }

  settleErrno(errno: number, said: Said = {}): void {
    this.settle(OUTCOMES.get(errno) ?? 'error', { text: systemWords(errno), ...said })
  }

  /** What was said in answer, in a responder's words or any others. */
  protected settleLine(line: string, self: string | undefined): void {
    const found = /^([A-Za-z0-9._/-]+) (\S+:\d+)\n$/.exec(line)
    const own = self === undefined ? {} : { self }
    this.settle('ok', found ? { by: found[1]!, seen: found[2]!, ...own } : { text: line, ...own })
  }
}
