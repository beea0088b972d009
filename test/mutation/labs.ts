/** The labs that are broken, and which mutation is tried in which. */
import { familiesOf } from '../support/features.ts'
import { bridge } from './attach/bridge.ts'
import { routed } from './attach/routed.ts'
import { bgp } from './backends/bgp.ts'
import { direct } from './backends/direct.ts'
import { etcd } from './backends/etcd.ts'
import { geneve } from './backends/geneve.ts'
import { gre, greBridged } from './backends/gre.ts'
import { ipip } from './backends/ipip.ts'
import { udp } from './backends/udp.ts'
import { vpc } from './backends/vpc.ts'
import { vxlan, vxlanBridged } from './backends/vxlan.ts'
import { wireguard } from './backends/wireguard.ts'
import { addresses } from './concerns/addresses.ts'
import { containers } from './concerns/containers.ts'
import { fabric, fabricTopology } from './concerns/fabric.ts'
import { foreignRules } from './concerns/foreign-rules.ts'
import { hostPorts } from './concerns/host-ports.ts'
import { links } from './concerns/links.ts'
import { masquerade } from './concerns/masquerade.ts'
import { mtu } from './concerns/mtu.ts'
import { neighbours } from './concerns/neighbours.ts'
import { policies } from './concerns/policies.ts'
import { hostRoutes, routes } from './concerns/routes.ts'
import { services } from './concerns/services.ts'
import { sysctl } from './concerns/sysctl.ts'
import { isAboutIPv6, type Mutation } from './mutation.ts'

/** What every lab has. */
const COMMON = [
  addresses,
  containers,
  foreignRules,
  hostPorts,
  links,
  masquerade,
  mtu,
  neighbours,
  policies,
  routes,
  services,
  sysctl,
].flat()
/** Backends whose hosts have no route to each block of others that netlab makes: a daemon learns or knows them, or the router has them. */
const WITHOUT_ROUTES: readonly string[] = ['bgp', 'udp', 'vpc', 'wireguard']
/** What a backend or an attach module adds. A new backend: one file, one word here. */
const BACKENDS: Readonly<Record<string, readonly Mutation[]>> = { vxlan, direct, gre, ipip, geneve, udp, wireguard, bgp, vpc }
/** Of backends that have more to break with options than without. */
const OPTIONS: Readonly<Record<string, string>> = { vpc: '{ type: vpc, sourceDestCheck: true }' }
/** What there is to break where a backend bridges: by the backend's name. */
const BRIDGED: Readonly<Record<string, readonly Mutation[]>> = { vxlan: vxlanBridged, gre: greBridged }
/** Of backends with `routes: etcd`. */
const LEASED: Readonly<Record<string, readonly Mutation[]>> = { vxlan: etcd }
const ATTACH: Readonly<Record<string, readonly Mutation[]>> = { bridge, routed }

/** Whether netlab makes a route to each block of others. */
const hasRoutes = ({ backend, bridged, leased }: LabKind): boolean => !bridged && !leased && !WITHOUT_ROUTES.includes(backend)

export interface LabKind {
  readonly backend: string
  readonly attach: string
  readonly bridged?: true
  /** Agents make the routes and entries between hosts, from leases in etcd, and put back what is changed. */
  readonly leased?: true
  /** Routers that speak BGP; with their own mutations alone, as its nodes have other addresses. */
  readonly fabric?: true
}

/** One lab of each backend, of each attach module over VXLAN, there with leases in etcd, and of each backend that can bridge. */
export const LABS: readonly LabKind[] = [
  ...Object.keys(BACKENDS).map((backend) => ({ backend, attach: 'bridge' })),
  { backend: 'vxlan', attach: 'routed', leased: true },
  ...Object.keys(BRIDGED).map((backend) => ({ backend, attach: 'bridge', bridged: true as const })),
  { backend: 'bgp', attach: 'bridge', fabric: true },
]

const isDual = (kind: LabKind): boolean => familiesOf(kind.backend).length > 1

const backendOf = ({ backend, bridged, leased }: LabKind): string =>
  bridged ? `{ type: ${backend}, mode: bridged }` : leased ? `{ type: ${backend}, routes: etcd }` : (OPTIONS[backend] ?? backend)

