/** Pods: replicas expanded, spread over the hosts, addressed from their host's block. */
import { contains, formatIp, parseCidr, parseIp, type Cidr } from '../topology/address.ts'
import { hasLabels } from '../topology/kubernetes/node-labels.ts'
import type { LoadedTopology } from '../topology/loaded.ts'
import type { PodSpec } from '../topology/schema/schema.ts'
import { suggest } from '../topology/suggest.ts'
import { expand, type Entry } from './expand.ts'
import { checkFamilies } from './hosts.ts'
import type { Host, NodeAddress, Pod } from './lab.ts'
import type { Leases } from './addressing/lease.ts'
import { interfaceName, mac, netnsName } from './names.ts'
import { Pool, usable, type Networks } from './addressing/networks.ts'
import { Numbers } from './addressing/numbers.ts'
import type { Problems } from './problems.ts'
import { selectorText } from './policy/selectors.ts'
import { plural } from '../plural.ts'

interface Placed extends Entry<PodSpec> {
  readonly host: Host
}

/** Pods in file order. Pinned addresses first, then leases of a running lab, then the lowest free ones. */
export function resolvePods(
  loaded: LoadedTopology,
  lab: string,
  hosts: readonly Host[],
  networks: Networks,
  leases: Leases,
  problems: Problems,
): Pod[] {
  const placed = place(loaded, hosts, leases, problems)
  const onHost = groupByHost(placed)
  const facts = new Map<string, { ordinal: number; addresses: NodeAddress[] }>()
  for (const [host, pods] of onHost) {
    const numbers = new Numbers(1)
    for (const p of pods) {
      const lease = leases.pods.get(p.name)
      if (lease?.host === host.name) numbers.keep(p.name, lease.ordinal)
    }
    for (const p of pods) facts.set(p.name, { ordinal: numbers.of(p.name), addresses: [] })
    for (const b of host.blocks) assign(pods, parseCidr(b.cidr)!, host, leases, facts, problems)
  }
  return placed.map((p) => {
    const { ordinal, addresses } = facts.get(p.name)!
    const [namespace, name] = p.name.includes('/') ? (p.name.split('/') as [string, string]) : ['default', p.name]
    return {
      kind: 'pod',
      name,
      key: p.name,
      namespace,
      netns: namespace === 'default' ? netnsName(lab, name) : netnsName(lab, namespace, name),
      source: loaded.source(p.path),
      host: p.host.name,
      ordinal,
      addresses,
      mac: mac('pod', p.host.index, ordinal),
      hostMac: mac('podPort', p.host.index, ordinal),
      hostInterface: interfaceName('p', ordinal, p.name),
      labels: p.spec.labels,
      containers: p.spec.containers,
      ready: p.spec.ready,
      ...(p.spec.terminating ? { terminating: true as const } : {}),
    }
  })
}

function groupByHost(placed: readonly Placed[]): Map<Host, Placed[]> {
  const groups = new Map<Host, Placed[]>()
  for (const p of placed) {
    const group = groups.get(p.host)
    if (group) group.push(p)
    else groups.set(p.host, [p])
  }
  return groups
}

