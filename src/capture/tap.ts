/** What is on the wire of many nodes at once: frames as they were captured, trouble, losses. */
import { closeSync } from 'node:fs'
import { inside } from '../netns/inside.ts'
import { systemWords } from '../netns/libc.ts'
import {
  closeElsewhere,
  deviceName,
  listeningSocket,
  packetStatistics,
  readFrames,
  stopReceiving,
  type PacketFrame,
  type PacketStatistics,
} from '../netns/sockets/packet-socket.ts'
import { PollSet, Receiver } from '../netns/sockets/receive.ts'

/** What to listen on. */
export interface Listen {
  /** Node as people call it. */
  readonly node: string
  readonly ns: string
  /** Absent: all devices of the namespace. */
  readonly device?: string
}

/** A frame as it was captured, not yet looked at. */
export interface Frame extends Pick<PacketFrame, 'ifindex' | 'at' | 'direction' | 'hardware' | 'bytes'> {
  readonly node: string
  readonly ns: string
  readonly device: string
}

export interface TapEvents {
  onFrame(frame: Frame): void
  /** A listener that could not be set up, or captures nothing more: where, and why. */
  onTrouble(where: string, text: string): void
}

/** `node-1/eth0`, or `node-1` where it is all devices. */
export const whereOf = ({ node, device }: Listen): string => (device === undefined ? node : `${node}/${device}`)

/** Bytes that the kernel keeps of a listener until they are read. */
const BUFFER = 32 << 20
/** A packet that several were joined to (GSO, BIG TCP) is longer than any on a wire. */
const LONGEST = 1 << 18

interface Socket {
  readonly fd: number
  readonly index: number
  /** Names of devices by index. A deleted device keeps the name that it had. */
  readonly devices: Map<number, string>
}

/** The error's words, whether Node or a system call reports it. */
const wordsOf = (error: unknown): string => {
  const { errno, message } = error as NodeJS.ErrnoException
  return errno === undefined ? message : systemWords(Math.abs(errno))
}

export class Tap {
  readonly #listens: readonly Listen[]
  readonly #events: TapEvents
  readonly #receiver = new Receiver(32, LONGEST)
  readonly #poll = new PollSet()
  readonly #sockets = new Map<number, Socket>()
  readonly #losses: (PacketStatistics | undefined)[]

  /** Listens from now on. */
  constructor(listens: readonly Listen[], events: TapEvents) {
    this.#listens = listens
    this.#events = events
    this.#losses = listens.map(() => undefined)
    for (const [index, { ns, device }] of listens.entries()) {
      try {
        const fd = inside(ns, () => listeningSocket({ buffer: BUFFER, ...(device === undefined ? {} : { device }) }))
        this.#sockets.set(fd, { fd, index, devices: new Map() })
        this.#poll.set(fd)
      } catch (error) {
        events.onTrouble(whereOf(listens[index]!), wordsOf(error))
      }
    }
  }

  /**
   * Hands over what has been captured. What is not taken, the kernel keeps, and counts what it has no room for.
   * @param room most frames to take, but for some
   * @returns whether there may be more
   */
  read(room: number): boolean {
    for (let left = room; left > 0;) {
      const ready = this.#poll.wait(0)
      if (ready.size === 0) return false
      for (const fd of ready.keys()) left -= this.#take(this.#sockets.get(fd)!)
    }
    return true
  }

  #take({ fd, index, devices }: Socket): number {
    const listen = this.#listens[index]!
    try {
      return readFrames(fd, this.#receiver, ({ ifindex, at, direction, hardware, bytes }) => {
        let device = devices.get(ifindex)
        if (device === undefined) devices.set(ifindex, (device = deviceName(fd, ifindex) ?? `if${ifindex}`))
        this.#events.onFrame({ node: listen.node, ns: listen.ns, device, ifindex, at, direction, hardware, bytes })
      })
    } catch (error) {
      // Gone for good, or down: then it may come up again.
      this.#events.onTrouble(whereOf(listen), wordsOf(error))
      return 1
    }
  }

  /** Hands over all that was captured until now, and receives nothing more. */
  #finish(socket: Socket): void {
    stopReceiving(socket.fd)
    while (this.#take(socket) > 0);
    this.#losses[socket.index] = packetStatistics(socket.fd)
    this.#poll.delete(socket.fd)
    this.#sockets.delete(socket.fd)
  }

  /** Lets go of a namespace that was deleted: it lives on as long as a socket is open in it. */
  drop(index: number): void {
    for (const socket of [...this.#sockets.values()].filter((s) => s.index === index)) {
      this.#finish(socket)
      closeSync(socket.fd)
    }
  }

  /** Hands over what was captured until now and ends. @returns losses of each listener, in their order; none of those that never captured */
  end(): readonly (PacketStatistics | undefined)[] {
    const sockets = [...this.#sockets.values()]
    for (const { fd } of sockets) stopReceiving(fd)
    for (const socket of sockets) this.#finish(socket)
    closeElsewhere(sockets.map(({ fd }) => fd))
    return this.#losses
  }
}
