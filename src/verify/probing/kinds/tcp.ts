/** A question by a TCP connection: who accepts it says who it is, or says nothing. */
import { constants } from 'node:os'
import { EPOLL } from '../../../netns/sockets/epoll.ts'
import { closeSocket, endpointText, IP, IPV6, isConnected, LEVEL, ownEndpoint, resetOnClose } from '../../../netns/sockets/inet.ts'
import { Receiver } from '../../../netns/sockets/receive.ts'
import { systemWords, tryLibc } from '../../../netns/libc.ts'
import {
  AF,
  inetAddress,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_NOSIGNAL,
  openSocket,
  setOption,
  SO,
  SOCK,
  SOL_SOCKET,
} from '../../../netns/sockets/socket.ts'
import { SILENT_ACCEPT } from '../question.ts'
import { isNothingYet, Pending } from './pending.ts'

const { EINPROGRESS, ECONNRESET, EPIPE } = constants.errno
/** For who waits for the client to speak first. */
const WORD = Buffer.from('netlab\n')
/** Times the patience, for who accepted a connection to say something. */
const SLOW = 4
const text = Buffer.alloc(4096)
let errors: Receiver | undefined
/** ICMP errors are kept for reading: level and name of the option, which are those of the control message as well. */
const KEPT = { 4: [LEVEL.ip, IP.recvErr], 6: [LEVEL.ipv6, IPV6.recvErr] } as const

export class TcpQuestion extends Pending {
  readonly descriptors = 1
  readonly makesSockets = true
  #fd = -1
  #number = 0
  #hasSpoken = false
  readonly #talk = this.put.talk ?? SLOW * this.put.patience

  protected ask(): void {
    const fd = (this.#fd = openSocket(this.is6 ? AF.inet6 : AF.inet, SOCK.stream))
    resetOnClose(fd)
    setOption(fd, ...this.#kept, 1)
    const { sourcePort } = this.put.question
    if (sourcePort !== undefined) {
      setOption(fd, SOL_SOCKET, SO.reuseaddr, 1)
      const own = inetAddress({ address: this.is6 ? '::' : '0.0.0.0', port: sourcePort })
      const bound = tryLibc('bind', fd, own, own.length)
      if (bound < 0) return this.settleErrno(-bound, { text: `source port ${sourcePort}: ${systemWords(-bound)}` })
    }
    const connected = tryLibc('connect', fd, this.name, this.name.length)
    if (connected < 0 && -connected !== EINPROGRESS) return this.settleErrno(-connected)
    this.#hasSpoken = this.put.quiet === true
    this.deadline = this.at + Math.min(this.put.patience, this.#talk)
    // In this machine it is connected by now, or refused, as a rule.
    this.#speak()
    if (this.isSettled) return
    this.#number = this.node.epoll.add(fd, this.#hasSpoken ? EPOLL.in : EPOLL.in | EPOLL.out, (events) => this.#ready(events))
  }

  get #kept(): readonly [level: number, name: number] {
    return KEPT[this.is6 ? 6 : 4]
  }

  /** Says something, if anything is to be said and there is a connection. */
  #speak(): void {
    if (this.#hasSpoken) return
    const sent = tryLibc('send', this.#fd, WORD, WORD.length, MSG_DONTWAIT | MSG_NOSIGNAL)
    if (sent >= 0) {
      this.#hasSpoken = true
      // A connection outlives ICMP errors (RFC 5461).
      setOption(this.#fd, ...this.#kept, 0)
    }
    // The error of a socket is returned once, by the first call.
    else if (!isNothingYet(-sent)) this.#failed(-sent)
  }

  #ready(events: number): void {
    if (events & EPOLL.out) {
      this.#speak()
      if (this.isSettled) return
      this.node.epoll.modify(this.#fd, this.#number, EPOLL.in)
    }
    if (!(events & ~EPOLL.out)) return
    const length = tryLibc('recv', this.#fd, text, text.length, MSG_DONTWAIT)
    if (length > 0) this.settleLine(text.toString('latin1', 0, length), this.#self())
    else if (length === 0) this.settle('ok', { text: 'connected, and it hung up', self: this.#self() })
    else if (!isNothingYet(-length)) this.#failed(-length)
    else if (events & EPOLL.error) this.#readKept()
  }

  /**
   * Nearby, an ICMP error is there before connect(2) returns. The kernel then only keeps it, and sends the SYN again
   * after a second (tcp_v4_err); later it would have ended the attempt.
   */
  #readKept(): void {
    errors ??= new Receiver(1, 512)
    if (errors.receive(this.#fd, MSG_ERRQUEUE) === 0) return
    // struct sock_extended_err (linux/errqueue.h) begins with the error.
    const errno = errors.control(0, ...this.#kept)?.readUInt32LE(0)
    if (errno !== undefined && !isConnected(this.#fd)) this.settleErrno(errno)
  }

  #failed(errno: number): void {
    // A connection that is refused has another error.
    const isConnected = errno === ECONNRESET || errno === EPIPE
    if (isConnected) this.settle('ok', { text: `connected, then: ${systemWords(errno)}`, self: this.#self() })
    else this.settleErrno(errno)
  }

  #self(): string {
    return endpointText(ownEndpoint(this.#fd))
  }

  protected override silent(time: number): void {
    const isThere = isConnected(this.#fd)
    const until = this.at + (isThere ? this.#talk : this.put.patience)
    if (time < until) this.deadline = until
    else if (isThere) this.settle('ok', { text: SILENT_ACCEPT, self: this.#self() })
    else super.silent(time)
  }

  release(): void {
    if (this.#fd < 0) return
    this.node.epoll.forget(this.#number)
    closeSocket(this.#fd)
    this.#fd = -1
  }
}
