/**
 * A question by a lone SCTP INIT (RFC 9260), without sockets of the kernel's, which hardly any kernel has by itself. A
 * listener answers it with an INIT ACK whose cookie is its line, any other port with an ABORT, so that connection
 * tracking understands.
 */
import { endpointText } from '../../../netns/sockets/inet.ts'
import type { InitReceiver } from '../node-sockets.ts'
import type { IcmpError } from '../packets/icmp.ts'
import { CHUNK, init, type SctpPacket } from '../packets/sctp.ts'
import { isNoRoom, Pending } from './pending.ts'

export class SctpQuestion extends Pending implements InitReceiver {
  readonly descriptors = 0
  readonly #kind = this.is6 ? 'sctp6' : 'sctp'
  #port = 0
  #tag = 0
  #packet: Buffer = Buffer.alloc(0)

  get makesSockets(): boolean {
    return !this.node.hasRaw(this.#kind) || !this.node.hasRaw(this.is6 ? 'icmp6' : 'icmp')
  }

  protected ask(): void {
    this.node.openSctp(this.#kind)
    // Refusals by ICMP are received by another socket.
    this.node.raw(this.is6 ? 'icmp6' : 'icmp')
    const { sourcePort, port } = this.put.question
    this.#port = this.node.expectInit(this, sourcePort)
    this.#tag = ((this.node.nextNumber() << 12) | (this.node.nonce & 0xfff)) >>> 0
    this.#packet = init(this.#port, port, this.#tag)
    this.nextSend = this.at + this.put.patience / 3
    this.#send()
  }

  #send(): void {
    // A raw socket takes no port.
    const name = Buffer.from(this.name)
    name.writeUInt16BE(0, 2)
    const sent = this.node.send(this.#kind, name, this.#packet)
    if (sent < 0 && !isNoRoom(-sent)) this.settleErrno(-sent)
  }

  protected override sendMore(): void {
    this.nextSend = Infinity
    this.#send()
  }

  answered(packet: SctpPacket, from: string, own: string): void {
    if (packet.from !== this.put.question.port || packet.tag !== this.#tag || from !== this.peer) return
    const self = endpointText({ address: own, port: this.#port })
    if (packet.chunk === CHUNK.abort) this.settle('refused', { text: 'ABORT', self })
    else if (packet.chunk !== CHUNK.initAck) return
    else if (packet.cookie?.endsWith('\n')) this.settleLine(packet.cookie, self)
    else this.settle('ok', { text: 'INIT ACK', self })
  }

  failed({ outcome, text }: IcmpError, from: string): void {
    this.settle(outcome, { text: `${text}, says ${from}` })
  }

  release(): void {
    if (this.#port !== 0) this.node.forgetInit(this.#port, this)
    this.#port = 0
  }
}
