/** Echoes as they are sent, and what ICMP and ICMPv6 say in answer to anything (RFC 792, RFC 4443). Pure. */
import { addressText } from '../../../netns/netlink/address.ts'
import type { Answer } from '../question.ts'
import { internetChecksum } from './checksum.ts'

const HEADER = 8
/** Begins the payload of every echo; the capture filter of underlay.ts looks for it. */
const WORD = Buffer.from('netlab')
/** The word, whose it is, and its number. */
const PAYLOAD = WORD.length + 8
const IP_HEADER = { icmp: 20, icmp6: 40 } as const
const REQUEST = { icmp: 8, icmp6: 128 } as const
const REPLY = { icmp: 0, icmp6: 129 } as const

export type IcmpKind = 'icmp' | 'icmp6'

/** What tells one echo from every other: ids and the header's sequence numbers, of 16 bits, come round again. */
export interface Echo {
  readonly id: number
  /** Of 32 bits: its last 16 are the sequence number of the header. */
  readonly number: number
  /** Of the process that asks, 32 bits. */
  readonly nonce: number
}

/** @param size bytes of the whole IP packet, with a header without options; 0: as small as may be */
export function echoRequest(kind: IcmpKind, { id, number, nonce }: Echo, size: number): Buffer {
  const bytes = Buffer.alloc(Math.max(size - IP_HEADER[kind], HEADER + PAYLOAD))
  bytes[0] = REQUEST[kind]
  bytes.writeUInt16BE(id, 4)
  bytes.writeUInt16BE(number & 0xffff, 6)
  WORD.copy(bytes, HEADER)
  bytes.writeUInt32BE(nonce, HEADER + WORD.length)
  bytes.writeUInt32BE(number, HEADER + WORD.length + 4)
  // The kernel computes that of ICMPv6, of which the addresses are a part.
  if (kind === 'icmp') bytes.writeUInt16BE(internetChecksum(bytes), 2)
  return bytes
}

/** The echo that an ICMP message answers; undefined for other messages, and for echoes of other programs. */
export function echoReplied(kind: IcmpKind, bytes: Buffer): Echo | undefined {
  if (bytes.length < HEADER + PAYLOAD || bytes[0] !== REPLY[kind]) return undefined
  if (!bytes.subarray(HEADER, HEADER + WORD.length).equals(WORD)) return undefined
  const at = HEADER + WORD.length
  return { id: bytes.readUInt16BE(4), nonce: bytes.readUInt32BE(at), number: bytes.readUInt32BE(at + 4) }
}

/** An error, as an outcome, and as much of the packet that it is about as a router quotes, from behind the IP header. */
export interface IcmpError {
  readonly outcome: Answer['outcome']
  readonly text: string
  readonly protocol: number
  readonly quoted: Buffer
}

/** Whether an error says that a packet is too big for a link. The kernel remembers the MTU that it names. */
export const isTooBig = (kind: IcmpKind, bytes: Buffer): boolean => (kind === 'icmp' ? bytes[0] === 3 && bytes[1] === 4 : bytes[0] === 2)

/** @returns undefined for messages that are no errors, and for those that are cut short */
export function icmpError(kind: IcmpKind, bytes: Buffer): IcmpError | undefined {
  const type = bytes[0] ?? 0
  const isError = kind === 'icmp' ? type !== REPLY.icmp && type !== REQUEST.icmp : type < REQUEST.icmp6
  if (bytes.length < HEADER || !isError) return undefined
  const inner = bytes.subarray(HEADER)
  const header = kind === 'icmp' ? 4 * ((inner[0] ?? 0) & 15) : IP_HEADER.icmp6
  if (inner.length < header + 8) return undefined
  const [outcome, text] = kind === 'icmp' ? meaning4(bytes) : meaning6(bytes)
  return { outcome, text, protocol: inner[kind === 'icmp' ? 9 : 6]!, quoted: inner.subarray(header) }
}

type Meaning = readonly [outcome: Answer['outcome'], text: string]

function meaning4(bytes: Buffer): Meaning {
  const [type, code] = [bytes[0]!, bytes[1]!]
  if (type !== 3) return ['unreachable', type === 11 ? 'time to live exceeded' : `ICMP type ${type}`]
  if (code === 4) return ['too-long', `mtu=${bytes.readUInt16BE(6)}`]
  if (code === 2) return ['refused', 'protocol unreachable']
  if (code === 3) return ['refused', 'port unreachable']
  if (code === 9 || code === 10 || code === 13) return ['prohibited', 'prohibited']
  return ['unreachable', code === 0 ? 'network unreachable' : 'host unreachable']
}

function meaning6(bytes: Buffer): Meaning {
  const [type, code] = [bytes[0]!, bytes[1]!]
  if (type === 2) return ['too-long', `mtu=${bytes.readUInt32BE(4)}`]
  if (type === 4 && code === 1) return ['refused', 'protocol unreachable']
  if (type !== 1) return ['unreachable', type === 3 ? 'hop limit exceeded' : `ICMPv6 type ${type}`]
  if (code === 4) return ['refused', 'port unreachable']
  if (code === 1 || code > 4) return ['prohibited', 'prohibited']
  return ['unreachable', code === 0 ? 'no route' : 'address unreachable']
}

/** Id and sequence number of an echo request that an error quotes. */
export function echoQuoted({ quoted }: IcmpError): { readonly id: number; readonly sequence: number } | undefined {
  if (quoted[0] !== REQUEST.icmp && quoted[0] !== REQUEST.icmp6) return undefined
  return { id: quoted.readUInt16BE(4), sequence: quoted.readUInt16BE(6) }
}

/** An IPv4 packet as a raw socket receives it: header and all. */
export function ipv4Packet(bytes: Buffer): { readonly ttl: number; readonly from: string; readonly to: string; readonly body: Buffer } {
  return {
    ttl: bytes[8]!,
    from: addressText(bytes.subarray(12, 16)),
    to: addressText(bytes.subarray(16, 20)),
    body: bytes.subarray(4 * (bytes[0]! & 15)),
  }
}
