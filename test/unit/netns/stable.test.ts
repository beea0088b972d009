/** Dumps without what changes by itself: the recorded ones, and messages that are made to differ. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { attribute, request, RTM, u32 } from '../../../src/netns/netlink/message.ts'
import { digestOf, digestOnceSettled, stable } from '../../../src/netns/netlink/stable.ts'
import type { IpFdb, IpLink, IpNeighbour } from '../../../src/netns/netlink/types.ts'
import { decodeDumps, type RecordedDumps } from '../../support/recorded-dumps.ts'

const folder = new URL('recorded/', import.meta.url)

describe.each(readdirSync(folder))('what is left of the dumps of %s', (file) => {
  const { dumps } = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as { dumps: RecordedDumps }
  const left = Object.fromEntries(
    Object.entries(dumps).map(([name, base64]) => [name, stable(Buffer.from(base64, 'base64')).toString('base64')]),
  ) as RecordedDumps
  const [whole, rest] = [decodeDumps(dumps), decodeDumps(left)]

  test('is no longer, and the same when it is done twice', () => {
    for (const [name, base64] of Object.entries(left)) {
      const bytes = Buffer.from(base64, 'base64')
      expect(bytes.length, name).toBeLessThanOrEqual(Buffer.from(dumps[name as keyof RecordedDumps], 'base64').length)
      expect(stable(bytes), name).toEqual(bytes)
    }
  })

  test('decodes to the same devices, but for their queueing disciplines', () => {
    expect(rest['links']).toEqual((whole['links'] as IpLink[]).map(({ qdisc: _qdisc, ...link }) => link))
    expect(rest['links']!.length).toBeGreaterThan(0)
  })

  test.each(['routes4', 'routes6', 'rules4', 'rules6', 'tables', 'proxied'])('decodes to the same %s', (name) => {
    expect(rest[name]).toEqual(whole[name])
  })

  test('decodes to the same queueing disciplines, but for those of devices without a queue', () => {
    expect(rest['qdiscs']).toEqual(whole['qdiscs']!.filter((q) => !('kind' in q) || !/^no(queue|op)$/.test(String(q.kind))))
  })

  test('decodes to the neighbours and entries that nothing but a command takes away', () => {
    const stays = ({ state = [], lladdr = '' }: IpNeighbour): boolean =>
      state.includes('PERMANENT') || (state.includes('NOARP') && !/^(33:33|01:00|ff:ff|00:00:00:00:00:00)/.test(lladdr))
    expect(rest['neighbours']).toEqual((whole['neighbours'] as IpNeighbour[]).filter(stays))
    expect(rest['fdb']).toEqual((whole['fdb'] as IpFdb[]).filter(({ state = '' }) => state === 'permanent' || state === 'static'))
  })
})

/** A message of a dump. */
function message(type: number, fixed: Buffer, ...attributes: Buffer[]): Buffer {
  return request(type, 0, 3, Buffer.concat([fixed, ...attributes]))
}
const word = (type: number, text: string): Buffer => attribute(type, Buffer.from(`${text}\0`))
const nest = (type: number, ...inside: Buffer[]): Buffer => attribute(type, Buffer.concat(inside))

interface Veth {
  readonly flags?: number
  readonly operstate?: number
  readonly portState?: number
  readonly timer?: number
  readonly mtu?: number
  readonly isolated?: number
  readonly carrierChanges?: number
}
/** IFF_UP, and with IFF_RUNNING and IFF_LOWER_UP. */
const [UP, WORKS] = [1, 0x10041]

/** A port of a bridge. */
function veth({ flags = WORKS, operstate = 6, portState = 3, timer = 0, mtu = 1500, isolated = 0, carrierChanges = 2 }: Veth = {}): Buffer {
  const fixed = Buffer.alloc(16)
  fixed.writeInt32LE(4, 4)
  fixed.writeUInt32LE(flags, 8)
  const port = nest(5, attribute(1, Buffer.of(portState)), attribute(21, Buffer.alloc(8, timer)), attribute(33, Buffer.of(isolated)))
  return message(
    RTM.newLink,
    fixed,
    word(3, 'p1'),
    attribute(4, u32(mtu)),
    attribute(16, Buffer.of(operstate)),
    attribute(35, u32(carrierChanges)),
    nest(18, word(1, 'veth'), word(4, 'bridge'), port),
  )
}

