/**
 * What a namespace holds, out of its dumps: read beforehand, in whatever thread, or asked for one by one in the namespace
 * the thread is in. Devices are always among them, because the other dumps know them by number only.
 */
import { AF } from '../sockets/socket.ts'
import { addressBytes } from './address.ts'
import { DumpSockets, head, sequenceOf, type DumpName } from './dumps.ts'
import { attributesByName, decodeLinks, devicesOf } from './links.ts'
import { attribute, messages, RTM, u32, type Attributes, type Message } from './message.ts'
import { decodeFdb, decodeNeighbours } from './neighbours.ts'
import { decodeQdiscs, decodeTables, type NftTable, type Qdisc } from './queues-tables.ts'
import { decodeRoute, decodeRoutes, decodeRules, RTA, RTMSG } from './routes.ts'
import { deviceSetting, placeSetting, type Setting } from './settings.ts'
import { emptyArena, NetlinkError } from './socket.ts'
import type { Devices, IpFdb, IpLink, IpNeighbour, IpRoute, IpRule } from './types.ts'

/** How a packet is asked about: where it goes, and where it comes from. */
export interface RouteQuery {
  readonly dst: string
  readonly src?: string
  /** The device it came in by; absent: it is sent from here. */
  readonly iif?: string
  /** Number of the IP protocol, which routes with several next hops of equal cost may choose by. */
  readonly protocol?: number
}

const RTM_F_LOOKUP_TABLE = 0x1000
const RTM_F_FIB_MATCH = 0x2000

/** Makes sense of dumps: each is decoded when it is asked for. */
export class DumpReader {
  #dumps: Map<number, Message[]> | undefined
  #devices: Devices | undefined
  #byName: Map<string, Attributes> | undefined

  /** @param bytes what {@link readDumps} returned */
  constructor(readonly bytes: Uint8Array = new Uint8Array()) {}

  protected add(bytes: Uint8Array): Map<number, Message[]> {
    const dumps = (this.#dumps ??= new Map())
    for (const message of messages(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))) {
      const list = dumps.get(message.sequence)
      if (list) list.push(message)
      else dumps.set(message.sequence, [message])
    }
    return dumps
  }

  /** The messages of a dump, with the one that ends it; undefined where this kernel lacks what it is of. */
  protected find(name: DumpName): readonly Message[] | undefined {
    return (this.#dumps ?? this.add(this.bytes)).get(sequenceOf(name))
  }

  /** Whether this kernel has it. */
  has(name: DumpName): boolean {
    return this.find(name) !== undefined
  }

  #of(name: DumpName): readonly Message[] {
    return this.find(name) ?? []
  }

  get devices(): Devices {
    return (this.#devices ??= devicesOf(this.#of('links')))
  }

  /** Devices with their addresses. */
  links(): IpLink[] {
    return decodeLinks(this.#of('links'), this.#of('addresses'), this.devices)
  }

  /** Routes of all tables and both families. */
  routes(): IpRoute[] {
    return [...decodeRoutes(this.#of('routes4'), AF.inet, this.devices), ...decodeRoutes(this.#of('routes6'), AF.inet6, this.devices)]
  }

  /** Rules of policy routing; undefined where this kernel lacks the family. */
  rules(family: 4 | 6): IpRule[] | undefined {
    const found = this.find(family === 4 ? 'rules4' : 'rules6')
    return found && decodeRules(found, family === 4 ? AF.inet : AF.inet6)
  }

  neighbours(): IpNeighbour[] {
    return decodeNeighbours(this.#of('neighbours'), this.devices)
  }

  /** Addresses that this node answers for on behalf of others. */
  proxied(): IpNeighbour[] {
    return decodeNeighbours(this.#of('proxied'), this.devices)
  }

  fdb(): IpFdb[] {
    return decodeFdb(this.#of('fdb'), this.devices)
  }

  qdiscs(): Qdisc[] {
    return decodeQdiscs(this.#of('qdiscs'))
  }

  /** Tables of nftables; none where this kernel has no nftables. */
  nftTables(): NftTable[] {
    return decodeTables(this.#of('tables'))
  }

  /** A setting, as its file has it; undefined where there is no such file. */
  setting(setting: Setting): string | undefined {
    const { dump, place } = setting
    if (dump !== 'links') return placeSetting(this.#of(dump), setting)
    this.#byName ??= attributesByName(this.#of('links'))
    const device = this.#byName.get(place)
    return device && deviceSetting(device, setting)
  }
}

/** Asks for each dump when it is first wanted, in the namespace the thread is in. */
export class NetlinkReader extends DumpReader {
  readonly #sockets = new DumpSockets()
  readonly #asked = new Set<DumpName>()

  close(): void {
    this.#sockets.close()
  }

  protected override find(name: DumpName): readonly Message[] | undefined {
    if (!this.#asked.has(name)) {
      this.#asked.add(name)
      const arena = emptyArena()
      this.#sockets.read(name, arena)
      this.add(arena.copy(0))
    }
    return super.find(name)
  }

  /**
   * How this node sends a packet: `ip route get`.
   * @param fibMatch the entry of the routing table instead of what becomes of it
   * @throws NetlinkError when it does not
   */
  route({ dst, src, iif, protocol }: RouteQuery, fibMatch = false): IpRoute {
    const [to, from] = [addressBytes(dst), src === undefined ? undefined : addressBytes(src)]
    const body = head(RTMSG, to.length === 4 ? AF.inet : AF.inet6)
    body[1] = 8 * to.length
    if (from) body[2] = 8 * from.length
    // IPv6 answers with the table anyway, and refuses the flag.
    body.writeUInt32LE((to.length === 4 ? RTM_F_LOOKUP_TABLE : 0) | (fibMatch ? RTM_F_FIB_MATCH : 0), 8)
    const attributes = [
      attribute(RTA.dst, to),
      ...(from ? [attribute(RTA.src, from)] : []),
      ...(iif === undefined ? [] : [attribute(RTA.iif, u32(this.#indexOf(iif)))]),
      ...(protocol === undefined ? [] : [attribute(RTA.ipProto, Buffer.from([protocol]))]),
    ]
    return decodeRoute(this.#sockets.route.ask(RTM.getRoute, Buffer.concat([body, ...attributes])), this.devices)
  }

  #indexOf(name: string): number {
    for (const [index, device] of this.devices) if (device.name === name) return index
    throw new NetlinkError(ENODEV, `Cannot find device "${name}"`)
  }
}

const ENODEV = 19

/** Reads in the namespace the thread is in. */
export function withReader<T>(work: (reader: NetlinkReader) => T): T {
  const reader = new NetlinkReader()
  try {
    return work(reader)
  } finally {
    reader.close()
  }
}
