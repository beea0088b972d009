/**
 * Routes of the fabric, as the route controllers of cloud providers keep them: no host knows where another host's pods are. It sends
 * what is for them to the router of its segment, as it does with everything else, and the router knows the host of each block.
 *
 *   pod → host: default via 192.168.50.1 → router: 10.244.1.0/24 via 192.168.50.12 → Ethernet | pod packet → host → pod
 *
 * Packets stay bare, with the pods' addresses, also between segments; the price is a router that is in every one of them, and one
 * route a host. It is also there where all hosts share a segment, and then packets leave by the port they came in by: it would
 * tell hosts of a shorter way (ICMP redirects, RFC 1812 section 5.2.7.2), and that is switched off. Towards other hosts'
 * addresses on their segment hosts need no router.
 *
 * The table is for what hosts send. From outside nothing leads to pods, as from a cloud's internet gateway.
 *
 * `sourceDestCheck`: the router lets a host's port carry only packets from or to what is the host's: its addresses and its pods'
 * block. Who sends is known by the port's MAC; where a packet leaves, the router knows the segment alone.
 */
import type { Chain, KernelObject } from '../kernel/objects.ts'
import { addressOf, UPLINK, type Host, type Lab, type Router } from '../lab/lab.ts'
import { routerPort, switchPort } from '../lab/names.ts'
import { bits, type Family } from '../topology/address.ts'
import type { Backend, BackendModule } from './backend.ts'
import { edge } from './edge.ts'
import { directCarriage } from './peers.ts'
import type { OptionTypes, OptionsOf } from '../topology/schema/schema.ts'

const options = (z: OptionTypes) =>
  z.object({
    sourceDestCheck: z
      .boolean()
      .default(false)
      .describe("Whether the router drops what a host's port should not send or get: addresses of neither the host nor its pods."),
  })
type Options = OptionsOf<typeof options>

const segmentOf = (host: Host, lab: Lab) => lab.segments.find((s) => s.segment === host.segment)!

/** The fabric's route table: the host of every block of pods. */
function routeTable(router: Router, lab: Lab): KernelObject[] {
  return lab.hosts.flatMap((host) =>
    host.blocks.map((block): KernelObject => ({
      kind: 'route',
      ns: router.netns,
      from: host.source,
      note: `pods of ${host.name}`,
      family: block.family,
      dst: block.cidr,
      via: addressOf(host, block.family)!,
      dev: routerPort(segmentOf(host, lab)),
    })),
  )
}

/** Keeps the router from telling hosts to do without it. The larger value of `all` and of the port counts. */
function withoutRedirects(router: Router, lab: Lab): KernelObject[] {
  const here = { kind: 'sysctl', ns: router.netns, value: '0' } as const
  return [
    {
      ...here,
      from: router.source,
      key: 'net/ipv4/conf/all/send_redirects',
      note: 'packets between hosts of one segment leave by the port they came in by',
    },
    ...lab.segments.map((s): KernelObject => {
      const dev = routerPort(s)
      return { ...here, from: s.source, key: `net/ipv4/conf/${dev}/send_redirects`, dev }
    }),
  ]
}

const CHECK = 'source/destination check: '
const DROP = new RegExp(`-m comment --comment "${CHECK}([^"]*)" -j DROP$`)

/** What is a host's: its own addresses, and its pods'. */
const ownedBy = (host: Host, family: Family): string[] => [
  ...host.addresses.filter((a) => a.family === family).map((a) => `${a.ip}/${bits(family)}`),
  ...host.blocks.filter((b) => b.family === family).map((b) => b.cidr),
]

/** Chains that drop what hosts should neither send nor get, a port of the router after the other. */
function checks(router: Router, lab: Lab, family: Family): Chain[] {
  const chain = (name: string, rules: readonly string[], more: Partial<Chain> = {}): Chain => ({
    kind: 'chain',
    ns: router.netns,
    from: router.source,
    family,
    table: 'filter',
    chain: name,
    builtin: false,
    rules,
    ...more,
  })
  const drop = (why: string): string => `-m comment --comment "${CHECK}${why}" -j DROP`
  const ports = lab.segments.map((s) => {
    const hosts = lab.hosts.filter((h) => h.segment === s.segment)
    const port = routerPort(s)
    const [sent, got] = [`VPC-FROM-${port}`, `VPC-TO-${port}`]
    return {
      jumps: [`-i ${port} -j ${sent}`, `-o ${port} -j ${got}`],
      chains: [
        chain(
          sent,
          [
            ...hosts.map((h) => `-m mac --mac-source ${h.mac} -m comment --comment "port of ${h.name}" -g VPC-${switchPort(h)}`),
            drop(`no host of ${s.segment} has this MAC`),
          ],
          { from: s.source, note: `what hosts of ${s.segment} send, by the MAC of their port` },
        ),
        ...hosts.map((h) =>
          chain(
            `VPC-${switchPort(h)}`,
            [
              ...ownedBy(h, family).map((cidr) => `-s ${cidr} -j RETURN`),
              drop(`${h.name} may send only from its own addresses and those of its pods`),
            ],
            { from: h.source },
          ),
        ),
        chain(
          got,
          [
            ...hosts.flatMap((h) => ownedBy(h, family).map((cidr) => `-d ${cidr} -j RETURN`)),
            drop(`no host of ${s.segment} has that address or a pod with it`),
          ],
          { from: s.source, note: `what hosts of ${s.segment} get` },
        ),
      ],
    }
  })
  return [
    ...ports.flatMap((p) => p.chains),
    chain(
      'FORWARD',
      ports.flatMap((p) => p.jumps),
      { builtin: true, note: 'the source/destination check' },
    ),
  ]
}

function vpc({ sourceDestCheck }: Options): Backend {
  return {
    needs: sourceDestCheck ? ['mac-match'] : [],
    reserve: 0,
    refuse: (lab) =>
      lab.fabric
        ? [
            {
              path: ['network', 'backend'],
              code: 'vpc-in-fabric',
              message: 'vpc is the route table of one router, and underlay.routing: bgp has several, which learn their routes',
              hint: 'Leave underlay.routing away, or use { type: bgp, mode: tor }.',
              forceable: false,
            },
          ]
        : [],
    objects: () => [],
    onRouter(router, lab) {
      const families = ([4, 6] as const).filter((family) => lab.hosts.some((h) => addressOf(h, family) !== undefined))
      return [
        ...withoutRedirects(router, lab),
        ...routeTable(router, lab),
        ...edge(router, lab),
        ...(sourceDestCheck ? families.flatMap((family) => checks(router, lab, family)) : []),
      ]
    },
    explain: (rule) => DROP.exec(rule)?.[1],
    carriage: (from, to) => ({ ...directCarriage(from), device: UPLINK, hops: 3, hopsToHost: from.segment === to.segment ? 1 : 2 }),
  }
}

export const vpcModule: BackendModule = {
  summary: "pods routed by the fabric's own route table, as cloud providers do; hosts have a default route; IPv4 and IPv6",
  options,
  needsRouter: true,
  create: (o) => vpc(o as Options),
}
