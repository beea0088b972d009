/**
 * Sockets made at once, so that they belong to the namespace that is entered (inside.ts), and handed to Node by their
 * descriptors. All of them are closed by exec and never block.
 */
import { closeSync } from 'node:fs'
import type { Socket as UdpSocket } from 'node:dgram'
import { createServer, isIPv6, Socket, type Server } from 'node:net'
import { constants } from 'node:os'
import { addressBytes } from '../netlink/address.ts'
import { libc, SystemError, tryLibc } from '../libc.ts'

/** bits/socket.h, the same on every machine that libc.ts names. */
export const AF = { inet: 2, inet6: 10, netlink: 16, packet: 17 } as const
export const SOCK = { stream: 1, dgram: 2, raw: 3, nonblock: 0o4000, cloexec: 0o2000000 } as const
export const SOL_SOCKET = 1
/** asm-generic/socket.h */
export const SO = { reuseaddr: 2, attachFilter: 26, rcvbufforce: 33, timestampns: 35 } as const
/** bits/socket.h */
export const MSG_TRUNC = 0x20
export const MSG_DONTWAIT = 0x40
export const MSG_ERRQUEUE = 0x2000
export const MSG_NOSIGNAL = 0x4000
/** struct ifreq (linux/if.h): a name, and a value. */
export const IFREQ = 40
export const IFNAMSIZ = 16
/** linux/sockios.h */
const SIOCGIFINDEX = 0x8933
const SOL_IPV6 = 41
const IPV6_V6ONLY = 26

/** An address and a port. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

/** struct sockaddr_in or sockaddr_in6 (netinet/in.h). */
export function inetAddress({ address, port }: Endpoint): Buffer {
  const bytes = addressBytes(address)
  const is6 = bytes.length === 16
  const sockaddr = Buffer.alloc(is6 ? 28 : 16)
  sockaddr.writeUInt16LE(is6 ? AF.inet6 : AF.inet, 0)
  sockaddr.writeUInt16BE(port, 2)
  bytes.copy(sockaddr, is6 ? 8 : 4)
  return sockaddr
}

/** Makes a socket in the namespace the thread is in. @returns its descriptor @throws SystemError */
export const openSocket = (family: number, type: number, protocol = 0): number =>
  libc('socket', family, type | SOCK.nonblock | SOCK.cloexec, protocol)

/** Does something with a new socket, which does not stay open should that fail. @returns its descriptor */
export function withSocket(family: number, type: number, protocol: number, prepare: (fd: number) => void): number {
  const fd = openSocket(family, type, protocol)
  try {
    prepare(fd)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Sets an option whose value is an int. @throws SystemError */
export function setOption(fd: number, level: number, name: number, value: number): void {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  libc('setsockopt', fd, level, name, bytes, bytes.length)
}

/**
 * Index of a device of the namespace that a socket belongs to. The kernel looks it up while others change devices, where
 * RTM_GETLINK waits for them.
 * @throws SystemError: ENODEV where there is no such device
 */
export function deviceIndex(fd: number, name: string): number {
  const request = Buffer.alloc(IFREQ)
  request.write(name, 0, IFNAMSIZ - 1, 'latin1')
  libc('ioctl', fd, SIOCGIFINDEX, request)
  return request.readInt32LE(IFNAMSIZ)
}

function bound(type: number, at: Endpoint): number {
  const is6 = isIPv6(at.address)
  return withSocket(is6 ? AF.inet6 : AF.inet, type, 0, (fd) => {
    setOption(fd, SOL_SOCKET, SO.reuseaddr, 1)
    if (is6) setOption(fd, SOL_IPV6, IPV6_V6ONLY, 1)
    const address = inetAddress(at)
    libc('bind', fd, address, address.length)
  })
}

/** A TCP server that listens already. IPv6 ones take no IPv4. @throws SystemError */
export function tcpServer(at: Endpoint, onConnection: (socket: Socket) => void, backlog = 511): Server {
  const fd = bound(SOCK.stream, at)
  libc('listen', fd, backlog)
  return createServer(onConnection).listen({ fd })
}

/**
 * A TCP connection that is being opened: what is written goes out once it is; `error` tells that it was refused.
 * @throws SystemError when there is no way to send
 */
export function tcpConnection(to: Endpoint, from?: string): Socket {
  const address = inetAddress(to)
  const fd = withSocket(isIPv6(to.address) ? AF.inet6 : AF.inet, SOCK.stream, 0, (fd) => {
    if (from !== undefined) {
      const source = inetAddress({ address: from, port: 0 })
      libc('bind', fd, source, source.length)
    }
    const result = tryLibc('connect', fd, address, address.length)
    if (result < 0 && -result !== constants.errno.EINPROGRESS) throw new SystemError('connect', -result)
  })
  return new Socket({ fd, readable: true, writable: true })
}

/** A UDP socket that is bound already; port 0 lets the kernel choose. @throws SystemError */
export function udpSocket(at: Endpoint): UdpSocket {
  const fd = bound(SOCK.dgram, at)
  // Loaded for those who answer datagrams.
  return process
    .getBuiltinModule('node:dgram')
    .createSocket(isIPv6(at.address) ? 'udp6' : 'udp4')
    .bind({ fd })
}
