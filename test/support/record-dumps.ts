/**
 * Records the dumps of a namespace with everything in it (zoo.ts), for the unit tests of their decoders, with what they
 * decode to: the kernel test says that this is what iproute2 prints. As root, in the machine or in the VM:
 *
 *   unshare -n npx tsx test/support/record-dumps.ts test/unit/netns/recorded/NAME.json
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { inside } from '../../src/netns/inside.ts'
import { readDumps, type DumpName } from '../../src/netns/netlink/dumps.ts'
import { messages, request } from '../../src/netns/netlink/message.ts'
import { decodeDumps, type RecordedDumps } from './recorded-dumps.ts'
import { makeZoo } from './zoo.ts'

const NAMES = ['links', 'addresses', 'routes4', 'routes6', 'rules4', 'rules6', 'neighbours', 'proxied', 'fdb', 'qdiscs', 'tables'] as const

/** A dump of the namespace the thread is in. */
const recorded = (name: DumpName): string =>
  Buffer.concat([...messages(readDumps([name]))].map((m) => request(m.type, m.flags, m.sequence, m.body))).toString('base64')

let dumps: RecordedDumps
const other = `nlt-record-${process.pid}`
spawnSync('ip', ['netns', 'add', other])
try {
  inside(other, () => spawnSync('ip', ['link', 'set', 'lo', 'up']))
  makeZoo(other)
  dumps = Object.fromEntries(NAMES.map((name) => [name, recorded(name)])) as RecordedDumps
} finally {
  spawnSync('ip', ['netns', 'delete', other])
}
writeFileSync(process.argv[2]!, `${JSON.stringify({ dumps, decoded: decodeDumps(dumps) }, null, 1)}\n`)
