/** `netlab policy`: what the NetworkPolicies of a file or a running lab add up to. Needs no root: the model knows. */
import { existsSync } from 'node:fs'
import type { Lab } from '../../../lab/lab.ts'
import { policiesOf, type Protocol } from '../../../lab/policy/policies.ts'
import { hidingOf } from '../../../attach/index.ts'
import { hostSource } from '../../../backends/index.ts'
import { probeText, reachability, type PortProbe } from '../../../lab/policy/reachability.ts'
import { resolveTarget, type ResolvedTarget } from '../../../lab/actors.ts'
import { clusterFrontend, externalAddresses, frontendFor, type Frontend } from '../../../lab/services/semantics.ts'
import { serviceVerdict } from '../../../lab/services/service-verdict.ts'
import type { Service, ServicePort } from '../../../lab/services/service.ts'
import { missOf, sourceAddress, verdict, type Actor } from '../../../lab/policy/verdict.ts'
import { addressOf } from '../../../lab/lab.ts'
import { isKeptOut, keptOutText, type Arrival } from '../../../lab/underlay/border.ts'
import { unenforcedText } from '../../../policy/index.ts'
import { unknownActorAt } from '../../../verify/checks/services/actors.ts'
import {
  explanationDocument,
  explanationText,
  partyName,
  serviceDocument,
  serviceText,
  type Explained,
  type ExplainedService,
} from '../../../report/lab/policy-explain.ts'
import { policyDocument, policyText } from '../../../report/lab/policy.ts'
import { chalkFor, writeJson, writeOut } from '../../../report/formats/terminal.ts'
import { labNames } from '../../../state/store.ts'
import { parseIp, type Family } from '../../../topology/address.ts'
import { suggest } from '../../../topology/suggest.ts'
import { compileFile } from '../../topology-file.ts'
import { Exit, failure } from '../../failure.ts'
import { theLab, theNode } from '../../labs.ts'
import { warn } from '../../warn.ts'

interface PolicyOptions {
  readonly port?: readonly string[]
  readonly json?: true
}

interface ExplainOptions {
  readonly lab?: string
  readonly port?: string
  readonly family?: '4' | '6'
  readonly json?: true
}

/** A word is a running lab's name, or else a file; what looks like a path is never taken for a lab. */
async function subject(word: string | undefined): Promise<Lab> {
  const isFile = word !== undefined && (/[./]/.test(word) || (!labNames().includes(word) && existsSync(word)))
  if (!isFile) return theLab(word).lab
  const { compiled, warnings } = await compileFile(word, { force: true })
  warn(warnings, word)
  return compiled.lab
}

function portOf(text: string): PortProbe {
  if (text.toLowerCase() === 'icmp') return { protocol: 'ICMP' }
  const m = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(text)
  const port = Number(m?.[1])
  if (!m || port < 1 || port > 65_535)
    throw failure(Exit.Usage, 'bad-port', `--port ${text}: expected a port and a protocol, or icmp`, 'Such as 80/tcp, 53/udp or icmp.')
  return { protocol: (m[2] ?? 'tcp').toUpperCase() as Protocol, port }
}

/** A sentence of its own where nothing enforces what policies say. */
function unenforced(lab: Lab): string[] {
  const text = unenforcedText(lab)
  return text === undefined ? [] : [chalkFor(process.stdout).yellow(`${text[0]!.toUpperCase()}${text.slice(1)}. Everything passes.\n`)]
}

const enforced = (lab: Lab): { readonly enforced?: false } => (unenforcedText(lab) === undefined ? {} : { enforced: false })

export async function policy(word: string | undefined, options: PolicyOptions): Promise<void> {
  const lab = await subject(word)
  const policies = policiesOf(lab)
  const result = options.port ? reachability(lab, hostSource, options.port.map(portOf)) : reachability(lab, hostSource)
  if (options.json) return writeJson({ ...policyDocument(lab.name, policies, result), ...enforced(lab) })
  return writeOut([
    policyText(policies, result, { chalk: chalkFor(process.stdout), columns: process.stdout.columns ?? 120 }),
    ...unenforced(lab),
  ])
}

/** Who a word means. @throws Failure with a suggestion. */
function whoIs(lab: Lab, word: string): ResolvedTarget {
  const found = resolveTarget(lab, word)
  if (found) return found
  if (word.startsWith('svc/')) {
    const names = lab.services.map((s) => `svc/${s.key}`)
    const near = suggest(word, names)
    const list = names.length > 0 ? `Services: ${names.slice(0, 12).join(', ')}${names.length > 12 ? ', …' : ''}.` : 'It has no Services.'
    throw failure(
      Exit.Usage,
      'unknown-service',
      `lab ${lab.name} has no Service "${word.slice(4)}"`,
      near ? `did you mean "${near}"?` : list,
    )
  }
  const node = theNode(lab, word)
  throw failure(Exit.Usage, 'no-actor', `${word} is a ${node.kind}: policies are about pods, and hosts and externals that talk to them`)
}

