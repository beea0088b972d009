/** Topology → Lab: replicas expanded, everything named and addressed, the same at every run. */
import { basename } from 'node:path'
import { WIRE_NAMES } from '../packet/tunnels.ts'
import { formatCidr, formatIp, parseIp } from '../topology/address.ts'
import { hasErrors, type Outcome, type Path } from '../topology/diagnostics.ts'
import type { LoadedTopology } from '../topology/loaded.ts'
import { LABEL } from '../topology/schema/rules.ts'
import { suggest } from '../topology/suggest.ts'
import { inFileOrder } from './expand.ts'
import { checkContainers } from './placement.ts'
import { checkFamilies, resolveHosts } from './hosts.ts'
import { containerPods, nodesOf, type External, type Lab, type NodeAddress, type Router, type Segment } from './lab.ts'
import { NO_LEASES, type Leases } from './addressing/lease.ts'
import { mac, netnsName } from './names.ts'
import { EXTERNAL_NETWORKS, Pool, planNetworks, usable, type Networks } from './addressing/networks.ts'
import { resolvePods } from './pods.ts'
import { policySources } from './policy/policies.ts'
import { warnOfPolicies } from './policy/unmatched.ts'
import { Problems } from './problems.ts'
import { resolveBorder } from './underlay/border.ts'
import { resolveFabric } from './underlay/fabric.ts'
import { resolveServices, serviceOf } from './services/services.ts'

/** The lab's name: what the file says, or the file's base name. */
function labName(loaded: LoadedTopology, problems: Problems): string {
  if (loaded.topology.name !== undefined) return loaded.topology.name
  const name = basename(loaded.file).replace(/\.ya?ml$/, '')
  if (!LABEL.test(name))
    problems.error(
      [],
      'bad-name',
      `"${name}", the file's base name, cannot be a lab's name`,
      'Add `name:` with lower-case letters, digits and "-".',
    )
  return name
}

/**
 * Resolves a topology.
 * @param leasesOf the addresses that a running lab of this name handed out; a node that had one keeps it as long as the
 *   file allows
 */
export function resolve(loaded: LoadedTopology, leasesOf: (lab: string) => Leases = () => NO_LEASES): Outcome<Lab> {
  const problems = new Problems(loaded)
  const { topology } = loaded
  const name = labName(loaded, problems)
  const networks = planNetworks(topology, problems)
  if (hasErrors(problems.diagnostics)) return { diagnostics: problems.diagnostics }
  const leases = leasesOf(name)
  for (const [key, spec] of Object.entries(topology.hosts))
    checkFamilies(`host ${key}`, ['hosts', key, 'podCIDR'], spec.podCIDR, networks.families, problems)
  const hosts = resolveHosts(loaded, name, networks, leases, problems)
  const segments = networks.segments.map((plan, index): Segment => {
    const plugged = hosts.filter((h) => h.segment === plan.name).map((h) => h.mtu)
    return {
      kind: 'switch',
      name: `switch-${plan.name}`,
      netns: netnsName(name, `switch-${plan.name}`),
      source: loaded.source(['underlay', 'segments', plan.name]),
      segment: plan.name,
      index,
      cidrs: plan.cidrs.map(formatCidr),
      gateways: plan.cidrs.map((c) => ({ family: c.family, ip: formatIp(c.family, usable(c).first), prefix: c.prefix })),
      mtu: plugged.length > 0 ? Math.min(...plugged) : topology.underlay.mtu,
    }
  })
  const externals = resolveExternals(loaded, name, networks, problems)
  const { pods, hostPods } = resolvePods(loaded, name, hosts, networks, leases, problems)
  const lab: Lab = {
    name,
    file: loaded.file,
    families: networks.families,
    podCIDRs: networks.pods.map(formatCidr),
    serviceCIDRs: networks.services.map(formatCidr),
    backend: topology.network.backend,
    attach: topology.network.attach,
    modules: { services: topology.network.services, policy: topology.network.policy },
    ...masqueradeOf(topology),
    ...(loaded.preset ? { preset: loaded.preset } : {}),
    segments,
    ...resolveFabric(loaded, name, segments, networks, problems, () => oneRouter(loaded, name, segments)),
    ...resolveBorder(loaded, { hosts, pods, hostPods, externals }, problems),
    hosts,
    pods,
    ...(hostPods.length > 0 ? { hostPods } : {}),
    externals,
    namespaces: topology.namespaces,
    services: resolveServices(loaded, networks, hosts, [...pods, ...hostPods], leases, problems),
    policies: topology.policies,
    policySources: policySources(loaded),
    expect: topology.expect,
    expectSources: topology.expect.map((_, i) => loaded.source(['expect', i])),
    manifests: topology.manifests.map(({ path }) => path),
  }
  checkNames(lab, problems)
  warnOfPolicies(lab, problems)
  checkExpectations(lab, loaded.endpointSlices === undefined && topology.manifests.length > 0, problems)
  return hasErrors(problems.diagnostics) ? { diagnostics: problems.diagnostics } : { value: lab, diagnostics: problems.diagnostics }
}

function masqueradeOf({ network: { masquerade } }: LoadedTopology['topology']): Pick<Lab, 'masquerade' | 'masqueradeChain'> {
  return typeof masquerade === 'boolean' ? { masquerade } : { masquerade: true, masqueradeChain: masquerade.chain }
}

