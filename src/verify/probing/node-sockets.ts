/**
 * What all questions of a node share: its raw sockets, and the numbers that make each question a flow of its own.
 *
 * A raw socket receives all of its protocol: there is one a protocol and family for all questions, with a filter for the
 * answers to them. An answer finds its question by what it carries.
 */
import { EPOLL, type Epoll } from '../../netns/sockets/epoll.ts'
import {
  closeSocket,
  dropsOf,
  endpointText,
  IP,
  IPV6,
  LEVEL,
  sendFrom,
  sourceInfo,
  sourceOf4,
  type SourceInfo,
} from '../../netns/sockets/inet.ts'
import { libc, tryLibc } from '../../netns/libc.ts'
import { addressBytes, addressText } from '../../netns/netlink/address.ts'
import { Receiver } from '../../netns/sockets/receive.ts'
import { AF, inetAddress, MSG_DONTWAIT, openSocket, setOption, SO, SOCK, SOL_SOCKET, withSocket } from '../../netns/sockets/socket.ts'
import { echoQuoted, echoReplied, icmpError, ipv4Packet, isTooBig, type IcmpError, type IcmpKind } from './packets/icmp.ts'
import { abort, CHUNK, initAck, readSctp, type SctpPacket } from './packets/sctp.ts'

/** A number from 0 up to a limit. Not for secrets: Node's cryptography takes longer to load than a small lab to test. */
const randomInt = (limit: number): number => Math.floor(Math.random() * limit)

/** A question by echoes. */
export interface EchoReceiver {
  readonly echoId: number
  /** @param bytes length of the ICMP message */
  echoed(number: number, bytes: number, answer: { readonly from: string; readonly own: string; readonly ttl: number | undefined }): void
  failed(error: IcmpError, from: string): void
}

/** A question by an SCTP INIT. */
export interface InitReceiver {
  answered(packet: SctpPacket, from: string, own: string): void
  failed(error: IcmpError, from: string): void
}

export type RawKind = IcmpKind | 'sctp' | 'sctp6'

const PROTOCOL: Readonly<Record<RawKind, number>> = { icmp: LEVEL.icmp, icmp6: LEVEL.icmpv6, sctp: LEVEL.sctp, sctp6: LEVEL.sctp }
const is6 = (kind: RawKind): boolean => kind === 'icmp6' || kind === 'sctp6'

/** Bytes that may wait to be read. */
const RAW_BUFFER = 8 << 20
/** Filters of raw sockets (linux/icmp.h, linux/icmpv6.h), and all other types are dropped. */
const FILTER = 1
const ICMP_TYPES = [0, 3, 11, 12]
const ICMP6_TYPES = [1, 2, 3, 4, 129]
/** IP_PMTUDISC_DO: "don't fragment". */
const DONT_FRAGMENT = 2

/** A bit for each type that is not let through. */
function blocking(types: readonly number[], words: number): Buffer {
  const bytes = Buffer.alloc(4 * words, 0xff)
  for (const type of types) bytes[type >> 3]! &= ~(1 << (type & 7))
  return bytes
}

function setFilter(fd: number, kind: RawKind): void {
  if (kind === 'icmp') {
    const filter = blocking(ICMP_TYPES, 1)
    libc('setsockopt', fd, LEVEL.raw, FILTER, filter, filter.length)
    setOption(fd, LEVEL.ip, IP.mtuDiscover, DONT_FRAGMENT)
  } else if (kind === 'icmp6') {
    const filter = blocking(ICMP6_TYPES, 8)
    libc('setsockopt', fd, LEVEL.icmpv6, FILTER, filter, filter.length)
    setOption(fd, LEVEL.ipv6, IPV6.mtuDiscover, DONT_FRAGMENT)
    setOption(fd, LEVEL.ipv6, IPV6.dontFragment, 1)
    setOption(fd, LEVEL.ipv6, IPV6.recvHopLimit, 1)
  }
  if (is6(kind)) setOption(fd, LEVEL.ipv6, IPV6.recvPktinfo, 1)
}

