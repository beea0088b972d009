/**
 * Ports of hosts that lead to a pod: `hostPort` of its containers. Which address and port that is, and which pod gets it;
 * whether the pod sees its client is said by what makes it so, in attach/.
 */
import { canonicalIp, type Family } from '../../topology/address.ts'
import { addressOf, type Host, type Lab, type Pod } from '../lab.ts'
import type { ServicePort } from './service.ts'

/** One port of one host. */
export interface HostPort {
  /** As a Service's: its endpoints are the pod's addresses of the families in which the port leads there. */
  readonly port: ServicePort
  readonly pod: Pod
  readonly host: string
  /** The one address of the host it is at; absent: every one. */
  readonly ip?: string
}

/**
 * Whom a pod sees as its host, behind a port of that: the pod itself and the host at 127.0.0.1 always, or no answer would find
 * its way back. What makes it so decides about others.
 */
export interface Hiding {
  /** Other pods of the host. */
  readonly neighbours: boolean
  /** The host at its other addresses. */
  readonly host: boolean
}

/** As `attach/` gives it. */
export type HidingOf = (lab: Lab) => Hiding

const EVERY = new Set(['0.0.0.0', '::'])

const known = new WeakMap<Lab, ReadonlyMap<string, readonly HostPort[]>>()

function byHost(lab: Lab): ReadonlyMap<string, readonly HostPort[]> {
  let found = known.get(lab)
  if (!found) {
    const made = new Map<string, HostPort[]>()
    for (const pod of lab.pods) {
      const ports = portsOf(pod)
      if (ports.length > 0) made.set(pod.host, [...(made.get(pod.host) ?? []), ...ports])
    }
    known.set(lab, (found = made))
  }
  return found
}

/** Every port of a host that leads to a pod, host by host, in the order of their pods. */
export const hostPortsOf = (lab: Lab): readonly HostPort[] => [...byHost(lab).values()].flat()

/** Those of one host. */
export const hostPortsOn = (lab: Lab, host: string): readonly HostPort[] => byHost(lab).get(host) ?? []

function portsOf(pod: Pod): HostPort[] {
  return pod.containers.flatMap((c) =>
    c.ports.flatMap(({ hostPort, hostIP, containerPort, protocol }): HostPort[] => {
      if (hostPort === undefined) return []
      const ip = hostIP === undefined ? undefined : canonicalIp(hostIP)
      const families: Family[] = ip === undefined ? [4, 6] : [ip.includes(':') ? 6 : 4]
      const endpoints = families.flatMap((family) => {
        const address = addressOf(pod, family)
        return address === undefined ? [] : [{ family, ip: address, port: containerPort, host: pod.host, pod: pod.key }]
      })
      return [
        {
          port: { protocol, port: hostPort, targetPort: containerPort, endpoints },
          pod,
          host: pod.host,
          ...(ip === undefined || EVERY.has(ip) ? {} : { ip }),
        },
      ]
    }),
  )
}

/** `8080/tcp`. */
export const hostPortText = ({ port }: Pick<HostPort, 'port'>): string => `${port.port}/${port.protocol.toLowerCase()}`

/** Addresses that a client of this family may connect to: `hostIP`, or that of the host's link. */
export function hostPortAddress({ ip, port }: HostPort, host: Host, family: Family): string | undefined {
  if (!port.endpoints.some((e) => e.family === family)) return undefined
  return ip ?? addressOf(host, family)
}
