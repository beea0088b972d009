/** Every backend a topology can name. A new one: one file, one line here, one page in docs/. The first is the default. */
import type { ModuleChoice } from '../topology/schema/schema.ts'
import type { Host, Lab } from '../lab/lab.ts'
import type { Feature } from '../kernel/features/feature.ts'
import type { Layer, TunnelPorts } from '../packet/headers.ts'
import type { Family } from '../topology/address.ts'
import type { Backend, BackendModule, Carriage } from './backend.ts'
import { bgpModule } from './bgp/bgp.ts'
import { directModule } from './direct.ts'
import { geneveModule } from './geneve.ts'
import { greModule } from './gre.ts'
import { ipipModule } from './ipip.ts'
import { smallestLink } from './peers.ts'
import { udpModule } from './udp/udp.ts'
import { vpcModule } from './vpc.ts'
import { vxlanModule } from './vxlan.ts'
import { wireguardModule } from './wireguard/wireguard.ts'

export const backends: Readonly<Record<string, BackendModule>> = {
  vxlan: vxlanModule,
  geneve: geneveModule,
  gre: greModule,
  ipip: ipipModule,
  udp: udpModule,
  wireguard: wireguardModule,
  direct: directModule,
  bgp: bgpModule,
  vpc: vpcModule,
}

const created = new WeakMap<ModuleChoice, Backend>()

/** The backend a validated topology chose. */
export function backendOf(choice: ModuleChoice): Backend {
  let backend = created.get(choice)
  if (!backend) created.set(choice, (backend = backends[choice.type]!.create(choice)))
  return backend
}

/** How packets get from the pods of one host to those of another. */
export const carriage = (lab: Lab, from: Host, to: Host): Carriage => backendOf(lab.backend).carriage(from, to, lab)

/** The choice of a topology on this machine. @param can whether the machine has a feature; found by trying */
export const chosenHere = (choice: ModuleChoice, can: (feature: Feature) => boolean): ModuleChoice => ({
  ...choice,
  ...backends[choice.type]!.choose?.(choice, can),
})

/** How packets get from each host to each other. */
export function* carriages(lab: Lab): Generator<Carriage> {
  for (const from of lab.hosts) for (const to of lab.hosts) if (from !== to) yield carriage(lab, from, to)
}

/** MTU of a host's pods, bytes: what its link, or the smallest where pods of all hosts share one link, carries less what the backend may add. */
export function podMTU(lab: Lab, host: Host): number {
  const { bridged, reserve } = backendOf(lab.backend)
  return (bridged ? smallestLink(lab) : host.mtu) - reserve
}

/** The address that another host's pods see on a host's own packets. */
export const hostSource = (lab: Lab, from: Host, to: Host, family: Family): string | undefined => carriage(lab, from, to).source[family]

/** UDP ports of the lab's tunnels, by the header that a datagram to them carries: the next one of the tunnel, or the packet's own. */
export function tunnelPorts(lab: Lab): TunnelPorts {
  const ports: Record<number, Layer['type']> = {}
  for (const { headers } of carriages(lab))
    headers.forEach(({ fields }, i) => {
      if (fields?.['dstPort'] !== undefined) ports[fields['dstPort']] = headers[i + 1]?.type ?? 'ipv4'
    })
  return ports
}