/** The families an end may be asked in: that of the address it was called by, else all of its own. */
function familiesOf({ address, ...who }: ResolvedTarget): Family[] {
  if (address !== undefined) return [parseIp(address)!.family]
  const addresses = who.kind === 'actor' ? who.actor.addresses : who.service.clusterIPs
  return addresses.map((a) => a.family)
}

function senderOf(lab: Lab, word: string): Extract<ResolvedTarget, { kind: 'actor' }> {
  const found = whoIs(lab, word)
  if (found.kind === 'actor') return found
  throw failure(Exit.Usage, 'from-service', `${word} is a Service, which sends nothing`, 'Name a pod, a host, an external or an address.')
}

/** A family both ends have. */
function familyOf(from: string, to: string, ends: readonly ResolvedTarget[], asked: string | undefined): Family {
  const families = asked === undefined ? ([4, 6] as const) : [Number(asked) as Family]
  const [sender] = ends
  // A host also speaks from addresses of its pod block, which may be its only ones of a family.
  const blocks = sender?.kind === 'actor' && sender.actor.kind === 'host' && sender.address === undefined ? sender.actor.blocks : []
  const family = families.find((f) =>
    ends.every((end) => familiesOf(end).includes(f) || (end === sender && blocks.some((b) => b.family === f))),
  )
  if (family === undefined)
    throw failure(
      Exit.Usage,
      'no-common-family',
      `${from} and ${to} have no address of the same family${asked === undefined ? '' : `, IPv${asked}`}`,
    )
  return family
}

/** The port of a Service that is meant: the one it has, if nothing is said. */
function servicePortOf(service: Service, asked: string | undefined): ServicePort {
  const names = service.ports.map((p) => probeText(p)).join(', ')
  const say = `Ports of ${service.key}: ${names}.`
  if (asked === undefined) {
    if (service.ports.length === 1) return service.ports[0]!
    throw failure(Exit.Usage, 'which-port', `svc/${service.key} has ${service.ports.length} ports: say which with --port`, say)
  }
  const { protocol, port } = portOf(asked)
  const found = service.ports.find((p) => p.port === port && p.protocol === protocol)
  if (found) return found
  throw failure(Exit.Usage, 'no-such-port', `svc/${service.key} has no port ${asked}: nothing answers there`, say)
}

async function explainService(
  lab: Lab,
  sender: Extract<ResolvedTarget, { kind: 'actor' }>,
  target: Extract<ResolvedTarget, { kind: 'service' }>,
  options: ExplainOptions,
): Promise<void> {
  const { actor: from } = sender
  const { service } = target
  const name = `svc/${service.key}`
  if (service.clusterIPs.length === 0)
    throw failure(
      Exit.Usage,
      'no-address',
      service.headless ? `${name} is headless: it has no address to connect to` : `${name} has no address: it is an alias`,
      'Ask for the pods themselves.',
    )
  const port = servicePortOf(service, options.port)
  const family = familyOf(sender.address ?? partyName(from), target.address ?? name, [sender, target], options.family)
  if (from.kind === 'external' || from.kind === 'address') return explainFromOutside(lab, from, service, port, family, options)
  return explainFrontend(lab, from, name, clusterFrontend(lab, from, service, port, family), probeText(port), family, options)
}

/**
 * A client outside the cluster does not know cluster addresses: it comes in by an external address, as of a load balancer, or by the node
 * port of a host, of those hosts that pass it on the first.
 */
async function explainFromOutside(
  lab: Lab,
  from: Extract<ResolvedTarget, { kind: 'actor' }>['actor'],
  service: Service,
  port: ServicePort,
  family: Family,
  options: ExplainOptions,
): Promise<void> {
  const client = from.kind === 'address' ? unknownActorAt(lab, from.name, family) : from
  const protocol = port.protocol.toLowerCase() as 'tcp' | 'udp' | 'sctp'
  const doors = [
    ...externalAddresses(service, family).map((address) => ({ to: address, address, port: port.port })),
    ...(port.nodePort === undefined
      ? []
      : lab.hosts.flatMap((h) => {
          const address = addressOf(h, family)
          return address === undefined ? [] : [{ to: h.name, address, port: port.nodePort! }]
        })),
  ]
  const ways = doors.flatMap((door) => {
    const frontend = frontendFor(lab, client, door.address, { protocol, port: door.port })
    return frontend ? [{ frontend, to: door.to, port: door.port }] : []
  })
  const way = ways.find(({ frontend }) => serviceVerdict(lab, client, frontend, family, hostSource, hidingOf).allowed) ?? ways[0]
  if (!way)
    throw failure(
      Exit.Broken,
      'no-way-in',
      `${partyName(from)} is outside the cluster, and svc/${service.key} has no external address that leads there and no node port: it cannot be reached`,
      '`type: NodePort` or LoadBalancer, or `externalIPs`, let clients in from outside.',
    )
  return explainFrontend(lab, client, way.to, way.frontend, probeText({ protocol: port.protocol, port: way.port }), family, options)
}

