import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decode, draftLength } from '../../../src/packet/decode.ts'
import type { Layer } from '../../../src/packet/headers.ts'
import { sealedIn, tunnelForms, tunnelsOf } from '../../../src/packet/tunnels.ts'
import { ip6Text } from '../../../src/packet/text.ts'
import { A, address, B, error4, eth, FRAMES, hex, ip4, ping4, udp } from './frames.ts'

const types = (layers: readonly Layer[]): string => layers.map((l) => l.type).join(' ')
const of = (name: string): Layer[] => decode(FRAMES[name]!.bytes, FRAMES[name]!.hardware)

describe('vectors written out by hand', () => {
  test('ARP request (RFC 826)', () => {
    const bytes = hex(`ffffffffffff 02000000000a 0806
      0001 0800 06 04 0001  02000000000a 0af40002  000000000000 0af40001`)
    expect(decode(bytes, 1)).toEqual([
      { type: 'ethernet', src: '02:00:00:00:00:0a', dst: 'ff:ff:ff:ff:ff:ff', etherType: 0x0806 },
      {
        type: 'arp',
        kind: 'request',
        senderMac: '02:00:00:00:00:0a',
        senderIp: '10.244.0.2',
        targetMac: '00:00:00:00:00:00',
        targetIp: '10.244.0.1',
      },
    ])
  })

  test('IPv4 and an echo request (RFC 791, RFC 792)', () => {
    const bytes = hex(`02000000000b 02000000000a 0800
      45 00 0024 1267 4000 3f 01 0000 0af40002 0af40102
      08 00 0000 004d 0001 6e65746c61622121`)
    expect(decode(bytes, 1).slice(1)).toEqual([
      { type: 'ipv4', src: '10.244.0.2', dst: '10.244.1.2', ttl: 63, protocol: 1, id: 4711, length: 36, df: true },
      { type: 'icmp', kind: 'echo-request', icmpType: 8, code: 0, id: 77, seq: 1 },
      { type: 'payload', length: 8 },
    ])
  })

  test('TCP SYN with its options (RFC 9293)', () => {
    const bytes = hex(`45000030 00010000 40060000 0af40002 0af40102
      9c40 1f90 000003e8 00000000 7002 faf0 0000 0000  0402 01 01 0204 05b4`)
    expect(decode(bytes, 768)).toEqual([
      { type: 'ipv4', src: '10.244.0.2', dst: '10.244.1.2', ttl: 64, protocol: 6, id: 1, length: 48, df: false },
      { type: 'tcp', srcPort: 40000, dstPort: 8080, seq: 1000, ack: 0, flags: ['syn'], mss: 1460 },
    ])
  })

  test('WireGuard: data shows which packet of a session it is, and how long', () => {
    const [, , , layer, ...rest] = of('wireguard')
    expect(layer).toEqual({ type: 'wireguard', message: 'data', receiver: 0x11223344, counter: 258, sealed: 48 })
    expect(types(rest)).toBe('payload')
    expect(sealedIn(of('wireguard'))).toMatchObject({ at: 3, name: `${0x11223344} 258` })
    expect(of('wireguardKeepalive')[3]).toMatchObject({ message: 'data', sealed: 0 })
    // It carries no packet.
    expect(sealedIn(of('wireguardKeepalive'))).toBeUndefined()
  })

  test.each([
    ['01000000', 148, 'handshake-initiation'],
    ['02000000', 92, 'handshake-response'],
    ['03000000', 64, 'cookie-reply'],
    ['01000000', 147, undefined],
    ['04000000', 31, undefined],
    ['04000001', 80, undefined],
    ['05000000', 80, undefined],
  ])('WireGuard: %s and %i bytes are %s', (begins, length, message) => {
    const bytes = Buffer.concat([hex(begins), Buffer.alloc(length - 4)])
    const found = decode(ip4('192.168.50.11', '192.168.50.12', 17, udp([51820, 51820], bytes)), 768).find((l) => l.type === 'wireguard')
    expect(found?.message).toBe(message)
  })

  test('VXLAN over IPv6 (RFC 7348): outer headers, VNI, inner frame', () => {
    const inner = '02000000000d 02000000000c 0806 0001 0800 0604 0002 02000000000c 0af40101 02000000000d 0af40001'
    const bytes = hex(`6000 0000 003a 11 40  fd000050000000000000000000000011 fd000050000000000000000000000012
      c822 2118 003a 0000  08 000000 abcdef 00 ${inner}`)
    expect(decode(bytes, 768)).toEqual([
      { type: 'ipv6', src: 'fd00:50::11', dst: 'fd00:50::12', ttl: 64, protocol: 17, length: 98 },
      { type: 'udp', srcPort: 51234, dstPort: 8472, length: 58 },
      { type: 'vxlan', vni: 0xabcdef },
      { type: 'ethernet', src: '02:00:00:00:00:0c', dst: '02:00:00:00:00:0d', etherType: 0x0806 },
      expect.objectContaining({ type: 'arp', kind: 'reply', senderIp: '10.244.1.1', targetMac: '02:00:00:00:00:0d' }),
    ])
  })

  test.each([
    ['no options', '0000 0800', undefined],
    ['a key', '2000 0800 00000009', 9],
    ['checksum, key, sequence', 'b000 0800 ffff0000 fffffffe 00000003', 0xfffffffe],
    ['checksum only', '8000 0800 ffff0000', undefined],
  ])('GRE (RFC 2784, RFC 2890) with %s', (_, header, key) => {
    const outer = hex('45000000 00010000 402f0000 c0a8320b c0a8320c')
    const layers = decode(Buffer.concat([outer, hex(header), ip4('10.0.0.1', '10.0.0.2', 1, ping4(8, 1, 1))]), 768)
    expect(layers[1]).toEqual({ type: 'gre', protocol: 0x0800, ...(key === undefined ? {} : { key }) })
    expect(types(layers)).toBe('ipv4 gre ipv4 icmp payload')
  })

  test('the link-layer header of a multipoint GRE device is passed over: on the way out it is a draft', () => {
    const inner = ip4('10.244.0.2', '10.244.1.2', 1, ping4(8, 1, 1))
    const draft = hex('45000000 00000000 002f0000 c0a8320b c0a8320c  2000 0800 00010800')
    const received = ip4('192.168.50.11', '192.168.50.12', 47, Buffer.concat([hex('2000 0800 00000009'), inner]))
    for (const [name, bytes] of Object.entries({
      draft: Buffer.concat([draft, inner]),
      received,
      padded: Buffer.concat([received, Buffer.alloc(9)]),
      inner,
    })) {
      expect(decode(bytes, 778), name).toEqual(decode(inner, 768))
      expect(draftLength(bytes, 778), name).toBe(name === 'inner' ? 0 : 28)
      expect(draftLength(bytes, 768), name).toBe(0)
    }
  })

  test('neighbour advertisement (RFC 4861): the option is found behind others', () => {
    const bytes = hex(`6000 0000 0028 3a ff  fd000010024400010000000000000002 fd000010024400000000000000000002
      88 00 0000 60000000  fd000010024400010000000000000002  0e01 000000000000  0201 02000000000b`)
    expect(decode(bytes, 768)[1]).toEqual({
      type: 'icmpv6',
      kind: 'neighbour-advertisement',
      icmpType: 136,
      code: 0,
      target: 'fd00:10:244:1::2',
      targetMac: '02:00:00:00:00:0b',
    })
  })
})

