/**
 * Cluster addresses and node ports. Pinned ones are respected; the others are handed out in file order from the
 * upper part of their range, as Kubernetes does, so that low numbers stay free to be pinned later
 * (https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/,
 * https://kubernetes.io/docs/concepts/services-networking/service/#avoid-nodeport-collisions). A Service added at
 * the end of a file, or one that leaves a running lab, moves no address.
 */
import { contains, formatCidr, formatIp, parseIp, sizeOf, type Cidr, type Family } from '../../topology/address.ts'
import type { ServiceSpec } from '../../topology/kubernetes/kubernetes.ts'
import { Pool, usable, type Networks } from '../addressing/networks.ts'
import type { Problems } from '../problems.ts'

/** A Service that needs addresses. */
export interface Wanted {
  readonly key: string
  readonly spec: ServiceSpec
  readonly families: readonly Family[]
}

/** Addresses at the beginning of the range that are kept for pinning: `min(max(16, size / 16), 256)`. */
function reservedBand(cidr: Cidr): bigint {
  const size = sizeOf(cidr)
  const band = size / 16n
  const clamped = band < 16n ? 16n : band > 256n ? 256n : band
  return clamped >= size - 2n ? 0n : clamped
}

export class ClusterIPs {
  readonly #pools = new Map<Family, { cidr: Cidr; pool: Pool }>()
  readonly #held = new Map<string, bigint>()
  readonly #problems: Problems

  constructor(networks: Networks, problems: Problems) {
    this.#problems = problems
    for (const cidr of networks.services) {
      const { first, last } = usable(cidr)
      const pool = new Pool(first, last, first + reservedBand(cidr))
      // The API server itself answers there: `kubernetes.default`.
      pool.reserve(first, 'the API server')
      this.#pools.set(cidr.family, { cidr, pool })
    }
  }

  /** Books the addresses a Service asks for by name. */
  pin({ key, spec }: Wanted): void {
    const list = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])
    for (const [i, text] of list.entries()) {
      const ip = parseIp(text)
      const range = ip && this.#pools.get(ip.family)
      if (!ip || !range) continue // none, or a family the cluster does not have: told elsewhere
      const path = ['services', key, ...(spec.clusterIPs ? ['clusterIPs', i] : ['clusterIP'])]
      const { first, last } = range.pool
      if (!contains(range.cidr, ip) || ip.value < first || ip.value > last) {
        this.#problems.error(
          path,
          'address-outside-network',
          `service ${key}: ${text} is not an address of serviceCIDR ${formatCidr(range.cidr)}`,
          `The first one that can be pinned is ${formatIp(ip.family, first + 1n)}.`,
        )
        continue
      }
      // The API server's own Service, as a cluster lists it.
      const isApiServer = key === 'kubernetes' && ip.value === first
      const owner = isApiServer ? undefined : range.pool.reserve(ip.value, `service ${key}`)
      if (owner) this.#problems.error(path, 'address-taken', `service ${key}: ${text} already belongs to ${owner}`)
      this.#held.set(`${key} ${ip.family}`, ip.value)
    }
  }

  /** Books what a running lab gave a Service, as far as no Service has pinned it since. */
  keep(key: string, ips: readonly string[]): void {
    for (const text of ips) {
      const ip = parseIp(text)!
      const range = this.#pools.get(ip.family)
      if (!range || this.#held.has(`${key} ${ip.family}`) || ip.value < range.pool.first || ip.value > range.pool.last) continue
      if (range.pool.reserve(ip.value, `service ${key}`) === undefined) this.#held.set(`${key} ${ip.family}`, ip.value)
    }
  }

  take({ key, families }: Wanted): { family: Family; ip: string }[] {
    return families.flatMap((family) => {
      const range = this.#pools.get(family)!
      const value = this.#held.get(`${key} ${family}`) ?? range.pool.take(`service ${key}`)
      if (value !== undefined) return [{ family, ip: formatIp(family, value) }]
      this.#problems.error(
        ['services', key],
        'network-too-small',
        `service ${key}: every address of serviceCIDR ${formatCidr(range.cidr)} is taken`,
        'Widen network.serviceCIDR.',
      )
      return []
    })
  }
}

