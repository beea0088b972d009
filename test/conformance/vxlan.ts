import type { Declaration } from './declaration.ts'

/** RFC 7348: IPv4 20, UDP 8, VXLAN 8, Ethernet 14. */
export const vxlan = (vni = 1, port = 8472): Declaration => ({
  backend: 'vxlan',
  overhead: 50,
  headers: [
    { type: 'ipv4', fields: { protocol: 17 } },
    { type: 'udp', fields: { dstPort: port } },
    { type: 'vxlan', fields: { vni } },
    { type: 'ethernet' },
  ],
})
