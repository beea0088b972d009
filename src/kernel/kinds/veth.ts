import { setTimeout as sleep } from 'node:timers/promises'
import type { IpLink } from '../dumps/content.ts'
import {
  bridgePort,
  changeDevice,
  isolation,
  lacksLinkLocal,
  NO_CARRIER,
  nonDefaultAttributes,
  portLines,
  type BridgePort,
} from '../links/attributes.ts'
import { connectedBy } from './connected.ts'
import { differences } from './differences.ts'
import {
  option,
  Stage,
  withNonDefault,
  type Common,
  type NonDefault,
  type ObjectKind,
  type Piece,
  type ReadContext,
  type Reader,
} from './kind.ts'

/** One end of a veth pair. Both ends are up. */
export interface VethEnd {
  readonly ns: string
  readonly name: string
  readonly mac: string
  readonly mtu: number
  readonly port?: BridgePort
  /** Only ever observed: the device exists but was taken down. */
  readonly down?: true
  readonly nonDefault?: NonDefault
}

/** A veth pair. It is made from `ns`, where `name` is; `peer` appears in its own namespace at once. */
export interface Veth extends Common, VethEnd {
  readonly kind: 'veth'
  readonly peer: VethEnd
}

/** One end as the kernel shows it. @param more what else is not as on a new one */
export function vethEnd(ns: string, shown: IpLink, more: NonDefault = []): VethEnd {
  const port = bridgePort(shown)
  return {
    ns,
    name: shown.ifname,
    mac: shown.address ?? '',
    mtu: shown.mtu,
    ...(port ? { port } : {}),
    ...(shown.flags.includes('UP') ? {} : { down: true }),
    ...withNonDefault([...nonDefaultAttributes(shown, [], { ethernet: true, port: true }), ...more]),
  }
}

/** Whether a device is one end of a pair. */
const isVeth = (link: IpLink): boolean => link.linkinfo?.info_kind === 'veth'

interface End {
  readonly link: IpLink
  readonly end: VethEnd
}

/** The other end of a veth that is not the one asked for. */
const UNKNOWN_PEER: VethEnd = { ns: '', name: '', mac: '', mtu: 0 }

/** Longest wait for links to carry frames, and between two looks, milliseconds. */
const SETTLE = { patience: 3000, pause: 15 }

/**
 * Whether frames pass already. A device whose other end came up later is activated, and a bridge port starts
 * to forward, only when the kernel's link watch gets to it: up to a second later (net/core/link_watch.c).
 */
export function operational(link: IpLink): boolean {
  if (link.linkinfo?.info_slave_kind === 'bridge' && link.linkinfo.info_slave_data?.state !== 'forwarding') return false
  return link.operstate === 'UP'
}

const keyOf = ({ ns, name }: { readonly ns: string; readonly name: string }): string => `${ns} ${name}`

/**
 * Waits until pairs whose ends are both up carry frames, so that what is sent next does not fall victim to a link
 * that is still starting. Only ends that were up first, and bridge ports, can be late. What does not get there
 * is marked as non-default.
 */
async function waitForCarrier(asked: readonly Veth[], ends: Map<string, End>, context: ReadContext): Promise<void> {
  const pairsUp = asked.flatMap((o): [string, string][] => {
    const [near, far] = [keyOf(o), keyOf(o.peer)]
    const bothUp = [near, far].every((key) => ends.get(key)?.link.flags.includes('UP'))
    return bothUp ? [[near, far]] : []
  })
  const late = (): string[] =>
    pairsUp.flatMap(([near, far]) => {
      const other = ends.get(far)!
      return [...(operational(ends.get(near)!.link) ? [] : [near]), ...(other.end.port && !operational(other.link) ? [far] : [])]
    })
  const deadline = Date.now() + (context.patience ?? SETTLE.patience)
  let waiting = late()
  while (waiting.length > 0 && Date.now() < deadline) {
    await sleep(SETTLE.pause)
    await context.links([...new Set(waiting.map((key) => ends.get(key)!.end.ns))], (ns, now) => {
      for (const link of now) {
        const before = ends.get(`${ns} ${link.ifname}`)
        if (before) ends.set(`${ns} ${link.ifname}`, { ...before, link })
      }
    })
    waiting = late()
  }
  for (const key of waiting) {
    const { link, end } = ends.get(key)!
    ends.set(key, { link, end: { ...end, nonDefault: [...(end.nonDefault ?? []), NO_CARRIER] } })
  }
}

/**
 * Joins veth ends to pairs. The kernel names the other end by index only, so the pairing asked for is
 * accepted when the indices of both ends agree. Ends that are left over come as pairs with {@link UNKNOWN_PEER}.
 */
