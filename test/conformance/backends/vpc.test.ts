import { UNEQUAL } from '../declaration.ts'
import { conformance } from '../suite.ts'

conformance(
  // Routing adds nothing to a packet (RFC 1812).
  { backend: 'vpc', overhead: 0, headers: [], byRouter: true },
  {
    'two segments, source/destination check': { options: { sourceDestCheck: true }, attach: { type: 'routed' }, crossSegment: true },
    'links of unequal MTU': { families: 'v4', externals: false, mtu: UNEQUAL },
  },
)