/** A neighbour with a link-layer address, or a station behind a bridge's port. */
function neighbour(family: number, state: number, lladdr: Buffer, used = 0): Buffer {
  const fixed = Buffer.alloc(12)
  fixed[0] = family
  fixed.writeInt32LE(4, 4)
  fixed.writeUInt16LE(state, 8)
  return message(RTM.newNeigh, fixed, attribute(1, Buffer.of(10, 0, 0, 1)), attribute(2, lladdr), attribute(3, Buffer.alloc(16, used)))
}

/** The route to all groups, by a device that speaks IPv6. */
function groups(): Buffer {
  const fixed = Buffer.alloc(12)
  fixed[0] = 10
  fixed[1] = 8
  fixed[7] = 5
  return message(RTM.newRoute, fixed, attribute(1, Buffer.of(0xff, ...Buffer.alloc(15))))
}

describe('the digest', () => {
  const mac = Buffer.of(2, 0, 0, 0, 0, 1)
  test('is the same whatever timers, counters and sockets say', () => {
    const fromOther = veth()
    fromOther.writeUInt32LE(4711, 12)
    for (const same of [veth({ timer: 7 }), veth({ carrierChanges: 3 }), fromOther]) expect(digestOf(same, '')).toBe(digestOf(veth(), ''))
    expect(digestOf(neighbour(2, 0x80, mac, 1), '')).toBe(digestOf(neighbour(2, 0x80, mac, 9), ''))
  })
  test.each([
    ['another MTU', veth({ mtu: 1400 })],
    ['an attribute of a port', veth({ isolated: 1 })],
    ['a device that was taken down', veth({ flags: 0, operstate: 2 })],
    ['a device without a carrier', veth({ flags: UP, operstate: 3 })],
    ['a port that does not forward', veth({ portState: 0 })],
    ['a second device', Buffer.concat([veth(), veth({ mtu: 1400 })])],
    ['no device', Buffer.alloc(0)],
    ['a permanent neighbour', Buffer.concat([veth(), neighbour(2, 0x80, mac)])],
    ['a neighbour without ARP', Buffer.concat([veth(), neighbour(2, 0x40, mac)])],
    ['a static entry of a bridge', Buffer.concat([veth(), neighbour(7, 0x40, mac)])],
  ])('is another with %s', (_, other) => {
    expect(digestOf(other, '')).not.toBe(digestOf(veth(), ''))
  })
  test('is another when a file has something else', () => {
    expect(digestOf(veth(), '0')).not.toBe(digestOf(veth(), '1'))
  })
  test.each([
    ['learned by ARP', neighbour(2, 0x2, mac)],
    ['of a group', neighbour(2, 0x40, Buffer.of(1, 0, 0x5e, 0, 0, 1))],
    ['of loopback', neighbour(2, 0x40, Buffer.alloc(6))],
    ['that a bridge learned', neighbour(7, 0x2, mac)],
  ])('does not count an entry %s', (_, entry) => {
    expect(digestOf(Buffer.concat([veth(), entry]), '')).toBe(digestOf(veth(), ''))
  })
})

describe('the digest once devices carry frames', () => {
  const starting = veth({ flags: UP, operstate: 2, portState: 0 })
  test('is foreseen while they start', () => {
    expect(digestOnceSettled(starting, '')).toBe(digestOf(veth(), ''))
    expect(digestOnceSettled(veth(), '')).toBe(digestOf(veth(), ''))
  })
  test('is that of a device that is down, where it is down', () => {
    const down = veth({ flags: 0, operstate: 2, portState: 0 })
    expect(digestOnceSettled(down, '')).toBe(digestOf(down, ''))
  })
  test('is not foreseen where IPv6 has more to do then', () => {
    expect(digestOnceSettled(Buffer.concat([starting, groups()]), '')).toBeUndefined()
    expect(digestOnceSettled(Buffer.concat([veth(), groups()]), '')).toBe(digestOf(Buffer.concat([veth(), groups()]), ''))
  })
})
