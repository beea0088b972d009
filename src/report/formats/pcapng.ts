/**
 * A result's frames as one pcapng file (draft-ietf-opsawg-pcapng): an interface per device, named `node/device`,
 * nanoseconds, directions, and what was decided about a packet as its comment. Opens in Wireshark.
 */
import { basename } from 'node:path'
import { isEthernet } from '../../packet/decode.ts'
import type { Capture, Decision, Drop, Hop, TraceResult } from '../../trace/result.ts'
import { interfaceBlock, packetBlock, sectionBlock } from './pcapng-blocks.ts'

/** The verdict in words: `dropped at node-2 vxlan1: policy …`. */
export function verdict({ outcome, drop, rttMs, from, to }: TraceResult): string {
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

/** The last hop with a frame on the leg that the packet was dropped on. */
function lastSeen(hops: readonly Hop[]): Hop | undefined {
  return hops.findLast((h) => h.capture !== undefined)
}

/** Comments by index into the result's captures. */
function comments(result: TraceResult): Map<number, string[]> {
  const lines = new Map<number, string[]>()
  const add = (capture: number | undefined, more: readonly string[]): void => {
    if (capture !== undefined && more.length > 0) lines.set(capture, [...(lines.get(capture) ?? []), ...more])
  }
  for (const hop of [...result.forward, ...result.reply]) add(hop.capture, hop.decisions.map(decisionLine))
  if (result.drop) add(lastSeen(result.drop.leg === 'forward' ? result.forward : result.reply)?.capture, dropLines(result.drop))
  if (result.captures.length > 0) add(inOrder(result).at(-1)!.index, [`verdict: ${verdict(result)}`])
  return lines
}

/** Captures by time; those of one instant stay as they came. */
const inOrder = (result: TraceResult): { readonly capture: Capture; readonly index: number }[] =>
  result.captures
    .map((capture, index) => ({ capture, index }))
    .sort((a, b) => (a.capture.at < b.capture.at ? -1 : a.capture.at > b.capture.at ? 1 : a.index - b.index))

export function pcapng(result: TraceResult): Buffer {
  const said = comments(result)
  const names = new Map<string, number>()
  const interfaces: Buffer[] = []
  const packets: Buffer[] = []
  for (const { capture: c, index } of inOrder(result)) {
    // A device may be deleted and made anew as another kind: then it is two interfaces of one name.
    const key = `${c.netns} ${c.device} ${isEthernet(c.hardware)}`
    let id = names.get(key)
    if (id === undefined) {
      id = names.size
      names.set(key, id)
      interfaces.push(interfaceBlock(`${c.node}/${c.device}`, `interface ${c.ifindex} in network namespace ${c.netns}`, c.hardware))
    }
    // Files by their last name: a capture gets passed on.
    packets.push(packetBlock(id, c, said.get(index)?.join('\n').replaceAll(result.file, basename(result.file))))
  }
  return Buffer.concat([sectionBlock(`netlab trace in lab ${result.lab}: ${verdict(result)}`), ...interfaces, ...packets])
}
