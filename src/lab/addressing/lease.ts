/** What a running lab already handed out: survives changes of the file, so that no address moves. */
import type { Lab } from '../lab.ts'

export interface Lease {
  readonly host: string
  readonly ordinal: number
  readonly ips: readonly string[]
}

export interface Leases {
  readonly pods: ReadonlyMap<string, Lease>
  /** Cluster addresses, and node ports by `port/protocol`. */
  readonly services?: ReadonlyMap<string, { readonly ips: readonly string[]; readonly nodePorts: Readonly<Record<string, number>> }>
  readonly hosts: ReadonlyMap<
    string,
    { readonly segment: string; readonly index: number; readonly ips: readonly string[]; readonly blocks: readonly string[] }
  >
}

export const NO_LEASES: Leases = { pods: new Map(), hosts: new Map() }

/** The leases a running lab holds. */
export function leasesOf(lab: Lab): Leases {
  return {
    services: new Map(
      lab.services.map((s) => [
        s.key,
        {
          ips: s.clusterIPs.map((a) => a.ip),
          nodePorts: Object.fromEntries(
            s.ports.flatMap((p) => (p.nodePort === undefined ? [] : [[`${p.port}/${p.protocol}`, p.nodePort]])),
          ),
        },
      ]),
    ),
    pods: new Map([
      ...lab.pods.map((p): [string, Lease] => [p.key, { host: p.host, ordinal: p.ordinal, ips: p.addresses.map((a) => a.ip) }]),
      // It stays on its host, and has nothing there that is its own.
      ...(lab.hostPods ?? []).map((p): [string, Lease] => [p.key, { host: p.host, ordinal: 0, ips: [] }]),
    ]),
    hosts: new Map(
      lab.hosts.map((h) => [
        h.name,
        { segment: h.segment, index: h.index, ips: h.addresses.map((a) => a.ip), blocks: h.blocks.map((b) => b.cidr) },
      ]),
    ),
  }
}
