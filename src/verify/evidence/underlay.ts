/** Listeners on the hosts' links to the underlay: one for what must never be there, one for how packets are encapsulated. */
import { tunnelPorts } from '../../backends/index.ts'
import { UPLINK } from '../../lab/lab.ts'
import type { Applied } from '../../state/store.ts'
import { captureFilter } from '../../trace/collect/bpf.ts'
import { PacketListener, type Frame } from '../../trace/collect/packet-listener.ts'
import { decode } from '../../packet/decode.ts'
import type { Layer } from '../../packet/headers.ts'
import type { Readings } from './readings.ts'
import { underlayFilter, type Forbidden } from './underlay-filter.ts'

/** A frame on a host's link to the underlay. */
export interface Seen {
  /** Name of the host. */
  readonly host: string
  readonly direction: 'in' | 'out'
  readonly layers: readonly Layer[]
}

export interface Captured {
  readonly frames: readonly Seen[]
  /** Hosts that were listened at. */
  readonly hosts: ReadonlySet<string>
  /** Frames that came too fast, or were more than are kept. */
  readonly lost: number
}

/** First bytes of what the test puts into an echo (probing/packets/icmp.ts). */
const MARKER = Buffer.from('netl').readUInt32BE()
/** More would only say the same. */
const MAX_FRAMES = 20_000

/** Milliseconds between two readings: what comes meanwhile waits in the kernel. */
const READING = 20

/** Listens until it is ended. */
export class UnderlayListener {
  readonly #listener = new PacketListener()
  readonly #applied: Applied
  readonly #timer: NodeJS.Timeout
  #captured: Captured | undefined

  constructor(applied: Applied) {
    this.#applied = applied
    this.#timer = setInterval(() => this.#listener.read(), READING).unref()
  }

  /** For what must not be on the underlay. */
  watch(readings: Readings, forbidden: Forbidden): void {
    for (const host of this.#applied.lab.hosts) {
      const uplink = readings.nodes.get(host.netns)?.devices.find((d) => d.ifname === UPLINK)
      if (uplink) this.#listener.open([host.netns], underlayFilter(uplink.ifindex, forbidden))
    }
  }

  /** For questions of ours, bare or in a tunnel: echoes and datagrams by their payload, TCP by how it begins and ends. */
  listen(): void {
    const ports = tunnelPorts(this.#applied.lab)
    const spaces = this.#applied.lab.hosts.map((h) => h.netns)
    for (const protocol of ['tcp', 'udp'] as const)
      this.#listener.open(spaces, captureFilter({ protocol, id: -1, count: 0, port: -1, marker: MARKER, ports, translated: true }))
  }

  /** What was captured. A second call, as for cleaning up, gets the same. */
  end(): Captured {
    return (this.#captured ??= this.#end())
  }

  #end(): Captured {
    clearInterval(this.#timer)
    const lost = this.#listener.end()
    const { hosts } = this.#applied.lab
    const names = new Map(hosts.map((h) => [h.netns, h.name]))
    const ports = tunnelPorts(this.#applied.lab)
    const see = (f: Frame): Seen[] =>
      f.device === UPLINK && !f.otherHost
        ? [
            {
              host: names.get(f.ns)!,
              direction: f.direction,
              layers: decode(f.bytes, f.hardware, { ports }),
            },
          ]
        : []
    return {
      frames: this.#listener.frames.slice(0, MAX_FRAMES).flatMap(see),
      hosts: new Set(hosts.filter((h) => this.#listener.hasListened(h.netns)).map((h) => h.name)),
      lost: lost + Math.max(0, this.#listener.frames.length - MAX_FRAMES),
    }
  }
}
