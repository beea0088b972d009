/** A question by a UDP datagram, from a port of its own. */
import { constants } from 'node:os'
import { EPOLL } from '../../../netns/sockets/epoll.ts'
import { closeSocket, endpointText, ownEndpoint } from '../../../netns/sockets/inet.ts'
import { systemWords, tryLibc } from '../../../netns/libc.ts'
import { AF, inetAddress, MSG_DONTWAIT, openSocket, SOCK } from '../../../netns/sockets/socket.ts'
import { isNoRoom, isNothingYet, Pending } from './pending.ts'

const WORD = Buffer.from('netlab\n')
const text = Buffer.alloc(4096)
/** Ports that are tried until one is free. */
const TRIES = 2000

export class UdpQuestion extends Pending {
  readonly descriptors = 1
  readonly makesSockets = true
  #fd = -1
  #number = 0
  #self = ''

  protected ask(): void {
    this.#fd = openSocket(this.is6 ? AF.inet6 : AF.inet, SOCK.dgram)
    const refused = this.#bind()
    if (refused) return
    const connected = tryLibc('connect', this.#fd, this.name, this.name.length)
    if (connected < 0) return this.settleErrno(-connected)
    this.#self = endpointText(ownEndpoint(this.#fd))
    this.#number = this.node.epoll.add(this.#fd, EPOLL.in, () => this.#ready())
    // Datagrams get lost where a full queue or a busy neighbour table drops them: they are sent twice.
    this.nextSend = this.at + this.put.patience / 3
    this.#send()
  }

  /** @returns whether that failed, which has settled the question */
  #bind(): boolean {
    const { sourcePort } = this.put.question
    const address = this.is6 ? '::' : '0.0.0.0'
    // A port used before may still belong to a flow that conntrack knows, or get an answer that is late.
    for (let tries = 0; tries < TRIES; tries++) {
      const own = inetAddress({ address, port: sourcePort ?? this.node.nextPort() })
      const bound = tryLibc('bind', this.#fd, own, own.length)
      if (bound >= 0) return false
      if (sourcePort !== undefined) this.settleErrno(-bound, { text: `source port ${sourcePort}: ${systemWords(-bound)}` })
      else if (-bound !== constants.errno.EADDRINUSE) this.settleErrno(-bound)
      if (this.isSettled) return true
    }
    this.settleErrno(constants.errno.EADDRINUSE)
    return true
  }

  #send(): void {
    const sent = tryLibc('send', this.#fd, WORD, WORD.length, MSG_DONTWAIT)
    if (sent < 0 && !isNoRoom(-sent)) this.settleErrno(-sent, { self: this.#self })
  }

  protected override sendMore(): void {
    this.nextSend = Infinity
    this.#send()
  }

  #ready(): void {
    const length = tryLibc('recv', this.#fd, text, text.length, MSG_DONTWAIT)
    if (length >= 0) this.settleLine(text.toString('latin1', 0, length), this.#self)
    else if (!isNothingYet(-length)) this.settleErrno(-length, { self: this.#self })
  }

  protected override silent(): void {
    this.settle('timeout', { self: this.#self })
  }

  release(): void {
    if (this.#fd < 0) return
    this.node.epoll.forget(this.#number)
    closeSocket(this.#fd)
    this.#fd = -1
  }
}