describe('one of everything', () => {
  test.each([
    ['arpReply', 'ethernet arp'],
    ['vlan', 'ethernet ipv4 icmp payload'],
    ['vxlan', 'ethernet ipv4 udp vxlan ethernet ipv4 icmp payload'],
    ['vxlan6', 'ethernet ipv6 udp vxlan ethernet ipv6 icmpv6 payload'],
    ['vxlanTwice', 'ethernet ipv4 udp vxlan ethernet ipv4 udp vxlan ethernet ipv4 icmp payload'],
    ['gretap', 'ethernet ipv4 gre ethernet ipv4 icmp payload'],
    ['gre6', 'ethernet ipv4 gre ipv6 icmpv6 payload'],
    ['ipip', 'ethernet ipv4 ipv4 icmp payload'],
    ['sit', 'ethernet ipv4 ipv6 icmpv6 payload'],
    ['hopByHop', 'ethernet ipv6 icmpv6 payload'],
    ['fragmentFirst', 'ethernet ipv4 udp payload'],
    ['fragmentLast', 'ethernet ipv4 payload'],
    ['fragment6First', 'ethernet ipv6 icmpv6 payload'],
    ['fragment6Last', 'ethernet ipv6 payload'],
    ['onSit', 'ipv6 icmpv6 payload'],
  ])('%s is %s', (name, expected) => expect(types(of(name))).toBe(expected))

  test('VLAN tags are passed over and told', () => {
    expect(of('vlan')[0]).toMatchObject({ etherType: 0x0800, vlans: [42] })
    expect(of('qinq')[0]).toMatchObject({ etherType: 0x0800, vlans: [7, 42] })
    expect(of('ping')[0]).not.toHaveProperty('vlans')
  })

  test('fragments say which bytes they are', () => {
    expect(of('fragmentFirst')[1]).toMatchObject({ fragment: { offset: 0, more: true } })
    expect(of('fragmentLast')[1]).toMatchObject({ fragment: { offset: 1480, more: false } })
    expect(of('fragment6Last')[1]).toMatchObject({ fragment: { offset: 1232, more: false }, protocol: 60 })
  })

  test('padding behind the packet is no payload', () => {
    expect(of('padded').at(-1)).toEqual({ type: 'payload', length: 4 })
    expect(types(of('arpReply'))).toBe('ethernet arp')
  })

  test('errors quote the packet they complain about', () => {
    expect(of('tooBig')[2]).toMatchObject({
      kind: 'too-big',
      mtu: 1450,
      quoted: [
        { type: 'ipv4', src: '10.244.0.2' },
        { type: 'icmp', id: 77 },
        { type: 'payload', length: 8 },
      ],
    })
    expect(of('timeExceeded')[2]).toMatchObject({
      kind: 'time-exceeded',
      quoted: [{ type: 'ipv4' }, { type: 'tcp', srcPort: 40000, dstPort: 8080, seq: 1000, flags: [] }],
    })
    expect(of('tooBig6')[2]).toMatchObject({
      kind: 'too-big',
      mtu: 1430,
      quoted: [{ type: 'ipv6' }, { type: 'icmpv6', id: 77 }, { type: 'payload' }],
    })
  })

  test('Geneve, with options and without', () => {
    expect(of('geneve').slice(3, 5)).toMatchObject([{ type: 'geneve', vni: 42, protocol: 0x6558 }, { type: 'ethernet' }])
    expect(of('geneve')[3]).not.toHaveProperty('options')
    expect(types(of('geneveOptions'))).toBe('ethernet ipv4 udp geneve ethernet ipv6 icmpv6 payload')
    expect(of('geneveOptions')[3]).toMatchObject({ options: 8 })
  })

  test('a port carries bare packets where the lab says so', () => {
    const bytes = eth(
      A,
      B,
      0x0800,
      ip4('192.168.50.11', '192.168.50.12', 17, udp([8285, 8285], ip4('10.244.0.2', '10.244.1.2', 1, ping4(8, 77, 1)))),
    )
    const layers = decode(bytes, 1, { ports: { 8285: 'ipv4' } })
    expect(types(layers)).toBe('ethernet ipv4 udp ipv4 icmp payload')
    expect(tunnelsOf(layers).map(({ type, label, title }) => [type, label, title])).toEqual([['udp', 'udp 8285', 'IP in UDP · port 8285']])
    expect(types(decode(bytes, 1))).toBe('ethernet ipv4 udp payload')
    expect(tunnelForms({ 8285: 'ipv4' })).toContainEqual({ ipProtocol: 17, udpPort: 8285, length: 8, inside: 4 })
    expect(tunnelForms({}).some((form) => form.udpPort === 8285)).toBe(false)
  })

  test('errors about tunnels quote what is in the tunnel', () => {
    const quoted = (name: string): readonly Layer[] => (of(name)[2] as { quoted: readonly Layer[] }).quoted
    expect(types(quoted('tunnelError'))).toBe('ipv4 udp vxlan ethernet ipv4 icmp payload')
    expect(quoted('tunnelError').at(-2)).toMatchObject({ kind: 'echo-request', id: 77 })
    expect(quoted('greError')[1]).toEqual({ type: 'gre', protocol: 0x0800, key: 9 })
  })

  test('a port is VXLAN where the lab says so, and only with a valid header', () => {
    const { bytes } = FRAMES['vxlan']!
    const elsewhere = Buffer.from(bytes)
    elsewhere.writeUInt16BE(7777, 14 + 20 + 2)
    expect(types(decode(elsewhere, 1))).toBe('ethernet ipv4 udp payload')
    expect(types(decode(elsewhere, 1, { ports: { 7777: 'vxlan' } }))).toBe(types(decode(bytes, 1)))
    const invalid = Buffer.from(bytes)
    invalid[14 + 20 + 8] = 0
    expect(types(decode(invalid, 1))).toBe('ethernet ipv4 udp payload')
  })

  test('what a header says about itself is believed only as far as it can be', () => {
    const packet = ip4('10.0.0.1', '10.0.0.2', 1, ping4(8, 1, 1))
    // A priority is no part of the VLAN id; addresses of another length are not ARP as we know it; 16 bytes are no IPv4 header.
    expect(decode(Buffer.concat([hex('02000000000b 02000000000a 8100 e02a 0800'), packet]), 1)[0]).toMatchObject({ vlans: [42] })
    expect(types(decode(hex('ffffffffffff 02000000000a 0806 0001 0800 06 06 0001' + '00'.repeat(24)), 1))).toBe('ethernet payload')
    expect(types(decode(Buffer.concat([hex('44'), packet.subarray(1)]), 768))).toBe('payload')
    // GRE with source routes is of unknown length, whatever follows.
    expect(types(decode(ip4('10.0.0.1', '10.0.0.2', 47, Buffer.concat([hex('40000800'), packet])), 768))).toBe('ipv4 gre payload')
    // Bytes behind the end of an IPv6 packet are not of it.
    const padded = Buffer.concat([FRAMES['onSit']!.bytes, Buffer.alloc(6)])
    expect(decode(padded, 768)).toEqual(of('onSit'))
    // Of a TCP header cut short only the first eight bytes count.
    const syn = FRAMES['syn']!.bytes.subarray(14, 14 + 20 + 19)
    expect(decode(syn, 768)[1]).toMatchObject({ type: 'tcp', srcPort: 40000, flags: [], ack: 0 })
  })

  test('options of neighbour discovery are walked by their length, and one of length 0 ends the walk', () => {
    const message = (options: string): string =>
      `6000 0000 ${(24 + hex(options).length).toString(16).padStart(4, '0')} 3a ff ${'fd'.repeat(16)} ${'fe'.repeat(16)} 87 00 0000 00000000 ${'fd'.repeat(16)} ${options}`
    const mac = (options: string): unknown => decode(hex(message(options)), 768)[1]
    expect(mac('0e02 000000000000 0101 0badbadbad00 0101 02000000000b')).toMatchObject({ targetMac: '02:00:00:00:00:0b' })
    expect(mac('0e00 000000000000 0101 02000000000b')).not.toHaveProperty('targetMac')
  })

  test('PPTP, source routes, InARP, unknown protocols: what is known is told, the rest is payload', () => {
    const outer = (rest: string): Buffer => ip4('10.0.0.1', '10.0.0.2', 47, hex(rest))
    expect(decode(outer('3001 880b 0004 0000 00000001'), 768).slice(1)).toEqual([
      { type: 'gre', protocol: 0x880b },
      { type: 'payload', length: 8 },
    ])
    expect(types(decode(outer('4000 0800 00000000 45'), 768))).toBe('ipv4 gre payload')
    expect(types(decode(ip4('10.0.0.1', '10.0.0.2', 89, Buffer.alloc(12)), 768))).toBe('ipv4 payload')
    expect(types(decode(hex('ffffffffffff 02000000000a 0806 0001 0800 06 04 0008' + '00'.repeat(20)), 1))).toBe('ethernet payload')
    expect(decode(ip4('10.0.0.1', '10.0.0.2', 1, hex('0d00 0000 00000000')), 768)[1]).toMatchObject({ kind: 'type 13' })
  })
})

