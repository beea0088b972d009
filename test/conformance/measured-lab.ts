/** One combination as a lab, brought up and asked everything at once; the suite checks what was answered and captured. */
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { Capture } from '../support/capture.ts'
import { inVM } from '../support/features.ts'
import { Lab, type LabDocument, type NodeDocument } from '../support/lab.ts'
import type { Frame } from '../support/pcap.ts'
import { end, probe, respond, serve, type Answer, type Probe } from '../support/probe.ts'
import { links } from '../support/snapshot.ts'
import type { Combination } from './declaration.ts'

/** A question from one node about another, and its answer. */
export interface Asked {
  readonly from: Node
  readonly to: Node
  readonly address: string
  readonly probe: Probe
  /** Why it was asked: what the suite filters by. */
  readonly topic: 'reach' | 'full size' | 'too large' | 'large datagram' | 'closed' | 'loopback' | 'bulk' | 'router' | 'unassigned'
  readonly answer: Answer
}

export interface Node extends NodeDocument {
  readonly addresses: readonly string[]
  /** Own MTU towards pods, bytes. */
  readonly podMTU: number
}

const CIDRS = { v4: '10.244.0.0/16', v6: 'fd00:10:244::/48', dual: ['10.244.0.0/16', 'fd00:10:244::/48'] }
const PORT = { tcp: 8080, udp: 5353, bulk: 7000, closed: 81, loopback: 9999 }
/** Of the bulk transfers, each way, bytes. Emulated processors copy slowly. */
const BULK = inVM ? 300_000 : 2_000_000
const LARGE = 8000
/** Nodes that ask at the same time. */
const ASKERS = inVM ? 1 : 8

function topologyOf(c: Combination): object {
  const container = { name: 'web', ports: [{ containerPort: PORT.tcp }, { containerPort: PORT.udp, protocol: 'UDP' }] }
  const pod = (host: string): object => ({ host, containers: [container] })
  const segment = (name: string): object => (c.crossSegment ? { segment: name } : {})
  const mtu = (host: string): object => (c.mtu.hosts?.[host] === undefined ? {} : { mtu: c.mtu.hosts[host] })
  return {
    network: { podCIDR: CIDRS[c.families], backend: { type: c.backend, ...c.options }, attach: c.attach, masquerade: c.masquerade },
    underlay: {
      mtu: c.mtu.underlay,
      ...(c.fabric ? { routing: 'bgp', spines: 2 } : {}),
      ...(c.border ? { border: { nat: true, firewall: { allow: [{ from: 'peer' }] } } } : {}),
      ...(c.crossSegment ? { segments: { 'rack-1': '192.168.1.0/24', 'rack-2': '192.168.2.0/24' } } : {}),
    },
    hosts: {
      'node-1': { ...segment('rack-1'), ...mtu('node-1') },
      'node-2': { ...segment(c.crossSegment ? 'rack-1' : ''), ...mtu('node-2') },
      ...(c.crossSegment ? { 'node-3': { segment: 'rack-2' } } : {}),
    },
    pods: {
      a1: pod('node-1'),
      'shop/a2': pod('node-1'),
      b1: pod('node-2'),
      b2: pod('node-2'),
      ...(c.crossSegment ? { c1: pod('node-3'), c2: pod('node-3') } : {}),
    },
    ...(c.externals ? { externals: { client: {}, peer: { podRoutes: true } } } : {}),
  }
}

const isIpv6 = (address: string): boolean => address.includes(':')

export class MeasuredLab {
  readonly combination: Combination
  readonly lab: Lab
  readonly document: LabDocument
  /** Hosts, pods and externals. */
  readonly nodes: readonly Node[]
  readonly asked: readonly Asked[]
  /** What passed eth0 of each host while everything above was asked, by host name. */
  readonly frames: ReadonlyMap<string, readonly Frame[]>

  private constructor(
    combination: Combination,
    lab: Lab,
    document: LabDocument,
    asked: readonly Asked[],
    frames: ReadonlyMap<string, readonly Frame[]>,
  ) {
    this.combination = combination
    this.lab = lab
    this.document = document
    this.nodes = nodesOf(document)
    this.asked = asked
    this.frames = frames
  }

  static lab(c: Combination): Lab {
    return new Lab(topologyOf(c))
  }