function pairs(asked: readonly Veth[], ends: Map<string, End>): Veth[] {
  const result: Veth[] = []
  for (const o of asked) {
    const near = ends.get(keyOf(o))
    const far = ends.get(keyOf(o.peer))
    if (!near || !far || near.link.link_index !== far.link.ifindex || far.link.link_index !== near.link.ifindex) continue
    result.push({ kind: 'veth', ...near.end, peer: far.end })
    ends.delete(keyOf(o))
    ends.delete(keyOf(o.peer))
  }
  for (const { end } of ends.values()) result.push({ kind: 'veth', ...end, peer: UNKNOWN_PEER })
  return result
}

/** Ends are read namespace by namespace, and joined when all of them are known. */
function reader(asked: readonly Veth[]): Reader<Veth> {
  const ends = new Map<string, End>()
  return {
    namespace({ ns, links = [], routes = [] }) {
      const { speaks6 } = connectedBy(routes)
      for (const link of links)
        if (isVeth(link)) ends.set(`${ns} ${link.ifname}`, { link, end: vethEnd(ns, link, lacksLinkLocal(link, speaks6)) })
      return []
    },
    async finish(context) {
      await waitForCarrier(asked, ends, context)
      return pairs(asked, ends)
    },
  }
}

/** Fields of an end that `ip link set` changes on a living device; any other change makes a new pair. */
const IN_PLACE = new Set(['nonDefault', 'down', 'mtu', 'mac', 'port', 'port.master', 'port.hairpin', 'port.isolated'])
const PEER = 'peer.'

function create(o: Veth): Piece[] {
  const { peer } = o
  const near = `link add ${o.name} address ${o.mac} mtu ${o.mtu}${option('master', o.port?.master)} up type veth peer name ${peer.name} address ${peer.mac} mtu ${peer.mtu} netns ${peer.ns}`
  const pieces: Piece[] = [{ ns: o.ns, tool: 'ip', stage: Stage.Devices, text: near }]
  for (const text of o.port ? portLines(o.name, o.port) : []) pieces.push({ ns: o.ns, tool: 'ip', stage: Stage.Devices, text })
  // The kernel refuses to raise the far end before the pair exists, so its own namespace does.
  pieces.push({ ns: peer.ns, tool: 'ip', stage: Stage.Config, text: `link set ${peer.name}${option('master', peer.port?.master)} up` })
  for (const text of peer.port ? portLines(peer.name, peer.port) : []) pieces.push({ ns: peer.ns, tool: 'ip', stage: Stage.Config, text })
  return pieces
}

export const veth: ObjectKind<Veth, 'veth'> = {
  kind: 'veth',
  key: (o) => `device ${o.ns} ${o.name}`,
  describe: (o) => `veth ${o.name} in ${o.ns} (other end ${o.peer.ns === '' ? 'somewhere else' : `${o.peer.name} in ${o.peer.ns}`})`,
  stage: () => Stage.Devices,
  provides: (o) => [`${o.ns} ${o.name}`, `${o.peer.ns} ${o.peer.name}`],
  reaches: (o) => o.peer.ns,
  replaceable: (_, after, fields) => fields.every((f) => IN_PLACE.has(f.startsWith(PEER) ? f.slice(PEER.length) : f)),
  render(change) {
    const { object: o } = change
    if (change.action === 'create') return create(o)
    if (change.action === 'delete') return [{ ns: o.ns, tool: 'ip', stage: Stage.Devices, text: `link delete dev ${o.name}` }]
    const fields = differences(change.before, o)
    const far = fields.filter((f) => f.startsWith(PEER)).map((f) => f.slice(PEER.length))
    const near = fields.filter((f) => !f.startsWith(PEER))
    return [...changeDevice(change.before, o, near), ...changeDevice(change.before.peer, o.peer, far)]
  },
  shows: isVeth,
  reader,
  features: [
    { name: 'veth', purpose: 'links between nodes', probe: 'ip link add np0 type veth peer name np1', needs: 'kernel module veth' },
  ],
  explain(field, o) {
    if (field === 'down') return [`${o.name} is down`]
    if (field === 'nonDefault') return (o.nonDefault ?? []).map((what) => `${o.name}: ${what}`)
    if (field.startsWith(PEER) && o.peer.ns === '') return field === 'peer.ns' ? ['its other end is not where it should be'] : []
    if (field === 'port.isolated') return [`${o.name}: ${isolation(o.port)}`]
    if (field === 'peer.port.isolated') return [`the other end: ${isolation(o.peer.port)}`]
    if (field === 'peer.down') return ['the other end is down']
    if (field === 'peer.nonDefault') return (o.peer.nonDefault ?? []).map((what) => `the other end: ${what}`)
    return undefined
  },
}
