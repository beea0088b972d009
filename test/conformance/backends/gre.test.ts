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
  },
)
