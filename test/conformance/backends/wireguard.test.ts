import { conformance } from '../suite.ts'

conformance(
  // IPv4 20, UDP 8 (RFC 791, RFC 768), WireGuard's header 16, and a tag of 16 behind the packet (its paper, section 5.4.6); Flannel's port.
  {
    backend: 'wireguard',
    overhead: 60,
    headers: [{ type: 'ipv4', fields: { protocol: 17 } }, { type: 'udp', fields: { dstPort: 51820 } }, { type: 'wireguard' }],
    sealed: true,
  },
  { 'across segments only': { options: { tunnel: 'cross-segment' }, crossSegment: true } },
)
