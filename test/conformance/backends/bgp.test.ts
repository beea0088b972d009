import { UNEQUAL } from '../declaration.ts'
import { conformance } from '../suite.ts'

conformance(
  // RFC 4271 distributes routes; packets are bare.
  { backend: 'bgp', overhead: 0, headers: [] },
  {
    'a route reflector': { options: { mode: 'route-reflector' }, attach: { type: 'routed' }, externals: false },
    'two racks and two spines': { options: { mode: 'tor' }, crossSegment: true, fabric: true, border: true },
    'links of unequal MTU': { families: 'v4', externals: false, mtu: UNEQUAL },
  },
)
