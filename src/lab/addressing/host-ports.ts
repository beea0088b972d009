/**
 * Which pod has a port of a host: one with `hostNetwork` each port its containers declare, any other the host ports it asks
 * for. A host gives each port once, as the scheduler sees to (kube-scheduler's NodePorts filter).
 */
import type { Path, Source } from '../../topology/diagnostics.ts'
import type { PodSpec } from '../../topology/schema/schema.ts'
import type { Entry } from '../expand.ts'
import type { Host } from '../lab.ts'
import type { Problems } from '../problems.ts'
import { canonicalIp, type Family } from '../../topology/address.ts'
import { addressesOfHost } from '../services/semantics.ts'

/** A port of a host as a pod asks for it. */
interface Wanted {
  readonly port: number
  readonly protocol: string
  /** Absent: every address of the host. */
  readonly ip?: string
  readonly isHostNetwork: boolean
  /** Of the port, below the pod's. */
  readonly path: Path
}

interface Taken extends Wanted {
  readonly pod: string
  /** `lab.yaml:12`. */
  readonly place: string
}

/** Addresses that stand for others, too. The scheduler takes `0.0.0.0` for all of both families. */
const EVERY = new Set([undefined, '0.0.0.0'])

/** Whether two listeners of one port and protocol would take packets from each other. */
function overlap(a: string | undefined, b: string | undefined): boolean {
  if (EVERY.has(a) || EVERY.has(b) || a === b) return true
  return a?.includes(':') === true && b?.includes(':') === true && (a === '::' || b === '::')
}

function wantedBy({ hostNetwork, containers }: PodSpec): Wanted[] {
  return containers.flatMap((c, i) =>
    c.ports.flatMap((p, j): Wanted[] => {
      const path = ['containers', i, 'ports', j]
      const common = { protocol: p.protocol, isHostNetwork: hostNetwork === true }
      if (hostNetwork === true) return [{ ...common, port: p.containerPort, path: [...path, 'containerPort'] }]
      if (p.hostPort === undefined) return []
      return [
        { ...common, port: p.hostPort, ...(p.hostIP === undefined ? {} : { ip: canonicalIp(p.hostIP) }), path: [...path, 'hostPort'] },
      ]
    }),
  )
}

/** Whether packets for an address may be for this host: one of its own, or one that stands for all of a family. */
const isHeld = (host: Host, ip: string): boolean =>
  ip === '0.0.0.0' || ip === '::' || ip.startsWith('127.') || [4, 6].some((f) => addressesOfHost(host, f as Family).includes(ip))

const conflicts = (a: Wanted, b: Wanted): boolean => a.port === b.port && a.protocol === b.protocol && overlap(a.ip, b.ip)

/** A pod's own host ports may not take packets from each other either: the API server refuses such a pod. */
export function checkHostPorts({ name, spec, path }: Entry<PodSpec>, problems: Problems): void {
  const wanted = spec.hostNetwork === true ? [] : wantedBy(spec)
  for (const [i, w] of wanted.entries()) {
    if (!wanted.slice(0, i).some((before) => conflicts(before, w))) continue
    problems.error([...path, ...w.path], 'port-taken', `pod ${name} asks for host port ${w.port}/${w.protocol} twice`)
  }
  for (const [i, c] of spec.containers.entries()) {
    for (const [j, p] of spec.hostNetwork === true ? c.ports.entries() : []) {
      if (p.hostPort === undefined || p.hostPort === p.containerPort) continue
      const message = `pod ${name}: hostPort ${p.hostPort} is not \`containerPort\`, ${p.containerPort}: with \`hostNetwork\` they are one port`
      problems.error([...path, 'containers', i, 'ports', j, 'hostPort'], 'conflicting-keys', message, 'Remove `hostPort`.')
    }
  }
}

export class HostPorts {
  readonly #taken = new Map<Host, Taken[]>()

  /** A port the pod would take of a host, and who has it. */
  taken(host: Host, spec: PodSpec): readonly [Wanted, Taken] | undefined {
    const taken = this.#taken.get(host)
    if (!taken) return undefined
    for (const w of wantedBy(spec)) {
      const owner = taken.find((t) => conflicts(t, w))
      if (owner) return [w, owner]
    }
    return undefined
  }

  /** Whether the pod gets its ports. One of a manifest waits otherwise, as in a cluster. */
  take(host: Host, { name, spec, path }: Entry<PodSpec>, problems: Problems, source: (path: Path) => Source, file: string): boolean {
    const conflict = this.taken(host, spec)
    if (conflict) {
      const [wanted, owner] = conflict
      const how = owner.isHostNetwork ? ', which has `hostNetwork`' : ''
      const what = `pod ${name}: port ${wanted.port}/${wanted.protocol} of ${host.name} belongs to pod ${owner.pod}${how} (${owner.place})`
      const at = [...path, ...wanted.path]
      if (source(path).file !== undefined) problems.warning(at, 'port-taken', `${what}: in a cluster it would wait, here it is left out`)
      else problems.error(at, 'port-taken', what, 'Run it on another host, or give it another port.')
      return false
    }
    const wanted = wantedBy(spec)
    if (wanted.length === 0) return true
    const taken = this.#taken.get(host) ?? []
    this.#taken.set(host, taken)
    for (const w of wanted) {
      const at = source([...path, ...w.path])
      if (w.ip !== undefined && !isHeld(host, w.ip))
        problems.warning(
          [...path, ...w.path.slice(0, -1), 'hostIP'],
          'no-such-address',
          `pod ${name}: no packet for ${w.ip} and port ${w.port} gets to it on ${host.name}`,
          `Addresses of ${host.name}: ${[...host.addresses.map((a) => a.ip), '127.0.0.1'].join(', ')}.`,
        )
      taken.push({ ...w, pod: name, place: `${at.file ?? file}:${at.line}` })
    }
    return true
  }
}
