/**
 * Routes by leases in etcd, as Flannel distributes them without Kubernetes: every host leases its block under a key, and an agent on
 * every host sets what follows from the leases of others.
 *
 *   node-2: PUT /coreos.com/network/subnets/10.244.1.0-24 {"PublicIP":"192.168.50.12",…} ──► etcd on node-1
 *   node-3: watches /coreos.com/network/subnets/, and sets a route to 10.244.1.0/24
 *
 * Packets travel as with static routes: the backend says which objects that takes, and {@link byLeases} has the agent bring them about
 * instead of netlab. A host that joins is known to all as soon as its lease is there; none of the others is told by netlab. While etcd
 * is away the kernel goes on with what it has.
 *
 * Keys and values are Flannel's (pkg/subnet/etcd/registry.go, pkg/lease/lease.go).
 */
import { readFileSync } from 'node:fs'
import type { Daemon, KernelObject, Lease } from '../../kernel/objects.ts'
import { addressOf, UPLINK, type Host, type Lab } from '../../lab/lab.ts'
import type { Refusal } from '../backend.ts'
import { peersOf } from '../peers.ts'
import type { OptionTypes } from '../../topology/schema/schema.ts'

/** Options of every backend whose routes may come from leases. */
export const routesOptions = (z: OptionTypes) => ({
  routes: z
    .enum(['static', 'etcd'])
    .default('static')
    .describe(
      'Who makes the routes to other hosts: `static`, netlab; `etcd`, an agent on every host, from leases in etcd, as Flannel does.',
    ),
  etcdHost: z.string().optional().describe('With `routes: etcd`: the host that runs etcd; default: the first host.'),
  leaseTime: z
    .int()
    .min(10)
    .max(31_536_000)
    .optional()
    .describe('With `routes: etcd`: seconds after which a lease that is not renewed is gone; default: 86400, as in Flannel.'),
})

/** As in a lab, where one that an older netlab made names none of them. */
export interface RoutesOptions {
  readonly routes?: 'static' | 'etcd'
  readonly etcdHost?: string | undefined
  readonly leaseTime?: number | undefined
}

/** How the hosts of a backend reach each other, as leases say it. */
export interface LeasedBackend {
  /** Flannel's word for it. */
  readonly type: 'vxlan' | 'host-gw'
  /** What else stands in the configuration of the network. */
  readonly config?: Readonly<Record<string, unknown>>
  /** What else stands in the lease of a host. */
  readonly data?: (host: Host) => Readonly<Record<string, unknown>>
  /** The device of its tunnel; absent: it has none. */
  readonly device?: string
  /** Peers on the segment are reached without it. */
  readonly isDirect?: boolean
  /** Bytes that it adds to packets. */
  readonly overhead: number
}

const PREFIX = '/coreos.com/network'
const PORT = 2379
const PEER_PORT = 2380
const LEASE_TIME = 86_400
/** Of the agent's routes, so that they can be told from others; Flannel's have none of their own. */
const PROTOCOL = '81'
const PROGRAM = 'agent.pl'
const CONF = 'agent.conf'

let source: string | undefined
/** The program that every host runs; perl-base and iproute2 are all it needs. */
const agentSource = (): string => (source ??= readFileSync(new URL('./agent.pl', import.meta.url), 'utf8'))

const agentId = (host: Host): string => `${host.name}.agent`
const storeId = (host: Host): string => `${host.name}.etcd`

/** The host that runs etcd. */
const storeHost = ({ etcdHost }: RoutesOptions, lab: Lab): Host => lab.hosts.find((h) => h.name === etcdHost) ?? lab.hosts[0]!

/** `10.244.1.0-24`, or `10.244.1.0-24&fd00:10:244:1::-64`. */
const keyOf = (host: Host): string => host.blocks.map((b) => `${b.network}-${b.prefix}`).join('&')

function valueOf(host: Host, { type, data }: LeasedBackend): string {
  const own = data?.(host)
  return JSON.stringify({
    PublicIP: addressOf(host, 4),
    PublicIPv6: addressOf(host, 6) ?? null,
    BackendType: type,
    ...(own ? { BackendData: own } : {}),
    ...(own && host.blocks.length > 1 ? { BackendV6Data: own } : {}),
  })
}

