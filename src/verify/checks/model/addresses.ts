/** Addresses, networks and devices, as read back from the kernel of every pod and node. */
import { isAutomatic } from '../../../kernel/links/index.ts'
import { type Host, type Lab, nodeName, type Pod } from '../../../lab/lab.ts'
import { contains, overlaps, parseCidr, parseIp } from '../../../topology/address.ts'
import type { Check } from '../../check.ts'
import type { TestPlan } from '../../check-source.ts'
import type { Device, LinkAddress, NodeReading, Readings } from '../../evidence/readings.ts'
import { Tally, type Failing } from '../../evidence/tally.ts'

const addressesOf = (node: NodeReading, device: string): LinkAddress[] =>
  node.devices
    .filter((d) => d.ifname === device)
    .flatMap((d) => (d.addr_info ?? []).filter((a) => a.scope !== 'link' && a.scope !== 'host'))

const failsAt = (pod: Pod | Host, detail: string): Failing => ({
  from: nodeName(pod),
  detail,
  source: pod.source,
  reproduce: ['exec', nodeName(pod), '--', 'ip', 'address'],
})

/** Every address of the lab's nodes and Services besides pods'. */
function taken(lab: Lab): Map<string, string> {
  const map = new Map<string, string>()
  for (const h of lab.hosts) {
    for (const a of h.addresses) map.set(a.ip, `the address of ${h.name}`)
    for (const b of h.blocks) map.set(b.network, `the network address of ${h.name}`).set(b.gateway, `the gateway of ${h.name}`)
    for (const b of h.blocks) {
      const cidr = parseCidr(b.cidr)!
      if (b.family === 4 && cidr.prefix < 31) map.set(broadcast(b.cidr), `the broadcast address of ${h.name}'s block`)
    }
  }
  for (const s of lab.services) for (const c of s.clusterIPs) map.set(c.ip, `the address of Service ${s.key}`)
  for (const s of lab.segments) for (const g of s.gateways) map.set(g.ip, `the router's address on ${s.segment}`)
  for (const x of lab.externals) for (const a of x.addresses) map.set(a.ip, `the address of ${x.name}`)
  return map
}

