/**
 * What can be read of a namespace over netlink: each sort by its name, and how the kernel is asked for it. Several are read
 * into one block of bytes, which a thread can hand to another; {@link DumpReader} makes sense of them.
 */
import { SystemError } from '../libc.ts'
import { AF } from '../sockets/socket.ts'
import { IFINFOMSG, IFLA_EXT_MASK, WITHOUT_STATISTICS } from './links.ts'
import { attribute, IDENTITY, RTM, u32 } from './message.ts'
import { NDMSG, NTF_PROXY, PF_BRIDGE } from './neighbours.ts'
import { NFGENMSG, NFT, TCMSG } from './queues-tables.ts'
import { RTMSG } from './routes.ts'
import { NETCONFMSG } from './settings.ts'
import { Arena, NETLINK, NetlinkError, NetlinkSocket } from './socket.ts'

interface Dump {
  readonly protocol: number
  readonly type: number
  readonly body: Buffer
  /** It is one message, and not everything of a sort. */
  readonly single?: true
}

/** The fixed part of a message: the family, the rest zeroes. */
export function head(length: number, family = 0): Buffer {
  const bytes = Buffer.alloc(length)
  bytes[0] = family
  return bytes
}

const route = (type: number, body: Buffer): Dump => ({ protocol: NETLINK.route, type, body })

function proxies(): Buffer {
  const body = head(NDMSG)
  body[10] = NTF_PROXY
  return body
}

const DUMPS = {
  links: route(RTM.getLink, Buffer.concat([head(IFINFOMSG), attribute(IFLA_EXT_MASK, u32(WITHOUT_STATISTICS))])),
  addresses: route(RTM.getAddr, head(8)),
  routes4: route(RTM.getRoute, head(RTMSG, AF.inet)),
  routes6: route(RTM.getRoute, head(RTMSG, AF.inet6)),
  rules4: route(RTM.getRule, head(RTMSG, AF.inet)),
  rules6: route(RTM.getRule, head(RTMSG, AF.inet6)),
  neighbours: route(RTM.getNeigh, head(NDMSG)),
  proxied: route(RTM.getNeigh, proxies()),
  fdb: route(RTM.getNeigh, head(NDMSG, PF_BRIDGE)),
  qdiscs: route(RTM.getQdisc, head(TCMSG)),
  settings4: route(RTM.getNetconf, head(NETCONFMSG, AF.inet)),
  settings6: route(RTM.getNetconf, head(NETCONFMSG, AF.inet6)),
  tables: { protocol: NETLINK.netfilter, type: NFT.getTable, body: head(NFGENMSG) },
  /** A number that is another after each change of nftables' rules, those of iptables included. */
  generation: { protocol: NETLINK.netfilter, type: NFT.getGeneration, body: head(NFGENMSG), single: true },
  /** Which namespace it is, of all there have been since the machine started. */
  identity: { protocol: NETLINK.route, type: IDENTITY.message, body: Buffer.alloc(0) },
} as const satisfies Record<string, Dump>

export type DumpName = keyof typeof DUMPS
export const DUMP_NAMES = Object.keys(DUMPS) as readonly DumpName[]

/** The sequence number of a dump's messages, which says what they are of. */
export const sequenceOf = (name: DumpName): number => DUMP_NAMES.indexOf(name) + 1

/** What the kernel says of a family or protocol that it lacks; of nftables, without the module there is no such message. */
const LACKING = new Set(['EOPNOTSUPP', 'EAFNOSUPPORT', 'EPROTONOSUPPORT', 'ENOPROTOOPT'])

/** Sockets of the namespace the thread is in. */
export class DumpSockets {
  readonly route = new NetlinkSocket()
  #netfilter: NetlinkSocket | undefined

  close(): void {
    this.route.close()
    this.#netfilter?.close()
  }

  #socket(protocol: number): NetlinkSocket {
    return protocol === NETLINK.route ? this.route : (this.#netfilter ??= new NetlinkSocket(protocol))
  }

  /** Appends a dump's messages; nothing where this kernel lacks what they are of. @throws NetlinkError, SystemError */
  read(name: DumpName, into: Arena): void {
    const { protocol, type, body, single }: Dump = DUMPS[name]
    const start = into.length
    try {
      if (name === 'identity') this.route.identityInto(sequenceOf(name), into)
      else if (single) this.#socket(protocol).askInto(type, body, sequenceOf(name), into)
      else this.#socket(protocol).dumpInto(type, body, sequenceOf(name), into)
    } catch (error) {
      into.length = start
      const { code } = error as { readonly code?: string }
      const isAbout = error instanceof NetlinkError || error instanceof SystemError
      if (isAbout && (LACKING.has(code!) || (protocol === NETLINK.netfilter && code === 'EINVAL'))) return
      throw error
    }
  }
}

const arena = new Arena()

/**
 * Reads these, in the namespace the thread is in.
 * @returns their messages, one after the other
 * @throws NetlinkError, SystemError
 */
export function readDumps(names: readonly DumpName[]): Buffer {
  const sockets = new DumpSockets()
  try {
    arena.length = 0
    for (const name of names) sockets.read(name, arena)
    return arena.copy(0)
  } finally {
    sockets.close()
  }
}
