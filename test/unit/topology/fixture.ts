/** Modules as the real registries have them, so that these tests do not depend on those. */
import * as z from 'zod'
import type { ModuleSchemas } from '../../../src/topology/schema/schema.ts'

const tunnel = z.enum(['always', 'cross-segment']).default('always').describe('When to encapsulate.')

export const modules: ModuleSchemas = {
  backends: {
    vxlan: z.object({
      vni: z.int().min(1).max(16_777_215).default(1).describe('VXLAN network identifier.'),
      port: z.int().min(1).max(65_535).default(8472).describe('UDP port.'),
      tunnel,
    }),
    gre: z.object({ key: z.int().min(0).max(4_294_967_295).optional().describe('GRE key.'), tunnel }),
    ipip: z.object({ tunnel }),
    direct: z.object({}),
  },
  attach: { bridge: z.object({}), routed: z.object({}) },
  services: { iptables: z.object({}) },
  policy: { iptables: z.object({}) },
}