/** What an administrator writes into etcd before the first flanneld is started. */
function networkConfig(lab: Lab, { type, config }: LeasedBackend): string {
  const [four, six] = [lab.podCIDRs.find((c) => !c.includes(':')), lab.podCIDRs.find((c) => c.includes(':'))]
  const length = (family: number): number | undefined => lab.hosts[0]!.blocks.find((b) => b.family === family)?.prefix
  return JSON.stringify({
    Network: four,
    SubnetLen: length(4),
    ...(six === undefined ? {} : { EnableIPv6: true, IPv6Network: six, IPv6SubnetLen: length(6) }),
    Backend: { Type: type, ...config },
  })
}

function agentConf(host: Host, lab: Lab, options: RoutesOptions, backend: LeasedBackend): string {
  const store = storeHost(options, lab)
  const segment = lab.segments.find((s) => s.segment === host.segment)!
  const [block] = host.blocks
  const environment = {
    FLANNEL_NETWORK: lab.podCIDRs.find((c) => !c.includes(':')),
    FLANNEL_SUBNET: `${block!.gateway}/${block!.prefix}`,
    FLANNEL_MTU: host.mtu - backend.overhead,
    FLANNEL_IPMASQ: lab.masquerade,
  }
  return [
    '# What this host leases, and how it reaches the hosts of other leases.',
    `etcd ${addressOf(store, 4)} ${PORT}`,
    `key ${keyOf(host)}`,
    `value ${valueOf(host, backend)}`,
    `seconds ${options.leaseTime ?? LEASE_TIME}`,
    `type ${backend.type}`,
    ...(backend.device === undefined ? [] : [`device ${backend.device}`]),
    ...(backend.isDirect ? ['direct yes'] : []),
    `uplink ${UPLINK}`,
    `segment ${segment.cidrs.find((c) => !c.includes(':'))}`,
    `protocol ${PROTOCOL}`,
    `environment ${Object.entries(environment)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ')}`,
    ...(host === store
      ? [
          '# What the administrator of a cluster sees to: the network, and that hosts which are gone have no lease.',
          `config ${networkConfig(lab, backend)}`,
          ...lab.hosts.map((h) => `lease ${keyOf(h)}`),
        ]
      : []),
    '',
  ].join('\n')
}

const agent = (host: Host, lab: Lab, options: RoutesOptions, backend: LeasedBackend): Daemon => ({
  kind: 'daemon',
  ns: host.netns,
  from: host.source,
  note: "leases the host's block in etcd, and sets what follows from the leases of others",
  id: agentId(host),
  hostname: host.name,
  node: host.name,
  program: 'agent',
  command: ['perl', PROGRAM, CONF],
  files: [
    { path: PROGRAM, content: agentSource() },
    { path: CONF, content: agentConf(host, lab, options, backend) },
  ],
  // Written once it has its lease, as flanneld does for the container runtime.
  ready: { file: 'subnet.env' },
  reload: { signal: 'SIGHUP' },
  owns: [{ routes: PROTOCOL }, ...(backend.device === undefined ? [] : [{ entries: backend.device }])],
  capabilities: ['net_admin'],
})

function etcd(host: Host): Daemon {
  const url = (address: string, port: number): string => `http://${address}:${port}`
  const [client, peer] = [url(addressOf(host, 4)!, PORT), url('127.0.0.1', PEER_PORT)]
  const settings = {
    name: host.name,
    'data-dir': 'data',
    'listen-client-urls': `${client},${url('127.0.0.1', PORT)}`,
    'advertise-client-urls': client,
    // A cluster of one, which is its own leader within a fifth of a second.
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `${host.name}=${peer}`,
    'heartbeat-interval': '20',
    'election-timeout': '200',
    logger: 'zap',
    'log-level': 'warn',
  }
  return {
    kind: 'daemon',
    ns: host.netns,
    from: host.source,
    note: 'holds the leases of all hosts',
    id: storeId(host),
    hostname: host.name,
    node: host.name,
    program: 'etcd',
    command: ['etcd', ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])],
    files: [],
    ready: { tcp: PORT },
    keeps: 'data',
    capabilities: [],
  }
}