/** Two hosts, a Service, a policy, and two externals. */
export function topology(kind: LabKind): string {
  if (kind.fabric) return fabricTopology
  const second = (cidr: string): string => (isDual(kind) ? `, "${cidr}"` : '')
  return `
network:
  podCIDR: [10.244.0.0/16${second('fd00:10:244::/48')}]
  serviceCIDR: [10.96.0.0/16${second('fd00:10:96::/112')}]
  backend: ${backendOf(kind)}
  attach: ${kind.attach}
hosts:
  node-1: {}
  node-2: {}
pods:
  web-1: { host: node-1, labels: { app: web }, containers: [{ name: http, ports: [{ containerPort: 8080, hostPort: 80 }] }] }
  web-2: { host: node-2, labels: { app: web }, containers: [{ name: http, ports: [{ containerPort: 8080 }] }] }
  db: { host: node-2, labels: { app: db }, containers: [{ name: sql, ports: [{ containerPort: 5432 }] }] }
  far: { host: node-1 }
externals:
  client: {}
  peer: { podRoutes: true }
services:
  web:
    selector: { app: web }
    ipFamilyPolicy: PreferDualStack
    type: NodePort
    ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }]
policies:
  db:
    podSelector: { matchLabels: { app: db } }
    policyTypes: [Ingress]
    ingress: [{ from: [{ podSelector: { matchLabels: { app: web } } }], ports: [{ port: 5432 }] }]
expect:
  - { from: web-1, to: db, port: 5432/tcp, result: allow }
  - { from: far, to: db, port: 5432/tcp, result: deny }
`
}

/** All that can be broken in a lab of this kind. */
export function mutationsOf(kind: LabKind): readonly Mutation[] {
  if (kind.fabric) return fabric
  const between = hasRoutes(kind) ? hostRoutes : []
  const own = (kind.leased ? LEASED : kind.bridged ? BRIDGED : BACKENDS)[kind.backend]!
  const all = [...(kind.bridged ? [] : [...COMMON, ...ATTACH[kind.attach]!]), ...between, ...own]
  return isDual(kind) ? all : all.filter((m) => !isAboutIPv6(m))
}

/**
 * Each mutation in one of the labs that have what it breaks, so that labs get about as many. What all labs have is tried
 * where every kernel can: labs that may need the virtual machine, where time is dear, get what is special about them.
 */
export function dealt(all: readonly LabKind[], isEverywhere: (backend: string) => boolean): ReadonlyMap<LabKind, readonly Mutation[]> {
  const hands = new Map<LabKind, Mutation[]>(all.map((lab) => [lab, []]))
  const labs = all.filter((l) => !l.fabric)
  for (const lab of all.filter((l) => l.fabric)) hands.set(lab, [...mutationsOf(lab)])
  const deal = (mutations: readonly Mutation[], fitting: readonly LabKind[]): void => {
    for (const mutation of mutations) {
      const [first, ...others] = isAboutIPv6(mutation) ? fitting.filter(isDual) : fitting
      if (!first) continue
      const least = others.reduce((a, b) => (hands.get(b)!.length < hands.get(a)!.length ? b : a), first)
      hands.get(least)!.push(mutation)
    }
  }
  const [routed, bridged] = [labs.filter((l) => !l.bridged), labs.filter((l) => l.bridged)]
  const [leased, plain] = [routed.filter((l) => l.leased), routed.filter((l) => !l.leased)]
  for (const [of, kinds] of [[BACKENDS, plain] as const, [BRIDGED, bridged] as const, [LEASED, leased] as const])
    for (const [name, own] of Object.entries(of))
      deal(
        own,
        kinds.filter((l) => l.backend === name),
      )
  for (const [name, own] of Object.entries(ATTACH))
    deal(
      own,
      routed.filter((l) => l.attach === name && isEverywhere(l.backend)),
    )
  const everywhere = routed.filter((l) => isEverywhere(l.backend))
  deal(COMMON, everywhere)
  deal(hostRoutes, everywhere.filter(hasRoutes))
  return hands
}