function place(loaded: LoadedTopology, hosts: readonly Host[], leases: Leases, problems: Problems): Placed[] {
  const byName = new Map(hosts.map((h) => [h.name, h]))
  const placed: Placed[] = []
  /** Specs that were looked at, and whether some host may run them. */
  const checked = new Map<PodSpec, boolean>()
  const turns = new RoundRobin(hosts)
  for (const e of expand(loaded.topology.pods, ['pods'], problems)) {
    if (!checked.has(e.spec)) {
      checkFamilies(`pod ${e.name}`, [...e.path, 'ip'], e.spec.ip, hosts[0]?.blocks.map((b) => b.family) ?? [], problems)
      if (e.spec.replicas !== undefined && e.spec.ip)
        problems.error(
          [...e.path, 'ip'],
          'pinned-replicas',
          `ip cannot be pinned for ${e.spec.replicas} replicas at once`,
          'Write the pods out, or leave it to netlab.',
        )
      checkContainers(e, problems)
      checked.set(e.spec, checkSelector(e, hosts, problems, loaded.source(e.path).file !== undefined))
    }
    if (!checked.get(e.spec)) continue
    const name = e.name.replace(/^default\//, '')
    let host: Host | undefined
    if (e.spec.host !== undefined) {
      host = byName.get(e.spec.host)
      if (!host && hosts.length > 0 && e.name.endsWith(e.spec.replicas === undefined ? '' : '-1')) {
        const near = suggest(e.spec.host, [...byName.keys()])
        problems.error(
          [...e.path, 'host'],
          'unknown-host',
          `pod ${e.name}: there is no host "${e.spec.host}"`,
          near ? `did you mean "${near}"?` : `Hosts: ${[...byName.keys()].slice(0, 10).join(', ')}.`,
        )
      }
    } else {
      host = turns.host(e.spec.nodeSelector, byName.get(leases.pods.get(name)?.host ?? ''))
    }
    if (host) placed.push({ ...e, name, host })
  }
  return placed
}

type NodeSelector = PodSpec['nodeSelector']

const fits = (host: Host, wanted: NodeSelector): boolean => hasLabels(host.labels, wanted ?? {})

/** Spreads pods round-robin over the hosts they may run on: for each `nodeSelector` anew. */
class RoundRobin {
  readonly #hosts: readonly Host[]
  readonly #groups = new Map<string, { readonly hosts: readonly Host[]; next: number }>()

  constructor(hosts: readonly Host[]) {
    this.#hosts = hosts
  }

  /** @param before where it runs in a running lab: it stays if it still may; undefined: there is no such host */
  host(wanted: NodeSelector, before: Host | undefined): Host | undefined {
    const key = selectorText({ matchLabels: wanted ?? {} })
    let group = this.#groups.get(key)
    if (!group) this.#groups.set(key, (group = { hosts: wanted ? this.#hosts.filter((h) => fits(h, wanted)) : this.#hosts, next: 0 }))
    const next = group.hosts[group.next % group.hosts.length]
    group.next++
    return before && group.hosts.includes(before) ? before : next
  }
}

/** Hosts and their labels, for hints: those that a kubelet gives every node come last. */
function knownLabels(hosts: readonly Host[]): string {
  const known = [...new Set(hosts.flatMap((h) => Object.entries(h.labels).map(([k, v]) => `${k}=${v}`)))]
  const isOfKubelet = (label: string): boolean => /^(beta\.)?kubernetes\.io\//.test(label)
  const ordered = [...known.filter((l) => !isOfKubelet(l)), ...known.filter(isOfKubelet)]
  return `Labels of hosts: ${ordered.slice(0, 10).join(', ')}${ordered.length > 10 ? ', …' : ''}.`
}

/** Whether some host may run the pod. One of a manifest waits otherwise, as in a cluster: it does not become part of the lab. */
function checkSelector(
  { name, spec: { host, nodeSelector }, path }: Entry<PodSpec>,
  hosts: readonly Host[],
  problems: Problems,
  isOfManifest: boolean,
): boolean {
  if (!nodeSelector || hosts.length === 0) return true
  const pinned = hosts.find((h) => h.name === host)
  if (host !== undefined ? !pinned || fits(pinned, nodeSelector) : hosts.some((h) => fits(h, nodeSelector))) return true
  const wanted = selectorText({ matchLabels: nodeSelector })
  const why = `${pinned ? `host ${pinned.name} does not have` : 'no host has'} the labels ${wanted}`
  if (isOfManifest)
    problems.warning(
      [...path, 'nodeSelector'],
      'no-host-fits',
      `pod ${name}: ${why}: in a cluster it would wait, here it is left out`,
      knownLabels(hosts),
    )
  else problems.error([...path, 'nodeSelector'], 'no-host-fits', `pod ${name}: ${why}`, knownLabels(hosts))
  return false
}

function checkContainers(e: Entry<PodSpec>, problems: Problems): void {
  const names = new Set<string>()
  const ports = new Map<string, string>()
  e.spec.containers.forEach((c, i) => {
    const path = [...e.path, 'containers', i]
    if (names.has(c.name)) problems.error([...path, 'name'], 'name-taken', `pod ${e.name} has two containers called "${c.name}"`)
    names.add(c.name)
    c.ports.forEach((p, j) => {
      const key = `${p.containerPort}/${p.protocol}`
      const other = ports.get(key)
      if (other !== undefined)
        problems.error(
          [...path, 'ports', j],
          'port-taken',
          `pod ${e.name}: port ${key} is declared by "${other}" and "${c.name}"`,
          'Containers of a pod share one network namespace, so one port has one listener.',
        )
      ports.set(key, c.name)
    })
  })
}

function assign(
  pods: readonly Placed[],
  block: Cidr,
  host: Host,
  leases: Leases,
  facts: Map<string, { addresses: NodeAddress[] }>,
  problems: Problems,
): void {
  const { first, last } = usable(block)
  const pool = new Pool(first, last, first + 1n)
  pool.reserve(first, `the gateway of ${host.name}`)
  const kept = new Map<string, bigint>()
  const pins = new Map<bigint, Placed>()
  for (const p of pods) {
    const text = p.spec.replicas === undefined ? p.spec.ip?.find((t) => parseIp(t)!.family === block.family) : undefined
    if (text === undefined) continue
    const ip = parseIp(text)!
    const at = [...p.path, 'ip']
    const blockText = `${formatIp(block.family, block.base)}/${block.prefix}`
    if (!contains(block, ip) || ip.value < first || ip.value > last) {
      problems.error(
        at,
        'address-outside-network',
        `pod ${p.name}: ${text} is not a pod address of ${host.name}, whose block is ${blockText}`,
        'Pin the address inside the block, or pin the block with hosts.<name>.podCIDR.',
      )
    } else {
      const owner = pool.reserve(ip.value, `pod ${p.name}`)
      if (owner) problems.error(at, 'address-taken', `pod ${p.name}: ${text} already belongs to ${owner}`)
      else pins.set(ip.value, p)
    }
    kept.set(p.name, ip.value)
  }
  for (const p of pods) {
    const lease = leases.pods.get(p.name)
    if (kept.has(p.name) || lease?.host !== host.name) continue
    for (const ip of lease.ips.map((t) => parseIp(t)!)) {
      if (!contains(block, ip) || ip.value < first || ip.value > last) continue
      if (pool.reserve(ip.value, `pod ${p.name}`) === undefined) kept.set(p.name, ip.value)
      else if (pins.has(ip.value)) takenInRunningLab(pins.get(ip.value)!, p, formatIp(block.family, ip.value), problems)
    }
  }
  for (const p of pods) {
    const value = kept.get(p.name) ?? pool.take(`pod ${p.name}`)
    if (value === undefined) {
      problems.error(
        p.path,
        'network-too-small',
        `the block ${formatIp(block.family, block.base)}/${block.prefix} of ${host.name} has ${plural(Number(last - first), 'pod address')}, but ${plural(pods.length, 'pod')} to hold`,
        'Spread the pods over more hosts, or make blocks larger with network.hostPrefix.',
      )
      return
    }
    facts.get(p.name)!.addresses.push({ family: block.family, ip: formatIp(block.family, value), prefix: block.prefix })
  }
}

/** A pod that stays is never moved for a new one. */
function takenInRunningLab(comes: Placed, stays: Placed, ip: string, problems: Problems): void {
  problems.error(
    [...comes.path, 'ip'],
    'address-taken',
    `pod ${comes.name}: ${ip} belongs to pod ${stays.name} in the running lab`,
    'Pin another address, or take the lab down first.',
  )
}
