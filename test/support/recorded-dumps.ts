/** Recorded netlink dumps, in base64, and what they decode to. */
import { decodeLinks, devicesOf } from '../../src/netns/netlink/links.ts'
import { messages, type Message } from '../../src/netns/netlink/message.ts'
import { decodeFdb, decodeNeighbours } from '../../src/netns/netlink/neighbours.ts'
import { decodeQdiscs, decodeTables } from '../../src/netns/netlink/queues-tables.ts'
import { decodeRoutes, decodeRules } from '../../src/netns/netlink/routes.ts'

export type RecordedDumps = Readonly<
  Record<
    'links' | 'addresses' | 'routes4' | 'routes6' | 'rules4' | 'rules6' | 'neighbours' | 'proxied' | 'fdb' | 'qdiscs' | 'tables',
    string
  >
>

export const messagesOf = (base64: string): Message[] => [...messages(Buffer.from(base64, 'base64'))]

/** Everything decoded, as it is read from a file again: fields that are undefined are left out. */
export function decodeDumps(dumps: RecordedDumps): Readonly<Record<string, readonly object[]>> {
  const of = (name: keyof RecordedDumps): Message[] => messagesOf(dumps[name])
  const devices = devicesOf(of('links'))
  return {
    links: decodeLinks(of('links'), of('addresses'), devices),
    routes4: decodeRoutes(of('routes4'), 2, devices),
    routes6: decodeRoutes(of('routes6'), 10, devices),
    rules4: decodeRules(of('rules4'), 2),
    rules6: decodeRules(of('rules6'), 10),
    neighbours: decodeNeighbours(of('neighbours'), devices),
    proxied: decodeNeighbours(of('proxied'), devices),
    fdb: decodeFdb(of('fdb'), devices),
    qdiscs: decodeQdiscs(of('qdiscs')),
    tables: decodeTables(of('tables')),
  }
}
