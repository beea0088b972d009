/** Waiting for sockets: what is ready, whose it is, and what is forgotten. */
import { closeSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Epoll, EPOLL, epollEventLayout } from '../../../src/netns/sockets/epoll.ts'
import { libc, SystemError } from '../../../src/netns/libc.ts'
import { request, RTM } from '../../../src/netns/netlink/message.ts'
import { AF, openSocket, SOCK } from '../../../src/netns/sockets/socket.ts'

/** A netlink socket: the kernel has answered before sending returns, so it is ready then. */
function questioner(): { readonly fd: number; readonly ask: () => void; readonly read: () => void } {
  const fd = openSocket(AF.netlink, SOCK.raw, 0)
  const bytes = request(RTM.getLink, 0x300, 1, Buffer.alloc(16))
  const answer = Buffer.alloc(1 << 16)
  return {
    fd,
    ask: () => void libc('send', fd, bytes, bytes.length, 0),
    read: () => void libc('recv', fd, answer, answer.length, 0),
  }
}

test('struct epoll_event is packed on x86-64 alone', () => {
  expect(epollEventLayout('x64')).toEqual({ size: 12, data: 4 })
  for (const arch of ['arm64', 'riscv64', 'loong64']) expect(epollEventLayout(arch)).toEqual({ size: 16, data: 8 })
})

test('what is ready is reported each time, if it is waited for', () => {
  const epoll = new Epoll()
  const [a, b] = [questioner(), questioner()]
  const ready: string[] = []
  const number = epoll.add(a.fd, EPOLL.in, (events) => ready.push(`a ${events}`))
  epoll.add(b.fd, EPOLL.in, (events) => ready.push(`b ${events}`))
  expect(epoll.wait(0)).toBe(true)
  expect(ready).toEqual([])
  a.ask()
  epoll.wait(0)
  epoll.wait(0)
  expect(ready).toEqual(['a 1', 'a 1'])
  epoll.modify(a.fd, number, EPOLL.out)
  b.ask()
  epoll.wait(1000)
  expect(ready.slice(2).toSorted()).toEqual(['a 4', 'b 1'])
  for (const { fd } of [a, b]) closeSync(fd)
  epoll.close()
})

test('what was forgotten is called no more, nor is what is called meanwhile, or has the same descriptor later', () => {
  const epoll = new Epoll()
  const [a, b] = [questioner(), questioner()]
  const called: string[] = []
  const numbers: number[] = []
  /** Whichever is called first forgets the other, and closes it. */
  const only = (name: string, other: number, fd: number) => (): void => {
    called.push(name)
    epoll.forget(numbers[other]!)
    closeSync(fd)
  }
  numbers.push(epoll.add(a.fd, EPOLL.in, only('a', 1, b.fd)), epoll.add(b.fd, EPOLL.in, only('b', 0, a.fd)))
  a.ask()
  b.ask()
  epoll.wait(0)
  expect(called).toHaveLength(1)
  const again = questioner()
  expect([a.fd, b.fd]).toContain(again.fd)
  epoll.add(again.fd, EPOLL.in, () => called.push('again'))
  epoll.forget(numbers[called[0] === 'a' ? 0 : 1]!)
  again.ask()
  epoll.wait(0)
  expect(called.slice(1)).toEqual(['again'])
  epoll.close()
})

test('more than are fetched at once are fetched by and by', () => {
  const epoll = new Epoll()
  const many = Array.from({ length: 600 }, () => questioner())
  const ready = new Set<number>()
  many.forEach((each, i) => {
    epoll.add(each.fd, EPOLL.in, () => {
      ready.add(i)
      each.read()
    })
    each.ask()
  })
  expect(epoll.wait(0)).toBe(false)
  expect(ready.size).toBe(512)
  while (!epoll.wait(0));
  expect(ready.size).toBe(600)
  for (const { fd } of many) closeSync(fd)
  epoll.close()
})

test('what cannot be waited for is an error', () => {
  const epoll = new Epoll()
  expect(() => epoll.add(9999, EPOLL.in, () => {})).toThrow(SystemError)
  epoll.close()
})
