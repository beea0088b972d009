/** Sends the probes of a trace from a node, and receives what the node itself learns about them. */
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import { inside } from '../../netns/inside.ts'
import { libc, SystemError, systemWords, tryLibc } from '../../netns/libc.ts'
import { addressText } from '../../netns/netlink/address.ts'
import { attachFilter } from '../../netns/sockets/packet-socket.ts'
import { CLOCK, clockTime, POLL, PollSet, Receiver } from '../../netns/sockets/receive.ts'
import { AF, inetAddress, openSocket, setOption, SOCK, SOL_SOCKET } from '../../netns/sockets/socket.ts'
import { Assembler, JEQ, LD_B, LD_H, LDX_IMM, LDX_MSH, RET } from '../../packet/bpf.ts'

export interface ProbeOrder {
  readonly ns: string
  readonly protocol: 'icmp' | 'tcp' | 'udp'
  readonly family: 4 | 6
  readonly source?: string
  readonly to: string
  readonly port: number
  /** ICMP echo id, or source port of the first probe; the following ones count up. */
  readonly id: number
  /** It begins with the marker; the fifth byte is the number of the probe. */
  readonly payload: Buffer
  readonly df: boolean
  /** 0: the node's own default. */
  readonly ttl: number
}

/** What happened to one probe at its sender. Times are nanoseconds, CLOCK_REALTIME. */
export interface Outcome {
  sent?: bigint
  error?: { readonly errno: number; readonly text: string }
  reply?: { readonly at: bigint; readonly ttl?: number; readonly what: 'echo' | 'connected' | 'refused' | 'datagram' }
  icmp?: { readonly at: bigint; readonly from: string; readonly type: number; readonly code: number }
}

/** netinet/in.h, linux/in6.h, asm-generic/socket.h, linux/tcp.h */
const PROTOCOL = { icmp: 1, tcp: 6, icmpv6: 58 } as const
const IP = { level: 0, ttl: 2, mtuDiscover: 10 } as const
const IPV6 = { level: 41, ttl: 16, mtuDiscover: 23, dontFragment: 62 } as const
const PMTUDISC = { never: 0, probe: 3 } as const
const SO_ERROR = 4
const SO_LINGER = 13
const TCP = { repair: 19, repairQueue: 20, queueSeq: 21 } as const
const TCP_SEND_QUEUE = 2
const TCP_REPAIR_OFF_NO_WP = -1

const ECHO = { 4: { request: 8, reply: 0, errors: [3, 5, 11, 12] }, 6: { request: 128, reply: 129, errors: [1, 2, 3, 4] } } as const

/**
 * A raw socket gets the answers to every ping of its node: this keeps echo replies with our id, and errors. IPv4 sockets
 * see the packet from its IP header on, IPv6 ones from the ICMP header.
 */
export function ownEchoes(family: 4 | 6, id: number): Buffer {
  const { reply, errors } = ECHO[family]
  const a = new Assembler()
  // X is where the ICMP header begins.
  if (family === 4) a.emit(LDX_MSH, 0)
  else a.emit(LDX_IMM, 0)
  a.emit(LD_B, 0)
  for (const type of errors) a.when(JEQ, type, 'keep')
  a.when(JEQ, reply, undefined, 'drop').emit(LD_H, 4).when(JEQ, id, 'keep')
  return a.label('drop').emit(RET, 0).label('keep').emit(RET, 0xffff).bytes()
}

/** The Internet checksum (RFC 1071). */
export function checksum(bytes: Buffer): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += i + 1 < bytes.length ? bytes.readUInt16BE(i) : bytes[i]! << 8
  while (sum > 0xffff) sum = (sum >> 16) + (sum & 0xffff)
  return ~sum & 0xffff
}

/** An echo request. The kernel fills in the checksum of ICMPv6. */
export function echoRequest(family: 4 | 6, id: number, sequence: number, payload: Buffer): Buffer {
  const bytes = Buffer.concat([Buffer.from([ECHO[family].request, 0, 0, 0, id >> 8, id & 255, sequence >> 8, sequence & 255]), payload])
  if (family === 4) bytes.writeUInt16BE(checksum(bytes), 2)
  return bytes
}

/** What a raw socket received: an answer to one of our requests, or an error about one. */
export type Echo =
  | { readonly kind: 'reply'; readonly sequence: number; readonly ttl?: number }
  | { readonly kind: 'error'; readonly sequence: number; readonly type: number; readonly code: number }

