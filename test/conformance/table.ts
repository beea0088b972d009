/**
 * What is tried: every backend with every attach module and address family, and the options that change what is
 * on the wire. The numbers and headers stand here once more, from the RFCs and not from the source, so that a
 * backend cannot declare its own mistakes right.
 */
import { spawnSync } from 'node:child_process'
import type { HeaderPattern } from '../../src/backends/backend.ts'

export type Families = 'v4' | 'v6' | 'dual'

export interface Combination {
  readonly title: string
  readonly backend: { readonly type: 'vxlan' | 'gre' | 'ipip' | 'direct'; readonly [option: string]: unknown }
  readonly attach: { readonly type: 'bridge' | 'routed'; readonly name?: string }
  readonly families: Families
  /** Bytes a packet grows by on the underlay. */
  readonly overhead: number
  /** What a pod packet wears on the underlay. */
  readonly wire: readonly HeaderPattern[]
  /** Three hosts, two segments and a router in between; tunnels only across segments. */
  readonly crossSegment?: boolean
  /** Machines outside, and with them a router. */
  readonly externals: boolean
  readonly masquerade: boolean
  readonly mtu: { readonly underlay: number; readonly hosts?: Readonly<Record<string, number>> }
}

const WIRE: Readonly<Record<string, Pick<Combination, 'overhead' | 'wire'>>> = {
  // RFC 7348: IPv4 20, UDP 8, VXLAN 8, Ethernet 14.
  vxlan: {
    overhead: 50,
    wire: [
      { type: 'ipv4', fields: { protocol: 17 } },
      { type: 'udp', fields: { dstPort: 8472 } },
      { type: 'vxlan', fields: { vni: 1 } },
      { type: 'ethernet' },
    ],
  },
  'vxlan other': {
    overhead: 50,
    wire: [
      { type: 'ipv4', fields: { protocol: 17 } },
      { type: 'udp', fields: { dstPort: 4789 } },
      { type: 'vxlan', fields: { vni: 4242 } },
      { type: 'ethernet' },
    ],
  },
  // RFC 2784: IPv4 20, GRE 4; RFC 2890: key 4.
  gre: { overhead: 24, wire: [{ type: 'ipv4', fields: { protocol: 47 } }, { type: 'gre' }] },
  'gre key': {
    overhead: 28,
    wire: [
      { type: 'ipv4', fields: { protocol: 47 } },
      { type: 'gre', fields: { key: 77 } },
    ],
  },
  // RFC 2003: IPv4 20.
  ipip: { overhead: 20, wire: [{ type: 'ipv4', fields: { protocol: 4 } }] },
  direct: { overhead: 0, wire: [] },
}

const baseline = { externals: true, masquerade: true, mtu: { underlay: 1500 } } as const

function* products(): Generator<Combination> {
  for (const type of ['vxlan', 'direct', 'gre', 'ipip'] as const) {
    for (const attach of ['bridge', 'routed'] as const) {
      for (const families of type === 'ipip' ? (['v4'] as const) : (['v4', 'v6', 'dual'] as const)) {
        yield {
          title: `${type}, ${attach}, ${families}`,
          backend: { type },
          attach: { type: attach },
          families,
          ...baseline,
          ...WIRE[type]!,
        }
      }
    }
  }
}

const variants: readonly Combination[] = [
  ...(['bridge', 'routed'] as const).map((attach): Combination => ({
    ...baseline,
    title: `vxlan with another vni and port, ${attach}, dual, no router`,
    backend: { type: 'vxlan', vni: 4242, port: 4789 },
    attach: attach === 'bridge' ? { type: attach, name: 'docker0' } : { type: attach },
    families: 'dual',
    externals: false,
    ...WIRE['vxlan other']!,
  })),
  ...(
    [
      ['vxlan', 'bridge', 'dual'],
      ['vxlan', 'routed', 'v4'],
      ['gre', 'bridge', 'dual'],
      ['ipip', 'routed', 'v4'],
    ] as const
  ).map(([type, attach, families]): Combination => ({
    ...baseline,
    title: `${type} across segments only, ${attach}, ${families}`,
    backend: { type, tunnel: 'cross-segment' },
    attach: { type: attach },
    families,
    crossSegment: true,
    ...WIRE[type]!,
  })),
  ...(['vxlan', 'direct', 'ipip'] as const).map((type): Combination => ({
    ...baseline,
    title: `${type} over links of unequal MTU, bridge, v4`,
    backend: { type },
    attach: { type: 'bridge' },
    families: 'v4',
    externals: false,
    mtu: { underlay: 9000, hosts: { 'node-1': 1400 } },
    ...WIRE[type]!,
  })),
  {
    ...baseline,
    title: 'gre with a key, bridge, dual',
    backend: { type: 'gre', key: 77 },
    attach: { type: 'bridge' },
    families: 'dual',
    ...WIRE['gre key']!,
  },
  {
    ...baseline,
    title: 'vxlan without masquerade, routed, dual',
    backend: { type: 'vxlan' },
    attach: { type: 'routed' },
    families: 'dual',
    masquerade: false,
    ...WIRE['vxlan']!,
  },
]

/** How the kernel is asked for a device of a backend; it answers or says why not. */
const DEVICE: Readonly<Record<Combination['backend']['type'], string>> = {
  vxlan: 'link add try0 type vxlan id 1 dstport 8472 local 127.0.0.1',
  gre: 'link add try0 type gre local 127.0.0.1',
  ipip: 'link add try0 type ipip local 127.0.0.1',
  direct: 'link set lo up',
}

function lacking(type: Combination['backend']['type']): string | false {
  const command = `ip ${DEVICE[type]}`
  const { status, stderr } = spawnSync('unshare', ['--net', 'sh', '-c', command], { encoding: 'utf8' })
  const why = stderr
    .replace(/^RTNETLINK answers: /, '')
    .replace(/\s+/g, ' ')
    .trim()
  return status === 0 ? false : `this kernel lacks ${type} (tried: ${command}: ${why}); covered by npm run test:vm`
}

/** What an emulated machine is worth waiting for: the devices others may lack, and one other for comparison. */
const forVM = (c: Combination): boolean => c.backend.type === 'gre' || c.backend.type === 'ipip' || c.title === 'vxlan, bridge, dual'

/**
 * Every combination, with the reason why it cannot be tried here, if there is one.
 * NETLAB_CONFORMANCE: a comma list of backends, one title, or `vm`.
 */
export function forEachCombination(body: (combination: Combination, skip: string | false) => void): void {
  const asked = process.env['NETLAB_CONFORMANCE']
  const table = [...products(), ...variants]
  const titled = table.some((c) => c.title === asked)
  const wanted = (c: Combination): boolean => {
    if (!asked) return true
    if (asked === 'vm') return forVM(c)
    return titled ? c.title === asked : asked.split(',').includes(c.backend.type)
  }
  const reasons = new Map<string, string | false>()
  for (const c of table.filter(wanted)) {
    const { type } = c.backend
    if (!reasons.has(type)) reasons.set(type, lacking(type))
    body(c, reasons.get(type)!)
  }
}
