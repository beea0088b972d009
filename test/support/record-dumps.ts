/**
 * Records the dumps of a namespace with everything in it (zoo.ts), for the unit tests of their decoders, with what they
 * decode to: the kernel test says that this is what iproute2 prints. As root, in the machine or in the VM:
 *
 *   unshare -n npx tsx test/support/record-dumps.ts test/unit/netns/recorded/NAME.json
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { inside } from '../../src/netns/inside.ts'
import { request } from '../../src/netns/netlink/message.ts'
import { withReader } from '../../src/netns/netlink/reader.ts'
import { NetlinkSocket } from '../../src/netns/netlink/socket.ts'
import { decodeDumps, type RecordedDumps } from './recorded-dumps.ts'
import { makeZoo } from './zoo.ts'

/** Dumps in the order in which they were asked for. */
const recorded: string[] = []
const dump = NetlinkSocket.prototype.dump
NetlinkSocket.prototype.dump = function (type, body) {
  const found = dump.call(this, type, body)
  recorded.push(Buffer.concat(found.map((m) => request(m.type, m.flags, m.sequence, m.body))).toString('base64'))
  return found
}

const other = `nlt-record-${process.pid}`
spawnSync('ip', ['netns', 'add', other])
try {
  inside(other, () => spawnSync('ip', ['link', 'set', 'lo', 'up']))
  makeZoo(other)
  withReader((r) => [r.links(), r.routes(), r.rules(4), r.rules(6), r.neighbours(), r.proxied(), r.fdb(), r.qdiscs(), r.nftTables()])
} finally {
  spawnSync('ip', ['netns', 'delete', other])
}
const [links, addresses, routes4, routes6, rules4, rules6, neighbours, proxied, fdb, qdiscs, tables] = recorded as [
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string,
]
const dumps: RecordedDumps = { links, addresses, routes4, routes6, rules4, rules6, neighbours, proxied, fdb, qdiscs, tables }
writeFileSync(process.argv[2]!, `${JSON.stringify({ dumps, decoded: decodeDumps(dumps) }, null, 1)}\n`)
