/**
 * As much of nfnetlink as a trace needs: a table of its own that marks the probe for rule tracing, what tables there
 * are, the handles of a chain's rules, and the trace messages. Spoken directly because each `nft` costs milliseconds,
 * and because only a socket can own a table, which then goes when the socket does (NFT_TABLE_F_OWNER).
 * Numbers: include/uapi/linux/netfilter/nf_tables.h.
 */

const SUBSYS = 10 << 8
export const NFT = {
  newTable: SUBSYS,
  getTable: SUBSYS | 1,
  delTable: SUBSYS | 2,
  newChain: SUBSYS | 3,
  newRule: SUBSYS | 6,
  getRule: SUBSYS | 7,
  trace: SUBSYS | 17,
  error: 2,
  done: 3,
} as const
const BATCH_BEGIN = 0x10
const BATCH_END = 0x11
const REQUEST = 1
const ACK = 4
const DUMP = 0x300
const CREATE = 0x400
const APPEND = 0x800
const NESTED = 0x8000

const NFPROTO: Readonly<Record<number, string>> = { 0: 'any', 1: 'inet', 2: 'ip', 3: 'arp', 5: 'netdev', 7: 'bridge', 10: 'ip6' }
export const familyNumber = (name: string): number => Number(Object.entries(NFPROTO).find(([, n]) => n === name)?.[0] ?? 0)

const align = (n: number): number => (n + 3) & ~3

function attribute(type: number, payload: Buffer): Buffer {
  const out = Buffer.alloc(align(4 + payload.length))
  out.writeUInt16LE(4 + payload.length, 0)
  out.writeUInt16LE(type, 2)
  payload.copy(out, 4)
  return out
}
const nest = (type: number, ...inner: Buffer[]): Buffer => attribute(type | NESTED, Buffer.concat(inner))
const text = (type: number, value: string): Buffer => attribute(type, Buffer.from(`${value}\0`))
const u32 = (type: number, value: number): Buffer => {
  const b = Buffer.alloc(4)
  b.writeUInt32BE(value >>> 0)
  return attribute(type, b)
}

/** One message: nlmsghdr, nfgenmsg, attributes. */
function message(type: number, flags: number, sequence: number, family: number, ...attributes: Buffer[]): Buffer {
  const body = Buffer.concat(attributes)
  const out = Buffer.alloc(20 + body.length)
  out.writeUInt32LE(out.length, 0)
  out.writeUInt16LE(type, 4)
  out.writeUInt16LE(flags | REQUEST, 6)
  out.writeUInt32LE(sequence, 8)
  out.writeUInt8(family, 16)
  if (type === BATCH_BEGIN || type === BATCH_END) out.writeUInt16BE(10, 18)
  body.copy(out, 20)
  return out
}

/** Bytes at a place of the packet that must have a value. */
export interface Match {
  /** Where `offset` counts from: the IP header or what follows it. */
  readonly base: 'network' | 'transport'
  readonly offset: number
  readonly value: Buffer
}

/** A packet to be traced: protocol after IP, and bytes. */
export interface Selector {
  readonly family: 4 | 6
  readonly protocol: number
  readonly matches: readonly Match[]
}

const expression = (name: string, ...data: Buffer[]): Buffer => nest(1, text(1, name), nest(2, ...data))
const REG = 1
const meta = (key: number): Buffer => expression('meta', u32(2, key), u32(1, REG))
const equals = (value: Buffer): Buffer => expression('cmp', u32(1, REG), u32(2, 0), nest(3, attribute(1, value)))
const payload = (base: number, offset: number, length: number): Buffer =>
  expression('payload', u32(1, REG), u32(2, base), u32(3, offset), u32(4, length))
const META = { nftrace: 12, nfproto: 15, l4proto: 16 } as const

function expressions({ family, protocol, matches }: Selector): Buffer {
  return nest(
    4,
    meta(META.nfproto),
    equals(Buffer.from([family === 4 ? 2 : 10])),
    meta(META.l4proto),
    equals(Buffer.from([protocol])),
    ...matches.flatMap((m) => [payload(m.base === 'network' ? 1 : 2, m.offset, m.value.length), equals(m.value)]),
    expression('immediate', u32(1, REG), nest(2, attribute(1, Buffer.from([1])))),
    expression('meta', u32(2, META.nftrace), u32(3, REG)),
  )
}

const INET = 1
const OWNER = 2
/** Before raw (-300) and defragmentation (-400), where the first rule of any program could be. */
const PRIORITY = -1000
const HOOKS = { prerouting: 0, output: 3 } as const

/** One transaction that makes the table with its rules. `owned`: it goes with the socket (Linux 5.12). */
export function createTable(table: string, selectors: readonly Selector[], owned: boolean): Buffer {
  let sequence = 1
  const messages = [
    message(BATCH_BEGIN, 0, sequence++, 0),
    message(NFT.newTable, CREATE | ACK, sequence++, INET, text(1, table), u32(2, owned ? OWNER : 0)),
  ]
  for (const [chain, hook] of Object.entries(HOOKS)) {
    messages.push(
      message(
        NFT.newChain,
        CREATE,
        sequence++,
        INET,
        text(1, table),
        text(3, chain),
        nest(4, u32(1, hook), u32(2, PRIORITY)),
        text(7, 'filter'),
      ),
    )
    for (const s of selectors)
      messages.push(message(NFT.newRule, CREATE | APPEND, sequence++, INET, text(1, table), text(2, chain), expressions(s)))
  }
  return Buffer.concat([...messages, message(BATCH_END, 0, sequence, 0)])
}

