import { option } from '../kinds/kind.ts'
import { nonDefaultTunnel } from './ip-tunnel.ts'
import { text, type LinkObject, type LinkType, type PortObject } from './link-type.ts'

/** A multipoint GRE tunnel (RFC 2784): no remote, so the neighbour entry of each next hop picks the far end. */
export interface Gre extends LinkObject {
  readonly type: 'gre'
  readonly mtu: number
  readonly local: string
  readonly key?: number
}

/** GRE keys are printed as a number or, by older iproute2, as a dotted quad. */
const keyNumber = (key: string): number => (key.includes('.') ? key.split('.').reduce((n, part) => n * 256 + Number(part), 0) : Number(key))

export const gre: LinkType<Gre, 'gre'> = {
  type: 'gre',
  add: (o) => `link add ${o.name} mtu ${o.mtu} up type gre local ${o.local}${o.key === undefined ? '' : ` key ${o.key}`}`,
  read(link) {
    const data = link.linkinfo?.info_data ?? {}
    const key = data['okey'] ?? data['ikey']
    return { mtu: link.mtu, local: text(data['local']), ...(key === undefined ? {} : { key: keyNumber(text(key)) }) }
  },
  inPlace: ['mtu'],
  ethernet: false,
  nonDefault: nonDefaultTunnel,
  tunnel: { farEnd: 'neighbour', id: ({ ikey, okey }) => keyNumber(text(ikey ?? okey ?? 0)) },
  numbers: (o) => (o.key === undefined ? [] : [`key ${o.key}`]),
  automatic: ['gre0', 'gretap0', 'erspan0'],
  feature: {
    name: 'gre',
    purpose: 'tunnels between hosts',
    probe: 'ip link add npg type gre local 127.0.0.1',
    needs: 'kernel module ip_gre',
  },
}

/** A GRE tunnel that carries whole frames (RFC 2784 with protocol 0x6558, Transparent Ethernet Bridging), to one far end. */
export interface Gretap extends PortObject {
  readonly type: 'gretap'
  readonly mac: string
  readonly mtu: number
  readonly local: string
  readonly remote: string
  readonly key?: number
}

export const gretap: LinkType<Gretap> = {
  type: 'gretap',
  add: (o) =>
    `link add ${o.name} address ${o.mac} mtu ${o.mtu}${option('master', o.bridgePort?.master)} up type gretap local ${o.local} remote ${o.remote}${option('key', o.key)}`,
  // The module's own gretap0, in every namespace, has no far end.
  isOwn: ({ remote }) => remote !== undefined && remote !== 'any',
  read(link) {
    const data = link.linkinfo?.info_data ?? {}
    const key = data['okey'] ?? data['ikey']
    return {
      mac: link.address ?? '',
      mtu: link.mtu,
      local: text(data['local']),
      remote: text(data['remote']),
      ...(key === undefined ? {} : { key: keyNumber(text(key)) }),
    }
  },
  inPlace: ['mtu', 'mac'],
  ethernet: true,
  port: true,
  nonDefault: ({ remote: _own, ...data }) => nonDefaultTunnel(data),
  tunnel: { farEnd: 'remote', header: 'gre', id: ({ ikey, okey }) => keyNumber(text(ikey ?? okey ?? 0)) },
  numbers: (o) => [`key ${o.key ?? 'none'}`],
}
