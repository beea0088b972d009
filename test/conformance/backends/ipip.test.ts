import { conformance } from '../suite.ts'

conformance(
  // RFC 2003: IPv4 20. It carries IPv4 alone.
  { backend: 'ipip', families: 'v4', overhead: 20, headers: [{ type: 'ipv4', fields: { protocol: 4 } }] },
  { 'across segments only': { options: { tunnel: 'cross-segment' }, crossSegment: true } },
)
