/** Attach modules, once: over VXLAN. The bridge is what the backends' own labs have. */
import { conformance } from './suite.ts'
import { vxlan } from './vxlan.ts'

conformance({ ...vxlan(), attach: { type: 'routed' } }, { 'without masquerade': { masquerade: false } })
