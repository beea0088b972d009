import { bridgePort, changeDevice, nonDefaultAttributes, portLine, type BridgePort } from '../links/attributes.ts'
import { differences } from './differences.ts'
import { withNonDefault, type IpLink } from './iproute2.ts'
import { option, Stage, type Common, type NonDefault, type ObjectKind, type Piece } from './kind.ts'

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

/** The other end of a veth that is not the one asked for. */
export const UNKNOWN_PEER: VethEnd = { ns: '', name: '', mac: '', mtu: 0 }

/** One end as the kernel shows it. @param more what else is not as on a new one */
export function vethEnd(ns: string, shown: IpLink, more: NonDefault): VethEnd {
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

/** Fields of an end that `ip link set` changes on a living device; any other change makes a new pair. */
const IN_PLACE = new Set(['nonDefault', 'down', 'mtu', 'mac', 'port', 'port.master', 'port.hairpin'])
const PEER = 'peer.'

function create(o: Veth): Piece[] {
  const { peer } = o
  const near = `link add ${o.name} address ${o.mac} mtu ${o.mtu}${option('master', o.port?.master)} up type veth peer name ${peer.name} address ${peer.mac} mtu ${peer.mtu} netns ${peer.ns}`
  const pieces: Piece[] = [{ ns: o.ns, tool: 'ip', stage: Stage.Devices, text: near }]
  // Hairpin is off on a new port, so only "on" needs saying.
  if (o.port?.hairpin) pieces.push({ ns: o.ns, tool: 'ip', stage: Stage.Devices, text: portLine(o.name, o.port) })
  // The kernel refuses to raise the far end before the pair exists, so its own namespace does.
  pieces.push({ ns: peer.ns, tool: 'ip', stage: Stage.Config, text: `link set ${peer.name}${option('master', peer.port?.master)} up` })
  if (peer.port?.hairpin) pieces.push({ ns: peer.ns, tool: 'ip', stage: Stage.Config, text: portLine(peer.name, peer.port) })
  return pieces
}

export const veth: ObjectKind<Veth> = {
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
  explain(field, o) {
    if (field === 'down') return [`${o.name} is down`]
    if (field === 'nonDefault') return (o.nonDefault ?? []).map((what) => `${o.name}: ${what}`)
    if (field.startsWith(PEER) && o.peer.ns === '') return field === 'peer.ns' ? ['its other end is not where it should be'] : []
    if (field === 'peer.down') return ['the other end is down']
    if (field === 'peer.nonDefault') return (o.peer.nonDefault ?? []).map((what) => `the other end: ${what}`)
    return undefined
  },
}
