/** `netlab inspect --json`: the documented shape of a lab. */
import { podMTU } from '../../backends/index.ts'
import type { Daemon, KernelObject } from '../../kernel/objects.ts'
import { nodesOf, routerPorts, type Border, type Lab, type Node, type Router } from '../../lab/lab.ts'
import { policiesOf } from '../../lab/policy/policies.ts'
import type { Service } from '../../lab/services/service.ts'

const one = (list: readonly string[]): string | readonly string[] | undefined => (list.length > 1 ? list : list[0])

function nodeDocument(node: Node, lab: Lab): object {
  const common = { name: node.name, kind: node.kind }
  switch (node.kind) {
    case 'host':
      return {
        ...common,
        netns: node.netns,
        segment: node.segment,
        addresses: node.addresses.map((a) => a.ip),
        podCIDR: one(node.blocks.map((b) => b.cidr)),
        mac: node.mac,
        mtu: node.mtu,
        podMTU: podMTU(lab, node),
        labels: node.labels,
        interface: 'eth0',
      }
    case 'pod':
      return {
        ...common,
        namespace: node.namespace,
        host: node.host,
        netns: node.netns,
        addresses: node.addresses.map((a) => a.ip),
        mac: node.mac,
        labels: node.labels,
        interface: 'eth0',
        hostInterface: node.hostInterface,
        containers: node.containers.map((c) => c.name),
      }
    case 'external':
      return {
        ...common,
        netns: node.netns,
        addresses: node.addresses.map((a) => a.ip),
        mac: node.mac,
        podRoutes: node.podRoutes,
        containers: (node.containers ?? []).map((c) => c.name),
      }
    case 'switch':
      return { ...common, netns: node.netns, segment: node.segment, cidrs: node.cidrs, mtu: node.mtu }
    case 'router':
      return {
        ...common,
        netns: node.netns,
        addresses: node.addresses.map((a) => a.ip),
        ...fabricPart(node, lab),
        ...borderPart(node, lab),
      }
  }
}

/** Of a router that speaks BGP: its autonomous system, and the routers at the other ends of its links. */
const fabricPart = ({ name, bgp }: Router, lab: Lab): object =>
  bgp
    ? {
        asn: bgp.asn,
        links: routerPorts(lab, name).map(({ own, far }) => ({
          device: own.device,
          to: far.router,
          addresses: own.addresses.map((a) => a.ip),
        })),
      }
    : {}

/** What the border does besides forwarding, for people. */
export const borderText = ({ nat, firewall }: Border): string =>
  [nat ? 'NAT' : '', firewall ? `firewall, lets in ${firewall.allow.map((rule) => rule.text).join(', ') || 'nothing'}` : '']
    .filter(Boolean)
    .join('; ')

/** Of the router that externals are plugged into: what it does besides forwarding. */
const borderPart = ({ isEdge }: Router, { border }: Lab): object =>
  isEdge && border
    ? { nat: border.nat, ...(border.firewall ? { firewall: { allow: border.firewall.allow.map((rule) => rule.text) } } : {}) }
    : {}

function serviceDocument(s: Service): object {
  const places = s.ports.flatMap((p) => p.endpoints.map((e) => (e.family === 4 ? `${e.ip}:${e.port}` : `[${e.ip}]:${e.port}`)))
  return {
    name: s.name,
    namespace: s.namespace,
    type: s.type,
    clusterIP: s.headless ? 'None' : (s.clusterIPs[0]?.ip ?? null),
    clusterIPs: s.headless ? ['None'] : s.clusterIPs.map((a) => a.ip),
    externalIPs: s.externalIPs,
    ports: s.ports.map((p) => ({
      ...(p.name === undefined ? {} : { name: p.name }),
      port: p.port,
      protocol: p.protocol,
      targetPort: p.targetPort,
      ...(p.nodePort === undefined ? {} : { nodePort: p.nodePort }),
    })),
    endpoints: [...new Set(places)],
  }
}

/** The lab's pods can have several MTUs when links differ; the smallest is the one every pod can rely on. */
const smallestPodMTU = (lab: Lab): number => Math.min(...lab.hosts.map((h) => podMTU(lab, h)))

const daemonDocument = ({ id, node, ns, program, command, files, owns }: Daemon): object => ({
  id,
  node,
  netns: ns,
  program,
  command,
  files: files.map((file) => file.path),
  owns: owns ?? [],
})

export function labDocument(lab: Lab, objects: readonly KernelObject[]): object {
  return {
    lab: lab.name,
    file: lab.file,
    ...(lab.preset ? { preset: { name: lab.preset.name, chose: lab.preset.filled } } : {}),
    backend: lab.backend.type,
    attach: lab.attach.type,
    podMTU: smallestPodMTU(lab),
    podCIDR: one(lab.podCIDRs),
    serviceCIDR: one(lab.serviceCIDRs),
    nodes: nodesOf(lab).map((n) => nodeDocument(n, lab)),
    // They are their hosts: no nodes of their own.
    hostPods: (lab.hostPods ?? []).map((p) => ({
      name: p.name,
      namespace: p.namespace,
      host: p.host,
      addresses: p.addresses.map((a) => a.ip),
      labels: p.labels,
      containers: p.containers.map((c) => c.name),
    })),
    services: lab.services.map(serviceDocument),
    daemons: objects.flatMap((o) => (o.kind === 'daemon' ? [daemonDocument(o)] : [])),
    policies: policiesOf(lab).map((p) => ({ name: p.name, namespace: p.namespace, selects: [...p.selected.pods].map((pod) => pod.key) })),
  }
}
