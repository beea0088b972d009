/**
 * Waiting for thousands of sockets at once, with epoll(7): for sockets made by system calls, whatever namespaces they
 * belong to. Waiting blocks the thread, and with it everything else that Node does, so it should be short.
 */
import { closeSync } from 'node:fs'
import { libc } from '../libc.ts'

/** sys/epoll.h; errors and a hang-up always count. */
export const EPOLL = { in: 1, out: 4, error: 8, hangUp: 16 } as const
const CTL = { add: 1, modify: 3 } as const
const CLOEXEC = 0o2000000

/**
 * struct epoll_event: what came, and 64 bits of the caller's. It is packed on x86-64 alone (EPOLL_PACKED).
 * @returns its length, and where the caller's bits begin
 */
export const epollEventLayout = (arch: string): { readonly size: number; readonly data: number } =>
  arch === 'x64' ? { size: 12, data: 4 } : { size: 16, data: 8 }

const { size: EVENT, data: DATA } = epollEventLayout(process.arch)
/** Events taken with one call. */
const MOST = 512

/** Is called with what came of {@link EPOLL}. */
export type Ready = (events: number) => void

/** What is waited for; closing the descriptor ends it, too, once `forget` was called. */
export class Epoll {
  readonly #fd = libc('epoll_create1', CLOEXEC)
  readonly #events = Buffer.alloc(MOST * EVENT)
  readonly #event = Buffer.alloc(EVENT)
  /** By a number that is used once: an event that was fetched before its descriptor was closed finds nothing. */
  readonly #ready = new Map<number, Ready>()
  #last = 0

  #control(operation: number, fd: number, events: number, number: number): void {
    this.#event.writeUInt32LE(events, 0)
    this.#event.writeUInt32LE(number, DATA)
    libc('epoll_ctl', this.#fd, operation, fd, this.#event)
  }

  /** @param events of {@link EPOLL} @returns the number for `modify` and `forget` @throws SystemError */
  add(fd: number, events: number, ready: Ready): number {
    this.#last = (this.#last + 1) >>> 0
    this.#control(CTL.add, fd, events, this.#last)
    this.#ready.set(this.#last, ready)
    return this.#last
  }

  /** Waits for other events of it from now on. @throws SystemError */
  modify(fd: number, number: number, events: number): void {
    this.#control(CTL.modify, fd, events, number)
  }

  /** Its events are ignored from now on: the descriptor is about to be closed. */
  forget(number: number): void {
    this.#ready.delete(number)
  }

  /**
   * Waits until something is ready, and has it done.
   * @param timeout milliseconds; 0 only looks
   * @returns whether all was fetched that was ready
   * @throws SystemError, and what a called function throws
   */
  wait(timeout: number): boolean {
    const count = libc('epoll_wait', this.#fd, this.#events, MOST, timeout)
    for (let at = 0; at < count * EVENT; at += EVENT) this.#ready.get(this.#events.readUInt32LE(at + DATA))?.(this.#events.readUInt32LE(at))
    return count < MOST
  }

  close(): void {
    this.#ready.clear()
    closeSync(this.#fd)
  }
}
