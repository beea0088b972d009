/** Bridges of several hosts that tunnels make one link of: why what one host sends to all does not come to another. */
import { linkObject } from '../../../kernel/kinds/link.ts'
import { linkType } from '../../../kernel/links/index.ts'
import type { KernelObject, Link } from '../../../kernel/objects.ts'
import { addressOf, type Host } from '../../../lab/lab.ts'
import { UNLEARNED } from '../../../lab/names.ts'
import type { Place } from '../../predict/places.ts'
import type { TraceEvidence } from '../evidence.ts'
import { upAgain } from '../hints.ts'
import type { Drop } from '../../result.ts'
import { deviceTrouble, dropped, interfaceDown, linkOf } from './drop-builder.ts'

type Fdb = KernelObject & { readonly kind: 'fdb' }

/** The entry that the lab asked for so that frames for all, and for MACs that are not learned, get to a host. */
const replication = (evidence: TraceEvidence, ns: string, to: Host): Fdb | undefined =>
  evidence.parts.places.at(ns).find((o): o is Fdb => o.kind === 'fdb' && o.mac === UNLEARNED && to.addresses.some((a) => a.ip === o.dst))

/** A host whose VTEP copies nothing to another host, although the lab asked for that. */
function notReplicated(evidence: TraceEvidence, leg: Drop['leg'], from: Host, to: Host): Drop | undefined {
  const { places, liveState } = evidence.parts
  const object = replication(evidence, from.netns, to)
  const live = liveState.seen(from.netns)?.fdb
  if (!object || !live || live.some((f) => f.ifname === object.dev && f.mac === UNLEARNED && f.dst === object.dst)) return undefined
  return dropped(evidence, {
    leg,
    ns: from.netns,
    device: object.dev,
    cause: 'fdb-missing',
    evidence: 'inferred',
    object,
    text: `${object.dev} of ${places.name(from.netns)} copies nothing to ${places.name(to.netns)}, neither what goes to all nor what is for a MAC that is not learned yet: the FDB entry ${UNLEARNED} to ${object.dst} is missing`,
    hint: upAgain(evidence),
  })
}

/** What is wrong with a tunnel device that should be a port of a host's bridge. */
function portTrouble(evidence: TraceEvidence, leg: Drop['leg'], { netns: ns, name }: Host, asked: Link, master: string): Drop | undefined {
  if (deviceTrouble(evidence, ns, asked.name)) return interfaceDown(evidence, leg, ns, asked.name)
  const shown = linkOf(evidence, ns, asked.name)
  const live = shown && linkObject(ns, shown)
  if (!shown || !live) return undefined
  const owner = 'remote' in asked && asked.remote !== undefined ? evidence.parts.places.ownerOfAddress(asked.remote) : undefined
  const others = owner ? evidence.parts.places.name(owner.ns) : 'other hosts'
  const common = { leg, ns, device: asked.name, evidence: 'inferred', object: asked, hint: upAgain(evidence) } as const
  if (shown.master !== master)
    return dropped(evidence, {
      ...common,
      cause: 'not-on-bridge',
      text: `${asked.name} of ${name} is not on bridge ${master}${shown.master === undefined ? '' : ` but on ${shown.master}`}: the pods of ${name} are not on one link with those of ${others}`,
    })
  if ('remote' in asked && 'remote' in live && asked.remote !== live.remote)
    return dropped(evidence, {
      ...common,
      cause: 'tunnel-peer',
      text: `${asked.name} of ${name} leads to ${live.remote}, the lab asked for ${asked.remote}: what is for all goes there, and what comes from ${asked.remote} is not taken`,
    })
  const [wanted, has] = [asked, live].map((o) => linkType(o).numbers?.(o) ?? [])
  const other = wanted!.findIndex((n, i) => n !== has![i])
  if (other < 0) return undefined
  return dropped(evidence, {
    ...common,
    cause: other === 0 ? 'vni-mismatch' : 'tunnel-port-mismatch',
    text: `${asked.name} of ${name} has ${has![other] ?? 'no number'}, the lab asked for ${wanted![other]}: what it sends is not taken by ${others}, nor does it take what comes from there`,
  })
}

/** Between two devices on one link that tunnels make of the bridges of their hosts. Undefined: they are on one host, or all is as it was asked for. */
export function joiningTrouble(evidence: TraceEvidence, leg: Drop['leg'], from: Place, to: Place): Drop | undefined {
  const { places } = evidence.parts
  const [near, far] = [places.hostOf(from), places.hostOf(to)]
  if (!near || !far || near === far) return undefined
  for (const host of [near, far])
    for (const o of places.at(host.netns)) {
      if (o.kind !== 'link' || !('bridgePort' in o) || !o.bridgePort) continue
      // One for each peer: those to other hosts are not on the way.
      if ('remote' in o && o.remote !== addressOf(host === near ? far : near, 4)) continue
      const trouble = portTrouble(evidence, leg, host, o, o.bridgePort.master)
      if (trouble) return trouble
    }
  return notReplicated(evidence, leg, near, far)
}