/** Source ports of questions: above those of most services, below the kernel's last. */
const FIRST_PORT = 32_768
const PORTS = 28_232

/** As long as an IP packet may be: an echo may be of a jumbo frame's size. Shared by all nodes, which read one after the other. */
let receiver: Receiver | undefined
export const sharedReceiver = (): Receiver => (receiver ??= new Receiver(32, 1 << 16))

/** Makes sockets, so its methods that are marked so are called inside the node's namespace. */
export class NodeSockets {
  readonly nonce = randomInt(2 ** 32)
  readonly #echoes = new Map<number, EchoReceiver>()
  /** By id and sequence number, which is all that routers quote for sure. */
  readonly #quotable = new Map<number, EchoReceiver>()
  readonly #inits = new Map<number, InitReceiver>()
  /** Who listens on a port, where the kernel has no SCTP and netlab answers. */
  readonly #sctpNames = new Map<number, string>()
  readonly #raw = new Map<RawKind, { readonly fd: number; readonly number: number }>()
  /** Whether an error said that a packet of the node is too big for a path. */
  wasTooBig = false
  #kernelHasSctp: boolean | undefined
  #echoId = randomInt(2 ** 16)
  #number = 0
  #port = randomInt(PORTS)

  constructor(
    readonly netns: string,
    readonly epoll: Epoll,
  ) {}

