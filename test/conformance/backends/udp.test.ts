import { conformance } from '../suite.ts'

conformance(
  // IPv4 20, UDP 8 (RFC 791, RFC 768); port and form as Flannel's udp. IPv4 alone, and both forwarders take one from the TTL.
  {
    backend: 'udp',
    families: 'v4',
    overhead: 28,
    headers: [
      { type: 'ipv4', fields: { protocol: 17 } },
      { type: 'udp', fields: { dstPort: 8285 } },
    ],
    forwarders: true,
  },
  { 'across segments only': { options: { tunnel: 'cross-segment' }, crossSegment: true } },
)
