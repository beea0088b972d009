/**
 * Dumps without what changes by itself: timers, counters, neighbours and stations that packets left behind. The same bytes
 * again mean that nothing changed that was asked for or could stop packets, so they need not be decoded to know it. What is
 * left can be decoded like the dumps themselves, and gives the same objects.
 */
import { IFINFOMSG, LINK_ATTRIBUTES, LINK_INFO } from './links.ts'
import { HEADER, IDENTITY, RTM } from './message.ts'
import { NDMSG, NTF_PROXY, NUD, PF_BRIDGE } from './neighbours.ts'
import { NFGENMSG, NFT, NO_QUEUE, QDISC_HANDLE, TCMSG } from './queues-tables.ts'
import { RTMSG } from './routes.ts'
import { NETCONFMSG } from './settings.ts'

type Keeps = (type: number) => boolean

const all: Keeps = () => true
function only(...types: number[]): Keeps {
  const kept = new Set(types)
  return (type) => kept.has(type)
}
function without(...types: number[]): Keeps {
  const left = new Set(types)
  return (type) => !left.has(type)
}

/** What is kept of a message: its fixed part, and some attributes. */
interface Shape {
  readonly fixed: number
  readonly keeps: Keeps
}

/** linux/{if_link,rtnetlink,neighbour,pkt_sched}.h, netfilter/nf_tables.h. Messages of other types, ends of dumps among them, are left out. */
const SHAPES: ReadonlyMap<number, Shape> = new Map<number, Shape>([
  [RTM.newLink, { fixed: IFINFOMSG, keeps: only(...LINK_ATTRIBUTES) }],
  [RTM.newAddr, { fixed: 8, keeps: all }],
  // RTA_CACHEINFO
  [RTM.newRoute, { fixed: RTMSG, keeps: without(12) }],
  [RTM.newRule, { fixed: RTMSG, keeps: all }],
  // NDA_CACHEINFO, NDA_PROBES
  [RTM.newNeigh, { fixed: NDMSG, keeps: without(3, 4) }],
  // TCA_KIND
  [RTM.newQdisc, { fixed: TCMSG, keeps: only(1) }],
  [RTM.newNetconf, { fixed: NETCONFMSG, keeps: all }],
  // NFTA_TABLE_NAME
  [NFT.newTable, { fixed: NFGENMSG, keeps: only(1) }],
  // NFTA_GEN_ID: not who changed it last.
  [NFT.newGeneration, { fixed: NFGENMSG, keeps: only(1) }],
  [IDENTITY.message, { fixed: IDENTITY.length, keeps: all }],
])

/** Of a bridge, IFLA_BR_*_TIMER; of its ports, IFLA_BRPORT_*_TIMER. */
const BRIDGE_DATA = without(16, 17, 18, 19)
const BRIDGE_PORT = without(21, 22, 23)

const NDA_LLADDR = 2
const TCA_KIND = 1
const RTM_F_CLONED = 0x200
const RTNH_F_LINKDOWN = 0x10
const RTN_MULTICAST = 5
const AF_INET6 = 10
const IFLA_OPERSTATE = 16
const IFLA_LINKINFO = 18
const IFLA_BRPORT_STATE = 1
/** IFF_UP; IFF_RUNNING and IFF_LOWER_UP, which come with the carrier; IF_OPER_UP; BR_STATE_FORWARDING. */
const [UP, CARRIER, OPERATIONAL, FORWARDING] = [0x1, 0x10040, 6, 3]

/** Types of devices that the kernel's link watch tells of. */
const WATCHED: ReadonlySet<string> = new Set(['veth', 'bridge'])