/** @param to what the frontend is called, @param port as it is asked for: that of the Service, or a node port */
async function explainFrontend(
  lab: Lab,
  from: Actor,
  to: string,
  frontend: Frontend,
  port: string,
  family: Family,
  options: ExplainOptions,
): Promise<void> {
  const answer = serviceVerdict(lab, from, frontend, family, hostSource, hidingOf)
  const { protocol } = frontend.port
  const nearest = new Map(
    answer.ways.flatMap((way) => {
      const question = { from: way.from, to: way.actor, toAddress: way.endpoint.ip, port: way.endpoint.port, protocol, family }
      const miss = missOf(lab, question, way.verdict)
      return miss ? [[way, miss] as const] : []
    }),
  )
  const asked: ExplainedService = {
    from: partyName(from),
    to,
    port,
    family,
    address: frontend.address,
    ...(frontend.kind === 'host'
      ? { hostPort: frontend.hostPort.pod.key }
      : frontend.kind === 'cluster'
        ? {}
        : { service: frontend.service.key }),
    ...(frontend.host ? { translator: frontend.host.name } : {}),
    ...(from.kind === 'pod' && frontend.host && frontend.host.name !== from.host ? { isEgressBefore: true } : {}),
    verdict: answer,
    ...atBorder(lab, from, frontend.address, port),
    nearest,
  }
  if (!asked.verdict.allowed || asked.border !== undefined) process.exitCode = Exit.Broken
  if (options.json) return writeJson({ ...serviceDocument(asked), ...enforced(lab) })
  return writeOut([serviceText(asked, chalkFor(process.stdout)), ...unenforced(lab)])
}

/** What the border's firewall says to a connection from outside. @param port as it is asked for: `80/tcp`, `icmp` */
function atBorder(lab: Lab, from: Actor, address: string, port: string): Pick<Explained, 'border'> {
  const [number, protocol] = port === 'icmp' ? [undefined, 'icmp' as const] : (port.split('/') as [string, Arrival['protocol']])
  const arrival = { address, protocol, ...(number === undefined ? {} : { port: Number(number) }) }
  return isKeptOut(lab, from, arrival) ? { border: keptOutText(lab) } : {}
}

/** Ends with exit code 1 when the answer is no. */
export async function explain(fromWord: string, toWord: string, options: ExplainOptions): Promise<void> {
  const lab = await subject(options.lab)
  const sender = senderOf(lab, fromWord)
  const target = whoIs(lab, toWord)
  if (target.kind === 'service') return explainService(lab, sender, target, options)
  const [from, to] = [sender.actor, target.actor]
  const probe = portOf(options.port ?? 'icmp')
  const family = familyOf(fromWord, toWord, [sender, target], options.family)
  const address = target.address ?? addressOf(to, family)
  const client = from.kind === 'address' ? unknownActorAt(lab, from.name, family) : from
  // A node port, or an address that a Service has besides: what policies see is the pod behind it.
  const frontend =
    probe.port === undefined || address === undefined
      ? undefined
      : frontendFor(lab, client, address, { protocol: probe.protocol.toLowerCase() as 'tcp' | 'udp' | 'sctp', port: probe.port })
  if (frontend) return explainFrontend(lab, client, partyName(to), frontend, probeText(probe), family, options)
  const toAddress = target.address === undefined ? {} : { toAddress: target.address }
  const question = { from, to, ...toAddress, ...probe, family }
  const result = verdict(lab, question, hostSource)
  const nearest = missOf(lab, question, result)
  const explained: Explained = {
    from: partyName(from),
    to: partyName(to),
    port: probeText(probe),
    family,
    ...(from.kind === 'host' && to.kind === 'pod' && to.host !== from.name
      ? { source: sourceAddress(lab, from, to, family, hostSource) }
      : {}),
    verdict: result,
    ...(address === undefined ? {} : atBorder(lab, client, address, probeText(probe))),
    ...(nearest ? { nearest } : {}),
  }
  if (!explained.verdict.allowed || explained.border !== undefined) process.exitCode = Exit.Broken
  if (options.json) return writeJson({ ...explanationDocument(explained), ...enforced(lab) })
  return writeOut([explanationText(explained, chalkFor(process.stdout)), ...unenforced(lab)])
}
