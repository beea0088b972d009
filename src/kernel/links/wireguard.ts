import type { LinkObject, LinkType } from './link-type.ts'

/** A WireGuard device of the kernel's. Its keys and peers are an object of their own: the kind `wireguard`. */
export interface Wireguard extends LinkObject {
  readonly type: 'wireguard'
  readonly mtu: number
}

export const wireguard: LinkType<Wireguard, 'wireguard'> = {
  type: 'wireguard',
  add: (o) => `link add ${o.name} mtu ${o.mtu} up type wireguard`,
  read: (link) => ({ mtu: link.mtu }),
  inPlace: ['mtu'],
  ethernet: false,
  tunnel: { farEnd: 'program', id: () => 0 },
  feature: {
    name: 'wireguard',
    purpose: 'encrypted tunnels between hosts',
    probe: 'ip link add npw type wireguard',
    needs: 'kernel module wireguard (Linux 5.6), package wireguard-tools',
    tools: ['wg'],
  },
}
