/**
 * Reads what a namespace holds, in the namespace the thread is in. Everything but tables of nftables comes over one
 * socket; devices are read first and once, because the other dumps know them by number only.
 */
import { SystemError } from '../libc.ts'
import { AF } from '../socket.ts'
import { addressBytes } from './address.ts'
import { decodeLinks, devicesOf, IFINFOMSG, IFLA_EXT_MASK, WITHOUT_STATISTICS } from './links.ts'
import { attribute, RTM, u32, type Message } from './message.ts'
import { decodeFdb, decodeNeighbours, NDMSG, NTF_PROXY, PF_BRIDGE } from './neighbours.ts'
import { decodeQdiscs, decodeTables, NFGENMSG, NFT, TCMSG, type NftTable, type Qdisc } from './queues-tables.ts'
import { decodeRoute, decodeRoutes, decodeRules, RTA, RTMSG } from './routes.ts'
import { NETLINK, NetlinkError, NetlinkSocket } from './socket.ts'
import type { Devices, IpFdb, IpLink, IpNeighbour, IpRoute, IpRule } from './types.ts'

/** The fixed part of a message: the family, the rest zeroes. */
function head(length: number, family = 0): Buffer {
  const bytes = Buffer.alloc(length)
  bytes[0] = family
  return bytes
}

/** What the kernel says of a family that it lacks. */
const LACKING = new Set(['EOPNOTSUPP', 'EAFNOSUPPORT', 'EPROTONOSUPPORT'])

/** How a packet is asked about: where it goes, and where it comes from. */
export interface RouteQuery {
  readonly dst: string
  readonly src?: string
  /** The device it came in by; absent: it is sent from here. */
  readonly iif?: string
}

const RTM_F_LOOKUP_TABLE = 0x1000
const RTM_F_FIB_MATCH = 0x2000

export class NetlinkReader {
  readonly #socket = new NetlinkSocket()
  readonly #dumps = new Map<string, Message[] | undefined>()
  #devices: Devices | undefined

  close(): void {
    this.#socket.close()
  }

  /** A dump, each asked for once. @returns undefined where this kernel lacks the family */
  #tryDump(type: number, body: Buffer): Message[] | undefined {
    const key = `${type} ${body.toString('hex')}`
    if (this.#dumps.has(key)) return this.#dumps.get(key)
    let found: Message[] | undefined
    try {
      found = this.#socket.dump(type, body)
    } catch (error) {
      if (!(error instanceof NetlinkError && LACKING.has(error.code))) throw error
    }
    this.#dumps.set(key, found)
    return found
  }

  #dump(type: number, body: Buffer): Message[] {
    return this.#tryDump(type, body) ?? []
  }

  #readLinks(): Message[] {
    const mask = attribute(IFLA_EXT_MASK, u32(WITHOUT_STATISTICS))
    return this.#dump(RTM.getLink, Buffer.concat([head(IFINFOMSG), mask]))
  }

  get devices(): Devices {
    return (this.#devices ??= devicesOf(this.#readLinks()))
  }

  /** Devices with their addresses. */
  links(): IpLink[] {
    return decodeLinks(this.#readLinks(), this.#dump(RTM.getAddr, head(8)), this.devices)
  }

  /** Routes of all tables and both families. */
  routes(): IpRoute[] {
    return [AF.inet, AF.inet6].flatMap((family) => decodeRoutes(this.#dump(RTM.getRoute, head(RTMSG, family)), family, this.devices))
  }

  /** Rules of policy routing; undefined where this kernel lacks the family. */
  rules(family: 4 | 6): IpRule[] | undefined {
    const number = family === 4 ? AF.inet : AF.inet6
    const found = this.#tryDump(RTM.getRule, head(RTMSG, number))
    return found && decodeRules(found, number)
  }

  neighbours(): IpNeighbour[] {
    return decodeNeighbours(this.#dump(RTM.getNeigh, head(NDMSG)), this.devices)
  }

  /** Addresses that this node answers for on behalf of others. */
  proxied(): IpNeighbour[] {
    const body = head(NDMSG)
    body[10] = NTF_PROXY
    return decodeNeighbours(this.#dump(RTM.getNeigh, body), this.devices)
  }

  fdb(): IpFdb[] {
    return decodeFdb(this.#dump(RTM.getNeigh, head(NDMSG, PF_BRIDGE)), this.devices)
  }

  qdiscs(): Qdisc[] {
    return decodeQdiscs(this.#dump(RTM.getQdisc, head(TCMSG)))
  }

  /** Tables of nftables; none where this kernel has no nftables. */
  nftTables(): NftTable[] {
    let socket: NetlinkSocket
    try {
      socket = new NetlinkSocket(NETLINK.netfilter)
    } catch (error) {
      if (error instanceof SystemError && LACKING.has(error.code)) return []
      throw error
    }
    try {
      return decodeTables(socket.dump(NFT.getTable, head(NFGENMSG)))
    } catch (error) {
      // Without the module there is no such message.
      if (error instanceof NetlinkError && error.code === 'EINVAL') return []
      throw error
    } finally {
      socket.close()
    }
  }

  /**
   * How this node sends a packet: `ip route get`.
   * @param fibMatch the entry of the routing table instead of what becomes of it
   * @throws NetlinkError when it does not
   */
  route({ dst, src, iif }: RouteQuery, fibMatch = false): IpRoute {
    const [to, from] = [addressBytes(dst), src === undefined ? undefined : addressBytes(src)]
    const body = head(RTMSG, to.length === 4 ? AF.inet : AF.inet6)
    body[1] = 8 * to.length
    if (from) body[2] = 8 * from.length
    // IPv6 answers with the table anyway, and refuses the flag.
    body.writeUInt32LE((to.length === 4 ? RTM_F_LOOKUP_TABLE : 0) | (fibMatch ? RTM_F_FIB_MATCH : 0), 8)
    const attributes = [
      attribute(RTA.dst, to),
      ...(from ? [attribute(RTA.src, from)] : []),
      ...(iif === undefined ? [] : [attribute(RTA.iif, u32(this.#indexOf(iif)))]),
    ]
    return decodeRoute(this.#socket.ask(RTM.getRoute, Buffer.concat([body, ...attributes])), this.devices)
  }

  #indexOf(name: string): number {
    for (const [index, device] of this.devices) if (device.name === name) return index
    throw new NetlinkError(ENODEV, `Cannot find device "${name}"`)
  }
}

const ENODEV = 19

/** Reads in the namespace the thread is in. */
export function withReader<T>(work: (reader: NetlinkReader) => T): T {
  const reader = new NetlinkReader()
  try {
    return work(reader)
  } finally {
    reader.close()
  }
}
