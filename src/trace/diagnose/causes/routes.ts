/** Route lookups that end badly, in words. */
import { describe } from '../../../kernel/kinds/index.ts'
import type { KernelObject, Route } from '../../../kernel/objects.ts'
import { contains, parseCidr, parseIp } from '../../../topology/address.ts'
import type { TraceEvidence } from '../evidence.ts'
import { inNode, upAgain } from '../hints.ts'
import { askedNetwork, diverted, lacks, networkLost } from './diverted.ts'
import type { CauseId, Drop, Evidence } from '../../result.ts'
import { notLearned } from './unlearned.ts'
import { askedRoute, deviceTrouble, dropped, innerAddresses, interfaceDown } from './drop-builder.ts'

export interface RouteFailure {
  readonly leg: Drop['leg']
  readonly ns: string
  readonly device: string
  readonly evidence: Evidence
  readonly kernelReason?: string | undefined
  readonly dst: string
  /** The kernel's word for it. */
  readonly error?: string | undefined
  /** FIB entry that matched. */
  readonly entry?: string | undefined
}

/** fib_table_lookup's and rtnetlink's errors (net/ipv4/fib_semantics.c: fib_props). */
function kindOf(
  error: string | undefined,
  entry: string | undefined,
): Extract<CauseId, 'blackhole' | 'prohibit' | 'unreachable-route' | 'no-route'> {
  if (entry?.startsWith('blackhole') || /Invalid argument/.test(error ?? '')) return 'blackhole'
  if (entry?.startsWith('prohibit') || /Permission denied/.test(error ?? '')) return 'prohibit'
  // Forwarding that is off gives the same error; callers have looked at that first.
  if (entry?.startsWith('unreachable') || /No route to host/.test(error ?? '')) return 'unreachable-route'
  return 'no-route'
}

/** Whether a FIB entry (`blackhole 10.244.1.0/25`) is for less than a network. */
function isNarrower(entry: string, network: string): boolean {
  const [, length = ''] = /\/(\d+)/.exec(entry) ?? []
  return network === 'default' || (length !== '' && Number(length) > Number(network.split('/')[1]))
}

/** The device whose own network an address lies in, as the lab asked for it. */
function connectedDevice(evidence: TraceEvidence, ns: string, address: string): string | undefined {
  const ip = parseIp(address)
  const object = evidence.parts.places.at(ns).find((o) => o.kind === 'address' && ip && contains(parseCidr(o.address)!, ip))
  return object?.kind === 'address' ? object.dev : undefined
}

/** A route of the lab's own that ends packets for an address. */
function isLeft(o: KernelObject, kind: string, address: string): boolean {
  const ip = parseIp(address)
  return (
    o.kind === 'route' &&
    o.type === (kind === 'unreachable-route' ? 'unreachable' : kind) &&
    o.dst !== 'default' &&
    ip !== undefined &&
    contains(parseCidr(o.dst)!, ip)
  )
}

/** A route of the lab's own that ends packets, in a table that a rule of the lab's has packets from their source consult. */
function inOwnTable(evidence: TraceEvidence, { leg, ns, dst }: RouteFailure, kind: string): Route | undefined {
  const last = (leg === 'forward' ? evidence.forward : evidence.reply).findLast((s) => s.netns === ns)
  const src = parseIp((last && innerAddresses(last)?.src) ?? '')
  const objects = evidence.parts.places.at(ns)
  const tables = objects.flatMap((o) => (o.kind === 'rule' && src && contains(parseCidr(o.src)!, src) ? [o.table] : []))
  return objects.find((o): o is Route => o.kind === 'route' && o.table !== undefined && tables.includes(o.table) && isLeft(o, kind, dst))
}

/** The packet reached the node the address belongs to, and the node does not have it any more: it is routed like any other address. */
function lostAddress(evidence: TraceEvidence, f: RouteFailure): Drop | undefined {
  const { places, liveState } = evidence.parts
  const owner = places.ownerOfAddress(f.dst)
  const links = liveState.seen(f.ns)?.links ?? []
  if (owner?.ns !== f.ns || links.length === 0 || links.some((l) => l.addr_info?.some((a) => a.local === f.dst))) return undefined
  if (deviceTrouble(evidence, f.ns, owner.device)) return undefined
  return dropped(evidence, {
    leg: f.leg,
    ns: f.ns,
    device: f.device,
    evidence: f.evidence,
    kernelReason: f.kernelReason,
    cause: 'no-such-address',
    object: places.at(f.ns).find((o) => o.kind === 'address' && o.address.startsWith(`${f.dst}/`)),
    text: `${places.name(f.ns)} should have the address ${f.dst}, but it is not on its ${owner.device}`,
    hint: upAgain(evidence),
  })
}