/** The bytes that are left of some dumps; one after the other, so that there is one buffer to fill. */
class Rest {
  #bytes = Buffer.alloc(1 << 16)
  #length = 0
  /** Whether a device was still starting, and whether one speaks IPv6: it has a route to all groups. */
  #starting = false
  #speaks6 = false
  /** Where the message at hand has what its device becomes once it carries frames. */
  #operstate = -1
  #portState = -1
  #kind = ''

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /**
   * @param settled devices that are still starting count as started, which the kernel sees to by itself
   * @returns false where what comes of that is more than is foreseen
   */
  fill(dumps: Uint8Array, settled: boolean): boolean {
    const from = Buffer.from(dumps.buffer, dumps.byteOffset, dumps.length)
    // Nothing that is left out makes room for more.
    if (this.#bytes.length < from.length) this.#bytes = Buffer.alloc(2 * from.length)
    this.#length = 0
    this.#starting = this.#speaks6 = false
    for (let at = 0; at + HEADER <= from.length;) {
      const length = from.readUInt32LE(at)
      if (length < HEADER || at + length > from.length) break
      const type = from.readUInt16LE(at + 4)
      const shape = SHAPES.get(type)
      if (shape && !isPassing(type, from, at + HEADER, at + length)) this.#message(type, shape, from, at, at + length, settled)
      at += (length + 3) & ~3
    }
    // What IPv6 does once a device carries frames is more than is foreseen here.
    return !(this.#starting && this.#speaks6)
  }

  #message(type: number, { fixed, keeps }: Shape, from: Buffer, start: number, end: number, settled: boolean): void {
    const [body, to] = [start + HEADER, this.#length]
    from.copy(this.#bytes, to, start, body + fixed)
    this.#length += HEADER + fixed
    // Flags of the header, and the port of the socket that asked.
    this.#bytes.writeUInt16LE(0, to + 6)
    this.#bytes.writeUInt32LE(0, to + 12)
    this.#operstate = this.#portState = -1
    this.#kind = ''
    if (type === RTM.newLink) this.#link(from, body + fixed, end, keeps)
    else this.#attributes(from, body + fixed, end, keeps)
    this.#bytes.writeUInt32LE(this.#length - to, to)
    if (type === RTM.newRoute && from[body] === AF_INET6 && from[body + 7] === RTN_MULTICAST) this.#speaks6 = true
    if (settled) this.#settle(type, to + HEADER)
  }

  /** One attribute as it is, with its padding in zeroes. */
  #attribute(from: Buffer, at: number, length: number): void {
    from.copy(this.#bytes, this.#length, at, at + length)
    const padded = (length + 3) & ~3
    this.#bytes.fill(0, this.#length + length, this.#length + padded)
    this.#length += padded
  }

  #attributes(from: Buffer, start: number, end: number, keeps: Keeps): void {
    for (let at = start; at + 4 <= end;) {
      const length = from.readUInt16LE(at)
      if (length < 4 || at + length > end) return
      if (keeps(from.readUInt16LE(at + 2) & 0x3fff)) this.#attribute(from, at, length)
      at += (length + 3) & ~3
    }
  }

  #link(from: Buffer, start: number, end: number, keeps: Keeps): void {
    for (let at = start; at + 4 <= end;) {
      const length = from.readUInt16LE(at)
      if (length < 4 || at + length > end) return
      const type = from.readUInt16LE(at + 2) & 0x3fff
      if (type === IFLA_OPERSTATE) this.#operstate = this.#length + 4
      if (type === IFLA_LINKINFO) this.#nest(from, at, () => this.#linkInfo(from, at + 4, at + length))
      else if (keeps(type)) this.#attribute(from, at, length)
      at += (length + 3) & ~3
    }
  }

  /** The head of an attribute that is made of attributes, and what `write` leaves of them. */
  #nest(from: Buffer, at: number, write: () => void): void {
    const to = this.#length
    from.copy(this.#bytes, to, at, at + 4)
    this.#length += 4
    write()
    this.#bytes.writeUInt16LE(this.#length - to, to)
  }

  #linkInfo(from: Buffer, start: number, end: number): void {
    let slave = ''
    for (let at = start; at + 4 <= end;) {
      const length = from.readUInt16LE(at)
      if (length < 4 || at + length > end) return
      const type = from.readUInt16LE(at + 2) & 0x3fff
      const text = (): string => from.toString('latin1', at + 4, at + length - 1)
      if (type === LINK_INFO.kind) this.#kind = text()
      if (type === LINK_INFO.slaveKind) slave = text()
      const isBridge = type === LINK_INFO.data && this.#kind === 'bridge'
      const isPort = type === LINK_INFO.slaveData && slave === 'bridge'
      if (isBridge) this.#nest(from, at, () => this.#attributes(from, at + 4, at + length, BRIDGE_DATA))
      else if (isPort)
        this.#nest(from, at, () => {
          // It comes first of all.
          if ((from.readUInt16LE(at + 6) & 0x3fff) === IFLA_BRPORT_STATE) this.#portState = this.#length + 4
          this.#attributes(from, at + 4, at + length, BRIDGE_PORT)
        })
      else if (type !== LINK_INFO.statistics) this.#attribute(from, at, length)
      at += (length + 3) & ~3
    }
  }

  /** Makes of a message what it will be once devices that are up carry frames. @param body where its fixed part begins */
  #settle(type: number, body: number): void {
    const bytes = this.#bytes
    if (type === RTM.newRoute) bytes.writeUInt32LE((bytes.readUInt32LE(body + 8) & ~RTNH_F_LINKDOWN) >>> 0, body + 8)
    if (type !== RTM.newLink || !(bytes[body + 8]! & UP)) return
    const before = bytes.readUInt32LE(body + 8)
    const after = (before | CARRIER) >>> 0
    bytes.writeUInt32LE(after, body + 8)
    const isLate = this.#operstate >= 0 && WATCHED.has(this.#kind) && bytes[this.#operstate] !== OPERATIONAL
    if (isLate) bytes[this.#operstate] = OPERATIONAL
    const isWaiting = this.#portState >= 0 && bytes[this.#portState] !== FORWARDING
    if (isWaiting) bytes[this.#portState] = FORWARDING
    if (before !== after || isLate || isWaiting) this.#starting = true
  }
}

