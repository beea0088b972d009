/** A question by an echo, or by a train of echoes of one flow. */
import { constants } from 'node:os'
import { closeSocket, intOption, IP, IPV6, LEVEL } from '../../../netns/sockets/inet.ts'
import { tryLibc } from '../../../netns/libc.ts'
import { AF, openSocket, SOCK } from '../../../netns/sockets/socket.ts'
import type { EchoReceiver } from '../node-sockets.ts'
import { trainText } from '../question.ts'
import { echoRequest, type IcmpError, type IcmpKind } from '../packets/icmp.ts'
import { isNoRoom, Pending } from './pending.ts'
import { now } from '../../../clock.ts'

/** Between the echoes of a train, milliseconds. */
const SPACING = 10

/**
 * Each question is a flow of its own: it has its own id. Each packet that comes before its flow is known to conntrack is a new
 * connection to it; of those that come in one batch, as a busy machine hands on what leaves a tunnel (ip_sublist_rcv),
 * all but the first are dropped when they would be entered (__nf_conntrack_confirm). So the others of a train follow the
 * answer to the first, which makes their flow known everywhere; or its silence.
 */
export class EchoQuestion extends Pending implements EchoReceiver {
  readonly descriptors = 0
  readonly echoId = this.node.nextEchoId()
  readonly #kind: IcmpKind = this.is6 ? 'icmp6' : 'icmp'
  readonly #size = this.put.question.size ?? 0
  readonly #count = this.put.question.count ?? 1
  readonly #numbers: number[] = []
  /** How often each of a train came back. */
  readonly #received = new Map<number, number>()
  #packet: Buffer = Buffer.alloc(0)
  #sent = 0
  #mtu: number | undefined
  #self: string | undefined
  #ttl: number | undefined

  get makesSockets(): boolean {
    return this.#size > 0 || !this.node.hasRaw(this.#kind)
  }

  protected ask(): void {
    this.node.raw(this.#kind)
    if (this.#size > 0) this.#mtu = this.#pathMtu()
    this.#prepare()
    this.nextSend = this.at + this.put.patience / 3
    this.#sent = this.#send() ? 1 : 0
  }

  /** That of the route, as a datagram's socket knows it. */
  #pathMtu(): number | undefined {
    const fd = openSocket(this.is6 ? AF.inet6 : AF.inet, SOCK.dgram)
    try {
      const name = Buffer.from(this.name)
      // Any port: nothing is sent.
      name.writeUInt16BE(9, 2)
      if (tryLibc('connect', fd, name, name.length) < 0) return undefined
      return this.is6 ? intOption(fd, LEVEL.ipv6, IPV6.mtu) : intOption(fd, LEVEL.ip, IP.mtu)
    } finally {
      closeSocket(fd)
    }
  }

  #prepare(): void {
    const number = this.node.nextNumber()
    this.#numbers.push(number)
    this.node.expectEcho(number, this)
    this.#packet = echoRequest(this.#kind, { id: this.echoId, number, nonce: this.node.nonce }, this.#size)
  }

  /** @returns whether it went out: there may be no room for it */
  #send(): boolean {
    const sent = this.node.send(this.#kind, this.name, this.#packet)
    if (sent >= 0) return true
    const isTooLong = -sent === constants.errno.EMSGSIZE && this.#mtu !== undefined
    if (!isNoRoom(-sent)) this.settleErrno(-sent, isTooLong ? { text: `local mtu=${this.#mtu}` } : {})
    return false
  }

  protected override sendMore(time: number): void {
    if (this.#count === 1) {
      this.nextSend = Infinity
      this.#send()
      return
    }
    if (this.#sent === this.#numbers.length) this.#prepare()
    if (this.#send()) {
      this.#sent++
      // One that answers has answered the first; after the silence of that one, the last need not be waited for as long once more.
      this.deadline = Math.max(this.deadline, time + this.put.patience / 2)
    }
    this.nextSend = this.#sent < this.#count ? time + SPACING : Infinity
  }

  echoed(number: number, bytes: number, { from, own, ttl }: Parameters<EchoReceiver['echoed']>[2]): void {
    if (from !== this.peer) return this.settle('error', { text: `${from} answered` })
    if (bytes !== this.#packet.length) return this.settle('error', { text: `a shorter echo came back: ${bytes} bytes` })
    this.#self = own
    this.#ttl = ttl
    if (this.#count === 1) return this.settle('ok', this.#said())
    const isFirst = this.#received.size === 0
    this.#received.set(number, (this.#received.get(number) ?? 0) + 1)
    const isLast = this.#sent === this.#count && this.#received.size === this.#count
    if (isFirst && this.#sent < this.#count) this.nextSend = now() + SPACING
    // A little longer than the last one takes: what comes twice comes soon.
    if (isLast) this.deadline = now() + 3 * SPACING
    if (isFirst || isLast) this.follower.sooner(this)
  }

  #said(): { self?: string; ttl?: number } {
    return { ...(this.#self === undefined ? {} : { self: this.#self }), ...(this.#ttl === undefined ? {} : { ttl: this.#ttl }) }
  }

  failed({ outcome, text }: IcmpError, from: string): void {
    this.settle(outcome, { text: `${text}, says ${from}` })
  }

  protected override silent(time: number): void {
    if (this.#received.size === 0) return super.silent(time)
    const twice = [...this.#received.values()].filter((times) => times > 1).length
    this.settle('ok', { ...this.#said(), text: trainText(this.#sent, this.#received.size, twice) })
  }

  release(): void {
    for (const number of this.#numbers.splice(0)) this.node.forgetEcho(number, this)
  }
}
