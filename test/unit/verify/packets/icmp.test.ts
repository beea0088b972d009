/** Echoes and errors, as bytes. */
import { expect, test } from 'vitest'
import { echoQuoted, echoReplied, echoRequest, icmpError, ipv4Packet, type IcmpKind } from '../../../../src/verify/probing/packets/icmp.ts'
import { internetChecksum } from '../../../../src/verify/probing/packets/checksum.ts'

const ECHO = { id: 0x1234, number: 0x5_6789, nonce: 0xdead_beef }
const KINDS: readonly IcmpKind[] = ['icmp', 'icmp6']

/** The kernel's answer: the type alone differs, and the checksum. */
const replied = (kind: IcmpKind, request: Buffer): Buffer => Buffer.concat([Buffer.from([kind === 'icmp' ? 0 : 129]), request.subarray(1)])

test.each(KINDS)('%s: what is sent is recognized when it comes back, by all of its numbers', (kind) => {
  const request = echoRequest(kind, ECHO, 0)
  expect(request.toString('hex')).toMatch(kind === 'icmp' ? /^0800....12346789/ : /^8000000012346789/)
  expect(request.subarray(8, 14).toString()).toBe('netlab')
  if (kind === 'icmp') expect(internetChecksum(request)).toBe(0)
  expect(echoReplied(kind, replied(kind, request))).toEqual(ECHO)
  // A request, another program's reply, and one that is cut short.
  expect(echoReplied(kind, request)).toBeUndefined()
  expect(echoReplied(kind, replied(kind, Buffer.from(request.toString('hex').replace('6e65', '6f65'), 'hex')))).toBeUndefined()
  expect(echoReplied(kind, replied(kind, request).subarray(0, 21))).toBeUndefined()
})

test('its size is that of the whole IP packet', () => {
  expect(echoRequest('icmp', ECHO, 1450).length).toBe(1430)
  expect(echoRequest('icmp6', ECHO, 1450).length).toBe(1410)
  expect(echoRequest('icmp', ECHO, 30).length).toBe(22)
})

/** An error about a packet of a protocol: 20 or 40 bytes of header, then what it carries. */
function error(kind: IcmpKind, type: number, code: number, rest: number, protocol: number, carried: Buffer): Buffer {
  const bytes = Buffer.alloc(8 + (kind === 'icmp' ? 20 : 40))
  bytes[0] = type
  bytes[1] = code
  bytes.writeUInt32BE(rest, 4)
  bytes[8] = kind === 'icmp' ? 0x45 : 0x60
  bytes[8 + (kind === 'icmp' ? 9 : 6)] = protocol
  return Buffer.concat([bytes, carried])
}

test.each([
  ['icmp', 3, 0, 0, 'unreachable', 'network unreachable'],
  ['icmp', 3, 1, 0, 'unreachable', 'host unreachable'],
  ['icmp', 3, 2, 0, 'refused', 'protocol unreachable'],
  ['icmp', 3, 3, 0, 'refused', 'port unreachable'],
  ['icmp', 3, 4, 1400, 'too-long', 'mtu=1400'],
  ['icmp', 3, 13, 0, 'prohibited', 'prohibited'],
  ['icmp', 11, 0, 0, 'unreachable', 'time to live exceeded'],
  ['icmp', 12, 0, 0, 'unreachable', 'ICMP type 12'],
  ['icmp6', 1, 0, 0, 'unreachable', 'no route'],
  ['icmp6', 1, 1, 0, 'prohibited', 'prohibited'],
  ['icmp6', 1, 3, 0, 'unreachable', 'address unreachable'],
  ['icmp6', 1, 4, 0, 'refused', 'port unreachable'],
  ['icmp6', 2, 0, 1280, 'too-long', 'mtu=1280'],
  ['icmp6', 3, 0, 0, 'unreachable', 'hop limit exceeded'],
  ['icmp6', 4, 1, 6, 'refused', 'protocol unreachable'],
] as const)('%s %i/%i is an outcome, and names the question that it quotes', (kind, type, code, rest, outcome, text) => {
  const request = echoRequest(kind, ECHO, 0)
  const protocol = kind === 'icmp' ? 1 : 58
  // Routers need quote no more than eight bytes.
  const found = icmpError(kind, error(kind, type, code, rest, protocol, request.subarray(0, 8)))!
  expect([found.outcome, found.text, found.protocol]).toEqual([outcome, text, protocol])
  expect(echoQuoted(found)).toEqual({ id: 0x1234, sequence: 0x6789 })
})

test('what is no error, quotes too little or quotes no echo of ours is left alone', () => {
  expect(icmpError('icmp', echoRequest('icmp', ECHO, 0))).toBeUndefined()
  expect(icmpError('icmp6', echoRequest('icmp6', ECHO, 0))).toBeUndefined()
  expect(icmpError('icmp', error('icmp', 3, 1, 0, 1, Buffer.alloc(7)))).toBeUndefined()
  expect(icmpError('icmp', Buffer.from('0301', 'hex'))).toBeUndefined()
  expect(echoQuoted(icmpError('icmp', error('icmp', 3, 1, 0, 6, Buffer.alloc(8)))!)).toBeUndefined()
})

test('an IPv4 header with options is skipped', () => {
  const header = Buffer.from('4600001c00000000400100000a0000010a00000200000000', 'hex')
  expect(ipv4Packet(Buffer.concat([header, Buffer.from('abcd', 'hex')]))).toEqual({
    ttl: 64,
    from: '10.0.0.1',
    to: '10.0.0.2',
    body: Buffer.from('abcd', 'hex'),
  })
})
