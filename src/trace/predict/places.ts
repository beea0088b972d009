/** Where things are in a lab: which node a namespace is, what a device is plugged into, who owns an address or a MAC. */
import { linkType } from '../../kernel/links/index.ts'
import type { BridgePort, KernelObject, Link, Veth, VethEnd } from '../../kernel/objects.ts'
import { type Host, type Lab, type Node, nodeName, nodesOf } from '../../lab/lab.ts'

export interface Place {
  readonly ns: string
  readonly device: string
}

const bridgePortOf = (o: Link): BridgePort | undefined => ('bridgePort' in o ? o.bridgePort : undefined)

export class Places {
  readonly nodes: ReadonlyMap<string, Node>
  readonly #peers = new Map<string, Place>()
  readonly #ends = new Map<string, VethEnd>()
  /** Tunnel devices that are ports of bridges: they make one link of these. */
  readonly #tunnelPorts: (Place & { readonly port: BridgePort })[] = []
  readonly #byAddress = new Map<string, Place>()
  readonly #byMac = new Map<string, Place>()
  readonly #byNs = new Map<string, KernelObject[]>()

  constructor(
    readonly lab: Lab,
    readonly objects: readonly KernelObject[],
  ) {
    this.nodes = new Map(nodesOf(lab).map((n) => [n.netns, n]))
    const end = (e: VethEnd, other: VethEnd): void => {
      this.#peers.set(`${e.ns} ${e.name}`, { ns: other.ns, device: other.name })
      this.#ends.set(`${e.ns} ${e.name}`, e)
      this.#byMac.set(e.mac, { ns: e.ns, device: e.name })
    }
    for (const o of objects) {
      let here = this.#byNs.get(o.ns)
      if (!here) this.#byNs.set(o.ns, (here = []))
      here.push(o)
      if (o.kind === 'veth') {
        end(o, o.peer)
        end(o.peer, o)
      } else if (o.kind === 'address') this.#byAddress.set(o.address.replace(/\/.*/, ''), { ns: o.ns, device: o.dev })
      else if (o.kind === 'link') {
        if ('mac' in o) this.#byMac.set(o.mac, { ns: o.ns, device: o.name })
        const port = bridgePortOf(o)
        if (port && linkType(o).tunnel) this.#tunnelPorts.push({ ns: o.ns, device: o.name, port })
      }
    }
  }

  node(ns: string): Node {
    const node = this.nodes.get(ns)
    if (!node) throw new Error(`no node has the namespace ${ns}`)
    return node
  }

  /** What people call the node of a namespace. */
  name(ns: string): string {
    const node = this.nodes.get(ns)
    return node ? nodeName(node) : ns
  }

  /** The other end of a veth, as it was made. */
  peer(ns: string, device: string): Place | undefined {
    return this.#peers.get(`${ns} ${device}`)
  }

  /** A veth end as it was asked for. */
  end(ns: string, device: string): VethEnd | undefined {
    return this.#ends.get(`${ns} ${device}`)
  }

  /** The bridge that a device was asked to be a port of. */
  port(ns: string, device: string): BridgePort | undefined {
    return this.end(ns, device)?.port ?? this.#tunnelPorts.find((t) => t.ns === ns && t.device === device)?.port
  }

  /** Tunnel devices that were asked to be ports of a bridge. */
  tunnelPorts(ns: string, bridge: string): string[] {
    return this.#tunnelPorts.flatMap((t) => (t.ns === ns && t.port.master === bridge ? [t.device] : []))
  }

  /** The host whose bridge a device is plugged into: its own, or where the other end of its pair is. */
  hostOf({ ns, device }: Place): Host | undefined {
    const node = this.nodes.get(ns)
    if (node?.kind === 'host') return node
    const peer = this.nodes.get(this.peer(ns, device)?.ns ?? '')
    return peer?.kind === 'host' ? peer : undefined
  }

  veth(ns: string, device: string): Veth | undefined {
    const is = (e: VethEnd): boolean => e.ns === ns && e.name === device
    const peer = this.peer(ns, device)
    return [...this.at(ns), ...(peer ? this.at(peer.ns) : [])].find((o): o is Veth => o.kind === 'veth' && (is(o) || is(o.peer)))
  }

  ownerOfAddress(address: string): Place | undefined {
    return this.#byAddress.get(address)
  }

  ownerOfMac(mac: string): Place | undefined {
    return this.#byMac.get(mac)
  }

  /**
   * Whether two devices are on one link, as the lab made it: the ends of a pair, or of pairs whose other ends are ports of one bridge, or of
   * bridges that tunnels join.
   */
  sharesLink(a: Place, b: Place): boolean {
    const seen = new Set<string>()
    const queue = [a]
    for (let at = queue.pop(); at; at = queue.pop()) {
      if (at.ns === b.ns && at.device === b.device) return true
      const key = `${at.ns} ${at.device}`
      if (seen.has(key)) continue
      seen.add(key)
      const peer = this.peer(at.ns, at.device)
      if (peer) queue.push(peer)
      const bridge = this.port(at.ns, at.device)?.master ?? at.device
      if (bridge !== at.device) queue.push({ ns: at.ns, device: bridge })
      const joining = this.tunnelPorts(at.ns, bridge)
      for (const device of joining) queue.push({ ns: at.ns, device })
      if (joining.includes(at.device)) queue.push(...this.#tunnelPorts)
      for (const [name, e] of this.#ends)
        if (e.ns === at.ns && e.port?.master === bridge) queue.push({ ns: at.ns, device: name.slice(at.ns.length + 1) })
    }
    return false
  }

  /** The MAC a device was given. */
  macOf({ ns, device }: Place): string | undefined {
    const link = this.at(ns).find((o) => o.kind === 'link' && o.name === device && 'mac' in o)
    return this.end(ns, device)?.mac ?? (link?.kind === 'link' && 'mac' in link ? link.mac : undefined)
  }

  /** Kernel objects asked for in a namespace. */
  at(ns: string): readonly KernelObject[] {
    return this.#byNs.get(ns) ?? []
  }

  /** Devices of a namespace that packets are routed in and out of: no bridge ports, no loopback. */
  routedDevices(ns: string): string[] {
    const devices = new Set<string>()
    for (const o of this.at(ns)) {
      if (o.kind === 'link' && o.type !== 'loopback' && !bridgePortOf(o)) devices.add(o.name)
      if (o.kind === 'veth' && o.port === undefined) devices.add(o.name)
    }
    for (const [key, e] of this.#ends) if (e.ns === ns && e.port === undefined) devices.add(key.slice(ns.length + 1))
    return [...devices]
  }
}
