/**
 * The seam between a fabric and what is outside: what the border router translates, and what its firewall lets in.
 *
 *   pod 10.244.0.2 → its host's address → border: SNAT to the border's → external
 *   external → border: allowed? → host or pod
 *
 * The firewall is stateful: what begins inside passes, and so do its answers; what begins outside needs an entry of `allow`. It sees
 * what externals address: the address and port of a host, not the pod that a Service has behind them. Externals among themselves are
 * all outside, and not its business. An external with `podRoutes` is one that routes of the inside are told to: it is not translated for.
 */
import { bits, canonicalIp, contains, formatCidr, parseCidr, parseIp, type Family } from '../../topology/address.ts'
import type { LoadedTopology } from '../../topology/loaded.ts'
import { suggest } from '../../topology/suggest.ts'
import { addressOf, edgeRouter, type BorderRule, type External, type HostPod, type Lab } from '../lab.ts'
import type { Problems } from '../problems.ts'
import { isWithin } from '../services/semantics.ts'

type Ends = Pick<Lab, 'hosts' | 'pods' | 'hostPods' | 'externals'>
type AllowEntry = NonNullable<NonNullable<LoadedTopology['topology']['underlay']['border']>['firewall']>['allow'][number]

/** What `underlay.border` says; nothing where it says nothing. */
export function resolveBorder(loaded: LoadedTopology, ends: Ends, problems: Problems): Pick<Lab, 'border'> {
  const { underlay, network } = loaded.topology
  const { border } = underlay
  // Without a fabric the key has been refused.
  if (!border || underlay.routing !== 'bgp') return {}
  const at = ['underlay', 'border'] as const
  if (ends.externals.length === 0)
    problems.error(at, 'no-border', 'underlay.border: the border router is there for externals, and there are none', 'Add `externals`.')
  if (border.nat && network.masquerade === false && ends.externals.some((x) => !x.podRoutes))
    problems.error(
      [...at, 'nat'],
      'nat-without-masquerade',
      'underlay.border.nat: with `masquerade: false` pods leave their host under their own address, and from externals nothing leads to pods, answers included',
      'Leave `network.masquerade` away, or give externals `podRoutes`.',
    )
  const { firewall } = border
  return {
    border: {
      source: loaded.source(at),
      nat: border.nat,
      ...(firewall
        ? {
            firewall: {
              source: loaded.source([...at, 'firewall']),
              allow: firewall.allow.map((entry, i) => resolveRule(entry, [...at, 'firewall', 'allow', i], loaded, ends, problems)),
            },
          }
        : {}),
    },
  }
}

/** The networks that a word of an entry means. */
function networksOf(
  word: string | undefined,
  nodes: readonly Pick<External | HostPod, 'name' | 'addresses'>[],
  what: string,
  path: readonly (string | number)[],
  problems: Problems,
): readonly string[] {
  if (word === undefined) return []
  const node = nodes.find((n) => n.name === word)
  if (node) return node.addresses.map(({ family, ip }) => `${ip}/${bits(family)}`)
  const ip = parseIp(word)
  if (ip) return [`${canonicalIp(word)}/${bits(ip.family)}`]
  const cidr = parseCidr(word)
  if (cidr) return [formatCidr(cidr)]
  const near = suggest(
    word,
    nodes.map((n) => n.name),
  )
  problems.error(
    path,
    'unknown-node',
    `underlay.border.firewall: "${word}" is neither ${what} nor a network`,
    near === undefined ? undefined : `did you mean "${near}"?`,
  )
  return []
}

function resolveRule(
  { from, to, port }: AllowEntry,
  path: readonly (string | number)[],
  loaded: LoadedTopology,
  { hosts, pods, hostPods = [], externals }: Ends,
  problems: Problems,
): BorderRule {
  const [number, protocol = 'icmp'] = (port ?? '').split('/') as [string, BorderRule['protocol']?]
  const inside = [...hosts, ...[...pods, ...hostPods].map((p) => ({ name: p.key, addresses: p.addresses }))]
  return {
    text: `${from ?? 'externals'} to ${to ?? 'all'}${port === undefined ? '' : ` ${port}`}`,
    source: loaded.source(path),
    from: networksOf(from, externals, 'an external nor an address', [...path, 'from'], problems),
    to: networksOf(to, inside, 'a host nor a pod nor an address', [...path, 'to'], problems),
    ...(port === undefined ? {} : { protocol, ...(protocol === 'icmp' ? {} : { port: Number(number) }) }),
  }
}

/** The address that an external sees in place of that of what is inside; undefined: it is not translated for. */
export const addressAtBorder = (lab: Lab, to: External, family: Family): string | undefined =>
  lab.border?.nat && !to.podRoutes ? addressOf({ addresses: edgeRouter(lab)!.bgp!.loopback }, family) : undefined

/** What a new connection is for. */
export interface Arrival {
  readonly address: string
  readonly protocol: NonNullable<BorderRule['protocol']>
  /** Absent of ICMP. */
  readonly port?: number
}

type Sender = Pick<External, 'addresses'> & { readonly kind: string; readonly podRoutes?: boolean }

/** Whether a connection crosses a border with a firewall from outside; what has no way in there is not its business. */
function isExamined(lab: Lab, from: Sender, address: string): boolean {
  if (!lab.border?.firewall || from.kind !== 'external' || addressOf(from, parseIp(address)!.family) === undefined) return false
  if (lab.podCIDRs.some((c) => isWithin(c, address))) return from.podRoutes === true
  const isRouter = lab.routers.some((r) => !r.isEdge && r.addresses.some((a) => a.ip === address))
  return isRouter || lab.segments.some((s) => s.cidrs.some((c) => isWithin(c, address)))
}

const isAmong = (cidrs: readonly string[], address: string): boolean => {
  const ip = parseIp(address)!
  return cidrs.length === 0 || cidrs.some((c) => contains(parseCidr(c)!, ip))
}

/** The entry of `allow` that lets a connection in; undefined: none does. */
export const borderRuleFor = (lab: Lab, from: Sender, { address, protocol, port }: Arrival): BorderRule | undefined =>
  lab.border?.firewall?.allow.find(
    (rule) =>
      (rule.protocol === undefined || (rule.protocol === protocol && (rule.port === undefined || rule.port === port))) &&
      isAmong(rule.to, address) &&
      from.addresses.some((a) => a.family === parseIp(address)!.family && isAmong(rule.from, a.ip)),
  )

/** Whether the border's firewall drops a connection. */
export const isKeptOut = (lab: Lab, from: Sender, arrival: Arrival): boolean =>
  isExamined(lab, from, arrival.address) && borderRuleFor(lab, from, arrival) === undefined

/** Why a connection is kept out, for people. */
export const keptOutText = (lab: Lab): string =>
  `no entry of the firewall at ${edgeRouter(lab)!.name} (${lab.file}:${lab.border!.firewall!.source.line}) allows it`
