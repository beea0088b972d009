/** Pods: replicas expanded, spread over the hosts, addressed from their host's block. */
import { contains, formatIp, parseCidr, parseIp, type Cidr } from '../topology/address.ts'
import type { LoadedTopology } from '../topology/loaded.ts'
import type { Host, HostPod, NodeAddress, Pod } from './lab.ts'
import type { Leases } from './addressing/lease.ts'
import { interfaceName, mac, netnsName } from './names.ts'
import { Pool, usable, type Networks } from './addressing/networks.ts'
import { Numbers } from './addressing/numbers.ts'
import { place, type Placed } from './placement.ts'
import type { Problems } from './problems.ts'
import { plural } from '../plural.ts'

/** Pods in file order. Pinned addresses first, then leases of a running lab, then the lowest free ones. */
export function resolvePods(
  loaded: LoadedTopology,
  lab: string,
  hosts: readonly Host[],
  networks: Networks,
  leases: Leases,
  problems: Problems,
): { readonly pods: Pod[]; readonly hostPods: HostPod[] } {
  const all = place(loaded, hosts, leases, problems)
  const placed = all.filter((p) => p.spec.hostNetwork !== true)
  const onHost = groupByHost(placed)
  const facts = new Map<string, { ordinal: number; addresses: NodeAddress[] }>()
  for (const [host, pods] of onHost) {
    const numbers = new Numbers(1)
    for (const p of pods) {
      const lease = leases.pods.get(p.name)
      if (lease?.host === host.name && lease.ordinal > 0) numbers.keep(p.name, lease.ordinal)
    }
    for (const p of pods) facts.set(p.name, { ordinal: numbers.of(p.name), addresses: [] })
    for (const b of host.blocks) assign(pods, parseCidr(b.cidr)!, host, leases, facts, problems)
  }
  notKept(loaded, placed, facts, problems)
  const common = (p: Placed): Omit<HostPod, 'netns' | 'addresses'> => {
    const [namespace, name] = p.name.includes('/') ? (p.name.split('/') as [string, string]) : ['default', p.name]
    return {
      name,
      key: p.name,
      namespace,
      source: loaded.source(p.path),
      host: p.host.name,
      labels: p.spec.labels,
      containers: p.spec.containers,
      ready: p.spec.ready,
      ...(p.spec.terminating ? { terminating: true as const } : {}),
    }
  }
  const taken = new Set<string>()
  /** What the attach module calls it; undefined where it was told nothing, or another pod of the host has that name. */
  const hostInterface = (host: Host, pod: { readonly namespace: string; readonly name: string }): string | undefined => {
    const told = loaded.interfaceOf?.(pod)
    if (told === undefined || taken.has(`${host.name} ${told}`)) return undefined
    taken.add(`${host.name} ${told}`)
    return told
  }
  const pods = placed.map((p): Pod => {
    const { ordinal, addresses } = facts.get(p.name)!
    const { name, namespace, ...rest } = common(p)
    return {
      kind: 'pod',
      name,
      namespace,
      ...rest,
      netns: namespace === 'default' ? netnsName(lab, name) : netnsName(lab, namespace, name),
      ordinal,
      addresses,
      mac: mac('pod', p.host.index, ordinal),
      hostMac: mac('podPort', p.host.index, ordinal),
      hostInterface: hostInterface(p.host, { namespace, name }) ?? interfaceName('p', ordinal, p.name),
    }
  })
  const hostPods = all
    .filter((p) => p.spec.hostNetwork === true)
    .map((p): HostPod => ({ ...common(p), netns: p.host.netns, addresses: p.host.addresses }))
  return { pods, hostPods }
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
    if (kept.has(p.name)) continue
    const real = p.real.map((text) => parseIp(text)!).find((ip) => contains(block, ip) && ip.value >= first && ip.value <= last)
    if (real && pool.reserve(real.value, `pod ${p.name}`) === undefined) kept.set(p.name, real.value)
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

const MAX_NAMED = 5

/** Says once which pods have other addresses than in the cluster that their manifests were taken from. */
function notKept(
  loaded: LoadedTopology,
  placed: readonly Placed[],
  facts: ReadonlyMap<string, { readonly addresses: readonly NodeAddress[] }>,
  problems: Problems,
): void {
  const moved = placed.flatMap((p) => {
    const has = (ip: string): boolean => facts.get(p.name)!.addresses.some((a) => a.ip === ip)
    const lost = p.real.filter((ip) => !has(ip))
    return lost.length > 0 ? [{ path: p.path, text: `${p.name} (${lost.join(', ')})` }] : []
  })
  if (moved.length === 0) return
  const names = moved.slice(0, MAX_NAMED).map((m) => m.text)
  problems.warning(
    moved[0]!.path,
    'address-not-kept',
    `the addresses that ${plural(moved.length, 'pod')} had in their cluster do not fit here: ${names.join(', ')}${moved.length > MAX_NAMED ? ', …' : ''}`,
    'Pin the blocks of hosts with `hosts.<name>.podCIDR`, inside `network.podCIDR`, and run each pod on its host.',
  )
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
