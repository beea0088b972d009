/** Frames for tests, written from the RFCs and sharing no code with the decoder; checksums and lengths are right. */

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/[^0-9a-f]/gi, ''), 'hex')
const u16 = (n: number): Buffer => Buffer.from([n >> 8, n & 255])
const u32 = (n: number): Buffer => Buffer.from([n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255])
const macBytes = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex')

export function address(text: string): Buffer {
  if (!text.includes(':')) return Buffer.from(text.split('.').map(Number))
  const [head = '', tail] = text.split('::')
  const groups = (part: string | undefined): number[] => (part ? part.split(':').map((g) => parseInt(g, 16)) : [])
  const [before, behind] = [groups(head), groups(tail)]
  const zeros = tail === undefined ? 0 : 8 - before.length - behind.length
  return Buffer.concat([...before, ...Array.from({ length: zeros }, () => 0), ...behind].map(u16))
}

/** RFC 1071. */
export function checksum(...parts: Buffer[]): number {
  const b = Buffer.concat(parts)
  let sum = 0
  for (let i = 0; i < b.length; i += 2) sum += (b[i]! << 8) + (b[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

const put16 = (b: Buffer, at: number, n: number): Buffer => {
  b.writeUInt16BE(n, at)
  return b
}

export const eth = (src: string, dst: string, type: number, body: Buffer): Buffer =>
  Buffer.concat([macBytes(dst), macBytes(src), u16(type), body])

export const vlan = (id: number, type: number, body: Buffer): Buffer => Buffer.concat([u16(id), u16(type), body])

export const arp = (op: 1 | 2, sender: [string, string], target: [string, string]): Buffer =>
  Buffer.concat([hex('0001 0800 06 04'), u16(op), macBytes(sender[0]), address(sender[1]), macBytes(target[0]), address(target[1])])

export interface Ip4Options {
  readonly ttl?: number
  readonly id?: number
  readonly df?: boolean
  readonly offset?: number
  readonly more?: boolean
  readonly options?: Buffer
}

export function ip4(src: string, dst: string, protocol: number, body: Buffer, o: Ip4Options = {}): Buffer {
  const options = o.options ?? Buffer.alloc(0)
  const flags = (o.df ? 0x4000 : 0) | (o.more ? 0x2000 : 0) | ((o.offset ?? 0) / 8)
  const header = Buffer.concat([
    Buffer.from([0x45 + options.length / 4, 0]),
    u16(20 + options.length + body.length),
    u16(o.id ?? 1),
    u16(flags),
    Buffer.from([o.ttl ?? 64, protocol, 0, 0]),
    address(src),
    address(dst),
    options,
  ])
  return Buffer.concat([put16(header, 10, checksum(header)), body])
}

export const ip6 = (src: string, dst: string, next: number, body: Buffer, hops = 64): Buffer =>
  Buffer.concat([hex('60000000'), u16(body.length), Buffer.from([next, hops]), address(src), address(dst), body])

/** Of TCP, UDP and ICMPv6: addresses, length, protocol (RFC 8200 §8.1, RFC 9293 §3.1). */
const pseudo = (src: string, dst: string, protocol: number, length: number): Buffer => {
  const [s, d] = [address(src), address(dst)]
  return s.length === 4 ? Buffer.concat([s, d, Buffer.from([0, protocol]), u16(length)]) : Buffer.concat([s, d, u32(length), u32(protocol)])
}

export const ping4 = (type: 0 | 8, id: number, seq: number, data = Buffer.from('netlab!!')): Buffer => {
  const b = Buffer.concat([Buffer.from([type, 0, 0, 0]), u16(id), u16(seq), data])
  return put16(b, 2, checksum(b))
}

/** Type 3 and 11 of ICMP: unused word (its lower half the MTU), then the packet complained about. */
export const error4 = (type: number, code: number, quoted: Buffer, mtu = 0): Buffer => {
  const b = Buffer.concat([Buffer.from([type, code, 0, 0, 0, 0]), u16(mtu), quoted])
  return put16(b, 2, checksum(b))
}

/** A whole ICMPv6 message behind its checksum. */
export const icmp6 = (src: string, dst: string, type: number, code: number, body: Buffer): Buffer => {
  const b = Buffer.concat([Buffer.from([type, code, 0, 0]), body])
  return put16(b, 2, checksum(pseudo(src, dst, 58, b.length), b))
}
export const ping6 = (src: string, dst: string, type: 128 | 129, id: number, seq: number): Buffer =>
  icmp6(src, dst, type, 0, Buffer.concat([u16(id), u16(seq), Buffer.from('netlab!!')]))
/** Solicitation (135) or advertisement (136) with its link-layer address option. */
export const neighbour6 = (src: string, dst: string, type: 135 | 136, target: string, mac: string): Buffer =>
  icmp6(src, dst, type, 0, Buffer.concat([u32(0), address(target), Buffer.from([type === 135 ? 1 : 2, 1]), macBytes(mac)]))

export function tcp(
  src: string,
  dst: string,
  ports: [number, number],
  seq: number,
  ack: number,
  flags: number,
  rest: { options?: Buffer; data?: Buffer } = {},
): Buffer {
  const options = rest.options ?? Buffer.alloc(0)
  const b = Buffer.concat([
    ...ports.map(u16),
    u32(seq),
    u32(ack),
    Buffer.from([(5 + options.length / 4) << 4, flags]),
    u16(64240),
    u32(0),
    options,
    rest.data ?? Buffer.alloc(0),
  ])
  return put16(b, 16, checksum(pseudo(src, dst, 6, b.length), b))
}

/** Without addresses the checksum is 0: none, as Linux sends VXLAN over IPv4. */
export function udp(ports: [number, number], data: Buffer, addresses?: [string, string]): Buffer {
  const b = Buffer.concat([...ports.map(u16), u16(8 + data.length), u16(0), data])
  return addresses ? put16(b, 6, checksum(pseudo(...addresses, 17, b.length), b) || 0xffff) : b
}

/** @param options RFC 8926 3.5, in whole words */
export const geneve = (vni: number, options: string, frame: Buffer): Buffer =>
  Buffer.concat([Buffer.from([options.length / 8, 0]), u16(0x6558), u32(vni * 256), hex(options), frame])

/** WireGuard's paper, 5.4.6: type 4, receiver and counter, little-endian; what is encrypted, and its tag. */
export function wireguardData(receiver: number, counter: number, encrypted: Buffer): Buffer {
  const header = Buffer.alloc(16)
  header.writeUInt32LE(4, 0)
  header.writeUInt32LE(receiver, 4)
  header.writeUInt32LE(counter, 8)
  return Buffer.concat([header, encrypted, Buffer.alloc(16, 0xaa)])
}

export const vxlan = (vni: number, frame: Buffer): Buffer => Buffer.concat([hex('08000000'), u32(vni * 256), frame])

export function gre(protocol: number, body: Buffer, o: { key?: number; checksum?: boolean; sequence?: number } = {}): Buffer {
  const flags = (o.checksum ? 0x80 : 0) | (o.key === undefined ? 0 : 0x20) | (o.sequence === undefined ? 0 : 0x10)
  const b = Buffer.concat([
    Buffer.from([flags, 0]),
    u16(protocol),
    ...(o.checksum ? [u32(0)] : []),
    ...(o.key === undefined ? [] : [u32(o.key)]),
    ...(o.sequence === undefined ? [] : [u32(o.sequence)]),
    body,
  ])
  return o.checksum ? put16(b, 4, checksum(b)) : b
}

export const [A, B, C, D] = ['02:00:00:00:00:0a', '02:00:00:00:00:0b', '02:00:00:00:00:0c', '02:00:00:00:00:0d'] as const
const [P, Q, H, K] = ['10.244.0.2', '10.244.1.2', '192.168.50.11', '192.168.50.12'] as const
const [P6, Q6, H6, K6] = ['fd00:10:244::2', 'fd00:10:244:1::2', 'fd00:50::11', 'fd00:50::12'] as const

const request = ip4(P, Q, 1, ping4(8, 77, 1), { df: true, ttl: 63, id: 4711 })
const request6 = ip6(P6, Q6, 58, ping6(P6, Q6, 128, 77, 1), 63)
const syn = tcp(P, Q, [40000, 8080], 1000, 0, 2, { options: hex('020405b4 0402 01 01') })
const tunnelled = ip4(H, K, 17, udp([51234, 8472], vxlan(1, eth(C, D, 0x0800, request))), { id: 9 })
const hopByHop = (next: number): Buffer => Buffer.concat([Buffer.from([next, 0]), hex('0502 0000 0100')])
const fragment6 = (next: number, offset: number, more: boolean): Buffer =>
  Buffer.concat([Buffer.from([next, 0]), u16(offset | Number(more)), u32(99)])

/** One of everything, by name. `hardware` is the ARPHRD of the device it is on. */
export const FRAMES: Readonly<Record<string, { readonly bytes: Buffer; readonly hardware: 1 | 768 }>> = Object.fromEntries(
  Object.entries({
    arpRequest: eth(A, 'ff:ff:ff:ff:ff:ff', 0x0806, arp(1, [A, P], ['00:00:00:00:00:00', Q])),
    arpReply: eth(B, A, 0x0806, Buffer.concat([arp(2, [B, Q], [A, P]), Buffer.alloc(18)])),
    ping: eth(A, B, 0x0800, request),
    pingOptions: eth(A, B, 0x0800, ip4(P, Q, 1, ping4(8, 77, 1), { options: hex('94040000') })),
    pong: eth(B, A, 0x0800, ip4(Q, P, 1, ping4(0, 77, 1))),
    padded: eth(B, A, 0x0800, Buffer.concat([ip4(Q, P, 1, ping4(0, 77, 1, Buffer.alloc(4))), Buffer.alloc(14)])),
    vlan: eth(A, B, 0x8100, vlan(42, 0x0800, request)),
    qinq: eth(A, B, 0x88a8, vlan(7, 0x8100, vlan(42, 0x0800, request))),
    syn: eth(A, B, 0x0800, ip4(P, Q, 6, syn)),
    rst: eth(A, B, 0x0800, ip4(Q, P, 6, tcp(Q, P, [8080, 40000], 0, 1001, 0x14))),
    data: eth(A, B, 0x0800, ip4(P, Q, 6, tcp(P, Q, [40000, 8080], 1001, 5, 0x18, { data: Buffer.from('GET /') }))),
    udp: eth(A, B, 0x0800, ip4(P, Q, 17, udp([40000, 5353], Buffer.from('x'), [P, Q]))),
    vxlan: eth(A, B, 0x0800, tunnelled),
    geneve: eth(A, B, 0x0800, ip4(H, K, 17, udp([51234, 6081], geneve(42, '', eth(C, D, 0x0800, request))))),
    geneveOptions: eth(A, B, 0x0800, ip4(H, K, 17, udp([51234, 6081], geneve(42, '0102800000000001', eth(C, D, 0x86dd, request6))))),
    vxlan6: eth(A, B, 0x86dd, ip6(H6, K6, 17, udp([51234, 8472], vxlan(0xabcdef, eth(C, D, 0x86dd, request6)), [H6, K6]))),
    vxlanArp: eth(A, B, 0x0800, ip4(H, K, 17, udp([5, 4789], vxlan(7, eth(C, D, 0x0806, arp(1, [C, P], [D, Q])))))),
    vxlanTwice: eth(A, B, 0x0800, ip4(H, K, 17, udp([5, 4789], vxlan(7, eth(C, D, 0x0800, tunnelled))))),
    wireguard: eth(A, B, 0x0800, ip4(H, K, 17, udp([51820, 51820], wireguardData(0x11223344, 258, Buffer.alloc(48, 0xee))))),
    wireguardKeepalive: eth(A, B, 0x0800, ip4(H, K, 17, udp([51820, 51820], wireguardData(7, 0, Buffer.alloc(0))))),
    gre: eth(A, B, 0x0800, ip4(H, K, 47, gre(0x0800, request))),
    greKey: eth(A, B, 0x0800, ip4(H, K, 47, gre(0x0800, request, { key: 9 }))),
    greAll: eth(A, B, 0x0800, ip4(H, K, 47, gre(0x0800, request, { key: 0xfffffffe, checksum: true, sequence: 3 }))),
    gre6: eth(A, B, 0x0800, ip4(H, K, 47, gre(0x86dd, request6))),
    gretap: eth(A, B, 0x0800, ip4(H, K, 47, gre(0x6558, eth(C, D, 0x0800, request)))),
    ipip: eth(A, B, 0x0800, ip4(H, K, 4, request)),
    sit: eth(A, B, 0x0800, ip4(H, K, 41, request6)),
    tooBig: eth(B, A, 0x0800, ip4(K, P, 1, error4(3, 4, request, 1450))),
    timeExceeded: eth(B, A, 0x0800, ip4(K, P, 1, error4(11, 0, ip4(P, Q, 6, syn).subarray(0, 28)))),
    tunnelError: eth(B, A, 0x0800, ip4(K, H, 1, error4(3, 3, tunnelled))),
    greError: eth(B, A, 0x0800, ip4(K, H, 1, error4(3, 2, ip4(H, K, 47, gre(0x0800, request, { key: 9 })).subarray(0, 28)))),
    ping6: eth(A, B, 0x86dd, request6),
    pong6: eth(B, A, 0x86dd, ip6(Q6, P6, 58, ping6(Q6, P6, 129, 77, 1))),
    tooBig6: eth(B, A, 0x86dd, ip6(K6, P6, 58, icmp6(K6, P6, 2, 0, Buffer.concat([u32(1430), request6])))),
    unreachable6: eth(B, A, 0x86dd, ip6(K6, P6, 58, icmp6(K6, P6, 1, 4, Buffer.concat([u32(0), request6])))),
    solicitation: eth(A, B, 0x86dd, ip6(P6, 'ff02::1:ff00:2', 58, neighbour6(P6, 'ff02::1:ff00:2', 135, Q6, A), 255)),
    advertisement: eth(B, A, 0x86dd, ip6(Q6, P6, 58, neighbour6(Q6, P6, 136, Q6, B), 255)),
    hopByHop: eth(A, B, 0x86dd, ip6(P6, Q6, 0, Buffer.concat([hopByHop(58), ping6(P6, Q6, 128, 77, 1)]))),
    fragmentFirst: eth(
      A,
      B,
      0x0800,
      ip4(P, Q, 17, Buffer.concat([udp([1000, 2000], Buffer.alloc(2000)).subarray(0, 1480)]), { more: true, id: 5 }),
    ),
    fragmentLast: eth(A, B, 0x0800, ip4(P, Q, 17, Buffer.alloc(528, 0x45), { offset: 1480, id: 5 })),
    fragment6First: eth(A, B, 0x86dd, ip6(P6, Q6, 44, Buffer.concat([fragment6(58, 0, true), ping6(P6, Q6, 128, 77, 1)]))),
    fragment6Last: eth(A, B, 0x86dd, ip6(P6, Q6, 44, Buffer.concat([fragment6(60, 1232, false), Buffer.alloc(64, 0x2c)]))),
    onIpip: request,
    onSit: request6,
  }).map(([name, bytes]) => [name, { bytes, hardware: name.startsWith('on') ? 768 : 1 }]),
)
