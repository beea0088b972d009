import { UNEQUAL } from '../declaration.ts'
import { conformance } from '../suite.ts'

conformance(
  { backend: 'direct', overhead: 0, headers: [] },
  { 'links of unequal MTU, routes from leases': { options: { routes: 'etcd' }, families: 'v4', externals: false, mtu: UNEQUAL } },
)
