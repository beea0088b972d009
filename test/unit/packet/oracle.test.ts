/** Our decoder against Wireshark's, over one frame of everything. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { decode } from '../../../src/packet/decode.ts'
import type { Layer } from '../../../src/packet/headers.ts'
import { FRAMES } from './frames.ts'
import { noTshark, pcap, tsharkFields } from './pcap.ts'

/** tshark's field, and where we say the same. */
const FIELDS: Readonly<Record<string, (l: Layer) => unknown>> = {
  'eth.src': (l) => (l.type === 'ethernet' ? l.src : undefined),
  'eth.dst': (l) => (l.type === 'ethernet' ? l.dst : undefined),
  // The outer of two tags has another name there.
  'vlan.id': (l) => (l.type === 'ethernet' ? l.vlans?.slice(-1) : undefined),
  'arp.opcode': (l) => (l.type === 'arp' ? (l.kind === 'request' ? 1 : 2) : undefined),
  'arp.src.proto_ipv4': (l) => (l.type === 'arp' ? l.senderIp : undefined),
  'arp.dst.hw_mac': (l) => (l.type === 'arp' ? l.targetMac : undefined),
  'ip.src': (l) => (l.type === 'ipv4' ? l.src : undefined),
  'ip.dst': (l) => (l.type === 'ipv4' ? l.dst : undefined),
  'ip.ttl': (l) => (l.type === 'ipv4' ? l.ttl : undefined),
  'ip.proto': (l) => (l.type === 'ipv4' ? l.protocol : undefined),
  'ip.len': (l) => (l.type === 'ipv4' ? l.length : undefined),
  'ipv6.src': (l) => (l.type === 'ipv6' ? l.src : undefined),
  'ipv6.dst': (l) => (l.type === 'ipv6' ? l.dst : undefined),
  'ipv6.hlim': (l) => (l.type === 'ipv6' ? l.ttl : undefined),
  'ipv6.plen': (l) => (l.type === 'ipv6' ? l.length - 40 : undefined),
  'icmp.type': (l) => (l.type === 'icmp' ? l.icmpType : undefined),
  'icmp.code': (l) => (l.type === 'icmp' ? l.code : undefined),
  'icmp.mtu': (l) => (l.type === 'icmp' ? l.mtu : undefined),
  'icmpv6.type': (l) => (l.type === 'icmpv6' ? l.icmpType : undefined),
  'icmpv6.mtu': (l) => (l.type === 'icmpv6' ? l.mtu : undefined),
  'icmpv6.echo.identifier': (l) => (l.type === 'icmpv6' ? l.id : undefined),
  'icmpv6.opt.linkaddr': (l) => (l.type === 'icmpv6' ? l.targetMac : undefined),
  'tcp.srcport': (l) => (l.type === 'tcp' ? l.srcPort : undefined),
  'tcp.dstport': (l) => (l.type === 'tcp' ? l.dstPort : undefined),
  'tcp.seq': (l) => (l.type === 'tcp' ? l.seq : undefined),
  'tcp.options.mss_val': (l) => (l.type === 'tcp' ? l.mss : undefined),
  'udp.srcport': (l) => (l.type === 'udp' ? l.srcPort : undefined),
  'udp.dstport': (l) => (l.type === 'udp' ? l.dstPort : undefined),
  'udp.length': (l) => (l.type === 'udp' ? l.length : undefined),
  'vxlan.vni': (l) => (l.type === 'vxlan' ? l.vni : undefined),
  'gre.key': (l) => (l.type === 'gre' ? l.key : undefined),
}

/** Numbers as numbers: tshark prints some in hexadecimal. */
const plain = (value: string): string => (/^(0x[0-9a-f]+|\d+)$/.test(value) ? String(Number(value)) : value)

const flat = (layers: readonly Layer[]): Layer[] =>
  layers.flatMap((l) => ((l.type === 'icmp' || l.type === 'icmpv6') && l.quoted ? [l, ...flat(l.quoted)] : [l]))

const dir = mkdtempSync(join(tmpdir(), 'netlab-oracle-'))
afterAll(() => rmSync(dir, { recursive: true }))

test.skipIf(noTshark)(`tshark reads the same in every frame${noTshark ? `: skipped, ${noTshark}` : ''}`, () => {
  for (const [hardware, linktype] of [
    [1, 1],
    [768, 101],
  ] as const) {
    const frames = Object.entries(FRAMES).filter(([, f]) => f.hardware === hardware)
    const file = join(dir, `${linktype}.pcap`)
    writeFileSync(
      file,
      pcap(
        linktype,
        frames.map(([, f]) => f.bytes),
      ),
    )
    // Our frames stand alone; reassembly would move a header from its frame to the last.
    const options = [
      '-o',
      'ip.defragment:FALSE',
      '-o',
      'ipv6.defragment:FALSE',
      '-o',
      'tcp.relative_sequence_numbers:FALSE',
      '-d',
      'udp.port==8472,vxlan',
    ]
    const read = tsharkFields(file, Object.keys(FIELDS), options)
    expect(read).toHaveLength(frames.length)
    for (const [i, [name, f]] of frames.entries()) {
      const layers = flat(decode(f.bytes, hardware))
      const theirs = Object.fromEntries(Object.keys(FIELDS).map((field, n) => [field, read[i]![n]!.map(plain)]))
      const ours = Object.fromEntries(
        Object.entries(FIELDS).map(([field, say]) => [field, layers.flatMap((l) => say(l) ?? []).map(String)]),
      )
      expect(ours, name).toEqual(theirs)
    }
  }
})
