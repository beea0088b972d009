import { option } from '../kinds/kind.ts'
import { text, type LinkType, type PortObject } from './link-type.ts'

/** A VTEP (RFC 7348). Where it does not learn, the control plane (that is, the compiler) fills FDB and neighbour table. */
export interface Vxlan extends PortObject {
  readonly type: 'vxlan'
  readonly mac: string
  readonly mtu: number
  readonly vni: number
  readonly port: number
  readonly local: string
  readonly dev: string
  /** What arrives teaches it which MAC is behind which VTEP. */
  readonly learning?: true
}

/** Words that netlab never uses. */
const OTHERS = ['remote', 'remote6', 'group', 'group6', 'external', 'gbp', 'gpe', 'proxy', 'rsc', 'l2miss', 'l3miss', 'tos', 'limit']

export const vxlan: LinkType<Vxlan, 'vxlan'> = {
  type: 'vxlan',
  add: (o) =>
    `link add ${o.name} address ${o.mac} mtu ${o.mtu}${option('master', o.bridgePort?.master)} up type vxlan id ${o.vni} dev ${o.dev} local ${o.local} dstport ${o.port}${o.learning ? '' : ' nolearning'}`,
  read(link) {
    const data = link.linkinfo?.info_data ?? {}
    return {
      mac: link.address ?? '',
      mtu: link.mtu,
      vni: Number(data['id']),
      port: Number(data['port']),
      local: text(data['local']),
      dev: text(data['link'] ?? link.link),
      ...(data['learning'] === true ? { learning: true } : {}),
    }
  },
  inPlace: ['mtu', 'mac'],
  ethernet: true,
  port: true,
  nonDefault(data) {
    const ttl = data['ttl'] === undefined || data['ttl'] === 0 || data['ttl'] === 'inherit'
    return [
      ...OTHERS.filter((word) => data[word] !== undefined && data[word] !== false).map((word) =>
        data[word] === true ? word : `${word} ${String(data[word])}`,
      ),
      ...(ttl ? [] : [`ttl ${String(data['ttl'])}`]),
    ]
  },
  lower: (o) => o.dev,
  tunnel: { farEnd: 'fdb', id: (data) => Number(data['id']) },
  numbers: (o) => [`VNI ${o.vni}`, `UDP ${o.port}`],
  feature: {
    name: 'vxlan',
    purpose: 'tunnels between hosts',
    probe: 'ip link add npv type vxlan id 1 dstport 8472 local 127.0.0.1',
    needs: 'kernel module vxlan',
    tools: ['bridge'],
  },
}