test('addresses are written as RFC 5952 says', () => {
  const text = (a: string): string => ip6Text(address(a), 0)
  for (const a of ['::', '::1', 'fe80::1', '2001:db8::1:0:0:1', '2001:db8:0:1:1:1:1:1', 'ff02::1:ff00:2', '1::']) expect(text(a)).toBe(a)
})

/** What the last layer with a length says it covers, so that no byte is counted twice. */
const total = (layers: readonly Layer[]): number => layers.reduce((sum, l) => sum + (l.type === 'payload' ? l.length : 0), 0)

describe('whatever the bytes are', () => {
  test('every frame cut at every byte decodes to a beginning of the whole', () => {
    for (const [name, { bytes, hardware }] of Object.entries(FRAMES)) {
      const whole = decode(bytes, hardware)
      for (let n = 0; n < bytes.length; n++) {
        const part = decode(bytes.subarray(0, n), hardware)
        const known = part.filter((l) => l.type !== 'payload').map((l) => l.type)
        expect(types(whole), `${name} cut at ${n}`).toContain(known.join(' '))
        expect(total(part), `${name} cut at ${n}`).toBeLessThanOrEqual(n)
        expect(
          part.findIndex((l) => l.type === 'payload'),
          `${name} cut at ${n}: payload is last`,
        ).toBeOneOf([-1, part.length - 1])
      }
    }
  })

  const hardware = fc.constantFrom(1, 772, 768, 778, 65534)
  test('random bytes never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), hardware, (bytes, h) => void decode(Buffer.from(bytes), h)),
      { numRuns: 2000 },
    )
  })

  test('real frames with bytes flipped never throw, and always end', () => {
    const frame = fc.constantFrom(...Object.values(FRAMES))
    const flips = fc.array(fc.tuple(fc.nat({ max: 150 }), fc.nat({ max: 255 })), { maxLength: 6 })
    fc.assert(
      fc.property(frame, flips, (f, edits) => {
        const bytes = Buffer.from(f.bytes)
        for (const [at, value] of edits) bytes[at % bytes.length] = value
        const layers = decode(bytes, f.hardware)
        expect(layers.length).toBeLessThan(50)
      }),
      { numRuns: 3000 },
    )
  })

  test.each([
    ['IPIP', hex('45000000 00010000 40040000 0a000001 0a000002')],
    ['bridged GRE frames', hex('02000000000a 02000000000b 6558')],
    ['ICMP errors', Buffer.concat([hex('45000000 00010000 40010000 0a000001 0a000002'), hex('0300 0000 00000000')])],
    ['VLAN tags', hex('0001 8100')],
  ])('64 KiB of nested %s ends', (name, header) => {
    const start = name === 'VLAN tags' ? hex('02000000000a 02000000000b 8100') : Buffer.alloc(0)
    const bytes = Buffer.concat([start, ...Array.from({ length: Math.floor(65536 / header.length) }, () => header)])
    const layers = decode(bytes, name === 'IPIP' || name === 'ICMP errors' ? 768 : 1)
    expect(layers.length).toBeLessThan(50)
    expect(JSON.stringify(layers).length).toBeLessThan(100_000 * 4)
  })

  test('an error about an error about an error stops being followed', () => {
    let packet = ip4('10.0.0.1', '10.0.0.2', 1, ping4(8, 1, 1))
    for (let i = 0; i < 9; i++) packet = ip4('10.0.0.1', '10.0.0.2', 1, error4(3, 1, packet))
    expect(JSON.stringify(decode(packet, 768)).split('quoted').length - 1).toBe(3)
  })
})
