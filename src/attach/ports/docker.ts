/**
 * Ports of hosts as dockerd publishes them (github.com/moby/moby, daemon/libnetwork/drivers/bridge), told to do without its
 * proxy processes (`--userland-proxy=false`): then all is the kernel's.
 *
 *   PREROUTING, OUTPUT, to an address of the host → DOCKER: DNAT, one rule a port
 *   POSTROUTING: the host's own connections leave by the bridge under its address; a container that meets itself is hidden
 *
 * FORWARD passes what is published to the containers, their answers, and what they send. dockerd also makes its policy DROP,
 * which netlab does not: NetworkPolicies come first in FORWARD, and what they let through reaches the other rules there.
 */
import type { KernelObject } from '../../kernel/objects.ts'
import type { Host, Lab } from '../../lab/lab.ts'
import type { Family } from '../../topology/address.ts'
import type { HostPortModule } from './host-ports.ts'
import { chainsOf, hostPortNeeds, mappingsOn, routeLocalnet, single, toHostPort, toPod, type Mapping } from './rules.ts'

const DOCKER = 'DOCKER'
const USER = 'DOCKER-USER'
const STAGES = ['DOCKER-ISOLATION-STAGE-1', 'DOCKER-ISOLATION-STAGE-2'] as const

/** `-p tcp -m tcp --dport 80`: the container's own port. */
const toOwnPort = ({ port, endpoint }: Mapping): string => {
  const protocol = port.protocol.toLowerCase()
  return `-p ${protocol} -m ${protocol} --dport ${endpoint.port} `
}

function familyObjects(host: Host, lab: Lab, family: Family, bridge: string): KernelObject[] {
  const mappings = mappingsOn(host, lab, family)
  if (mappings.length === 0) return []
  const chain = chainsOf(host, family)
  const own = (m: Mapping): string => single(family, m.endpoint.ip)
  const toLocal = `-m addrtype --dst-type LOCAL -j ${DOCKER}`
  return [
    chain(
      'nat',
      DOCKER,
      mappings.map((m) => `${toHostPort(m)}${toPod(m)}`),
      { note: 'published ports' },
    ),
    chain('nat', 'PREROUTING', [toLocal], { builtin: true }),
    chain('nat', 'OUTPUT', [toLocal], { builtin: true }),
    chain(
      'nat',
      'POSTROUTING',
      [
        `-o ${bridge} -m addrtype --src-type LOCAL -j MASQUERADE`,
        ...mappings.map((m) => `-s ${own(m)} -d ${own(m)} ${toOwnPort(m)}-j MASQUERADE`),
      ],
      { builtin: true },
    ),
    chain(
      'filter',
      DOCKER,
      mappings.map((m) => `-d ${own(m)} ! -i ${bridge} -o ${bridge} ${toOwnPort(m)}-j ACCEPT`),
    ),
    chain('filter', USER, ['-j RETURN'], { note: 'for rules of the administrator' }),
    chain('filter', STAGES[0], [`-i ${bridge} ! -o ${bridge} -j ${STAGES[1]}`, '-j RETURN'], {
      note: "from one Docker network to another: there is none beside the pods' own",
    }),
    chain('filter', STAGES[1], [`-o ${bridge} -j DROP`, '-j RETURN']),
    chain(
      'filter',
      'FORWARD',
      [
        `-j ${USER}`,
        `-j ${STAGES[0]}`,
        `-o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
        `-o ${bridge} -j ${DOCKER}`,
        `-i ${bridge} ! -o ${bridge} -j ACCEPT`,
        `-i ${bridge} -o ${bridge} -j ACCEPT`,
      ],
      { builtin: true },
    ),
  ]
}

/** @param bridge the containers' bridge */
export const docker = (bridge: string): HostPortModule => ({
  hiding: { neighbours: false, host: true },
  needs: hostPortNeeds,
  objects: (host, lab) => [
    ...(mappingsOn(host, lab, 4).length > 0 ? [routeLocalnet(host, bridge)] : []),
    ...lab.families.flatMap((family) => familyObjects(host, lab, family, bridge)),
  ],
})