  /** A source port that was not used before, or not for long. */
  nextPort(): number {
    return FIRST_PORT + (this.#port = (this.#port + 1) % PORTS)
  }

  /** An id that is not used by another question. */
  nextEchoId(): number {
    return (this.#echoId = (this.#echoId + 1) & 0xffff)
  }

  /** A number that is used once, 20 bits and more. */
  nextNumber(): number {
    return ++this.#number
  }

  hasRaw(kind: RawKind): boolean {
    return this.#raw.has(kind)
  }

  /** Opens a raw socket, once. Inside the namespace. @returns its descriptor @throws SystemError */
  raw(kind: RawKind): number {
    const known = this.#raw.get(kind)
    if (known) return known.fd
    const fd = withSocket(is6(kind) ? AF.inet6 : AF.inet, SOCK.raw, PROTOCOL[kind], (opened) => {
      setOption(opened, SOL_SOCKET, SO.rcvbufforce, RAW_BUFFER)
      setFilter(opened, kind)
    })
    const number = this.epoll.add(fd, EPOLL.in, () => this.#receive(kind, fd))
    this.#raw.set(kind, { fd, number })
    return fd
  }

  /** Sends by a raw socket that is open. @returns negative error number, as tryLibc */
  send(kind: RawKind, to: Uint8Array, packet: Uint8Array): number {
    return tryLibc('sendto', this.#raw.get(kind)!.fd, packet, packet.length, MSG_DONTWAIT, to, to.length)
  }

  expectEcho(number: number, question: EchoReceiver): void {
    this.#echoes.set(number, question)
    this.#quotable.set(quotableKey(question.echoId, number), question)
  }

  forgetEcho(number: number, { echoId }: EchoReceiver): void {
    this.#echoes.delete(number)
    this.#quotable.delete(quotableKey(echoId, number))
  }

  /** @param port absent: one that no other question has @returns the port */
  expectInit(question: InitReceiver, port?: number): number {
    const own = port ?? this.nextPort()
    if (port === undefined && this.#inits.has(own)) return this.expectInit(question)
    this.#inits.set(own, question)
    return own
  }

  forgetInit(port: number, question: InitReceiver): void {
    if (this.#inits.get(port) === question) this.#inits.delete(port)
  }

  /** Opens what SCTP needs in a family. Inside the namespace. @throws SystemError */
  openSctp(kind: 'sctp' | 'sctp6'): void {
    this.#kernelHasSctp ??= hasSctp()
    this.raw(kind)
  }

  /** Whether INITs are answered by the kernel; known after `openSctp`. */
  get kernelHasSctp(): boolean {
    return this.#kernelHasSctp ?? false
  }

  /** Answers INITs to a port, where the kernel does not. */
  answerInits(port: number, name: string): void {
    this.#sctpNames.set(port, name)
  }

  /** Packets that there was no room for. */
  get drops(): number {
    return [...this.#raw.values()].reduce((sum, { fd }) => sum + dropsOf(fd), 0)
  }

  close(): void {
    for (const { fd, number } of this.#raw.values()) {
      this.epoll.forget(number)
      closeSocket(fd)
    }
    this.#raw.clear()
  }

  #receive(kind: RawKind, fd: number): void {
    const from = sharedReceiver()
    const count = from.receive(fd)
    for (let i = 0; i < count; i++) {
      if (kind === 'icmp6' || kind === 'sctp6') {
        const info = from.control(i, LEVEL.ipv6, IPV6.pktinfo)
        if (!info) continue
        const source = addressText(from.name(i).subarray(8, 24))
        const own = addressText(info.subarray(0, 16))
        const ttl = from.control(i, LEVEL.ipv6, IPV6.hopLimit)?.readInt32LE()
        if (kind === 'icmp6') this.#icmp(kind, from.bytes(i), source, own, ttl)
        else this.#sctp(kind, from.bytes(i), source, own, sourceInfo(info))
      } else {
        const { ttl, from: source, to, body } = ipv4Packet(from.bytes(i))
        if (kind === 'icmp') this.#icmp(kind, body, source, to, ttl)
        else this.#sctp(kind, body, source, to, sourceOf4(addressBytes(to)))
      }
    }
  }

  #icmp(kind: IcmpKind, bytes: Buffer, from: string, own: string, ttl: number | undefined): void {
    const echo = echoReplied(kind, bytes)
    if (echo) {
      const question = echo.nonce === this.nonce ? this.#echoes.get(echo.number) : undefined
      if (question?.echoId === echo.id) question.echoed(echo.number, bytes.length, { from, own, ttl })
      return
    }
    const error = icmpError(kind, bytes)
    const question = error && this.#quotedBy(kind, error)
    if (!question) return
    if (isTooBig(kind, bytes)) this.wasTooBig = true
    question.failed(error, from)
  }

  #quotedBy(kind: IcmpKind, error: IcmpError): EchoReceiver | InitReceiver | undefined {
    if (error.protocol === LEVEL.sctp) return this.#inits.get(error.quoted.readUInt16BE(0))
    if (error.protocol !== PROTOCOL[kind]) return undefined
    const echo = echoQuoted(error)
    return echo && this.#quotable.get(quotableKey(echo.id, echo.sequence))
  }

  #sctp(kind: 'sctp' | 'sctp6', bytes: Buffer, from: string, own: string, source: SourceInfo): void {
    const packet = readSctp(bytes)
    if (!packet) return
    if (packet.chunk !== CHUNK.init) return this.#inits.get(packet.to)?.answered(packet, from, own)
    if (this.kernelHasSctp) return
    const name = this.#sctpNames.get(packet.to)
    const tag = packet.initiateTag!
    const answer =
      name === undefined
        ? abort(packet.to, packet.from, tag)
        : initAck(packet.to, packet.from, tag, `${name} ${endpointText({ address: from, port: packet.from })}\n`)
    // From the address that was asked, whatever route the answer takes: a node has several.
    sendFrom(this.#raw.get(kind)!.fd, inetAddress({ address: from, port: 0 }), answer, source, MSG_DONTWAIT)
  }
}

const quotableKey = (id: number, number: number): number => id * 0x10000 + (number & 0xffff)

/** Whether this kernel has SCTP: hardly any has it by itself. */
function hasSctp(): boolean {
  try {
    closeSocket(openSocket(AF.inet, SOCK.stream, LEVEL.sctp))
    return true
  } catch {
    return false
  }
}
