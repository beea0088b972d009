/** FROM and TO of a trace: words of the command line → nodes and addresses. */
import { findNode, type Lab, type Node, type NodeAddress, nodeName, nodesOf } from '../../lab/lab.ts'
import type { Flow } from '../../lab/services/semantics.ts'
import { serviceAddress, serviceOf } from '../../lab/services/services.ts'
import type { Service } from '../../lab/services/service.ts'
import { parseIp, type Family } from '../../topology/address.ts'
import { suggest } from '../../topology/suggest.ts'

/** Why a word cannot be traced to or from. */
export class TargetError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly hint?: string,
  ) {
    super(message)
  }
}

export interface Target {
  readonly word: string
  /** Absent: an address no node of the lab has. */
  readonly node?: Node
  readonly address: string
  readonly family: Family
  /** Where it was called by a Service's name. */
  readonly service?: { readonly name: string; readonly namespace: string }
  /** What is sent there: Services are found by it. */
  readonly flow?: Flow
}

/** Addresses of a node that others can reach it under; a switch has none. */
const addressesOf = (node: Node): readonly NodeAddress[] => (node.kind === 'switch' ? [] : node.addresses)

function unknown(lab: Lab, word: string): TargetError {
  const names = nodesOf(lab).map(nodeName)
  const near = suggest(word, [...names, ...lab.services.map((s) => `svc/${s.key}`)])
  return new TargetError(
    'unknown-node',
    `lab ${lab.name} has no node "${word}"`,
    near ? `did you mean "${near}"?` : `Nodes: ${names.slice(0, 12).join(', ')}${names.length > 12 ? ', …' : ''}.`,
  )
}

/** Words for both ends, in one family that both have. @throws TargetError */
export function resolveTargets(
  lab: Lab,
  fromWord: string,
  toWord: string,
  family: Family | undefined,
  flow?: Flow,
): { from: Target & { node: Node }; to: Target } {
  const fromNode = findNode(lab, fromWord)
  const raw = parseIp(fromWord)
  const owner = raw ? ownerOf(lab, fromWord) : undefined
  const sender = fromNode ?? owner
  if (!sender) {
    if (raw) throw new TargetError('address-outside', `no node of lab ${lab.name} has the address ${fromWord}: a probe is sent from a node`)
    if (fromWord.startsWith('svc/')) throw new TargetError('from-service', 'a Service sends nothing: a trace starts at a node')
    throw unknown(lab, fromWord)
  }
  if (sender.kind === 'switch')
    throw new TargetError(
      'switch-sends-nothing',
      `${fromWord} is a switch: it forwards frames and has no address to send from`,
      'Trace from a pod, a host, the router or an external.',
    )
  const families = family === undefined ? ([4, 6] as const) : [family]
  for (const f of families) {
    const to = destination(lab, toWord, f)
    const source = addressesOf(sender).find((a) => a.family === f)?.ip
    if (!to || source === undefined) continue
    const from: Target & { node: Node } = { word: fromWord, node: sender, address: owner ? fromWord : source, family: f }
    return { from, to: flow ? { ...to, flow } : to }
  }
  if (family === undefined) throw new TargetError('no-common-family', `${fromWord} and ${toWord} have no address family in common`)
  const lacking = addressesOf(sender).some((a) => a.family === family) ? toWord : fromWord
  throw new TargetError('no-common-family', `${lacking} has no IPv${family} address`)
}

/**
 * What is sent to a Service when no port is given: to its only port. A cluster address answers no ICMP.
 * @throws TargetError where there is no such port to choose
 */
export function onlyPort(lab: Lab, word: string): Flow & { readonly protocol: 'tcp' | 'udp' } {
  const found = findService(lab, word)
  requireAddress(found)
  const ports = found.ports.map((p) => ({ ...p, text: `${p.port}/${p.protocol.toLowerCase()}` }))
  const [first] = ports
  if (ports.length === 1 && first && first.protocol !== 'SCTP')
    return { protocol: first.protocol === 'TCP' ? 'tcp' : 'udp', port: first.port }
  const list = ports.map((p) => `--port ${p.text}${p.name === undefined ? '' : ` (${p.name})`}`).join(', ')
  if (ports.length < 2)
    throw new TargetError(
      'service-port',
      `Service ${found.key} has ${list === '' ? 'no port' : 'only an SCTP port, and no probe speaks SCTP'}`,
    )
  throw new TargetError('service-port', `Service ${found.key} has ${ports.length} ports: which one?`, `One of ${list}.`)
}

const ownerOf = (lab: Lab, ip: string): Node | undefined => {
  const wanted = parseIp(ip)
  return nodesOf(lab).find((n) => addressesOf(n).some((a) => a.family === wanted?.family && parseIp(a.ip)?.value === wanted.value))
}

/** Undefined when the target exists but not in this family. @throws TargetError when there is no such target */
function destination(lab: Lab, word: string, family: Family): Target | undefined {
  const ip = parseIp(word)
  if (ip) {
    const node = ownerOf(lab, word)
    return ip.family === family ? { word, address: word, family, ...(node ? { node } : {}) } : undefined
  }
  if (word.startsWith('svc/')) return service(lab, word, family)
  const node = findNode(lab, word)
  if (!node) throw unknown(lab, word)
  if (node.kind === 'switch')
    throw new TargetError(
      'switch-has-no-address',
      `${word} is a switch: it has no address`,
      'Trace to a pod, a host, the router, an external or an address.',
    )
  const address = addressesOf(node).find((a) => a.family === family)?.ip
  return address === undefined ? undefined : { word, node, address, family }
}

/** @throws TargetError */
function findService(lab: Lab, word: string): Service {
  const found = serviceOf(lab, word)
  if (found) return found
  const near = suggest(
    word,
    lab.services.map((s) => `svc/${s.key}`),
  )
  throw new TargetError(
    'unknown-service',
    `lab ${lab.name} has no Service "${word.slice('svc/'.length)}"`,
    near ? `did you mean "${near}"?` : undefined,
  )
}

/** The cluster address of `svc/name` or `svc/namespace/name`. */
function service(lab: Lab, word: string, family: Family): Target | undefined {
  const found = findService(lab, word)
  requireAddress(found)
  const { name, namespace } = found
  const at = serviceAddress(lab, word, family)
  return at ? { word, address: at.address, family, service: { name, namespace } } : undefined
}

/** @throws TargetError for a Service that is only a name */
function requireAddress({ key, headless, type }: Service): void {
  if (headless)
    throw new TargetError(
      'service-headless',
      `Service ${key} is headless: it is a name for its pods and has no address`,
      'Trace to one of its pods.',
    )
  if (type === 'ExternalName')
    throw new TargetError(
      'service-external-name',
      `Service ${key} is an alias in DNS and has no address`,
      'Trace to the machine it stands for.',
    )
}