/** A router is there for what needs one: machines outside, a second segment, or the backend. */
function oneRouter({ topology, needsRouter, source }: LoadedTopology, lab: string, segments: readonly Segment[]): Router[] {
  const wanted: readonly (readonly [boolean, Path])[] = [
    [Object.keys(topology.externals).length > 0, ['externals']],
    [Object.keys(topology.underlay.segments).length > 1, ['underlay', 'segments']],
    [needsRouter, ['network', 'backend']],
  ]
  const by = wanted.find(([is]) => is)?.[1]
  if (!by) return []
  return [
    {
      kind: 'router',
      name: 'router',
      netns: netnsName(lab, 'router'),
      source: source(by),
      segments: segments.map((s) => s.segment),
      isEdge: true,
      addresses: segments.flatMap((s) => s.gateways),
    },
  ]
}

function resolveExternals(loaded: LoadedTopology, lab: string, networks: Networks, problems: Problems): External[] {
  const entries = inFileOrder(loaded, 'externals', loaded.topology.externals)
  const addresses = new Map<string, NodeAddress[]>(entries.map(([name]) => [name, []]))
  for (const cidr of EXTERNAL_NETWORKS) {
    if (cidr.family === 6 && !networks.ipv6) {
      for (const [name, spec] of entries) checkFamilies(`external ${name}`, ['externals', name, 'address'], spec.address, [4], problems)
      continue
    }
    const { first, last } = usable(cidr)
    const pool = new Pool(first, last, cidr.base + 10n)
    const pinned = new Map<string, bigint>()
    for (const [name, spec] of entries) {
      const text = spec.address?.find((t) => parseIp(t)!.family === cidr.family)
      if (text === undefined) continue
      const { value } = parseIp(text)!
      const owner = pool.reserve(value, `external ${name}`)
      if (owner) problems.error(['externals', name, 'address'], 'address-taken', `external ${name}: ${text} already belongs to ${owner}`)
      pinned.set(name, value)
    }
    const length = cidr.family === 4 ? 32 : 128
    for (const [name, spec] of entries) {
      const value = pinned.get(name) ?? (spec.address && cidr.family === 6 ? undefined : pool.take(`external ${name}`))
      if (value === undefined && !spec.address)
        problems.error(['externals', name], 'too-many', 'there are more externals than addresses for them', 'Pin addresses.')
      if (value !== undefined) addresses.get(name)!.push({ family: cidr.family, ip: formatIp(cidr.family, value), prefix: length })
    }
  }
  for (const [name, { containers }] of entries) checkContainers(`external ${name}`, ['externals', name], containers, problems, false)
  return entries.map(([name, spec], index) => ({
    kind: 'external',
    name,
    netns: netnsName(lab, name),
    source: loaded.source(['externals', name]),
    index,
    addresses: addresses.get(name)!,
    mac: mac('external', index),
    podRoutes: spec.podRoutes,
    ...(spec.containers.length > 0 ? { containers: spec.containers } : {}),
  }))
}

/** Nodes are namespaces `<lab>.<name>`, so hosts, externals, switches and pods of namespace default share one set of names. */
function checkNames(lab: Lab, problems: Problems): void {
  const seen = new Map<string, string>()
  for (const node of nodesOf(lab)) {
    const what =
      node.kind === 'switch'
        ? `the switch of segment ${node.segment}`
        : node.kind === 'router'
          ? `the router${node.bgp ? ` ${node.name}` : ''}`
          : `${node.kind} ${node.name}`
    const before = seen.get(node.netns)
    if (before !== undefined) {
      problems.errorAt(
        node.source,
        'name-taken',
        `${what}: the name "${node.name}" is already that of ${before}`,
        'Every node of a lab has a name of its own.',
      )
    }
    seen.set(node.netns, what)
  }
}

/**
 * What `expect` calls its ends, nodes, Services or addresses of the lab, and the headers it wants.
 * @param unread whether there are manifests that were not read: they may know more
 */
function checkExpectations(lab: Lab, unread: boolean, problems: Problems): void {
  const names = new Set(nodesOf(lab).map((n) => (n.kind === 'pod' ? n.key : n.name)))
  for (const pod of containerPods(lab)) names.add(pod.key).add(`${pod.namespace}/${pod.name}`)
  const services = lab.services.map((s) => `svc/${s.key}`)
  const known = (end: string, mayBeService: boolean): boolean => {
    if (names.has(end)) return true
    if (!mayBeService) return false
    return (end.startsWith('svc/') && serviceOf(lab, end) !== undefined) || parseIp(end) !== undefined
  }
  lab.expect.forEach((e, i) => {
    e.wire?.forEach((name, at) => {
      if (WIRE_NAMES.includes(name)) return
      const near = suggest(name, WIRE_NAMES)
      problems.error(
        ['expect', i, 'wire', at],
        'unknown-header',
        `expect: "${name}" is no header and no tunnel`,
        near ? `did you mean "${near}"?` : `Known are ${WIRE_NAMES.join(', ')}.`,
      )
    })
    for (const end of ['from', 'to'] as const) {
      if (known(e[end], end === 'to') || unread) continue
      const near = suggest(e[end], end === 'to' ? [...names, ...services] : [...names])
      problems.error(
        ['expect', i, end],
        'unknown-node',
        `expect: there is no node "${e[end]}"`,
        near ? `did you mean "${near}"?` : undefined,
      )
    }
  })
}
