/** RTM_NEWQDISC and NFT_MSG_NEWTABLE (linux/pkt_sched.h, netfilter/nf_tables.h) → queueing disciplines and tables of nftables. Pure. */
import { Attributes, RTM, type Message } from './message.ts'

/** struct tcmsg: family, padding, index, handle, parent, info. */
export const TCMSG = 20
/** struct nfgenmsg: family, version, resource. */
export const NFGENMSG = 4
/** NFNL_SUBSYS_NFTABLES with NFT_MSG_GETTABLE and NFT_MSG_GETGEN, and their answers. */
export const NFT = { getTable: 0xa01, newTable: 0xa00, getGeneration: 0xa10, newGeneration: 0xa0f } as const
/** Queueing disciplines that devices without a queue have. */
export const NO_QUEUE: ReadonlySet<string> = new Set(['noqueue', 'noop'])
const TCA_KIND = 1
const NFTA_TABLE_NAME = 1

export interface Qdisc {
  readonly ifindex: number
  readonly kind: string
  /** The kernel gave it to a device that has a queue: it was not asked for. */
  readonly isDefault?: true
}

/** Where the handle of a queueing discipline is: 0 for what the kernel gave to a device by itself. */
export const QDISC_HANDLE = 8

export const decodeQdiscs = (found: readonly Message[]): Qdisc[] =>
  found.flatMap(({ type, body }): Qdisc[] => {
    if (type !== RTM.newQdisc) return []
    const kind = new Attributes(body, TCMSG).text(TCA_KIND) ?? ''
    const isDefault = body.readUInt32LE(QDISC_HANDLE) === 0 && !NO_QUEUE.has(kind)
    return [{ ifindex: body.readInt32LE(4), kind, ...(isDefault ? { isDefault } : {}) }]
  })

/** Families as nft names them: linux/netfilter.h NFPROTO_*. */
const NFPROTO: Readonly<Record<number, string>> = { 1: 'inet', 2: 'ip', 3: 'arp', 5: 'netdev', 7: 'bridge', 10: 'ip6' }

export interface NftTable {
  readonly family: string
  readonly name: string
}

/** All tables, those of iptables included: `ip filter`. */
export const decodeTables = (found: readonly Message[]): NftTable[] =>
  found.flatMap(({ type, body }) =>
    type === NFT.newTable
      ? [{ family: NFPROTO[body[0]!] ?? String(body[0]), name: new Attributes(body, NFGENMSG).text(NFTA_TABLE_NAME) ?? '' }]
      : [],
  )