/** kube-apiserver's default --service-node-port-range, and the part of it that is kept for pinning. */
const PORTS = { first: 30_000n, last: 32_767n, band: 86n }

export class NodePorts {
  readonly #pool = new Pool(PORTS.first, PORTS.last, PORTS.first + PORTS.band)
  /** `key port/protocol` → node port. */
  readonly #held = new Map<string, bigint>()
  readonly #problems: Problems

  constructor(problems: Problems) {
    this.#problems = problems
  }

  /** A number belongs to one Service, whatever the protocol; within the Service TCP and UDP may share it. */
  pin({ key, spec }: Pick<Wanted, 'key' | 'spec'>): void {
    if (spec.healthCheckNodePort !== undefined) {
      const owner =
        this.#pool.reserve(BigInt(spec.healthCheckNodePort), `the health check of service ${key}`) ??
        (spec.ports.some((p) => p.nodePort === spec.healthCheckNodePort) ? `service ${key}` : undefined)
      if (owner)
        this.#problems.error(
          ['services', key, 'healthCheckNodePort'],
          'port-taken',
          `service ${key}: node port ${spec.healthCheckNodePort} already belongs to ${owner}`,
          'Leave `healthCheckNodePort` out: no load balancer asks it in a lab.',
        )
    }
    for (const [i, p] of spec.ports.entries()) {
      if (p.nodePort === undefined) continue
      const owner = this.#pool.reserve(BigInt(p.nodePort), `service ${key}`)
      const isSaid = p.nodePort === spec.healthCheckNodePort
      if (owner && owner !== `service ${key}` && !isSaid) {
        this.#problems.error(
          ['services', key, 'ports', i, 'nodePort'],
          'port-taken',
          `service ${key}: node port ${p.nodePort} already belongs to ${owner}`,
          'Leave `nodePort` out for a free one.',
        )
      }
      this.#held.set(`${key} ${p.port}/${p.protocol}`, BigInt(p.nodePort))
    }
  }

  keep(key: string, ports: Readonly<Record<string, number>>): void {
    for (const [port, number] of Object.entries(ports)) {
      if (this.#held.has(`${key} ${port}`)) continue
      const owner = this.#pool.reserve(BigInt(number), `service ${key}`)
      if (owner === undefined || owner === `service ${key}`) this.#held.set(`${key} ${port}`, BigInt(number))
    }
  }

  /** Numbers that are taken at some host already, which an allocated node port therefore leaves out. */
  avoid(numbers: readonly number[]): void {
    for (const port of numbers) this.#pool.reserve(BigInt(port), 'a pod')
  }

  /** Node ports by position; ports of one number (53/TCP and 53/UDP) share theirs, as in the API server. */
  take({ key, spec }: Pick<Wanted, 'key' | 'spec'>): (number | undefined)[] {
    const allocates = spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)
    const shared = new Map<number, bigint>()
    for (const p of spec.ports) {
      const held = this.#held.get(`${key} ${p.port}/${p.protocol}`)
      if (held !== undefined && !shared.has(p.port)) shared.set(p.port, held)
    }
    return spec.ports.map((p) => {
      const held = this.#held.get(`${key} ${p.port}/${p.protocol}`)
      if (!allocates) return spec.type === 'LoadBalancer' && p.nodePort !== undefined ? p.nodePort : undefined
      const value = held ?? shared.get(p.port) ?? this.#pool.take(`service ${key}`)
      if (value === undefined) {
        this.#problems.error(['services', key], 'too-many', `service ${key}: every node port from ${PORTS.first} to ${PORTS.last} is taken`)
        return undefined
      }
      shared.set(p.port, value)
      return Number(value)
    })
  }
}
