/**
 * Listeners of the test: who is asked answers `<name> <address>:<port>`, as the built-in container does
 * (responder.pl): who it is, and whom it saw.
 */
import { constants } from 'node:os'
import { EPOLL, type Epoll } from '../../netns/sockets/epoll.ts'
import {
  closeSocket,
  acceptConnection,
  dropsOf,
  endpointOf,
  endpointText,
  IP,
  IPV6,
  LEVEL,
  sendFrom,
  sourceInfo,
} from '../../netns/sockets/inet.ts'
import { libc, SystemError, systemWords, tryLibc } from '../../netns/libc.ts'
import { AF, inetAddress, MSG_DONTWAIT, MSG_NOSIGNAL, openSocket, setOption, SO, SOCK, SOL_SOCKET } from '../../netns/sockets/socket.ts'
import { sharedReceiver, type NodeSockets } from './node-sockets.ts'
import type { Listening } from './question.ts'
import { now } from '../../clock.ts'

/** Connections that may wait to be accepted; the kernel cuts that to net.core.somaxconn. */
const BACKLOG = 4096
/** Bytes of datagrams that may wait. */
const DATAGRAM_BUFFER = 4 << 20
/** Connections accepted before answers to others are looked for. */
const AT_ONCE = 64

/** How an answer begins and ends, ours or a built-in container's. */
const ANSWER = /^\S+ \S+:\d+\n$/

/**
 * Connections that were answered and are not closed yet. The asker ends its connections with a reset: those of others are
 * closed when their turn comes.
 */
export class Answered {
  readonly #list: { readonly fd: number; readonly at: number }[] = []

  /** @param most how many are kept, and for at most how many milliseconds */
  constructor(
    private readonly most: number,
    private readonly longest: number,
  ) {}

  keep(fd: number): void {
    this.#list.push({ fd, at: now() })
    if (this.#list.length > this.most) this.#close(1)
  }

  /** Closes those that were kept long enough. */
  age(time: number): void {
    const n = this.#list.findIndex(({ at }) => at > time - this.longest)
    this.#close(n < 0 ? this.#list.length : n)
  }

  /** Makes room: closes the older half of them. */
  halve(): void {
    this.#close(Math.ceil(this.#list.length / 2))
  }

  close(): void {
    this.#close(this.#list.length)
  }

  #close(n: number): void {
    if (n > 0) for (const { fd } of this.#list.splice(0, n)) closeSocket(fd)
  }
}

interface Open {
  readonly fd: number
  readonly number: number
  readonly isDatagrams: boolean
}

/** Those of one node. */
export class Listeners {
  readonly #open: Open[] = []

  constructor(
    private readonly node: NodeSockets,
    private readonly epoll: Epoll,
    private readonly answered: Answered,
  ) {}

  /**
   * Listens on a port in both families, as far as the kernel and the node have them. Inside the namespace.
   * @returns 'busy' where something listens there already; why it is impossible
   * @throws SystemError when this process may not open more files
   */
  listen({ protocol, port, loopback }: Listening['ports'][number], name: string): 'ours' | 'busy' | { readonly why: string } {
    const opened: number[] = []
    try {
      if (protocol === 'sctp') {
        for (const kind of ['sctp', 'sctp6'] as const) this.node.openSctp(kind)
        if (!this.node.kernelHasSctp) {
          this.node.answerInits(port, name)
          return 'ours'
        }
      }
      for (const family of [AF.inet, AF.inet6]) {
        const fd = openListener(family, protocol, port, loopback === true)
        if (fd !== undefined) opened.push(fd)
      }
    } catch (error) {
      for (const fd of opened) closeSocket(fd)
      if (!(error instanceof SystemError) || error.code === 'EMFILE' || error.code === 'ENFILE') throw error
      return error.code === 'EADDRINUSE' ? 'busy' : { why: systemWords(error.errno) }
    }
    const isDatagrams = protocol === 'udp'
    for (const fd of opened) {
      const ready = isDatagrams ? () => this.#answerDatagrams(fd, name) : () => this.#answerConnections(fd, name)
      this.#open.push({ fd, number: this.epoll.add(fd, EPOLL.in, ready), isDatagrams })
    }
    return 'ours'
  }

  /** Datagrams that there was no room for. */
  get drops(): number {
    return this.#open.reduce((sum, { fd, isDatagrams }) => sum + (isDatagrams ? dropsOf(fd) : 0), 0)
  }

  close(): void {
    for (const { fd, number } of this.#open.splice(0)) {
      this.epoll.forget(number)
      closeSocket(fd)
    }
  }

  #answerConnections(listener: number, name: string): void {
    for (let n = 0; n < AT_ONCE; n++) {
      let accepted: ReturnType<typeof acceptConnection>
      try {
        accepted = acceptConnection(listener)
      } catch {
        // Too many files are open: the connection waits until some are closed.
        return this.answered.halve()
      }
      if (!accepted) return
      const line = Buffer.from(`${name} ${endpointText(accepted.peer)}\n`)
      tryLibc('send', accepted.fd, line, line.length, MSG_DONTWAIT | MSG_NOSIGNAL)
      this.answered.keep(accepted.fd)
    }
  }

  #answerDatagrams(listener: number, name: string): void {
    const from = sharedReceiver()
    const count = from.receive(listener)
    for (let i = 0; i < count; i++) {
      const peer = from.name(i)
      const info = from.control(i, LEVEL.ip, IP.pktinfo) ?? from.control(i, LEVEL.ipv6, IPV6.pktinfo)
      // Never answers an answer: two that did would never end.
      if (!info || ANSWER.test(from.bytes(i).toString('latin1'))) continue
      // From the address that was asked, whatever route the answer takes: a node has several.
      sendFrom(listener, peer, Buffer.from(`${name} ${endpointText(endpointOf(peer))}\n`), sourceInfo(info), MSG_DONTWAIT)
    }
  }
}

/** @returns undefined where the kernel or the node lacks the family @throws SystemError */
function openListener(family: number, protocol: 'tcp' | 'udp' | 'sctp', port: number, isLoopback: boolean): number | undefined {
  const is6 = family === AF.inet6
  const type = protocol === 'udp' ? SOCK.dgram : SOCK.stream
  const { EAFNOSUPPORT, EADDRNOTAVAIL } = constants.errno
  let fd: number | undefined
  try {
    fd = openSocket(family, type, LEVEL[protocol])
    if (is6) setOption(fd, LEVEL.ipv6, IPV6.v6only, 1)
    if (type === SOCK.stream) setOption(fd, SOL_SOCKET, SO.reuseaddr, 1)
    else {
      setOption(fd, SOL_SOCKET, SO.rcvbufforce, DATAGRAM_BUFFER)
      setOption(fd, is6 ? LEVEL.ipv6 : LEVEL.ip, is6 ? IPV6.recvPktinfo : IP.pktinfo, 1)
    }
    const any = is6 ? '::' : '0.0.0.0'
    const address = inetAddress({ address: isLoopback ? (is6 ? '::1' : '127.0.0.1') : any, port })
    libc('bind', fd, address, address.length)
    if (type === SOCK.stream) libc('listen', fd, BACKLOG)
    return fd
  } catch (error) {
    if (fd !== undefined) closeSocket(fd)
    const errno = error instanceof SystemError ? error.errno : 0
    if (is6 && (errno === EAFNOSUPPORT || errno === EADDRNOTAVAIL)) return undefined
    throw error
  }
}
