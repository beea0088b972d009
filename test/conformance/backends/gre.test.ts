import { conformance } from '../suite.ts'

conformance(
  // RFC 2784: IPv4 20, GRE 4.
  { backend: 'gre', overhead: 24, headers: [{ type: 'ipv4', fields: { protocol: 47 } }, { type: 'gre' }] },
  {
    // RFC 2890: key 4.
    'a key, across segments only': {
      options: { key: 77, tunnel: 'cross-segment' },
      crossSegment: true,
      overhead: 28,
      headers: [
        { type: 'ipv4', fields: { protocol: 47 } },
        { type: 'gre', fields: { key: 77 } },
      ],
    },
    // RFC 7637: the frame's own Ethernet header 14. The key is a subnet's 24 bits and a flow's 8.
    'one link for all pods': {
      options: { mode: 'bridged', key: 5001 << 8 },
      bridged: true,
      mtu: { underlay: 1500, hosts: { 'node-1': 1400 } },
      overhead: 42,
      headers: [{ type: 'ipv4', fields: { protocol: 47 } }, { type: 'gre', fields: { key: 5001 << 8 } }, { type: 'ethernet' }],
    },
  },
)
