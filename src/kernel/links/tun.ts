import type { LinkObject, LinkType } from './link-type.ts'

/** A device whose packets a program reads and writes, through /dev/net/tun. It stays when that program ends, but carries nothing then. */
export interface Tun extends LinkObject {
  readonly type: 'tun'
  readonly mtu: number
  /** Four bytes of its own before each packet that the program reads or writes, as wireguard-go wants it. */
  readonly pi?: true
}

/** Words that netlab never uses: another header before each packet, more than one program. */
const OTHERS = ['vnet_hdr', 'multi_queue']

export const tun: LinkType<Tun, 'tun'> = {
  type: 'tun',
  add: (o) => [`tuntap add dev ${o.name} mode tun${o.pi ? ' pi' : ''}`, `link set dev ${o.name} mtu ${o.mtu} up`],
  read: (link) => ({ mtu: link.mtu, ...(link.linkinfo?.info_data?.['pi'] === true ? { pi: true as const } : {}) }),
  // A tap is another device, and what goes with its program is that program's.
  isOwn: ({ type, persist }) => type === 'tun' && persist === true,
  inPlace: ['mtu'],
  ethernet: false,
  queues: true,
  nonDefault: (data) => OTHERS.filter((word) => data[word] === true),
  tunnel: { farEnd: 'program', id: () => 0 },
  feature: {
    name: 'tun',
    purpose: 'devices that a program reads and writes',
    probe: 'ip tuntap add dev npt mode tun',
    needs: 'kernel module tun, /dev/net/tun',
  },
}
