import { nonDefaultTunnel } from './ip-tunnel.ts'
import { text, type LinkObject, type LinkType } from './link-type.ts'

/** A multipoint IPv4-in-IPv4 tunnel (RFC 2003): no remote, so the next hop of each route is the far end. */
export interface Ipip extends LinkObject {
  readonly type: 'ipip'
  readonly mtu: number
  readonly local: string
}

export const ipip: LinkType<Ipip, 'ipip'> = {
  type: 'ipip',
  add: (o) => `link add ${o.name} mtu ${o.mtu} up type ipip local ${o.local}`,
  read: (link) => ({ mtu: link.mtu, local: text(link.linkinfo?.info_data?.['local']) }),
  inPlace: ['mtu'],
  ethernet: false,
  nonDefault: nonDefaultTunnel,
  tunnel: { farEnd: 'next-hop', id: () => 0 },
  automatic: ['tunl0'],
  feature: {
    name: 'ipip',
    purpose: 'tunnels between hosts',
    probe: 'ip link add npi type ipip local 127.0.0.1',
    needs: 'kernel module ipip',
  },
}
