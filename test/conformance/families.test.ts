/** Labs of one family, once: over VXLAN. */
import { conformance } from './suite.ts'
import { vxlan } from './vxlan.ts'

conformance({ ...vxlan(), families: 'v6' }, { routed: { attach: { type: 'routed' }, families: 'v4' } })
