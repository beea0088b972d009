/** The packets of SCTP that open an association, or refuse to (RFC 9260, 3.3). Pure. */
import { crc32c } from './checksum.ts'

export const CHUNK = { init: 1, initAck: 2, abort: 6 } as const
/** Source port, destination port, verification tag, checksum. */
const HEADER = 12
/** Type, flags, length; of INIT and INIT ACK then tag, window, streams out and in, first TSN. */
const CHUNK_HEADER = 4
const INIT = 20
const WINDOW = 65_536
/** Type of the parameter State Cookie. */
const COOKIE = 7

export interface SctpPacket {
  readonly from: number
  readonly to: number
  /** Verification tag. */
  readonly tag: number
  readonly chunk: number
  /** INIT and INIT ACK: the tag for packets to its sender. */
  readonly initiateTag?: number
  /** INIT ACK: what its first parameter holds, the cookie. */
  readonly cookie?: string
}

/** Its checksum goes the other way round, lowest byte first. */
function packet(from: number, to: number, tag: number, chunk: Buffer): Buffer {
  const bytes = Buffer.alloc(HEADER + ((chunk.length + 3) & ~3))
  bytes.writeUInt16BE(from, 0)
  bytes.writeUInt16BE(to, 2)
  bytes.writeUInt32BE(tag, 4)
  chunk.copy(bytes, HEADER)
  bytes.writeUInt32LE(crc32c(bytes), 8)
  return bytes
}

function chunkOf(type: number, initiateTag: number, parameter: Buffer): Buffer {
  const bytes = Buffer.alloc(INIT)
  bytes[0] = type
  bytes.writeUInt16BE(INIT + parameter.length, 2)
  bytes.writeUInt32BE(initiateTag, 4)
  bytes.writeUInt32BE(WINDOW, 8)
  bytes.writeUInt16BE(1, 12)
  bytes.writeUInt16BE(1, 14)
  bytes.writeUInt32BE(1, 16)
  return Buffer.concat([bytes, parameter])
}

/** Asks for an association. */
export const init = (from: number, to: number, initiateTag: number): Buffer =>
  packet(from, to, 0, chunkOf(CHUNK.init, initiateTag, Buffer.alloc(0)))

/** Accepts one that was asked for with `tag`, with a cookie that is a text. */
export function initAck(from: number, to: number, tag: number, cookie: string): Buffer {
  const parameter = Buffer.alloc(CHUNK_HEADER + Buffer.byteLength(cookie))
  parameter.writeUInt16BE(COOKIE, 0)
  parameter.writeUInt16BE(parameter.length, 2)
  parameter.write(cookie, CHUNK_HEADER)
  return packet(from, to, tag, chunkOf(CHUNK.initAck, 1, parameter))
}

/** Refuses one that was asked for with `tag` (8.4, 3). */
export const abort = (from: number, to: number, tag: number): Buffer =>
  packet(from, to, tag, Buffer.from([CHUNK.abort, 0, 0, CHUNK_HEADER]))

/** The header and the first chunk; undefined where they are cut short. */
export function readSctp(bytes: Buffer): SctpPacket | undefined {
  if (bytes.length < HEADER + CHUNK_HEADER) return undefined
  const chunk = bytes[HEADER]!
  const opens = chunk === CHUNK.init || chunk === CHUNK.initAck
  if (opens && bytes.length < HEADER + INIT) return undefined
  const parameter = HEADER + INIT
  const end = bytes.length > parameter + CHUNK_HEADER ? parameter + bytes.readUInt16BE(parameter + 2) : 0
  return {
    from: bytes.readUInt16BE(0),
    to: bytes.readUInt16BE(2),
    tag: bytes.readUInt32BE(4),
    chunk,
    ...(opens ? { initiateTag: bytes.readUInt32BE(HEADER + CHUNK_HEADER) } : {}),
    ...(chunk === CHUNK.initAck && end > 0 ? { cookie: bytes.toString('latin1', parameter + CHUNK_HEADER, end) } : {}),
  }
}