function broadcast(cidr: string): string {
  const { base, prefix } = parseCidr(cidr)!
  const n = Number(base + (1n << BigInt(32 - prefix)) - 1n)
  return [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join('.')
}

function unique(lab: Lab, readings: Readings): Check[] {
  const own = new Tally('model', 'addresses-unique', 'every pod has addresses of its own: no other pod, node or Service has them')
  const placed = new Tally('model', 'addresses-in-block', "every pod's addresses lie in its host's block")
  const owners = taken(lab)
  const hosts = new Map(lab.hosts.map((h) => [h.name, h]))
  for (const pod of lab.pods) {
    const node = readings.nodes.get(pod.netns)
    if (!node) continue
    const live = addressesOf(node, 'eth0')
    const blocks = hosts.get(pod.host)!.blocks.map((b) => parseCidr(b.cidr)!)
    for (const { family } of pod.addresses) {
      const word = family === 4 ? 'inet' : 'inet6'
      if (!live.some((a) => a.family === word)) own.add(failsAt(pod, `eth0 has no IPv${family} address`))
    }
    for (const { local } of live) {
      const owner = owners.get(local)
      own.add(owner === undefined ? undefined : failsAt(pod, `${local} is also ${owner}`))
      owners.set(local, `an address of ${pod.key}`)
      const ip = parseIp(local)
      placed.add(ip && blocks.some((b) => contains(b, ip)) ? undefined : failsAt(pod, `${local} is not in the block of ${pod.host}`))
    }
  }
  const nothing = 'no pod could be read'
  return [...own.checks('address', nothing), ...placed.checks('address', nothing)]
}

function disjoint({ hosts, segments, serviceCIDRs, podCIDRs }: Lab): Check[] {
  const tally = new Tally('model', 'networks-disjoint', "hosts' blocks, the underlay and the Services' network do not overlap")
  const blocks = hosts.flatMap((h) => h.blocks.map((b) => ({ name: `the block of ${h.name}`, cidr: b.cidr })))
  const others = [
    ...segments.flatMap((s) => s.cidrs.map((cidr) => ({ name: `segment ${s.segment}`, cidr }))),
    ...serviceCIDRs.map((cidr) => ({ name: "the Services' network", cidr })),
  ]
  const sorted = blocks.map((b) => ({ ...b, parsed: parseCidr(b.cidr)! })).toSorted((a, b) => (a.parsed.base < b.parsed.base ? -1 : 1))
  const clash = (a: { name: string; cidr: string }, b: { name: string; cidr: string }): Failing | undefined =>
    overlaps(parseCidr(a.cidr)!, parseCidr(b.cidr)!) ? { detail: `${a.name}, ${a.cidr}, overlaps ${b.name}, ${b.cidr}` } : undefined
  // In order, so that neighbours tell.
  for (const family of [4, 6]) {
    const list = sorted.filter((b) => b.parsed.family === family)
    for (const [i, block] of list.entries()) if (i > 0) tally.add(clash(list[i - 1]!, block))
  }
  const pods = podCIDRs.map((cidr) => ({ name: "the pods' network", cidr }))
  for (const [i, other] of [...pods, ...others].entries())
    for (const later of [...pods, ...others].slice(i + 1)) tally.add(clash(other, later))
  return tally.checks('pair of networks', 'there are no networks')
}

/** What a pod's namespace must hold: loopback and eth0, both up, and a way out. */
function podDevices({ devices, routes }: NodeReading, pod: Pod): string[] {
  const up = (d: Device | undefined): boolean => d?.flags.includes('UP') === true
  const named = (name: string): Device | undefined => devices.find((d) => d.ifname === name)
  const leaked = devices.filter((d) => !['lo', 'eth0'].includes(d.ifname) && !(isAutomatic(d.ifname) && !up(d)))
  const ways = pod.addresses.filter(
    ({ family }) =>
      !routes.some((r) => r.dst === 'default' && (r.table ?? 'main') === 'main' && (family === 6) === (r.gateway ?? '').includes(':')),
  )
  return [
    ...['lo', 'eth0'].flatMap((name) => (up(named(name)) ? [] : [`${name} is ${named(name) ? 'down' : 'gone'}`])),
    ...leaked.map((d) => `there is another device, ${d.ifname}`),
    ...ways.map(({ family }) => `there is no IPv${family} default route`),
  ]
}

function shape(lab: Lab, readings: Readings): Check[] {
  const pods = new Tally('model', 'pods-have-one-interface', 'a pod has loopback and eth0, both up, a default route, and nothing else')
  const gone = new Tally('model', 'nodes-are-there', 'the network namespace of every node can be entered')
  const dad = new Tally('model', 'no-tentative-address', 'no IPv6 address is tentative or duplicate')
  const forwarding = new Tally('model', 'nodes-forward', 'nodes forward packets')
  for (const node of [...lab.hosts, ...lab.pods]) {
    const reading = readings.nodes.get(node.netns)
    gone.add(reading ? undefined : { ...failsAt(node, `${node.netns} cannot be read`), reproduce: ['status', lab.name] })
    if (!reading) continue
    if (node.kind === 'pod') {
      const wrong = podDevices(reading, node)
      pods.add(wrong.length === 0 ? undefined : failsAt(node, wrong.join(', ')))
    } else {
      const off = ['net/ipv4/ip_forward', ...(lab.families.includes(6) ? ['net/ipv6/conf/all/forwarding'] : [])].filter(
        (s) => reading.settings[s] !== '1',
      )
      const settings = off.map((s) => s.replaceAll('/', '.'))
      const reproduce = ['exec', nodeName(node), '--', 'sysctl', ...settings]
      forwarding.add(off.length === 0 ? undefined : { ...failsAt(node, `${settings.join(', ')} is off`), reproduce })
    }
    for (const d of reading.devices) {
      for (const a of d.addr_info ?? []) {
        if (a.family === 'inet6')
          dad.add(
            a.tentative || a.dadfailed
              ? failsAt(node, `${a.local} on ${d.ifname} is ${a.dadfailed ? 'a duplicate' : 'tentative'}`)
              : undefined,
          )
      }
    }
  }
  return [
    ...gone.checks('namespace', 'there are no nodes'),
    ...pods.checks('pod', 'no pod could be read'),
    ...forwarding.checks('node', 'no node could be read'),
    ...dad.checks('address', 'no node has an IPv6 address'),
  ]
}

export const evaluateAddresses = ({ lab }: TestPlan, readings: Readings): Check[] => [
  ...shape(lab, readings),
  ...unique(lab, readings),
  ...disjoint(lab),
]
