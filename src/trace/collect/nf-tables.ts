/**
 * As much of nf_tables as a trace needs: a table of its own that marks the probe for rule tracing, the handles of a chain's
 * rules, and the trace messages. Spoken directly because each `nft` costs milliseconds, and because only a socket can own a
 * table, which then goes when the socket does (NFT_TABLE_F_OWNER). Pure.
 * Numbers: include/uapi/linux/netfilter/nf_tables.h.
 */
import { attribute, Attributes, NLM_F, type Message, type Request } from '../../netns/netlink/message.ts'
import { NFGENMSG } from '../../netns/netlink/queues-tables.ts'

/** NFNL_SUBSYS_NFTABLES */
export const SUBSYSTEM = 10
const MSG = (number: number): number => (SUBSYSTEM << 8) | number
const NFT = {
  newTable: MSG(0),
  delTable: MSG(2),
  newChain: MSG(3),
  newRule: MSG(6),
  getRule: MSG(7),
  trace: MSG(17),
} as const
const CREATE = 0x400
const APPEND = 0x800
const NESTED = 0x8000

const NFPROTO: Readonly<Record<number, string>> = { 0: 'any', 1: 'inet', 2: 'ip', 3: 'arp', 5: 'netdev', 7: 'bridge', 10: 'ip6' }
export const familyNumber = (name: string): number => Number(Object.entries(NFPROTO).find(([, n]) => n === name)?.[0] ?? 0)

const nest = (type: number, ...inner: Buffer[]): Buffer => attribute(type | NESTED, Buffer.concat(inner))
const text = (type: number, value: string): Buffer => attribute(type, Buffer.from(`${value}\0`))
const u32 = (type: number, value: number): Buffer => {
  const b = Buffer.alloc(4)
  b.writeUInt32BE(value >>> 0)
  return attribute(type, b)
}
/** struct nfgenmsg and attributes. */
const bodyOf = (family: number, ...attributes: Buffer[]): Buffer => {
  const head = Buffer.alloc(NFGENMSG)
  head.writeUInt8(family)
  return Buffer.concat([head, ...attributes])
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

/** Requests that make the table with its rules, in one transaction. `owned`: it goes with the socket (Linux 5.12). */
export function createTable(table: string, selectors: readonly Selector[], owned: boolean): Request[] {
  const rules = selectors.map(expressions)
  return [
    { type: NFT.newTable, flags: CREATE, body: bodyOf(INET, text(1, table), u32(2, owned ? OWNER : 0)) },
    ...Object.entries(HOOKS).flatMap(([chain, hook]) => [
      {
        type: NFT.newChain,
        flags: CREATE,
        body: bodyOf(INET, text(1, table), text(3, chain), nest(4, u32(1, hook), u32(2, PRIORITY)), text(7, 'filter')),
      },
      ...rules.map((rule) => ({ type: NFT.newRule, flags: CREATE | APPEND, body: bodyOf(INET, text(1, table), text(2, chain), rule) })),
    ]),
  ]
}

export const deleteTable = (table: string): Request[] => [{ type: NFT.delTable, flags: 0, body: bodyOf(INET, text(1, table)) }]

/** Asks for the rules of a chain. */
export const listRules = (family: string, table: string, chain: string): Request => ({
  type: NFT.getRule,
  flags: NLM_F.dump,
  body: bodyOf(familyNumber(family), text(1, table), text(2, chain)),
})

const attributesOf = ({ body }: Message): Attributes => new Attributes(body, NFGENMSG)

/** Handle of a rule in the answer to {@link listRules}. */
export const handleOf = (m: Message): number => handle(attributesOf(m)) ?? 0
const handle = (a: Attributes): number | undefined => {
  const value = a.bytes(3)
  return value && Number(value.readBigUInt64BE())
}

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

/** A message of the group that traces are sent to; undefined: it is none. */
export function traceOf(m: Message): RuleTrace | undefined {
  if (m.type !== NFT.trace) return undefined
  const a = attributesOf(m)
  const verdict = a.nested(5)
  const code = a.has(5) ? verdict.be32(1) : a.be32(16)
  const target = verdict.text(2)
  const [iif, oif, rule] = [a.be32(10), a.be32(12), handle(a)]
  const [link, network, transport] = [a.bytes(7), a.bytes(8), a.bytes(9)]
  return {
    family: NFPROTO[m.body[0]!] ?? String(m.body[0]),
    table: a.text(1) ?? '',
    chain: a.text(2) ?? '',
    kind: ({ 1: 'policy', 2: 'return', 3: 'rule' } as const)[a.be32(4) ?? 3] ?? 'rule',
    // Signed: what is no end is negative.
    verdict: VERDICTS[(code ?? -1) | 0] ?? 'continue',
    packet: a.be32(6) ?? 0,
    ...(rule === undefined ? {} : { handle: rule }),
    ...(target === undefined ? {} : { target }),
    ...(iif === undefined ? {} : { iif }),
    ...(oif === undefined ? {} : { oif }),
    ...(link ? { link } : {}),
    ...(network ? { network } : {}),
    ...(transport ? { transport } : {}),
  }
}
