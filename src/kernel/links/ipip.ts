import { nonDefaultTunnel } from './ip-tunnel.ts'
import { text, type LinkObject, type LinkType } from './link-type.ts'

/** An IPv4-in-IPv4 tunnel (RFC 2003). Multipoint without a remote: the next hop of each route is the far end. */
export interface Ipip extends LinkObject {
  readonly type: 'ipip'
  readonly mtu: number
  readonly local: string
  readonly remote?: string
}

export const ipip: LinkType<Ipip, 'ipip'> = {
  type: 'ipip',
  add: (o) => `link add ${o.name} mtu ${o.mtu} up type ipip local ${o.local}${o.remote === undefined ? '' : ` remote ${o.remote}`}`,
  read: (link) => {
    const { local, remote } = link.linkinfo?.info_data ?? {}
    return { mtu: link.mtu, local: text(local), ...(remote === undefined || remote === 'any' ? {} : { remote: text(remote) }) }
  },
  inPlace: ['mtu'],
  ethernet: false,
  nonDefault: ({ remote: _own, ...data }) => nonDefaultTunnel(data),
  tunnel: { farEnd: 'next-hop', id: () => 0 },
  automatic: ['tunl0'],
  feature: {
    name: 'ipip',
    purpose: 'tunnels between hosts',
    probe: 'ip link add npi type ipip local 127.0.0.1',
    needs: 'kernel module ipip',
  },
}