/** What comes from there is to get no further. */
function closedTable(evidence: TraceEvidence, { error: _error, entry: _entry, dst, ...common }: RouteFailure, own: Route): Drop {
  const article = own.type === 'unreachable' ? 'an' : 'a'
  const name = evidence.parts.places.name(common.ns)
  return dropped(evidence, {
    ...common,
    cause: own.type === 'unreachable' ? 'unreachable-route' : (own.type ?? 'no-route'),
    object: own,
    text: `${article} ${own.type} route in table ${own.table} of ${name} covers ${dst}: ${own.note ?? 'so the lab asked'}`,
    hint: inNode(evidence, common.ns, `ip ${own.family === 6 ? '-6 ' : ''}route show table ${own.table}`),
  })
}

export function routeFailure(evidence: TraceEvidence, f: RouteFailure): Drop {
  const { places } = evidence.parts
  const name = places.name(f.ns)
  const said = kindOf(f.error, f.entry)
  const asked = askedRoute(evidence, f.ns, f.dst)
  const type = asked?.kind === 'route' ? asked.type : undefined
  const own = inOwnTable(evidence, f, said)
  if (own) return closedTable(evidence, f, own)
  // A host's block is a blackhole but for its pods: who falls into it has lost the route of its own.
  const block = type === undefined && said !== 'no-route' ? places.at(f.ns).find((o) => isLeft(o, said, f.dst)) : undefined
  const kind = block ? 'no-route' : said
  const lost = lostAddress(evidence, f)
  if (lost) return lost
  const common = { leg: f.leg, ns: f.ns, device: f.device, evidence: f.evidence, kernelReason: f.kernelReason } as const
  if (kind === 'no-route') {
    // The packet should not be here: a node before sent it the wrong way.
    const before = asked ? undefined : diverted(evidence, f.leg)
    if (before) return { ...before, evidence: f.evidence, ...(f.kernelReason === undefined ? {} : { kernelReason: f.kernelReason }) }
    const network = askedNetwork(evidence, f.ns, f.dst)
    if (network && lacks(evidence, network)) return networkLost(evidence, network, `it has no route to ${f.dst}`, common)
    const onLink = connectedDevice(evidence, f.ns, f.dst)
    if (onLink !== undefined && deviceTrouble(evidence, f.ns, onLink)) {
      return interfaceDown(evidence, f.leg, f.ns, onLink, {
        evidence: f.evidence,
        kernelReason: f.kernelReason,
        text: `${onLink} in ${name} ${deviceTrouble(evidence, f.ns, onLink)}, and with it the network of ${f.dst}`,
      })
    }
    if (asked?.dev !== undefined && deviceTrouble(evidence, f.ns, asked.dev)) {
      return interfaceDown(evidence, f.leg, f.ns, asked.dev, {
        evidence: f.evidence,
        kernelReason: f.kernelReason,
        text: `${asked.dev} in ${name} ${deviceTrouble(evidence, f.ns, asked.dev)}, and its routes went with it: nothing leads to ${f.dst}`,
      })
    }
    const unlearned = notLearned(evidence, common, f.dst, asked)
    if (unlearned) return unlearned
    const left = block ? `: what is left is ${describe(block)}` : ''
    const wanted =
      asked?.kind === 'learned'
        ? `; ${asked.by} has not brought about ${asked.dst}`
        : asked
          ? `; the lab asked for ${asked.dst}${asked.via ? ` via ${asked.via}` : ''}${asked.dev ? ` dev ${asked.dev}` : ''}`
          : ''
    return dropped(evidence, {
      ...common,
      object: asked,
      cause: f.leg === 'reply' ? 'no-route-back' : 'no-route',
      text:
        f.leg === 'reply' ? `${name} has no route back to ${f.dst}${wanted}${left}` : `${name} has no route to ${f.dst}${wanted}${left}`,
      hint:
        asked?.kind === 'learned'
          ? `netlab logs ${name} --lab ${evidence.parts.lab.name}`
          : asked
            ? upAgain(evidence)
            : inNode(evidence, f.ns, `ip route get ${f.dst}`),
    })
  }
  const word = kind === 'unreachable-route' ? 'unreachable' : kind
  const live = type === word ? asked : undefined
  return dropped(evidence, {
    ...common,
    cause: kind,
    object: live ?? asked,
    text: `${word === 'unreachable' ? 'an' : 'a'} ${word} route in ${name} covers ${f.dst}${f.entry ? `: ${f.entry}` : ''}${live ? '; that is in the block of the host, and no pod has it' : ''}`,
    // Replaced, it is one command to have it back; where the lab asked for none, it is one too many.
    hint: live
      ? `netlab inspect ${evidence.parts.lab.name}`
      : asked && !(f.entry !== undefined && isNarrower(f.entry, asked.dst))
        ? upAgain(evidence)
        : inNode(evidence, f.ns, `ip ${f.dst.includes(':') ? '-6 ' : ''}route del ${f.entry ?? `${word} ${f.dst}`}`),
  })
}