export function parseEcho(family: 4 | 6, id: number, packet: Buffer): Echo | undefined {
  const headerOf = (ip: Buffer): number => (family === 4 ? 4 * (ip[0]! & 15) : 40)
  const icmp = family === 4 ? packet.subarray(headerOf(packet)) : packet
  if (icmp.length < 8) return undefined
  const [type, code] = [icmp[0]!, icmp[1]!]
  if (type === ECHO[family].reply) {
    if (icmp.readUInt16BE(4) !== id) return undefined
    return { kind: 'reply', sequence: icmp.readUInt16BE(6), ...(family === 4 ? { ttl: packet[8]! } : {}) }
  }
  if (!(ECHO[family].errors as readonly number[]).includes(type)) return undefined
  // What it quotes: an IP header, and the request.
  const quoted = icmp.subarray(8)
  const request = quoted.subarray(headerOf(quoted))
  if (request.length < 8 || request.readUInt16BE(4) !== id) return undefined
  return { kind: 'error', sequence: request.readUInt16BE(6), type, code }
}

export class Prober {
  readonly outcomes: Outcome[] = []
  readonly #order: ProbeOrder
  readonly #to: Buffer
  readonly #poll = new PollSet()
  readonly #receiver = new Receiver(4)
  /** Numbers of the probes that wait for an answer, by socket; ICMP has one for all. */
  readonly #open = new Map<number, number>()
  #raw: number | undefined
  /** The socket of the first probe. */
  #first: number | undefined

  /**
   * Opens the sockets. None of them sends anything before {@link send}.
   * @throws SystemError such as EADDRINUSE
   */
  constructor(order: ProbeOrder) {
    this.#order = order
    const { protocol, to, port } = order
    this.#to = inetAddress({ address: to, port: protocol === 'icmp' ? 0 : port })
    if (protocol !== 'icmp') this.#first = this.#prepare(0)
    else {
      this.#raw = this.#openRaw()
      this.#poll.set(this.#raw)
    }
  }

