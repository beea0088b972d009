/** Netlink dumps, asked for without starting a program: what tells cheaply whether a namespace holds anything that a new one does not. Pure. */
import type { Step } from '../../netns/namespace-pool.ts'
import { STANDARD_RULES, type NonDefaultState } from './content.ts'

/** linux/netlink.h, linux/rtnetlink.h, linux/netfilter/nf_tables.h */
const NETLINK_ROUTE = 0
const NETLINK_NETFILTER = 12
const REQUEST_DUMP = 0x301
const ERROR = 2
const RTM = { newRule: 32, getRule: 34, newQdisc: 36, getQdisc: 38 } as const
const NFT = { newTable: 0xa00, getTable: 0xa01 } as const
const AF = { 4: 2, 6: 10 } as const
const HEADER = 16

function request(type: number, body: Buffer): Buffer {
  const header = Buffer.alloc(HEADER)
  header.writeUInt32LE(HEADER + body.length, 0)
  header.writeUInt16LE(type, 4)
  header.writeUInt16LE(REQUEST_DUMP, 6)
  header.writeUInt32LE(1, 8)
  return Buffer.concat([header, body])
}

/** Bodies: fib_rule_hdr, tcmsg, nfgenmsg; the family is the first byte of each. */
const body = (length: number, family = 0): Buffer => Buffer.concat([Buffer.from([family]), Buffer.alloc(length - 1)])

/** The dumps that {@link decodeState} reads. */
export const stateStep: Step = {
  ask: [
    [NETLINK_ROUTE, request(RTM.getRule, body(12, AF[4]))],
    [NETLINK_ROUTE, request(RTM.getRule, body(12, AF[6]))],
    [NETLINK_ROUTE, request(RTM.getQdisc, body(20))],
    [NETLINK_NETFILTER, request(NFT.getTable, body(4))],
  ],
}

interface Message {
  readonly type: number
  readonly body: Buffer
}

function* messages(bytes: Buffer): Generator<Message> {
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = bytes.readUInt32LE(at)
    if (length < HEADER || at + length > bytes.length) return
    yield { type: bytes.readUInt16LE(at + 4), body: bytes.subarray(at + HEADER, at + length) }
    at += (length + 3) & ~3
  }
}

/** Attributes by number, nesting and byte order flags cut off. */
function attributes(bytes: Buffer, from: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  for (let at = from; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(at)
    if (length < 4) break
    found.set(bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length))
    at += (length + 3) & ~3
  }
  return found
}

const string = (b: Buffer | undefined): string => (b ?? Buffer.alloc(0)).toString('latin1').replace(/\0.*$/s, '')

const FRA = { priority: 6, table: 15 } as const
/** Attributes that every rule has: priority, suppress_prefixlen, table, protocol. */
const PLAIN = new Set([FRA.priority, 14, FRA.table, 21])
const TABLES: Readonly<Record<string, number>> = { local: 255, main: 254, default: 253 }

/** Whether the rules are those of a new namespace. */
function standardRules(family: 4 | 6, bytes: Buffer): boolean {
  const standard = new Map(Object.entries(STANDARD_RULES[family]).map(([priority, table]) => [Number(priority), TABLES[table]]))
  for (const { type, body: b } of messages(bytes)) {
    // A kernel without this family.
    if (type === ERROR && standard.size === Object.keys(STANDARD_RULES[family]).length) return true
    if (type !== RTM.newRule) continue
    const attrs = attributes(b, 12)
    const priority = attrs.get(FRA.priority)?.readUInt32LE(0) ?? 0
    // Lengths of addresses, TOS, what to do (1: consult the table), and nothing else to match.
    const plain = b[1] === 0 && b[2] === 0 && b[3] === 0 && b[7] === 1 && [...attrs.keys()].every((a) => PLAIN.has(a))
    if (!plain || standard.get(priority) !== attrs.get(FRA.table)?.readUInt32LE(0)) return false
    standard.delete(priority)
  }
  return standard.size === 0
}

/** Families as nft names them: linux/netfilter.h NFPROTO_*. */
const NFPROTO: Readonly<Record<number, string>> = { 1: 'inet', 2: 'ip', 3: 'arp', 5: 'netdev', 7: 'bridge', 10: 'ip6' }

/** Queues that devices without a queue have. */
const NO_QUEUE = new Set(['noqueue', 'noop'])

/** @param output what the {@link stateStep} printed */
export function decodeState(output: string): NonDefaultState {
  const [rules4, rules6, qdiscs, tables] = output.split('\0').map((hex) => Buffer.from(hex, 'hex')) as [Buffer, Buffer, Buffer, Buffer]
  return {
    rules: ([4, 6] as const).filter((family) => !standardRules(family, family === 4 ? rules4 : rules6)),
    qdiscs: [...messages(qdiscs)].flatMap(({ type, body: b }) => {
      const kind = string(attributes(b, 20).get(1))
      return type === RTM.newQdisc && !NO_QUEUE.has(kind) ? [{ ifindex: b.readInt32LE(4), kind }] : []
    }),
    tables: [...messages(tables)].flatMap(({ type, body: b }) =>
      type === NFT.newTable ? [{ family: NFPROTO[b[0]!] ?? String(b[0]), name: string(attributes(b, 4).get(1)) }] : [],
    ),
  }
}