/** Whose pods each network, address and next hop of a static object is about. */
function peerBy(host: Host, lab: Lab): (o: KernelObject) => Host | undefined {
  const peers = new Map<string, Host>()
  for (const peer of peersOf(host, lab)) {
    peers.set(addressOf(peer, 4)!, peer)
    for (const block of peer.blocks) peers.set(block.cidr, peer).set(block.network, peer)
  }
  return (o) => peers.get(o.kind === 'neighbour' ? o.address : o.kind === 'route' || o.kind === 'fdb' ? o.dst : '')
}

/**
 * The objects of a host whose routes come from leases, and the daemons behind them.
 * @param objects those with static routes
 */
export function byLeases(
  host: Host,
  lab: Lab,
  options: RoutesOptions,
  backend: LeasedBackend,
  objects: readonly KernelObject[],
): KernelObject[] {
  if (options.routes !== 'etcd') return [...objects]
  const store = storeHost(options, lab)
  const leaseOf = (peer: Host): Lease => ({
    key: `${PREFIX}/subnets/${keyOf(peer)}`,
    value: valueOf(peer, backend),
    node: peer.name,
    store: storeId(store),
    writer: agentId(peer),
  })
  const peerOf = peerBy(host, lab)
  const by = { daemon: agentId(host), by: `agent on ${host.name}` }
  const brought = objects.map((o): KernelObject => {
    const peer = peerOf(o)
    if (!peer) return o
    const { note: _note, ...rest } = o
    const origin = { ...by, lease: leaseOf(peer) }
    if (rest.kind === 'neighbour' || rest.kind === 'fdb') return { ...rest, learned: origin }
    if (rest.kind !== 'route') return o
    const { ns, from, family, dst, via, dev } = rest
    return {
      kind: 'learned',
      ns,
      ...(from ? { from } : {}),
      family,
      dst,
      ...(via === undefined ? {} : { via }),
      ...(dev === undefined ? {} : { dev }),
      protocol: PROTOCOL,
      ...origin,
    }
  })
  const isLearned = (o: KernelObject): boolean => o.kind === 'learned' || o.kind === 'neighbour' || o.kind === 'fdb'
  return [
    ...brought.filter((o) => !isLearned(o)),
    ...(host === store ? [etcd(host)] : []),
    agent(host, lab, options, backend),
    ...brought.filter(isLearned),
  ]
}

/** Why leases cannot be had in a lab. @param isBridged the pods of all hosts are on one link, and there are no routes between hosts */
export function leaseRefusals({ routes = 'static', etcdHost, leaseTime }: RoutesOptions, lab: Lab, isBridged = false): Refusal[] {
  const refuse = (key: string, code: string, message: string, hint: string): Refusal => ({
    path: ['network', 'backend', key],
    code,
    message,
    hint,
    forceable: false,
  })
  const unused = routes === 'static' ? Object.entries({ etcdHost, leaseTime }).find(([, value]) => value !== undefined)?.[0] : undefined
  if (unused !== undefined)
    return [
      refuse(
        unused,
        'etcd-option-unused',
        `without routes: etcd there is no etcd that ${unused} is for`,
        `Add routes: etcd, or remove \`${unused}\`.`,
      ),
    ]
  if (routes === 'static') return []
  if (isBridged)
    return [
      refuse(
        'routes',
        'conflicting-keys',
        'with `mode: bridged` the pods of all hosts are on one link: there are no routes that leases could lead to',
        'Remove `routes`, or write `mode: routed`.',
      ),
    ]
  return [
    ...(etcdHost !== undefined && !lab.hosts.some((h) => h.name === etcdHost)
      ? [
          refuse(
            'etcdHost',
            'unknown-host',
            `there is no host "${etcdHost}" to run etcd`,
            `Hosts: ${lab.hosts.map((h) => h.name).join(', ')}.`,
          ),
        ]
      : []),
    ...(lab.families.includes(4)
      ? []
      : [
          refuse(
            'routes',
            'etcd-needs-ipv4',
            'leases in etcd need IPv4: their keys begin with a network of it, as Flannel wants them',
            'Add a podCIDR of IPv4, or use routes: static.',
          ),
        ]),
  ]
}
