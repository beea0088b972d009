import { text, type LinkObject, type LinkType } from './link-type.ts'

/** One end of a Geneve tunnel between two hosts (RFC 8926). */
export interface Geneve extends LinkObject {
  readonly type: 'geneve'
  readonly mac: string
  readonly mtu: number
  readonly vni: number
  readonly port: number
  readonly remote: string
}

/** Words that netlab never uses. */
const OTHERS = ['remote6', 'external', 'tos', 'inner_proto_inherit']

export const geneve: LinkType<Geneve, 'geneve'> = {
  type: 'geneve',
  add: (o) => `link add ${o.name} address ${o.mac} mtu ${o.mtu} up type geneve id ${o.vni} remote ${o.remote} dstport ${o.port}`,
  read(link) {
    const data = link.linkinfo?.info_data ?? {}
    return {
      mac: link.address ?? '',
      mtu: link.mtu,
      vni: Number(data['id']),
      port: Number(data['port']),
      remote: text(data['remote']),
    }
  },
  inPlace: ['mtu', 'mac'],
  ethernet: true,
  nonDefault: (data) => [
    ...OTHERS.filter((word) => data[word] !== undefined && data[word] !== false).map((word) =>
      data[word] === true ? word : `${word} ${text(data[word])}`,
    ),
    ...(data['ttl'] === undefined || data['ttl'] === 0 ? [] : [`ttl ${text(data['ttl'])}`]),
  ],
  tunnel: { farEnd: 'remote', id: (data) => Number(data['id']) },
  numbers: (o) => [`VNI ${o.vni}`, `UDP ${o.port}`],
  feature: {
    name: 'geneve',
    purpose: 'tunnels between hosts',
    probe: 'ip link add npe type geneve id 1 remote 192.0.2.1',
    needs: 'kernel module geneve',
  },
}
