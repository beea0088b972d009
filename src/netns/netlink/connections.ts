/** Connections that a network namespace tracks (linux/netfilter/nfnetlink_conntrack.h): read, and forgotten one by one. */
import { addressText } from './address.ts'
import { attribute, Attributes } from './message.ts'
import { NETLINK, NetlinkError, NetlinkSocket } from './socket.ts'

/** A datagram flow as the tracker knows it. */
export interface TrackedFlow {
  /** Where its first packet was sent to. */
  readonly address: string
  readonly port: number
  /** Where answers come from: the same address, or the one it was translated to. */
  readonly answeredBy: string
}

/** NFNL_SUBSYS_CTNETLINK, and its messages */
const SUBSYSTEM = 1 << 8
const GET = SUBSYSTEM | 1
const DELETE = SUBSYSTEM | 2
const FAMILY = { 4: 2, 6: 10 } as const
const UDP = 17
/** CTA_* */
const TUPLE = { orig: 1, reply: 2, ip: 1, protocol: 2 } as const
const IP = { 4: { src: 1, dst: 2 }, 6: { src: 3, dst: 4 } } as const
const PROTOCOL = { number: 1, dstPort: 3 } as const
const ZONE = 18
/** NLA_F_NESTED */
const NESTED = 0x8000
const ENOENT = 2

/** struct nfgenmsg: family, version 0, no resource. */
const head = (family: 4 | 6): Buffer => Buffer.from([FAMILY[family], 0, 0, 0])

function flowOf(message: Attributes, family: 4 | 6): TrackedFlow | undefined {
  const original = message.nested(TUPLE.orig)
  const protocol = original.nested(TUPLE.protocol)
  const [dst, src] = [original.nested(TUPLE.ip).bytes(IP[family].dst), message.nested(TUPLE.reply).nested(TUPLE.ip).bytes(IP[family].src)]
  const port = protocol.be16(PROTOCOL.dstPort)
  if (protocol.u8(PROTOCOL.number) !== UDP || !dst || !src || port === undefined) return undefined
  return { address: addressText(dst), port, answeredBy: addressText(src) }
}

/**
 * Forgets UDP flows of the namespace the thread is in.
 * @returns how many
 * @throws NetlinkError or SystemError where this kernel does not tell of its connections
 */
export function forgetUdp(families: readonly (4 | 6)[], isStale: (flow: TrackedFlow) => boolean): number {
  const socket = new NetlinkSocket(NETLINK.netfilter)
  try {
    let count = 0
    for (const family of families) {
      for (const { body } of socket.dump(GET, head(family))) {
        const message = new Attributes(body, 4)
        const flow = flowOf(message, family)
        if (!flow || !isStale(flow)) continue
        const zone = message.bytes(ZONE)
        const tuple = attribute(TUPLE.orig | NESTED, message.bytes(TUPLE.orig)!)
        const refused = socket.act(DELETE, 0, Buffer.concat([head(family), tuple, ...(zone ? [attribute(ZONE, zone)] : [])]))
        // It may have ended by itself meanwhile.
        if (refused && refused.errno !== ENOENT) throw new NetlinkError(refused.errno, refused.words)
        if (!refused) count++
      }
    }
    return count
  } finally {
    socket.close()
  }
}
