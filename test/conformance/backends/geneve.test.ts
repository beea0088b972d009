import { conformance } from '../suite.ts'

conformance(
  // RFC 8926: IPv4 20, UDP 8, Geneve 8, Ethernet 14.
  {
    backend: 'geneve',
    overhead: 50,
    headers: [
      { type: 'ipv4', fields: { protocol: 17 } },
      { type: 'udp', fields: { dstPort: 6081 } },
      { type: 'geneve', fields: { vni: 1 } },
      { type: 'ethernet' },
    ],
  },
  { 'across segments only': { options: { tunnel: 'cross-segment' }, crossSegment: true } },
)
