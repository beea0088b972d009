/**
 * Ports of hosts as the CNI plugin portmap makes them, which kubelets' runtimes call after the plugin that connects a pod
 * (github.com/containernetworking/plugins, plugins/meta/portmap/portmap_iptables.go).
 *
 *   PREROUTING, OUTPUT, to an address of the host
 *        → CNI-HOSTPORT-DNAT ── the port, whatever its address ──→ CNI-DN-… (one pod): mark some, then DNAT
 *   POSTROUTING → CNI-HOSTPORT-MASQ: what has the mark leaves under an address of the host
 *
 * The pod sees its client, but for two: who is in the pod's own network, itself included, whose answer a bridge would
 * take straight back to them; and the host at 127.0.0.1, an address that means nothing beyond it. OUTPUT finds the route to a
 * pod after DNAT, and that a packet of 127.0.0.1 may take it, and its answer come back, is `route_localnet` of the device
 * towards the pod.
 */
import { sha512 } from '../../lab/hash.ts'
import { addressOf, blockOf, type Host, type Lab, type Pod } from '../../lab/lab.ts'
import type { KernelObject } from '../../kernel/objects.ts'
import type { Family } from '../../topology/address.ts'
import type { HostPortModule } from './host-ports.ts'
import { chainsOf, hostPortNeeds, mappingsOn, routeLocalnet, single, toHostPort, toPod, type Mapping } from './rules.ts'

const [DNAT, SETMARK, MASQ] = ['CNI-HOSTPORT-DNAT', 'CNI-HOSTPORT-SETMARK', 'CNI-HOSTPORT-MASQ'] as const
/** The plugin's default, `markMasqBit` 13. */
const MARK = '0x2000/0x2000'
/** What xtables takes, and the plugin fills with the hash. */
const NAME_LENGTH = 28
/** Ports that one rule can match (`xt_multiport`). */
const MULTIPORT = 15

/** The plugin hashes the names of the network and of the container. */
const chainName = (pod: Pod): string => `CNI-DN-${sha512(`netlab${pod.key}`).toString('hex')}`.slice(0, NAME_LENGTH)

const comment = (text: string): string => `-m comment --comment "${text}" `

/** How pods are connected, as far as the plugin sees it. */
interface Connection {
  /** The host's device that leads to a pod. */
  device(pod: Pod): string
  /** A pod's address is one of its host's block, on a link that all its pods share; otherwise it stands alone. */
  readonly sharesL2: boolean
}

/** Jumps to a pod's chain: by protocol, fifteen ports a rule. */
function jumps(pod: Pod, mappings: readonly Mapping[]): string[] {
  const protocols = [...new Set(mappings.map((m) => m.port.protocol.toLowerCase()))].toSorted()
  return protocols.flatMap((protocol) => {
    const ports = [...new Set(mappings.filter((m) => m.port.protocol.toLowerCase() === protocol).map((m) => m.port.port))]
    const groups = Array.from({ length: Math.ceil(ports.length / MULTIPORT) }, (_, i) => ports.slice(i * MULTIPORT, (i + 1) * MULTIPORT))
    return groups.map(
      (group) => `-p ${protocol} ${comment(`host ports of ${pod.key}`)}-m multiport --dports ${group.join(',')} -j ${chainName(pod)}`,
    )
  })
}

function familyObjects(host: Host, lab: Lab, family: Family, { sharesL2 }: Connection): KernelObject[] {
  const mappings = mappingsOn(host, lab, family)
  if (mappings.length === 0) return []
  const chain = chainsOf(host, family)
  const toLocal = `-m addrtype --dst-type LOCAL -j ${DNAT}`
  const pods = [...new Set(mappings.map((m) => m.pod))]
  const of = (pod: Pod): Mapping[] => mappings.filter((m) => m.pod === pod)
  const rules = (m: Mapping): string[] => {
    const near = sharesL2 ? blockOf(host, family)!.cidr : single(family, addressOf(m.pod, family)!)
    const hidden = [near, ...(family === 4 ? ['127.0.0.1/32'] : [])]
    return [...hidden.map((source) => `${toHostPort(m, source)}-j ${SETMARK}`), `${toHostPort(m)}${toPod(m)}`]
  }
  return [
    chain('nat', SETMARK, [`${comment('masquerade it')}-j MARK --set-xmark ${MARK}`]),
    chain('nat', MASQ, [`-m mark --mark ${MARK} -j MASQUERADE`]),
    chain(
      'nat',
      DNAT,
      pods.flatMap((pod) => jumps(pod, of(pod))),
      { note: 'ports of this host that lead to its pods' },
    ),
    ...pods.map((pod) => chain('nat', chainName(pod), of(pod).flatMap(rules), { from: pod.source })),
    chain('nat', 'PREROUTING', [toLocal], { builtin: true }),
    chain('nat', 'OUTPUT', [toLocal], { builtin: true }),
    chain('nat', 'POSTROUTING', [`${comment('host ports: clients that must be hidden')}-j ${MASQ}`], { builtin: true }),
  ]
}

export const portmap = (connection: Connection): HostPortModule => ({
  hiding: { neighbours: connection.sharesL2, host: false },
  needs: hostPortNeeds,
  objects(host, lab) {
    const devices = new Set(mappingsOn(host, lab, 4).map((m) => connection.device(m.pod)))
    return [
      ...[...devices].map((dev) => routeLocalnet(host, dev)),
      ...lab.families.flatMap((family) => familyObjects(host, lab, family, connection)),
    ]
  },
})
