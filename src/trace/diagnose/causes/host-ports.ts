/**
 * A port of a host that leads to a pod, and does not: its host gave the packet no other destination, or a wrong one, or did not
 * hide a client that the pod cannot answer, or would not send from 127.0.0.1 by a device.
 */
import { hostPortText } from '../../../lab/services/host-ports.ts'
import { frontendFor, type HostPortFrontend } from '../../../lab/services/semantics.ts'
import type { Endpoint } from '../../../lab/services/service.ts'
import type { Drop } from '../../result.ts'
import type { TraceEvidence } from '../evidence.ts'
import { upAgain } from '../hints.ts'
import { isDrop } from '../rules.ts'
import { dropped, innerAddresses, portOf } from './drop-builder.ts'

const endText = (ip: string, port: number | undefined): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)

interface Target {
  readonly frontend: HostPortFrontend
  readonly endpoint: Endpoint
}

const isLoopback = (ip: string): boolean => ip.startsWith('127.')

/** The host port that is traced to; undefined: it is none. */
function targetOf({ parts: { lab, from, to } }: TraceEvidence): Target | undefined {
  const { node } = from
  if (!to.flow || (node.kind !== 'pod' && node.kind !== 'host' && node.kind !== 'external')) return undefined
  const frontend = frontendFor(lab, node, to.address, to.flow)
  const endpoint = frontend?.kind === 'host' ? frontend.port.endpoints.find((e) => e.family === to.family) : undefined
  return frontend?.kind === 'host' && endpoint ? { frontend, endpoint } : undefined
}

/** Where the rule that the packet met sent it, as `iptables-save` writes that: `10.244.0.3:8080`. */
function sentTo(evidence: TraceEvidence, ns: string): string | undefined {
  const groups = evidence.rules.filter(({ group }) => group.ns === ns && group.table === 'nat')
  const texts = groups.flatMap(({ group }) => group.steps.map((t) => evidence.textOf(t) ?? ''))
  return texts.flatMap((text) => /-j DNAT --to-destination (\S+)/.exec(text)?.[1] ?? [])[0]
}

export function byHostPort(evidence: TraceEvidence): Drop | undefined {
  const target = targetOf(evidence)
  if (!target) return undefined
  const { frontend, endpoint } = target
  const { places, to, from } = evidence.parts
  const { netns: ns, name } = frontend.host
  const arrived = evidence.forward.find((s) => s.netns === ns)
  // It never got there: another cause explains that.
  if (!arrived && from.node.netns !== ns) return undefined
  const wanted = endText(endpoint.ip, endpoint.port)
  const leads = `port ${hostPortText(frontend.hostPort)} of ${name} leads to pod ${frontend.hostPort.pod.key}, ${wanted}`
  const changed = evidence.forward.find((s) => innerAddresses(s)?.dst !== to.address)
  const got = changed ? endText(innerAddresses(changed)?.dst ?? '', portOf(changed)) : sentTo(evidence, ns)
  if (got === wanted || evidence.forward.length === 0)
    return notHidden(evidence, target) ?? (evidence.forward.length === 0 ? fromLoopback(evidence, target) : undefined)
  const common = {
    leg: 'forward',
    ns,
    device: (changed?.netns === ns ? changed : arrived)?.device ?? '',
    object: places.at(ns).find((o) => o.kind === 'chain' && o.rules.some((r) => r.endsWith(`--to-destination ${wanted}`))),
    hint: upAgain(evidence),
  } as const
  if (got !== undefined)
    return dropped(evidence, {
      ...common,
      cause: 'host-port-wrong',
      evidence: changed ? 'captured' : 'rule',
      text: `${name} gave it the destination ${got}, but ${leads}`,
    })
  const isRefusedByRule = evidence.rules.some(({ group }) => group.ns === ns && isDrop(group))
  if (evidence.outcome().reply?.what !== 'refused' || isRefusedByRule) return undefined
  return dropped(evidence, {
    ...common,
    cause: 'host-port-missing',
    evidence: 'captured',
    text: `${name} took it for its own and refused it: ${leads}, but no rule there gave it that destination`,
  })
}

/** The pod was to see the host in place of a client that it cannot answer: itself, or an address that is every node's own. */
function notHidden(evidence: TraceEvidence, { frontend, endpoint }: Target): Drop | undefined {
  const { netns: ns, name } = frontend.host
  const { key, netns: pod } = frontend.hostPort.pod
  const left = evidence.forward.find(
    (s) => innerAddresses(s)?.dst === endpoint.ip && (s.netns === ns ? s.direction === 'out' : s.netns === pod && s.direction === 'in'),
  )
  const src = left && innerAddresses(left)?.src
  if (!left || src === undefined || (src !== endpoint.ip && !isLoopback(src))) return undefined
  return dropped(evidence, {
    leg: 'forward',
    ns,
    device: left.netns === ns ? left.device : (evidence.forward.findLast((s) => s.netns === ns)?.device ?? ''),
    cause: 'not-masqueraded',
    evidence: 'captured',
    text: `${name} passed it on to ${key} from ${src} and did not put its own address in place of that: to ${key} that is an address of itself`,
    hint: upAgain(evidence),
  })
}

/** A packet from 127.0.0.1 leaves only by a device with `route_localnet`. */
function fromLoopback(evidence: TraceEvidence, { frontend }: Target): Drop | undefined {
  const { places, liveState, to } = evidence.parts
  const { netns: ns, name } = frontend.host
  const { hostInterface, key } = frontend.hostPort.pod
  if (!isLoopback(to.address)) return undefined
  const device = places.end(ns, hostInterface)?.port?.master ?? hostInterface
  const setting = places.at(ns).find((o) => o.kind === 'sysctl' && o.dev === device && o.key.endsWith('/route_localnet'))
  if (setting?.kind !== 'sysctl' || liveState.seen(ns)?.sysctls.get(setting.key) !== '0') return undefined
  return dropped(evidence, {
    leg: 'forward',
    ns,
    device,
    cause: 'route-localnet',
    evidence: 'inferred',
    object: setting,
    text: `${name} leads ${to.address} to pod ${key} by ${device}, but lets no packet of 127.0.0.1 leave there: ${setting.key.replaceAll('/', '.')} is 0`,
    hint: upAgain(evidence),
  })
}
