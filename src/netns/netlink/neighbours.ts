/** RTM_NEWNEIGH (linux/neighbour.h) → neighbours, entries that are answered for, and forwarding databases. Pure. */
import { addressText, linkAddressText } from './address.ts'
import { hardwareAddress } from './links.ts'
import { attribute, Attributes, RTM, type Message } from './message.ts'
import { deviceName, type Devices, type IpFdb, type IpNeighbour } from './types.ts'

/** struct ndmsg: family, padding, index, state, flags, type. */
export const NDMSG = 12
export const NTF_PROXY = 8
export const PF_BRIDGE = 7

const NDA = { dst: 1, lladdr: 2, vlan: 5, port: 6, vni: 7, ifindex: 8, master: 9, srcVni: 11, nhId: 13 } as const

/** NUD_*, in the order in which iproute2 prints them. */
const STATES: readonly (readonly [number, string])[] = [
  [0x1, 'INCOMPLETE'],
  [0x2, 'REACHABLE'],
  [0x4, 'STALE'],
  [0x8, 'DELAY'],
  [0x10, 'PROBE'],
  [0x20, 'FAILED'],
  [0x40, 'NOARP'],
  [0x80, 'PERMANENT'],
]
export const NUD = { reachable: 0x2, stale: 0x4, noarp: 0x40, permanent: 0x80 } as const

/** Neighbours of both families, in whatever state. */
export function decodeNeighbours(found: readonly Message[], devices: Devices): IpNeighbour[] {
  return found.flatMap(({ type, body }): IpNeighbour[] => {
    // Tables of other protocols have no addresses of ours.
    if (type !== RTM.newNeigh || (body[0] !== 2 && body[0] !== 10)) return []
    const a = new Attributes(body, NDMSG)
    const [dst, lladdr, index] = [a.bytes(NDA.dst), a.bytes(NDA.lladdr), body.readInt32LE(4)]
    const state = body.readUInt16LE(8)
    if (!dst) return []
    return [
      {
        dst: addressText(dst),
        // Entries of no device are answered for on all of them.
        ...(index === 0 ? { dev: '' } : { dev: deviceName(devices, index) }),
        ...(lladdr ? { lladdr: hardwareAddress(lladdr, devices.get(index)?.type) } : {}),
        ...(body[10]! & NTF_PROXY ? { proxy: null } : { state: STATES.flatMap(([bit, name]) => (state & bit ? [name] : [])) }),
      },
    ]
  })
}

/** Reachable, stale, delay, probe, failed: neither permanent nor still asked for. */
const LEARNED = 0x2 | 0x4 | 0x8 | 0x10 | 0x20

/** A neighbour that was learned by asking for it. */
export interface LearnedNeighbour {
  /** Unique in its namespace. */
  readonly key: string
  /** Body of the message that deletes it (RTM_DELNEIGH). */
  readonly deletion: Buffer
}

/** Neighbours of both families that packets have left behind. */
export function learnedNeighbours(found: readonly Message[]): LearnedNeighbour[] {
  return found.flatMap(({ type, body }): LearnedNeighbour[] => {
    if (type !== RTM.newNeigh || (body[0] !== 2 && body[0] !== 10)) return []
    const dst = new Attributes(body, NDMSG).bytes(NDA.dst)
    if (!dst || body[10]! & NTF_PROXY || !(body.readUInt16LE(8) & LEARNED)) return []
    const header = Buffer.alloc(NDMSG)
    header[0] = body[0]
    header.writeInt32LE(body.readInt32LE(4), 4)
    return [{ key: `${body.readInt32LE(4)} ${dst.toString('hex')}`, deletion: Buffer.concat([header, attribute(NDA.dst, dst)]) }]
  })
}

/** NTF_*, in the order in which `bridge fdb` prints them. */
const FLAGS: readonly (readonly [number, string])[] = [
  [0x2, 'self'],
  [0x80, 'router'],
  [0x10, 'extern_learn'],
  [0x20, 'offload'],
  [0x4, 'master'],
  [0x40, 'sticky'],
]

/** As `bridge fdb` names it: what is fresh has no name. */
function stateName(state: number): string {
  if (state & NUD.permanent) return 'permanent'
  if (state & NUD.noarp) return 'static'
  if (state & NUD.stale) return 'stale'
  return state & NUD.reachable ? '' : `state=0x${state.toString(16)}`
}

/** Entries of bridges and of VXLAN devices. */
export function decodeFdb(found: readonly Message[], devices: Devices): IpFdb[] {
  return found.flatMap(({ type, body }): IpFdb[] => {
    if (type !== RTM.newNeigh || body[0] !== PF_BRIDGE) return []
    const a = new Attributes(body, NDMSG)
    const [lladdr, dst, via, master] = [a.bytes(NDA.lladdr), a.bytes(NDA.dst), a.u32(NDA.ifindex), a.u32(NDA.master)]
    const [vlan, port, vni, srcVni, nhid] = [a.u16(NDA.vlan), a.be16(NDA.port), a.u32(NDA.vni), a.u32(NDA.srcVni), a.u32(NDA.nhId)]
    const flags = body[10]!
    return [
      {
        mac: linkAddressText(lladdr ?? Buffer.alloc(6)),
        ifname: deviceName(devices, body.readInt32LE(4)),
        ...(dst ? { dst: addressText(dst) } : {}),
        ...(vlan === undefined ? {} : { vlan }),
        ...(port === undefined ? {} : { port }),
        ...(vni === undefined ? {} : { vni }),
        ...(srcVni === undefined ? {} : { src_vni: srcVni }),
        ...(via ? { via: deviceName(devices, via) } : {}),
        ...(nhid === undefined ? {} : { nhid }),
        flags: FLAGS.flatMap(([bit, name]) => (flags & bit ? [name] : [])),
        ...(master === undefined ? {} : { master: deviceName(devices, master) }),
        state: stateName(body.readUInt16LE(8)),
      },
    ]
  })
}
