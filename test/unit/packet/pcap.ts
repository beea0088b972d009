/** Reads frames back through tshark, a decoder that shares nothing with ours. */
import { spawnSync } from 'node:child_process'

const found = spawnSync('tshark', ['--version'], { encoding: 'utf8' })

/** Why tests that ask tshark cannot run; false when they can. */
export const noTshark: string | false = found.status === 0 ? false : 'tshark is not installed (Debian: apt-get install tshark)'

/** Fields of every frame: for each field, all its values in order. */
export function tsharkFields(file: string, fields: readonly string[], options: readonly string[] = []): string[][][] {
  const args = ['-r', file, '-n', ...options, '-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=a', '-E', 'aggregator=\u0001']
  const run = spawnSync('tshark', [...args, ...fields.flatMap((f) => ['-e', f])], { encoding: 'utf8', maxBuffer: 64 << 20 })
  if (run.status !== 0) throw new Error(`tshark: ${run.stderr}`)
  return run.stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t').map((cell) => (cell === '' ? [] : cell.split('\u0001'))))
}

/** A classic pcap file (libpcap's own format), one frame a millisecond. */
export function pcap(linktype: number, frames: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(24)
  head.writeUInt32LE(0xa1b2c3d4, 0)
  head.writeUInt16LE(2, 4)
  head.writeUInt16LE(4, 6)
  head.writeUInt32LE(262144, 16)
  head.writeUInt32LE(linktype, 20)
  const records = frames.map((bytes, i) => {
    const record = Buffer.alloc(16)
    record.writeUInt32LE(1, 0)
    record.writeUInt32LE(i * 1000, 4)
    record.writeUInt32LE(bytes.length, 8)
    record.writeUInt32LE(bytes.length, 12)
    return Buffer.concat([record, bytes])
  })
  return Buffer.concat([head, ...records])
}
