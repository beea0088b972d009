/** The blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian. One after the other they are a file, wherever it is cut. */
import { draftLength, isEthernet } from '../../packet/decode.ts'
import { VERSION } from '../../version.ts'

const SECTION_HEADER = 0x0a0d0d0a
const INTERFACE = 1
const STATISTICS = 5
const ENHANCED_PACKET = 6

const OPT_COMMENT = 1
const SHB_HARDWARE = 2
const SHB_OS = 3
const SHB_APPLICATION = 4
const IF_NAME = 2
const IF_DESCRIPTION = 3
const IF_TSRESOL = 9
const EPB_FLAGS = 2
const ISB_RECEIVED = 4
const ISB_LOST = 5

/** tcpdump.org/linktypes.html */
const LINKTYPE_ETHERNET = 1
const LINKTYPE_RAW = 101

const ARCH: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' }

const u16 = (n: number): Buffer => {
  const b = Buffer.alloc(2)
  b.writeUInt16LE(n)
  return b
}
const u32 = (...numbers: number[]): Buffer => {
  const b = Buffer.alloc(4 * numbers.length)
  for (const [i, n] of numbers.entries()) b.writeUInt32LE(n >>> 0, 4 * i)
  return b
}
const padded = (b: Buffer): Buffer => Buffer.concat([b, Buffer.alloc(-b.length & 3)])

function option(code: number, value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? fit(value) : value
  return Buffer.concat([u16(code), u16(bytes.length), padded(bytes)])
}

/** An option's length has 16 bits; what is longer is cut between characters. */
function fit(text: string): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length <= 0xffff) return bytes
  let end = 0xffff
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}

/** Length before and after, so that readers can walk both ways. */
function block(type: number, body: Buffer, options: readonly Buffer[]): Buffer {
  const end = options.length > 0 ? u32(0) : Buffer.alloc(0)
  const content = Buffer.concat([padded(body), ...options, end])
  const length = content.length + 12
  return Buffer.concat([u32(type, length), content, u32(length)])
}

/** Opens a file. @param comment what it is about */
export function sectionBlock(comment: string): Buffer {
  // Byte order, version 1.0, and a section length of -1: to be found by reading on.
  return block(SECTION_HEADER, Buffer.concat([u32(0x1a2b3c4d), u16(1), u16(0), u32(0xffffffff, 0xffffffff)]), [
    option(OPT_COMMENT, comment),
    option(SHB_HARDWARE, ARCH[process.arch] ?? process.arch),
    option(SHB_OS, 'Linux'),
    option(SHB_APPLICATION, `netlab ${VERSION}`),
  ])
}

/** A device. Those of a file are numbered in the order they come, from 0. Times are in nanoseconds. */
export function interfaceBlock(name: string, description: string, hardware: number): Buffer {
  const link = isEthernet(hardware) ? LINKTYPE_ETHERNET : LINKTYPE_RAW
  return block(INTERFACE, Buffer.concat([u16(link), u16(0), u32(0)]), [
    option(IF_NAME, name),
    option(IF_DESCRIPTION, description),
    option(IF_TSRESOL, Buffer.from([9])),
  ])
}

/** A frame as it was captured. */
export interface PcapFrame {
  /** Nanoseconds since 1970. */
  readonly at: bigint
  readonly bytes: Buffer
  /** Before it was cut. */
  readonly length: number
  readonly hardware: number
  readonly direction: 'in' | 'out'
}

/** @param id number of its interface */
export function packetBlock(id: number, frame: PcapFrame, comment?: string): Buffer {
  const at = BigInt.asUintN(64, frame.at)
  const skip = draftLength(frame.bytes, frame.hardware)
  const bytes = frame.bytes.subarray(skip)
  const numbers = u32(id, Number(at >> 32n), Number(at & 0xffffffffn), bytes.length, Math.max(frame.length - skip, bytes.length))
  return block(ENHANCED_PACKET, Buffer.concat([numbers, bytes]), [
    ...(comment ? [option(OPT_COMMENT, comment)] : []),
    option(EPB_FLAGS, u32(frame.direction === 'in' ? 1 : 2)),
  ])
}

/** What an interface did not capture. @param at nanoseconds since 1970 */
export function statisticsBlock(id: number, at: bigint, received: number, lost: number): Buffer {
  const u64 = (n: number): Buffer => u32(n % 2 ** 32, Math.floor(n / 2 ** 32))
  return block(STATISTICS, u32(id, Number(at >> 32n), Number(at & 0xffffffffn)), [
    option(ISB_RECEIVED, u64(received)),
    option(ISB_LOST, u64(lost)),
  ])
}
