/** Commands to try in a lab that has just come up: each works there, and none is of a pair that policies keep apart. */
import { hidingOf } from '../../attach/index.ts'
import { hostSource } from '../../backends/index.ts'
import { addressOf, containersOf, hostOf, nodeName, type Lab, type Pod } from '../../lab/lab.ts'
import { verdict, type Actor, type End } from '../../lab/policy/verdict.ts'
import { clusterFrontend } from '../../lab/services/semantics.ts'
import { serviceVerdict } from '../../lab/services/service-verdict.ts'
import type { Family } from '../../topology/address.ts'

/** Nodes and Services that are looked at: an example must not cost a large lab a second. */
const MAX_LOOKED_AT = 24

/** The family that `netlab trace` takes between two ends. */
const commonFamily = (has: (family: Family) => boolean): Family | undefined => ([4, 6] as const).find(has)

interface Pair {
  readonly from: Actor
  readonly to: Pod
  readonly ip: string
  /** Absent: ICMP passes. */
  readonly port?: string
}

/** How policies let one node reach a pod: by ICMP, else on a port that its containers declare. */
function wayTo(lab: Lab, from: Actor, to: Pod): Pair | undefined {
  const family = commonFamily((f) => addressOf(from, f) !== undefined && addressOf(to, f) !== undefined)
  if (family === undefined) return undefined
  const ends = { from, to, ip: addressOf(to, family)! }
  if (verdict(lab, { from, to, protocol: 'ICMP', family }, hostSource).allowed) return ends
  const open = to.containers
    .flatMap((c) => c.ports ?? [])
    .find(
      ({ protocol, containerPort: port }) => protocol !== 'SCTP' && verdict(lab, { from, to, protocol, port, family }, hostSource).allowed,
    )
  return open && { ...ends, port: `${open.containerPort}/${open.protocol.toLowerCase()}` }
}

/** Two pods that may talk, on different hosts if there are any; else a pod and its own host, which no policy keeps apart. */
function pair(lab: Lab): Pair | undefined {
  const pods = lab.pods.slice(0, MAX_LOOKED_AT)
  // The first pod that runs elsewhere may come late.
  const elsewhere = lab.pods.find((p) => p.host !== pods[0]?.host)
  const targets = elsewhere === undefined || pods.includes(elsewhere) ? pods : [...pods, elsewhere]
  const pairs = pods.flatMap((from) => targets.flatMap((to) => (from === to ? [] : [[from, to] as const])))
  const [far, near] = [pairs.filter(([a, b]) => a.host !== b.host), pairs.filter(([a, b]) => a.host === b.host)]
  for (const [from, to] of [...far, ...near]) {
    const way = wayTo(lab, from, to)
    if (way) return way
  }
  const [pod] = pods
  return pod && wayTo(lab, hostOf(lab, pod), pod)
}

/** Whether some container says that it listens there: else a connection is refused. */
const declares = (end: End, protocol: string, port: number): boolean =>
  containersOf(end).some((c) => c.ports?.some((p) => p.containerPort === port && p.protocol === protocol))

/** Arguments of the trace to a Service of which every endpoint may answer the client. */
function serviceTrace(lab: Lab): string[] | undefined {
  for (const service of lab.services.slice(0, MAX_LOOKED_AT)) {
    const behind = new Set(service.ports.flatMap((p) => p.endpoints.map((e) => e.pod)))
    const pods = lab.pods.slice(0, MAX_LOOKED_AT)
    // A client that is no endpoint shows more than one that may meet itself.
    const clients = [...pods.filter((p) => !behind.has(p.key)), ...lab.hosts.slice(0, 1), ...pods.filter((p) => behind.has(p.key))]
    for (const from of clients) {
      const family = commonFamily((f) => addressOf(from, f) !== undefined && service.clusterIPs.some((a) => a.family === f))
      if (family === undefined) continue
      const port = service.ports.find((each) => {
        if (each.protocol === 'SCTP') return false
        const { allowed, ways } = serviceVerdict(lab, from, clusterFrontend(lab, from, service, each, family), family, hostSource, hidingOf)
        return allowed && ways.every((w) => declares(w.actor, each.protocol, w.endpoint.port))
      })
      if (!port) continue
      const which = service.ports.length > 1 ? ['--port', `${port.port}/${port.protocol.toLowerCase()}`] : []
      return [nodeName(from), `svc/${service.key}`, ...which]
    }
  }
  return undefined
}

/** @param isOnly whether no other lab is up: commands then need not be told which one */
export function tries(lab: Lab, isOnly: boolean): string[] {
  const named = isOnly ? [] : ['--lab', lab.name]
  const netlab = (...words: readonly string[]): string => ['netlab', ...words].join(' ')
  const service = serviceTrace(lab)
  const two = pair(lab)
  const toPod = two && ['trace', nodeName(two.from), nodeName(two.to), ...(two.port === undefined ? [] : ['--port', two.port]), ...named]
  return [
    ...(two && two.port === undefined ? [netlab('exec', ...named, nodeName(two.from), '--', 'ping', '-c1', two.ip)] : []),
    ...(service ? [netlab('trace', ...service, ...named)] : toPod ? [netlab(...toPod)] : []),
    ...(Object.keys(lab.policies).length > 0 ? [netlab('policy', lab.name)] : []),
    ...(lab.pods.length > 0 ? [netlab('test', lab.name)] : []),
    netlab('graph', lab.name),
    netlab('down', lab.name),
  ]
}
