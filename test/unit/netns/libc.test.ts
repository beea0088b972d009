import { openSync, closeSync } from 'node:fs'
import { constants } from 'node:os'
import { describe, expect, test } from 'vitest'
import { addressOf, fixedBuffer, libc, LibcMissing, loadLibc, SystemError, tryLibc } from '../../../src/netns/libc.ts'
import { AF, MSG_DONTWAIT, SOCK, udpSocket } from '../../../src/netns/sockets/socket.ts'

describe('a system call', () => {
  test('that fails throws an error with its name, its number and the words for it', () => {
    const refused = (): number => libc('setns', -1, 0)
    expect(refused).toThrow(SystemError)
    expect(refused).toThrow(
      expect.objectContaining({
        syscall: 'setns',
        errno: constants.errno.EBADF,
        code: 'EBADF',
        words: 'bad file descriptor',
        message: 'setns: bad file descriptor (EBADF)',
      }),
    )
  })

  test('whose failure is an answer returns the number', () => {
    expect(tryLibc('flock', -1, 2)).toBe(-constants.errno.EBADF)
  })

  test('that is answered in a buffer writes into it, also through a structure of pointers', () => {
    // struct iovec and struct msghdr (sys/socket.h).
    const data = fixedBuffer(16)
    const iovec = fixedBuffer(16)
    iovec.writeBigUInt64LE(addressOf(data), 0)
    iovec.writeBigUInt64LE(16n, 8)
    const message = fixedBuffer(56)
    message.writeBigUInt64LE(addressOf(iovec), 16)
    message.writeBigUInt64LE(1n, 24)
    const fd = libc('socket', AF.netlink, SOCK.raw | SOCK.cloexec, 0)
    try {
      // A request that the kernel does not know: it answers with an error message.
      const request = Buffer.alloc(16)
      request.writeUInt32LE(16, 0)
      request.writeUInt16LE(0xffff, 4)
      request.writeUInt16LE(1, 6)
      expect(libc('send', fd, request, request.length, 0)).toBe(16)
      expect(libc('recvmsg', fd, message, 0)).toBe(16)
      const NLMSG_ERROR = 2
      expect(data.readUInt16LE(4)).toBe(NLMSG_ERROR)
      // What did not fit is told in msg_flags.
      expect(message.readUInt32LE(48)).toBe(0x20)
      expect(tryLibc('recv', fd, data, data.length, MSG_DONTWAIT)).toBe(-constants.errno.EAGAIN)
    } finally {
      closeSync(fd)
    }
  })

  test('can say what a descriptor is', () => {
    const fd = openSync('/dev/null', 'r')
    const FD_CLOEXEC = 1
    const F_GETFD = 1
    expect(libc('fcntl', fd, F_GETFD, 0)).toBe(FD_CLOEXEC)
    closeSync(fd)
  })
})

describe('a machine that cannot make system calls', () => {
  test('is told by its processor', () => {
    expect(() => loadLibc(() => expect.unreachable(), 'mips')).toThrow(LibcMissing)
    expect(() => loadLibc(() => expect.unreachable(), 'mips')).toThrow('mips processors')
  })

  test('is told by what koffi says', () => {
    const load = (): never => {
      throw new Error('Cannot find the native Koffi module; did you bundle it correctly?\nmore')
    }
    expect(() => loadLibc(load)).toThrow(
      new LibcMissing(
        `the package koffi cannot be loaded on this machine (${process.arch}): Cannot find the native Koffi module; did you bundle it correctly?`,
      ),
    )
  })
})

test('a UDP socket is bound before Node gets it', async () => {
  const server = udpSocket({ address: '127.0.0.1', port: 0 })
  const { address, port } = server.address()
  expect(address).toBe('127.0.0.1')
  expect(port).toBeGreaterThan(0)
  await new Promise<void>((resolve) => server.close(resolve))
})
