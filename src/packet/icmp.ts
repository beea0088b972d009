/** ICMP (RFC 792), and what it has in common with ICMPv6. */
import type { Field, Header, Parsed } from './header.ts'

/** A message of ICMP or ICMPv6; `kind` is the same word for both where both have it. */
export interface IcmpMessage {
  readonly type: 'icmp' | 'icmpv6'
  /** `echo-request`, `echo-reply`, `unreachable`, `too-big`, `time-exceeded`, `neighbour-solicitation` …; `type 42` for others. */
  readonly kind: string
  readonly icmpType: number
  readonly code: number
  /** Echo only. */
  readonly id?: number
  readonly seq?: number
  /** Of "fragmentation needed" and "packet too big". */
  readonly mtu?: number
  /** Neighbour discovery: whom it asks for or announces, and the link-layer address option. */
  readonly target?: string
  readonly targetMac?: string
}

/** Errors quote the packet they complain about. */
const ERRORS = new Set(['unreachable', 'too-big', 'time-exceeded', 'parameter-problem'])

/** What the two protocols, whose types are numbered apart, do alike. */
export function icmpHeader(
  type: IcmpMessage['type'],
  name: string,
  kindOf: (icmpType: number, code: number) => string | undefined,
  more: (b: Buffer, kind: string) => Pick<IcmpMessage, 'mtu' | 'target' | 'targetMac'>,
): Pick<Header<IcmpMessage>, 'type' | 'name' | 'parse' | 'fields' | 'summary' | 'trace' | 'capture'> {
  return {
    type,
    name,
    parse(b): Parsed<IcmpMessage> | undefined {
      if (b.length < 8) return undefined
      const icmpType = b[0]!
      const code = b[1]!
      const kind = kindOf(icmpType, code) ?? `type ${icmpType}`
      const echo = kind.startsWith('echo-')
      return {
        layer: {
          type,
          kind,
          icmpType,
          code,
          ...(echo ? { id: b.readUInt16BE(4), seq: b.readUInt16BE(6) } : {}),
          ...more(b, kind),
        },
        ...(echo ? { next: b.subarray(8) } : {}),
        ...(ERRORS.has(kind) ? { quoted: b.subarray(8) } : {}),
      }
    },
    fields: (l): Field[] => [
      ['message', l.kind.replaceAll('-', ' ')],
      ['code', l.kind === 'unreachable' ? l.code : undefined],
      ['id', l.id],
      ['sequence', l.seq],
      ['MTU', l.mtu],
      ['target', l.target],
      ['address', l.targetMac],
    ],
    summary: (l) => `${name} ${l.kind.replaceAll('-', ' ')}`,
    trace: (l) => l.kind,
    capture: (l) =>
      [
        name,
        l.kind,
        ...(l.id === undefined ? [] : [`id ${l.id} seq ${l.seq}`]),
        ...(l.target === undefined ? [] : [`${l.target}${l.targetMac === undefined ? '' : ` ${l.targetMac}`}`]),
        ...(l.kind === 'unreachable' ? [`code ${l.code}`] : []),
        ...(l.mtu === undefined ? [] : [`mtu ${l.mtu}`]),
      ].join(' '),
  }
}

const KINDS: Readonly<Record<number, string>> = {
  0: 'echo-reply',
  3: 'unreachable',
  5: 'redirect',
  8: 'echo-request',
  11: 'time-exceeded',
  12: 'parameter-problem',
}

export const icmp: Header<IcmpMessage> = {
  ...icmpHeader(
    'icmp',
    'ICMP',
    // IPv4 has no type of its own for it: "fragmentation needed and DF set" (RFC 792, RFC 1191).
    (type, code) => (type === 3 && code === 4 ? 'too-big' : KINDS[type]),
    (b, kind) => (kind === 'too-big' ? { mtu: b.readUInt16BE(6) } : {}),
  ),
  after: { ipProtocol: [1] },
  word: 'icmp',
  bytes: () => 8,
}