  /** Brings the lab up, captures on every host's underlay link, and lets every node ask about every other. */
  static async ask(c: Combination, lab: Lab): Promise<MeasuredLab> {
    const document = await lab.mustUp()
    const nodes = nodesOf(document)
    const hosts = nodes.filter((n) => n.kind === 'host')
    const helpers: ChildProcess[] = []
    const captures = new Map<string, Capture>()
    try {
      const others = nodes.filter((n) => n.kind !== 'pod')
      helpers.push(...(await Promise.all(others.map((n) => respond(n.netns, n.name, PORT, n.addresses)))))
      const pods = nodes.filter((n) => n.kind === 'pod')
      helpers.push(...(await Promise.all(pods.map((n) => serve(n.netns, '::', PORT.bulk)))))
      helpers.push(await serve(pods[0]!.netns, '127.0.0.1', PORT.loopback))
      for (const h of hosts) captures.set(h.name, await Capture.start(h.netns, 'eth0', join(lab.dir, `${h.name}.pcap`)))
      const asked: Asked[] = []
      const router = document.nodes.find((n) => n.kind === 'router')?.addresses ?? []
      // Bulk last: a processor that copies megabytes has no time for ARP.
      for (const late of [false, true]) {
        const lists = nodes.map((n) => questions(n, nodes, router).filter((q) => (q.topic === 'bulk') === late))
        for (let i = 0; i < nodes.length; i += ASKERS) {
          const group = nodes.slice(i, i + ASKERS).map((n, j) => ask(n, lists[i + j]!))
          asked.push(...(await Promise.all(group)).flat())
        }
      }
      const frames = new Map<string, readonly Frame[]>()
      for (const [i, h] of hosts.entries()) {
        frames.set(h.name, await captures.get(h.name)!.stop(hosts[(i + 1) % hosts.length]!.addresses[0]!))
      }
      return new MeasuredLab(c, lab, document, asked, frames)
    } finally {
      for (const capture of captures.values()) await capture.kill()
      for (const helper of helpers) await end(helper)
    }
  }

  pods(): Node[] {
    return this.nodes.filter((n) => n.kind === 'pod')
  }

  hosts(): Node[] {
    return this.nodes.filter((n) => n.kind === 'host')
  }

  /** The node an address belongs to. */
  owner(address: string | undefined): Node | undefined {
    return address === undefined ? undefined : this.nodes.find((n) => n.addresses.includes(address))
  }

  about(topic: Asked['topic'], from: Node['kind'], to: Node['kind']): Asked[] {
    return this.asked.filter((a) => a.topic === topic && a.from.kind === from && a.to.kind === to)
  }
}

function nodesOf(document: LabDocument): Node[] {
  const mtuOf = new Map(document.nodes.map((n) => [n.name, n.podMTU]))
  return document.nodes
    .filter((n) => n.kind === 'host' || n.kind === 'pod' || n.kind === 'external')
    .map((n) => ({ ...n, addresses: n.addresses ?? [], podMTU: mtuOf.get(n.host ?? n.name) ?? 0 }))
}

/** An address of the same block that no pod has. */
const unused = (address: string): string => (isIpv6(address) ? address.replace(/[0-9a-f]*$/, 'dead') : address.replace(/\d+$/, '200'))

function questions(from: Node, nodes: readonly Node[], router: readonly string[]): Omit<Asked, 'answer'>[] {
  const list: Omit<Asked, 'answer'>[] = []
  const first = nodes.find((n) => n.kind === 'pod')!
  for (const to of nodes) {
    for (const address of to.addresses) {
      const add = (topic: Asked['topic'], p: Probe): void => void list.push({ from, to, address, topic, probe: p })
      // An address of a family that only one side has.
      if (!from.addresses.some((a) => isIpv6(a) === isIpv6(address))) continue
      // Only a ping is told at once that there is no route, and only the first few: routers limit the rate of ICMP errors.
      const noWay = from.kind === 'external' && !from.podRoutes && to.kind === 'pod'
      if (!noWay || to === first) add('reach', { kind: 'ping', to: address })
      for (const kind of noWay ? [] : (['tcp', 'udp'] as const)) add('reach', { kind, to: address, port: PORT[kind] })
      if (to.kind !== 'pod' || (from.kind !== 'pod' && from.kind !== 'host')) continue
      for (const kind of ['tcp', 'udp'] as const) add('closed', { kind, to: address, port: PORT.closed })
      if (from.kind !== 'pod' || from === to) continue
      add('full size', { kind: 'ping', to: address, packet: Math.min(from.podMTU, to.podMTU) })
      add('too large', { kind: 'ping', to: address, packet: from.podMTU + 1 })
      // A link drops what another one's larger MTU let pass: the sender would have to know, and pods do not.
      if (from.podMTU <= to.podMTU) add('large datagram', { kind: 'udp', to: address, port: PORT.udp, bytes: LARGE })
      // One transfer a host pair and family, and one on the same host.
      if (from.name.endsWith('1') && to.name !== 'b2') add('bulk', { kind: 'bulk', to: address, port: PORT.bulk, bytes: BULK })
    }
  }
  if (from.kind === 'external') return list
  for (const address of from.kind === 'pod' ? from.addresses : []) {
    const own = { from, to: from, address }
    list.push({ ...own, topic: 'unassigned', probe: { kind: 'send', to: unused(address), port: PORT.udp } })
    const near = router.filter((r) => isIpv6(r) === isIpv6(address))
    list.push(...near.map((to): Omit<Asked, 'answer'> => ({ ...own, topic: 'router', probe: { kind: 'ping', to } })))
  }
  for (const address of ['127.0.0.1', ...first.addresses.filter((a) => !isIpv6(a))]) {
    list.push({ from, to: first, address, topic: 'loopback', probe: { kind: 'tcp', to: address, port: PORT.loopback } })
  }
  return list
}

async function ask(from: Node, list: readonly Omit<Asked, 'answer'>[]): Promise<Asked[]> {
  if (list.length === 0) return []
  const answers = await probe(
    from.netns,
    list.map((q) => q.probe),
  )
  return list.map((q, i) => ({ ...q, answer: answers[i]! }))
}

export { links, unused }