  get #family(): number {
    return this.#order.family === 4 ? AF.inet : AF.inet6
  }

  /** A new socket of the node. */
  #socket(type: number, protocol: number, prepare: (fd: number) => void): number {
    return inside(this.#order.ns, () => {
      const fd = openSocket(this.#family, type, protocol)
      try {
        this.#setUp(fd)
        prepare(fd)
        return fd
      } catch (error) {
        closeSync(fd)
        throw error
      }
    })
  }

  #setUp(fd: number): void {
    const { family, df, ttl } = this.#order
    const names = family === 4 ? IP : IPV6
    // PROBE sets DF yet ignores what was learned about the path before: every trace meets the narrow link itself.
    setOption(fd, names.level, names.mtuDiscover, df ? PMTUDISC.probe : PMTUDISC.never)
    if (family === 6) setOption(fd, IPV6.level, IPV6.dontFragment, df ? 1 : 0)
    if (ttl > 0) setOption(fd, names.level, names.ttl, ttl)
  }

  #openRaw(): number {
    const { family, id, source } = this.#order
    return this.#socket(SOCK.raw, family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6, (fd) => {
      attachFilter(fd, ownEchoes(family, id))
      // What came before the filter, of a flood a good deal, would otherwise stand before our answers.
      while (this.#receiver.receive(fd) > 0);
      if (source !== undefined) this.#bind(fd, source, 0)
    })
  }

  #bind(fd: number, address: string, port: number): void {
    const sockaddr = inetAddress({ address, port })
    libc('bind', fd, sockaddr, sockaddr.length)
  }

  /** TCP and UDP: one source port a probe, one after the other. */
  #prepare(n: number): number {
    const { protocol, family, source, id } = this.#order
    return this.#socket(protocol === 'tcp' ? SOCK.stream : SOCK.dgram, 0, (fd) => {
      if (protocol === 'tcp') {
        // struct linger: a connection ends at once.
        const linger = Buffer.alloc(8)
        linger.writeInt32LE(1)
        libc('setsockopt', fd, SOL_SOCKET, SO_LINGER, linger, linger.length)
      }
      this.#bind(fd, source ?? (family === 4 ? '0.0.0.0' : '::'), id + n)
      if (protocol === 'tcp') this.#chooseSequence(fd, n)
    })
  }

  /**
   * The first sequence number is the marker, counting up: what a SYN is known by when its port was translated before it was
   * on any device. Only a socket under repair lets us choose; where the kernel refuses, it is known by its port alone.
   */
  #chooseSequence(fd: number, n: number): void {
    const set = (name: number, value: number): number => {
      const bytes = Buffer.alloc(4)
      bytes.writeInt32LE(value | 0)
      return tryLibc('setsockopt', fd, PROTOCOL.tcp, name, bytes, bytes.length)
    }
    if (set(TCP.repair, 1) < 0) return
    set(TCP.repairQueue, TCP_SEND_QUEUE)
    set(TCP.queueSeq, this.#order.payload.readUInt32BE(0) + n)
    set(TCP.repair, TCP_REPAIR_OFF_NO_WP)
  }

  #outcome(n: number): Outcome {
    return (this.outcomes[n] ??= {})
  }

  #failed(n: number, errno: number): void {
    this.#outcome(n).error = { errno, text: systemWords(errno) }
  }

  /** Sends a probe. @throws SystemError when its port is taken */
  send(n: number): void {
    const { protocol, family, id } = this.#order
    const payload = Buffer.from(this.#order.payload)
    // After the marker: tells the probes of one trace apart behind address translation.
    payload[4] = n
    if (this.#raw !== undefined) {
      const packet = echoRequest(family, id, n + 1, payload)
      const at = clockTime(CLOCK.realtime)
      this.#sent(n, at, tryLibc('sendto', this.#raw, packet, packet.length, 0, this.#to, this.#to.length))
      return
    }
    const fd = this.#first ?? this.#prepare(n)
    this.#first = undefined
    const at = clockTime(CLOCK.realtime)
    const connected = tryLibc('connect', fd, this.#to, this.#to.length)
    const refused = connected < 0 && -connected !== constants.errno.EINPROGRESS
    const result = !refused && protocol === 'udp' ? tryLibc('send', fd, payload, payload.length, 0) : refused ? connected : 0
    if (!this.#sent(n, at, result)) return closeSync(fd)
    this.#open.set(fd, n)
    this.#poll.set(fd, protocol === 'tcp' ? POLL.in | POLL.out : POLL.in)
  }

  #sent(n: number, at: bigint, result: number): boolean {
    if (result < 0) this.#failed(n, -result)
    else this.#outcome(n).sent = at
    return result >= 0
  }

  /** Descriptors that are ready when there is something to read, and what for. */
  get fds(): [fd: number, events: number][] {
    const events = this.#order.protocol === 'tcp' ? POLL.in | POLL.out : POLL.in
    return [...(this.#raw === undefined ? [] : [this.#raw]), ...this.#open.keys()].map((fd) => [fd, events])
  }

  /** Takes over what has come. */
  read(): void {
    for (const fd of this.#poll.wait(0).keys()) {
      const n = this.#open.get(fd)
      if (n === undefined) this.#readRaw(fd)
      else if (this.#answered(fd, n)) {
        this.#poll.delete(fd)
        this.#open.delete(fd)
        closeSync(fd)
      }
    }
  }

  #readRaw(fd: number): void {
    while (this.#readEchoes(fd) > 0);
  }

  /** @returns how many messages there were */
  #readEchoes(fd: number): number {
    const { family, id } = this.#order
    let count: number
    try {
      count = this.#receiver.receive(fd)
    } catch {
      // An error about an earlier packet, which also came as one.
      return 0
    }
    const at = clockTime(CLOCK.realtime)
    for (let i = 0; i < count; i++) {
      const echo = parseEcho(family, id, this.#receiver.bytes(i))
      if (!echo) continue
      const outcome = this.#outcome(echo.sequence - 1)
      if (echo.kind === 'reply') outcome.reply = { at, what: 'echo', ...(echo.ttl === undefined ? {} : { ttl: echo.ttl }) }
      else {
        const sender = this.#receiver.name(i)
        const from = addressText(family === 4 ? sender.subarray(4, 8) : sender.subarray(8, 24))
        outcome.icmp = { at, from, type: echo.type, code: echo.code }
      }
    }
    return count
  }

  /** Whether there was an answer, or will be none. */
  #answered(fd: number, n: number): boolean {
    const at = clockTime(CLOCK.realtime)
    const reply = (what: NonNullable<Outcome['reply']>['what']): boolean => {
      this.#outcome(n).reply = { at, what }
      return true
    }
    const { ECONNREFUSED } = constants.errno
    const errno = pendingError(fd)
    if (errno === ECONNREFUSED) return reply('refused')
    if (errno !== 0) {
      this.#failed(n, errno)
      return true
    }
    if (this.#order.protocol === 'tcp') return reply('connected')
    try {
      return this.#receiver.receive(fd) > 0 && reply('datagram')
    } catch (error) {
      return error instanceof SystemError && error.errno === ECONNREFUSED && reply('refused')
    }
  }

  /** Waits for no more answers. */
  close(): void {
    for (const [fd] of this.fds) {
      this.#poll.delete(fd)
      closeSync(fd)
    }
    if (this.#first !== undefined) closeSync(this.#first)
    this.#raw = this.#first = undefined
    this.#open.clear()
  }
}

/** What a socket has to report about an earlier packet: an error number, or 0. */
function pendingError(fd: number): number {
  const [value, length] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32LE(value.length)
  libc('getsockopt', fd, SOL_SOCKET, SO_ERROR, value, length)
  return value.readInt32LE()
}
