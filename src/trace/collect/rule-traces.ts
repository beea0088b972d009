/** Which rules the probe meets: a table in each namespace marks it for tracing, and the kernel reports every rule. */
import { closeSync, existsSync } from 'node:fs'
import { constants } from 'node:os'
import { inside } from '../../netns/inside.ts'
import { libc, SystemError } from '../../netns/libc.ts'
import { messages } from '../../netns/netlink/message.ts'
import { decodeTables, NFGENMSG, NFT, type NftTable } from '../../netns/netlink/queues-tables.ts'
import { NETLINK, NetlinkError, NetlinkSocket, SOL_NETLINK } from '../../netns/netlink/socket.ts'
import { Receiver } from '../../netns/sockets/receive.ts'
import { AF, openSocket, setOption, SO, SOCK, SOL_SOCKET } from '../../netns/sockets/socket.ts'
import { createTable, deleteTable, handleOf, listRules, SUBSYSTEM, traceOf, type RuleTrace, type Selector } from './nf-tables.ts'

export interface ReceivedTrace extends RuleTrace {
  readonly ns: string
}

/** linux/netlink.h; linux/netfilter/nfnetlink.h */
const NETLINK_ADD_MEMBERSHIP = 1
const NFNLGRP_NFTRACE = 9
/** struct sockaddr_nl: family, padding, port, groups. */
const SOCKADDR_NL = 12
/** Bytes that the kernel keeps of a namespace's traces until they are read. */
const BUFFER = 4 << 20

/** Most bytes of a message: a trace quotes no more than the headers of its packet. */
const LONGEST = 1 << 13

/** Names of our tables, each with the number of the process that made it. */
const NAMES = /^netlab_trace_(\d+)_/
export const isOurTable = (name: string): boolean => NAMES.test(name)
const isStale = (name: string): boolean => {
  const pid = NAMES.exec(name)?.[1]
  return pid !== undefined && !existsSync(`/proc/${pid}`)
}

interface Marked {
  readonly ns: string
  /** Owns the table. */
  readonly socket: NetlinkSocket
  /** Gets the traces. */
  readonly fd: number
}

export class RuleTraces {
  readonly traces: ReceivedTrace[] = []
  /** How often a socket had no room for traces. */
  overflows = 0
  readonly #table: string
  readonly #marked = new Map<string, Marked>()
  readonly #receiver = new Receiver(16, LONGEST)

  /** @param suffix what tells the trace's tables from those of others that this process makes */
  constructor(suffix: string) {
    this.#table = `netlab_trace_${process.pid}_${suffix}`
  }

  /**
   * Has packets traced through the rules of a namespace from now on, if it has any.
   * @returns the tables that it has
   * @throws NetlinkError, SystemError
   */
  mark(ns: string, selectors: readonly Selector[]): readonly NftTable[] {
    let socket: NetlinkSocket
    try {
      socket = inside(ns, () => new NetlinkSocket(NETLINK.netfilter))
    } catch (error) {
      // This kernel has no netfilter.
      if (error instanceof SystemError && error.code === 'EPROTONOSUPPORT') return []
      throw error
    }
    try {
      const tables = tablesOf(socket)
      for (const { family, name } of tables) if (family === 'inet' && isStale(name)) socket.transact(SUBSYSTEM, deleteTable(name))
      const foreign = tables.filter(({ name }) => !isOurTable(name))
      if (foreign.length > 0) this.#mark(ns, socket, selectors)
      return foreign
    } finally {
      if (!this.#marked.has(ns)) socket.close()
    }
  }

  #mark(ns: string, socket: NetlinkSocket, selectors: readonly Selector[]): void {
    const fd = inside(ns, () => openSocket(AF.netlink, SOCK.raw, NETLINK.netfilter))
    try {
      setOption(fd, SOL_SOCKET, SO.rcvbufforce, BUFFER)
      // Without a port of its own it would be taken for the kernel, which gets none of what it sends.
      const unnamed = Buffer.alloc(SOCKADDR_NL)
      unnamed.writeUInt16LE(AF.netlink)
      libc('bind', fd, unnamed, unnamed.length)
      setOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTRACE)
      let refused = socket.transact(SUBSYSTEM, createTable(this.#table, selectors, true))
      if (refused) refused = socket.transact(SUBSYSTEM, createTable(this.#table, selectors, false))
      if (refused) throw new NetlinkError(refused.errno, refused.words)
      this.#marked.set(ns, { ns, socket, fd })
    } finally {
      if (!this.#marked.has(ns)) closeSync(fd)
    }
  }

  /** Descriptors that are ready when there is something to read. */
  get fds(): number[] {
    return [...this.#marked.values()].map(({ fd }) => fd)
  }

  /** Handles of a chain's rules, in order; none of a chain that is not there. */
  handles(ns: string, family: string, table: string, chain: string): number[] {
    const { type, body } = listRules(family, table, chain)
    try {
      return this.#marked.get(ns)?.socket.dump(type, body).map(handleOf) ?? []
    } catch (error) {
      if (error instanceof NetlinkError) return []
      throw error
    }
  }

  /** Takes over the traces that have come. */
  read(): void {
    for (const { ns, fd } of this.#marked.values()) while (this.#take(ns, fd));
  }

  #take(ns: string, fd: number): boolean {
    let count: number
    try {
      count = this.#receiver.receive(fd)
    } catch (error) {
      if (!(error instanceof SystemError) || error.errno !== constants.errno.ENOBUFS) throw error
      this.overflows++
      return true
    }
    for (let i = 0; i < count; i++) {
      for (const message of messages(Buffer.from(this.#receiver.bytes(i)))) {
        const trace = traceOf(message)
        if (trace) this.traces.push({ ns, ...trace })
      }
    }
    return count > 0
  }

  /** Deletes the tables, and takes over what came until then. */
  end(): void {
    for (const { socket } of this.#marked.values()) socket.transact(SUBSYSTEM, deleteTable(this.#table))
    this.read()
    for (const { socket, fd } of this.#marked.values()) {
      socket.close()
      closeSync(fd)
    }
    this.#marked.clear()
  }
}

/** None where the kernel lacks nf_tables. */
function tablesOf(socket: NetlinkSocket): NftTable[] {
  try {
    return decodeTables(socket.dump(NFT.getTable, Buffer.alloc(NFGENMSG)))
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'EINVAL') return []
    throw error
  }
}
