/** Listens on all devices of many namespaces: a packet socket each, whose filter runs in the kernel. */
import { inside } from '../../netns/inside.ts'
import { systemWords } from '../../netns/libc.ts'
import {
  closeElsewhere,
  deviceName,
  listeningSocket,
  packetStatistics,
  readFrames,
  stopReceiving,
  type PacketFrame,
} from '../../netns/sockets/packet-socket.ts'
import { PollSet, Receiver } from '../../netns/sockets/receive.ts'

/** A frame as it was captured, not yet looked at. */
export interface Frame extends PacketFrame {
  readonly ns: string
  readonly device: string
}

/** Bytes that the kernel keeps of a namespace until they are read. */
const BUFFER = 4 << 20

interface Socket {
  readonly ns: string
  readonly fd: number
  /** Names of devices by index. */
  readonly devices: Map<number, string>
}

export class PacketListener {
  readonly frames: Frame[] = []
  /** Namespaces that could not be listened in, and why. */
  readonly troubles: { readonly ns: string; readonly text: string }[] = []
  readonly #opened = new Set<string>()
  readonly #sockets = new Map<number, Socket>()
  readonly #poll = new PollSet()
  readonly #receiver = new Receiver()
  #lost = 0

  /** Listens in namespaces from now on, beside what it listens to already. @param filter classic BPF */
  open(namespaces: readonly string[], filter: Buffer): void {
    for (const ns of namespaces) {
      try {
        const fd = inside(ns, () => listeningSocket({ filter, buffer: BUFFER }))
        this.#opened.add(ns)
        this.#sockets.set(fd, { ns, fd, devices: new Map() })
        this.#poll.set(fd)
      } catch (error) {
        const { errno, message } = error as NodeJS.ErrnoException
        this.troubles.push({ ns, text: errno === undefined ? message : systemWords(Math.abs(errno)) })
      }
    }
  }

  /** Whether all that it was to listen for in a namespace was listened for. */
  hasListened(ns: string): boolean {
    return this.#opened.has(ns) && !this.troubles.some((t) => t.ns === ns)
  }

  /** Descriptors that are ready when there is something to read. */
  get fds(): number[] {
    return [...this.#sockets.keys()]
  }

  /** Takes over what has been captured, up to a number of frames. */
  read(most = 4096): void {
    for (let left = most; left > 0;) {
      const ready = this.#poll.wait(0)
      if (ready.size === 0) return
      for (const fd of ready.keys()) left -= Math.max(1, this.#take(this.#sockets.get(fd)!))
    }
  }

  #take({ ns, fd, devices }: Socket): number {
    try {
      return readFrames(fd, this.#receiver, (frame) => {
        let device = devices.get(frame.ifindex)
        if (device === undefined) devices.set(frame.ifindex, (device = deviceName(fd, frame.ifindex) ?? `if${frame.ifindex}`))
        this.frames.push({ ns, device, ...frame })
      })
    } catch {
      // A device went down, which leaves the others.
      return 0
    }
  }

  /** Takes over everything that has been captured until now, and listens no more. @returns frames that the kernel had no room for */
  end(): number {
    const sockets = [...this.#sockets.values()]
    for (const { fd } of sockets) stopReceiving(fd)
    for (const socket of sockets) {
      while (this.#take(socket) > 0);
      this.#lost += packetStatistics(socket.fd).lost
    }
    this.#sockets.clear()
    closeElsewhere(sockets.map(({ fd }) => fd))
    return this.#lost
  }
}
