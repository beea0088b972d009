/**
 * What comes of a connection to a Service or a port of a host: the endpoints it may end at, what policies say to each, and under which
 * addresses each sees the client. Policies are asked after DNAT and before SNAT, about the endpoint's own address and port;
 * egress of a pod that asks another host's node port, on its own host, before that one translates.
 */
import type { Family } from '../../topology/address.ts'
import { actorAt } from '../actors.ts'
import { addressOf, type External, type Host, type Lab } from '../lab.ts'
import { addressAtBorder } from '../underlay/border.ts'
import { leavesCluster } from '../masquerade.ts'
import { verdict, type Actor, type End, type HostSource, type Verdict } from '../policy/verdict.ts'
import type { HidingOf } from './host-ports.ts'
import type { Endpoint } from './service.ts'
import { addressesOfHost, choiceOf, ownHost, type Choice, type Frontend, type Origin } from './semantics.ts'

/** One endpoint the connection may end at. */
export interface Way {
  readonly endpoint: Endpoint
  /** Who has its address. */
  readonly actor: End
  /** Who the client is for policies: it may be the host that translates. */
  readonly from: Actor
  readonly verdict: Verdict
  /** Under which addresses it may see the client; absent: it is no pod, and whether it answers is not the lab's business. */
  readonly seen?: readonly string[]
}

export interface ServiceVerdict {
  readonly ways: readonly Way[]
  /** Whether each way is open: then it never depends on chance. */
  readonly allowed: boolean
  /** Why there is no way at all. */
  readonly without?: Choice['without']
}

/** A host that connects to another one's node port does so from its underlay address, whatever tunnels there are. */
const asExternal = (host: Host): External => ({ ...host, kind: 'external', podRoutes: false })

function originFor(from: Actor, { host }: Frontend): Origin {
  if (from.kind === 'pod') return from.host === host?.name ? 'neighbour' : 'pod'
  return from.kind === 'host' && from.name === host?.name ? 'host' : 'outside'
}

/**
 * Who the client is for the policies of an endpoint. SNAT comes last: an endpoint on the host that translates sees
 * the client's address, any other the host's; but a pod's own egress comes before.
 */
function clientOf(from: Actor, { host }: Frontend, endpoint: Endpoint, isHidden: boolean, ask: (from: Actor) => Verdict): Actor {
  const isOther = from.kind === 'host' && from.name !== host?.name
  if (!isHidden || !host || endpoint.host === host.name || (from.kind === 'host' && !isOther)) return isOther ? asExternal(from) : from
  if (from.kind !== 'pod' || from.host !== host.name) return host
  return ask(from).egress.allowed ? host : from
}

/**
 * What a pod's own egress policies say before anything is translated: another host's node port is an address and a port
 * like others on the pod's own host, which sends the packet on as it is. Undefined where the pod's host translates.
 */
function egressBefore(
  lab: Lab,
  from: Actor,
  { host, address, kind, port }: Frontend,
  family: Family,
  hostSource: HostSource,
): Verdict['egress'] | undefined {
  if (from.kind !== 'pod' || !host || host.name === from.host) return undefined
  const number = kind === 'node' ? port.nodePort! : port.port
  return verdict(lab, { from, to: host, toAddress: address, protocol: port.protocol, port: number, family }, hostSource).egress
}

/**
 * What comes of a client's connection to a Service in a family.
 * @param hostSource the backend's answer, as `backends/` gives it
 * @param hidingOf the attach module's, as `attach/` gives it
 */
export function serviceVerdict(
  lab: Lab,
  from: Actor,
  frontend: Frontend,
  family: Family,
  hostSource: HostSource,
  hidingOf: HidingOf,
): ServiceVerdict {
  const { protocol } = frontend.port
  const { endpoints, masquerade, without } = choiceOf(frontend, originFor(from, frontend), family, hidingOf(lab))
  const ownAddress = addressOf(from, family)
  const egress = egressBefore(lab, from, frontend, family, hostSource)
  const ways = endpoints.map((endpoint): Way => {
    const actor = actorAt(lab, endpoint.ip)
    const ask = (client: Actor): Verdict =>
      verdict(lab, { from: client, to: actor, toAddress: endpoint.ip, protocol, port: endpoint.port, family }, hostSource)
    // A pod that meets itself is hidden, too, or it would answer itself.
    const isHidden = masquerade || (actor.kind === 'pod' && actor === from)
    // What does not leave its own host is the client's matter, whoever it is seen as further on.
    const client = egress?.allowed === false ? from : clientOf(from, frontend, endpoint, isHidden, ask)
    const said = ask(client)
    // Whoever it is seen as, what leaves a pod is its own egress.
    const own = egress ?? (from.kind === 'pod' && client !== from ? ask(from).egress : undefined)
    const way = {
      endpoint,
      actor,
      from: client,
      verdict: own ? { egress: own, ingress: said.ingress, allowed: own.allowed && said.ingress.allowed } : said,
    }
    const seenAs = (host: Host | undefined): readonly string[] =>
      host ? addressesOfHost(host, family) : ownAddress === undefined ? [] : [ownAddress]
    if (actor.kind === 'pod') return { ...way, seen: seenAs(isHidden ? frontend.host : undefined) }
    if (actor.kind === 'host') {
      // What DNAT leads to the translating host itself does not pass POSTROUTING, unless that host sent it.
      const isLocal = frontend.host?.name === actor.name && !(from.kind === 'host' && from.name === actor.name)
      const source = isHidden && !isLocal ? frontend.host : from.kind === 'host' ? lab.hosts.find((h) => h.name === from.name) : undefined
      return { ...way, seen: seenAs(source) }
    }
    const comesBack = actor.kind === 'external' && from.kind === 'pod' && frontend.kind === 'cluster' && lab.masquerade
    if (!comesBack || ownAddress === undefined) return way
    const border = addressAtBorder(lab, actor, family)
    if (border !== undefined) return { ...way, seen: [border] }
    return { ...way, seen: seenAs(leavesCluster(lab, ownAddress, endpoint.ip) ? ownHost(lab, from) : undefined) }
  })
  return { ways, allowed: !without && ways.every((w) => w.verdict.allowed), ...(without ? { without } : {}) }
}