/** Whether a message is about something that comes and goes by itself, or that every device has. */
function isPassing(type: number, from: Buffer, body: number, end: number): boolean {
  if (type === RTM.newRoute) return (from.readUInt32LE(body + 8) & RTM_F_CLONED) !== 0
  if (type === RTM.newQdisc) {
    // Given by the kernel, with counters.
    if (from.readUInt32LE(body + QDISC_HANDLE) === 0) return true
    const kind = find(from, body + TCMSG, end, TCA_KIND)
    return kind !== undefined && NO_QUEUE.has(kind.toString('latin1', 0, kind.length - 1))
  }
  if (type !== RTM.newNeigh || from[body + 10]! & NTF_PROXY) return false
  const state = from.readUInt16LE(body + 8)
  if (state & NUD.permanent) return false
  if (!(state & NUD.noarp)) return true
  // Of groups, and of loopback.
  const lladdr = from[body] === PF_BRIDGE ? undefined : find(from, body + NDMSG, end, NDA_LLADDR)
  return lladdr?.length === 6 && ((lladdr[0]! & 1) === 1 || lladdr.every((byte) => byte === 0))
}

function find(from: Buffer, start: number, end: number, type: number): Buffer | undefined {
  for (let at = start; at + 4 <= end;) {
    const length = from.readUInt16LE(at)
    if (length < 4 || at + length > end) return undefined
    if ((from.readUInt16LE(at + 2) & 0x3fff) === type) return from.subarray(at + 4, at + length)
    at += (length + 3) & ~3
  }
  return undefined
}

const rest = new Rest()

/** What is left of dumps, to decode. */
export function stable(dumps: Uint8Array): Buffer {
  rest.fill(dumps, false)
  return Buffer.from(rest.bytes)
}

// Node's crypto takes long to load, and most commands make no digest.
const digest = (files: string): string =>
  process.getBuiltinModule('node:crypto').createHash('sha256').update(rest.bytes).update(files).digest('base64')

/** A digest of dumps, and of what files have. */
export function digestOf(dumps: Uint8Array, files: string): string {
  rest.fill(dumps, false)
  return digest(files)
}

/** What the digest will be once devices that are up carry frames; undefined where more is going to happen than can be foreseen. */
export const digestOnceSettled = (dumps: Uint8Array, files: string): string | undefined =>
  rest.fill(dumps, true) ? digest(files) : undefined
