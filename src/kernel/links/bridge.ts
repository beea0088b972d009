import type { LinkObject, LinkType } from './link-type.ts'

/** A learning switch. */
export interface Bridge extends LinkObject {
  readonly type: 'bridge'
  readonly mac: string
  readonly mtu: number
}

export const bridge: LinkType<Bridge, 'bridge'> = {
  type: 'bridge',
  // With `dev`, because people name bridges: `ip` takes a bare `up` or `br` for words of its own.
  add: (o) => `link add dev ${o.name} address ${o.mac} mtu ${o.mtu} up type bridge`,
  read: (link) => ({ mac: link.address ?? '', mtu: link.mtu }),
  inPlace: ['mtu', 'mac', 'nonDefault'],
  ethernet: true,
  defaults: { vlan_filtering: 0, stp_state: 0, group_fwd_mask: '0', ageing_time: 30_000, mcast_snooping: 1, no_linklocal_learn: 0 },
  feature: {
    name: 'bridge',
    purpose: 'switches, and pods of one host',
    probe: 'ip link add npb type bridge',
    needs: 'kernel module bridge',
  },
}
