/** Internet sockets by system calls alone: what Node's own do not tell, or do on a later tick. */
import { closeSync } from 'node:fs'
import { addressText } from '../netlink/address.ts'
import { addressOf, fixedBuffer, libc, SystemError, tryLibc } from '../libc.ts'
import { constants } from 'node:os'
import { AF, SOCK, SOL_SOCKET, type Endpoint } from './socket.ts'

/** netinet/in.h, linux/in.h, linux/in6.h */
export const IP = { pktinfo: 8, mtuDiscover: 10, recvErr: 11, mtu: 14 } as const
export const IPV6 = {
  mtuDiscover: 23,
  mtu: 24,
  recvErr: 25,
  v6only: 26,
  recvPktinfo: 49,
  pktinfo: 50,
  recvHopLimit: 51,
  hopLimit: 52,
  dontFragment: 62,
} as const
/** Levels of socket options, and protocols. */
export const LEVEL = { ip: 0, icmp: 1, tcp: 6, udp: 17, ipv6: 41, icmpv6: 58, sctp: 132, raw: 255 } as const
/** asm-generic/socket.h */
const SO_LINGER = 13
const SO_MEMINFO = 55

const sockaddr = Buffer.alloc(28)
const number = Buffer.alloc(4)
const lengthOf = (length: number): Buffer => {
  number.writeUInt32LE(length)
  return number
}

/** What a struct sockaddr_in or sockaddr_in6 says. */
export function endpointOf(name: Buffer): Endpoint {
  const is6 = name.readUInt16LE(0) === AF.inet6
  return { address: addressText(is6 ? name.subarray(8, 24) : name.subarray(4, 8)), port: name.readUInt16BE(2) }
}

/** `10.0.0.1:80`, `[fd00::1]:80`. */
export const endpointText = ({ address, port }: Endpoint): string => `${address.includes(':') ? `[${address}]` : address}:${port}`

/** Address and port of this end. @throws SystemError */
export function ownEndpoint(fd: number): Endpoint {
  libc('getsockname', fd, sockaddr, lengthOf(sockaddr.length))
  return endpointOf(sockaddr)
}

export const closeSocket = (fd: number): void => closeSync(fd)

/** Whether a TCP socket has been connected, and not been reset since. */
export const isConnected = (fd: number): boolean => tryLibc('getpeername', fd, sockaddr, lengthOf(sockaddr.length)) >= 0

/** An option whose value is an int. @throws SystemError */
export function intOption(fd: number, level: number, name: number): number {
  const value = Buffer.alloc(4)
  libc('getsockopt', fd, level, name, value, lengthOf(4))
  return value.readInt32LE()
}

/** Packets that a socket had no room for. 0 where the kernel does not say (before 4.12). */
export function dropsOf(fd: number): number {
  const meminfo = Buffer.alloc(36)
  // SK_MEMINFO_DROPS is the last of nine numbers (linux/sock_diag.h).
  return tryLibc('getsockopt', fd, SOL_SOCKET, SO_MEMINFO, meminfo, lengthOf(meminfo.length)) < 0 ? 0 : meminfo.readUInt32LE(32)
}

const ABORT = Buffer.alloc(8)
ABORT.writeInt32LE(1)

/** Closing the connection will reset it: nothing of it lingers, and connection tracking forgets it soon. @throws SystemError */
export const resetOnClose = (fd: number): unknown => libc('setsockopt', fd, SOL_SOCKET, SO_LINGER, ABORT, ABORT.length)

/**
 * Takes a connection that waits. It does not block and is closed by exec.
 * @returns undefined where none waits
 * @throws SystemError, as when this process may not open more files
 */
export function acceptConnection(listener: number): { readonly fd: number; readonly peer: Endpoint } | undefined {
  const fd = tryLibc('accept4', listener, sockaddr, lengthOf(sockaddr.length), SOCK.nonblock | SOCK.cloexec)
  if (fd >= 0) return { fd, peer: endpointOf(sockaddr) }
  if (-fd === constants.errno.EMFILE || -fd === constants.errno.ENFILE) throw new SystemError('accept4', -fd)
  return undefined
}

/** A datagram is sent from an address of the host's choice: struct in_pktinfo or in6_pktinfo, as it was received with one. */
export interface SourceInfo {
  readonly level: number
  readonly type: number
  readonly data: Uint8Array
}

/** struct in_pktinfo: index of the device, address to send from, address it came to. Without the device, routes decide. */
export function sourceInfo(received: Buffer): SourceInfo {
  if (received.length > 12) return { level: LEVEL.ipv6, type: IPV6.pktinfo, data: received }
  return sourceOf4(received.subarray(8, 12))
}

/** @param address four bytes */
export function sourceOf4(address: Uint8Array): SourceInfo {
  const data = Buffer.alloc(12)
  data.set(address, 4)
  return { level: LEVEL.ip, type: IP.pktinfo, data }
}

/** struct msghdr: name, its length, iovec, how many, control messages, their length, flags; the same for struct cmsghdr. */
const CMSGHDR = 16
const [name, data, control, vector, message] = [28, 2048, 64, 16, 56].map(fixedBuffer) as [Buffer, Buffer, Buffer, Buffer, Buffer]
let isPrepared = false

function prepare(): void {
  vector.writeBigUInt64LE(addressOf(data), 0)
  message.writeBigUInt64LE(addressOf(name), 0)
  message.writeBigUInt64LE(addressOf(vector), 16)
  message.writeBigUInt64LE(1n, 24)
  message.writeBigUInt64LE(addressOf(control), 32)
  isPrepared = true
}

/**
 * Sends a short datagram from a given address.
 * @param to struct sockaddr
 * @returns negative error number, as tryLibc
 */
export function sendFrom(fd: number, to: Uint8Array, bytes: Uint8Array, source: SourceInfo, flags: number): number {
  if (!isPrepared) prepare()
  name.set(to)
  data.set(bytes)
  vector.writeBigUInt64LE(BigInt(bytes.length), 8)
  control.writeBigUInt64LE(BigInt(CMSGHDR + source.data.length), 0)
  control.writeInt32LE(source.level, 8)
  control.writeInt32LE(source.type, 12)
  control.set(source.data, CMSGHDR)
  message.writeUInt32LE(to.length, 8)
  message.writeBigUInt64LE(BigInt(CMSGHDR + ((source.data.length + 7) & ~7)), 40)
  return tryLibc('sendmsg', fd, message, flags)
}
