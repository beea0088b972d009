/** Modules as the real registries have them, so that these tests do not depend on those. */
import type { KnownModules, OptionTypes } from '../../../src/topology/schema/schema.ts'

const tunnel = (z: OptionTypes) => z.enum(['always', 'cross-segment']).default('always').describe('When to encapsulate.')

const without = { options: (z: OptionTypes) => z.object({}) }

export const modules: KnownModules = {
  backends: {
    vxlan: {
      options: (z) =>
        z.object({
          vni: z.int().min(1).max(16_777_215).default(1).describe('VXLAN network identifier.'),
          port: z.int().min(1).max(65_535).default(8472).describe('UDP port.'),
          tunnel: tunnel(z),
        }),
    },
    gre: { options: (z) => z.object({ key: z.int().min(0).max(4_294_967_295).optional().describe('GRE key.'), tunnel: tunnel(z) }) },
    ipip: { options: (z) => z.object({ tunnel: tunnel(z) }) },
    direct: without,
  },
  attach: { bridge: without, routed: without },
  services: { iptables: without },
  policy: { iptables: without },
  presets: {
    house: {
      summary: 'as in the house',
      network: { hostPrefix: 26, backend: { type: 'vxlan', vni: 7, port: 4789 }, attach: 'routed' },
      underlay: { segments: { left: '192.168.1.0/24', right: '192.168.2.0/24' } },
    },
  },
  waiting: { mansion: 'there is no ballroom yet' },
}
