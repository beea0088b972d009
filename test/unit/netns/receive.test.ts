import { closeSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { libc, SystemError } from '../../../src/netns/libc.ts'
import { CLOCK, clockTime, POLL, PollSet, Receiver } from '../../../src/netns/sockets/receive.ts'
import { AF, MSG_TRUNC, openSocket, setOption, SOCK } from '../../../src/netns/sockets/socket.ts'

/** linux/netlink.h */
const SOL_NETLINK = 270
const NETLINK_PKTINFO = 3
const NLMSG_ERROR = 2

let fd: number
beforeEach(() => {
  fd = openSocket(AF.netlink, SOCK.raw)
  setOption(fd, SOL_NETLINK, NETLINK_PKTINFO, 1)
})
afterEach(() => closeSync(fd))

/** Requests that the kernel does not know: it answers each with a datagram that has the request's number. */
function ask(...numbers: readonly number[]): void {
  for (const number of numbers) {
    const request = Buffer.alloc(16)
    request.writeUInt32LE(16, 0)
    request.writeUInt16LE(0xffff, 4)
    request.writeUInt16LE(1, 6)
    request.writeUInt32LE(number, 8)
    libc('send', fd, request, request.length, 0)
  }
}
const sequence = (bytes: Buffer): number => bytes.readUInt32LE(8)

describe('many datagrams at once', () => {
  test('come with their senders and what the kernel says about them, call after call', () => {
    const receiver = new Receiver(2, 256)
    expect(receiver.receive(fd)).toBe(0)
    ask(1, 2, 3)
    expect(receiver.receive(fd)).toBe(2)
    for (const i of [0, 1]) {
      expect([receiver.bytes(i).readUInt16LE(4), sequence(receiver.bytes(i))]).toEqual([NLMSG_ERROR, i + 1])
      expect(receiver.length(i)).toBe(receiver.bytes(i).length)
      // struct sockaddr_nl of the kernel: its port is 0
      expect([receiver.name(i).length, receiver.name(i).readUInt16LE(0), receiver.name(i).readUInt32LE(4)]).toEqual([12, AF.netlink, 0])
      expect(receiver.control(i, SOL_NETLINK, NETLINK_PKTINFO)?.length).toBe(4)
      expect(receiver.control(i, SOL_NETLINK, NETLINK_PKTINFO + 1)).toBeUndefined()
      expect(receiver.timestamp(i)).toBeUndefined()
    }
    expect(receiver.receive(fd)).toBe(1)
    expect(sequence(receiver.bytes(0))).toBe(3)
    expect(receiver.receive(fd)).toBe(0)
  })

  test('that are too long are cut, and have their whole length', () => {
    const receiver = new Receiver(1, 20)
    ask(7)
    expect(receiver.receive(fd, MSG_TRUNC)).toBe(1)
    expect([receiver.length(0), receiver.bytes(0).length, sequence(receiver.bytes(0))]).toEqual([36, 20, 7])
  })

  test('an error is one of the call', () => {
    expect(() => new Receiver(1, 16).receive(-1)).toThrow(SystemError)
  })
})

describe('waiting', () => {
  test('ends when a descriptor is ready, and says which', () => {
    const set = new PollSet()
    set.set(fd)
    expect(set.wait(0)).toEqual(new Map())
    ask(1)
    expect(set.wait(10_000)).toEqual(new Map([[fd, POLL.in]]))
    set.set(fd, POLL.in | POLL.out)
    expect(set.wait(0)).toEqual(new Map([[fd, POLL.in | POLL.out]]))
    set.delete(fd)
    expect(set.wait(0)).toEqual(new Map())
  })

  test('is for as many as there are', () => {
    const set = new PollSet()
    const more = Array.from({ length: 40 }, () => openSocket(AF.netlink, SOCK.raw))
    for (const other of more) set.set(other)
    set.set(fd)
    for (const other of more.slice(0, 30)) set.delete(other)
    ask(1)
    expect([...set.wait(10_000).keys()]).toEqual([fd])
    for (const other of more) closeSync(other)
  })
})

test('a clock counts nanoseconds', () => {
  const before = BigInt(Date.now()) * 1_000_000n
  const now = clockTime(CLOCK.realtime)
  expect(now).toBeGreaterThanOrEqual(before)
  expect(now).toBeLessThanOrEqual(BigInt(Date.now() + 1) * 1_000_000n)
})
