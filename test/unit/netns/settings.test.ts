import { expect, test } from 'vitest'
import { Attributes, attribute, RTM, u32, type Message } from '../../../src/netns/netlink/message.ts'
import { deviceSetting, placeSetting, settingOf } from '../../../src/netns/netlink/settings.ts'

/** As many settings as a device has, all of them `value`, but for one. */
function conf(count: number, value: number, at: number, other: number): Buffer {
  const bytes = Buffer.alloc(4 * count)
  for (let i = 0; i < count; i++) bytes.writeInt32LE(i === at ? other : value, 4 * i)
  return bytes
}
const [INET, INET6] = [2, 10]
/** IFLA_AF_SPEC of a device. */
const device = (...families: Buffer[]): Attributes => new Attributes(attribute(26, Buffer.concat(families)))
const inet = (values: Buffer): Buffer => attribute(INET, attribute(1, values))
const inet6 = (values: Buffer): Buffer => attribute(INET6, Buffer.concat([attribute(1, u32(0)), attribute(2, values)]))

test.each([
  ['net/ipv4/ip_forward', { family: 'ipv4', place: 'all', word: 'forwarding', dump: 'settings4' }],
  ['net/ipv4/conf/default/rp_filter', { family: 'ipv4', place: 'default', word: 'rp_filter', dump: 'settings4' }],
  ['net/ipv6/conf/all/forwarding', { family: 'ipv6', place: 'all', word: 'forwarding', dump: 'settings6' }],
  ['net/ipv4/conf/eth0.5/arp_ignore', { family: 'ipv4', place: 'eth0.5', word: 'arp_ignore', dump: 'links' }],
  ['net/ipv6/conf/toString/disable_ipv6', { family: 'ipv6', place: 'toString', word: 'disable_ipv6', dump: 'links' }],
  // No dump has these.
  ['net/ipv4/conf/all/arp_ignore', undefined],
  ['net/ipv6/conf/all/disable_ipv6', undefined],
  ['net/ipv4/conf/eth0/toString', undefined],
  ['net/ipv4/ip_default_ttl', undefined],
])('%s is the setting %j', (path, setting) => expect(settingOf(path)).toEqual(setting))

test('a setting of a device is in the array of its family, and nowhere in that of a device without it', () => {
  const a = device(inet(conf(32, 0, 18, 8)), inet6(conf(60, 1, 1, 64)))
  const value = (path: string, of = a): string | undefined => deviceSetting(of, settingOf(path)!)
  expect(value('net/ipv4/conf/x/arp_ignore')).toBe('8')
  expect(value('net/ipv4/conf/x/accept_local')).toBe('0')
  expect(value('net/ipv6/conf/x/hop_limit')).toBe('64')
  expect(value('net/ipv6/conf/x/disable_ipv6')).toBe('1')
  expect(value('net/ipv6/conf/x/disable_ipv6', device(inet(conf(32, 0, 0, 0))))).toBeUndefined()
  // A kernel that had fewer settings.
  expect(value('net/ipv4/conf/x/accept_local', device(inet(conf(10, 0, 0, 0))))).toBeUndefined()
})

test('a setting of all and of default is where the index says so', () => {
  const message = (index: number, rpFilter: number): Message => {
    const body = Buffer.concat([Buffer.from([INET, 0, 0, 0]), attribute(1, u32(index >>> 0)), attribute(3, u32(rpFilter))])
    return { type: RTM.newNetconf, flags: 0, sequence: 1, body }
  }
  const dump = [message(5, 0), message(-1, 2), message(-2, 1)]
  expect(placeSetting(dump, settingOf('net/ipv4/conf/all/rp_filter')!)).toBe('2')
  expect(placeSetting(dump, settingOf('net/ipv4/conf/default/rp_filter')!)).toBe('1')
  expect(placeSetting(dump, settingOf('net/ipv4/conf/all/proxy_arp')!)).toBeUndefined()
  expect(placeSetting(dump, settingOf('net/ipv6/conf/all/forwarding')!)).toBeUndefined()
})