export const deleteTable = (table: string): Buffer =>
  Buffer.concat([message(BATCH_BEGIN, 0, 1, 0), message(NFT.delTable, ACK, 2, INET, text(1, table)), message(BATCH_END, 0, 3, 0)])

export const listTables = (sequence: number): Buffer => message(NFT.getTable, DUMP, sequence, 0)
export const listRules = (sequence: number, family: number, table: string, chain: string): Buffer =>
  message(NFT.getRule, DUMP, sequence, family, text(1, table), text(2, chain))

/** A message as it came. */
export interface Message {
  readonly type: number
  readonly sequence: number
  readonly family: number
  readonly attributes: ReadonlyMap<number, Buffer>
  /** Of an error message: 0 is an acknowledgement. */
  readonly error?: number
}

function attributes(bytes: Buffer): Map<number, Buffer> {
  const map = new Map<number, Buffer>()
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(at)
    if (length < 4 || at + length > bytes.length) break
    map.set(bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length))
    at += align(length)
  }
  return map
}

export function parseMessages(bytes: Buffer): Message[] {
  const messages: Message[] = []
  for (let at = 0; at + 16 <= bytes.length;) {
    const length = bytes.readUInt32LE(at)
    if (length < 16 || at + length > bytes.length) break
    const type = bytes.readUInt16LE(at + 4)
    const sequence = bytes.readUInt32LE(at + 8)
    const plain = type === NFT.error || type === NFT.done
    messages.push({
      type,
      sequence,
      family: plain ? 0 : bytes[at + 16]!,
      attributes: plain ? new Map() : attributes(bytes.subarray(at + 20, at + length)),
      ...(type === NFT.error ? { error: -bytes.readInt32LE(at + 16) } : {}),
    })
    at += align(length)
  }
  return messages
}

const string = (b: Buffer | undefined): string => (b ? b.toString('latin1').replace(/\0.*$/s, '') : '')
const number = (b: Buffer | undefined): number | undefined =>
  b ? (b.length === 8 ? Number(b.readBigUInt64BE()) : b.readUInt32BE()) : undefined

export interface Table {
  readonly family: string
  readonly name: string
}
export const tableOf = (m: Message): Table => ({ family: NFPROTO[m.family] ?? String(m.family), name: string(m.attributes.get(1)) })
/** Handle of a rule in a `listRules` answer. */
export const handleOf = (m: Message): number => number(m.attributes.get(3)) ?? 0

/** One step of a packet through the rules. */
export interface RuleTrace {
  readonly family: string
  readonly table: string
  readonly chain: string
  readonly kind: 'rule' | 'policy' | 'return'
  readonly handle?: number
  readonly verdict: 'accept' | 'drop' | 'jump' | 'goto' | 'return' | 'continue' | 'break' | 'queue' | 'stolen'
  /** Chain jumped to. */
  readonly target?: string
  readonly packet: number
  /** Index of the device; absent where the hook has none. */
  readonly iif?: number
  readonly oif?: number
  readonly link?: Buffer
  readonly network?: Buffer
  readonly transport?: Buffer
}

const VERDICTS: Readonly<Record<number, RuleTrace['verdict']>> = {
  0: 'drop',
  1: 'accept',
  2: 'stolen',
  3: 'queue',
  [-1]: 'continue',
  [-2]: 'break',
  [-3]: 'jump',
  [-4]: 'goto',
  [-5]: 'return',
}

export function traceOf(m: Message): RuleTrace {
  const a = m.attributes
  const verdict = attributes(a.get(5) ?? Buffer.alloc(0))
  const code = a.has(5) ? (verdict.get(1)?.readInt32BE() ?? -1) : (a.get(16)?.readInt32BE() ?? -1)
  const [iif, oif, handle] = [number(a.get(10)), number(a.get(12)), number(a.get(3))]
  const [link, network, transport] = [a.get(7), a.get(8), a.get(9)]
  return {
    family: NFPROTO[m.family] ?? String(m.family),
    table: string(a.get(1)),
    chain: string(a.get(2)),
    kind: ({ 1: 'policy', 2: 'return', 3: 'rule' } as const)[number(a.get(4)) ?? 3] ?? 'rule',
    verdict: VERDICTS[code] ?? 'continue',
    packet: number(a.get(6)) ?? 0,
    ...(handle === undefined ? {} : { handle }),
    ...(verdict.has(2) ? { target: string(verdict.get(2)) } : {}),
    ...(iif === undefined ? {} : { iif }),
    ...(oif === undefined ? {} : { oif }),
    ...(link ? { link } : {}),
    ...(network ? { network } : {}),
    ...(transport ? { transport } : {}),
  }
}
