/**
 * A story's frames as one pcapng file (draft-ietf-opsawg-pcapng): an interface per device, named `node/device`,
 * nanoseconds, directions, and what was decided about a packet as its comment. Opens in Wireshark.
 */
import { basename } from 'node:path'
import { draftLength, isEthernet } from '../trace/packet/decode.ts'
import type { Capture, Decision, Drop, Hop, Story } from '../trace/story.ts'
import { VERSION } from '../version.ts'

const SECTION_HEADER = 0x0a0d0d0a
const INTERFACE = 1
const ENHANCED_PACKET = 6

const OPT_COMMENT = 1
const SHB_HARDWARE = 2
const SHB_OS = 3
const SHB_APPLICATION = 4
const IF_NAME = 2
const IF_DESCRIPTION = 3
const IF_TSRESOL = 9
const EPB_FLAGS = 2

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

/** The verdict in words: `dropped at node-2 vxlan1: policy …`. */
export function verdict({ outcome, drop, rttMs, from, to }: Story): string {
  const ends = `${from.word} to ${to.word}`
  if (drop) return `${ends}: ${drop.leg === 'reply' ? 'reply ' : ''}${outcome} at ${drop.node} ${drop.device}: ${drop.text} (${drop.cause})`
  return `${ends}: ${outcome}${rttMs === null ? '' : ` in ${rttMs.toFixed(3)} ms`}`
}

const dropLines = (drop: Drop): string[] => [
  `dropped here: ${drop.text} (${drop.cause}, ${drop.evidence})`,
  ...(drop.kernelReason ? [`kernel: ${drop.kernelReason}`] : []),
  ...(drop.rule ? [`rule: ${drop.rule}`] : []),
  ...(drop.source ? [`from: ${drop.source}`] : []),
  ...(drop.hint ? [`hint: ${drop.hint}`] : []),
]

const decisionLine = (d: Decision): string => `${d.kind}: ${d.text} (${d.source ? `${d.source}, ` : ''}${d.evidence})`

/** The last hop with a frame on the leg that the packet died on. */
function lastSeen(hops: readonly Hop[]): Hop | undefined {
  return hops.findLast((h) => h.capture !== undefined)
}

/** Comments by index into the story's captures. */
function comments(story: Story): Map<number, string[]> {
  const lines = new Map<number, string[]>()
  const add = (capture: number | undefined, more: readonly string[]): void => {
    if (capture !== undefined && more.length > 0) lines.set(capture, [...(lines.get(capture) ?? []), ...more])
  }
  for (const hop of [...story.forward, ...story.reply]) add(hop.capture, hop.decisions.map(decisionLine))
  if (story.drop) add(lastSeen(story.drop.leg === 'forward' ? story.forward : story.reply)?.capture, dropLines(story.drop))
  if (story.captures.length > 0) add(inOrder(story).at(-1)!.index, [`verdict: ${verdict(story)}`])
  return lines
}

/** Captures by time; those of one instant stay as they were told. */
const inOrder = (story: Story): { readonly capture: Capture; readonly index: number }[] =>
  story.captures
    .map((capture, index) => ({ capture, index }))
    .sort((a, b) => (a.capture.at < b.capture.at ? -1 : a.capture.at > b.capture.at ? 1 : a.index - b.index))

export function pcapng(story: Story): Buffer {
  const said = comments(story)
  const names = new Map<string, number>()
  const interfaces: Buffer[] = []
  const packets: Buffer[] = []
  for (const { capture: c, index } of inOrder(story)) {
    const ethernet = isEthernet(c.hardware)
    // A device may be deleted and made anew as another kind: then it is two interfaces of one name.
    const key = `${c.netns} ${c.device} ${ethernet}`
    let id = names.get(key)
    if (id === undefined) {
      id = names.size
      names.set(key, id)
      interfaces.push(
        block(INTERFACE, Buffer.concat([u16(ethernet ? LINKTYPE_ETHERNET : LINKTYPE_RAW), u16(0), u32(0)]), [
          option(IF_NAME, `${c.node}/${c.device}`),
          option(IF_DESCRIPTION, `interface ${c.ifindex} in network namespace ${c.netns}`),
          option(IF_TSRESOL, Buffer.from([9])),
        ]),
      )
    }
    const at = BigInt.asUintN(64, c.at)
    const skip = draftLength(c.bytes, c.hardware)
    const bytes = c.bytes.subarray(skip)
    // Files by their last name: a capture gets passed on.
    const text = said.get(index)?.join('\n').replaceAll(story.file, basename(story.file))
    packets.push(
      block(
        ENHANCED_PACKET,
        Buffer.concat([u32(id, Number(at >> 32n), Number(at & 0xffffffffn), bytes.length, Math.max(c.length - skip, bytes.length)), bytes]),
        [...(text ? [option(OPT_COMMENT, text)] : []), option(EPB_FLAGS, u32(c.direction === 'in' ? 1 : 2))],
      ),
    )
  }
  // Byte order, version 1.0, and a section length of -1: to be found by reading on.
  const header = block(SECTION_HEADER, Buffer.concat([u32(0x1a2b3c4d), u16(1), u16(0), u32(0xffffffff, 0xffffffff)]), [
    option(OPT_COMMENT, `netlab trace in lab ${story.lab}: ${verdict(story)}`),
    option(SHB_HARDWARE, ARCH[process.arch] ?? process.arch),
    option(SHB_OS, 'Linux'),
    option(SHB_APPLICATION, `netlab ${VERSION}`),
  ])
  return Buffer.concat([header, ...interfaces, ...packets])
}
