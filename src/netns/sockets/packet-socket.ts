/**
 * Packet sockets: frames of the devices of the namespace that the thread is in, as the devices have them, with the
 * kernel's time stamps. linux/if_packet.h.
 */
import { spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import { addressOf, fixedBuffer, libc, tryLibc } from '../libc.ts'
import { Receiver } from './receive.ts'
import {
  AF,
  deviceIndex,
  IFNAMSIZ,
  IFREQ,
  inetAddress,
  MSG_TRUNC,
  openSocket,
  setOption,
  SO,
  SOCK,
  SOL_SOCKET,
  withSocket,
} from './socket.ts'

const SOL_PACKET = 263
const PACKET = { statistics: 6, auxdata: 8, outgoing: 4, otherHost: 3 } as const
/** linux/if_ether.h, linux/sockios.h */
const ETH_P_ALL = 3
const SIOCGIFNAME = 0x8910
const SIOCSIFFLAGS = 0x8914
/** struct sockaddr_ll: family, protocol, index of the device, ARPHRD, type of the packet. */
const SOCKADDR_LL = 20

/** struct sockaddr_ll: all frames of a protocol, on one device or, with index 0, on all. */
export function packetAddress(protocol: number, ifindex = 0): Buffer {
  const sockaddr = Buffer.alloc(SOCKADDR_LL)
  sockaddr.writeUInt16LE(AF.packet, 0)
  sockaddr.writeUInt16BE(protocol, 2)
  sockaddr.writeInt32LE(ifindex, 4)
  return sockaddr
}

/**
 * A socket that gets frames of a protocol as the device has them.
 * @param prepare sets filters and options: it is called before the first frame can come
 * @returns its descriptor
 * @throws SystemError
 */
export const packetSocket = (protocol: number, ifindex = 0, prepare: (fd: number) => void = () => {}): number =>
  // Of protocol 0 there are no frames, so nothing is received until the socket is bound.
  withSocket(AF.packet, SOCK.raw, 0, (fd) => {
    prepare(fd)
    libc('bind', fd, packetAddress(protocol, ifindex), SOCKADDR_LL)
  })

export interface Listening {
  /** Name of the device; absent: all devices of the namespace, those that come later included. */
  readonly device?: string
  /** Classic BPF, the bytes of an array of struct sock_filter; absent: every frame. */
  readonly filter?: Uint8Array
  /** Bytes that the kernel keeps until they are read. */
  readonly buffer: number
}

/** A socket for {@link readFrames}. @throws SystemError such as ENODEV: there is no such device */
export function listeningSocket({ device, filter, buffer }: Listening): number {
  return withSocket(AF.packet, SOCK.raw, 0, (fd) => {
    setOption(fd, SOL_SOCKET, SO.rcvbufforce, buffer)
    setOption(fd, SOL_SOCKET, SO.timestampns, 1)
    setOption(fd, SOL_PACKET, PACKET.auxdata, 1)
    if (filter) attachFilter(fd, filter)
    libc('bind', fd, packetAddress(ETH_P_ALL, device === undefined ? 0 : deviceIndex(fd, device)), SOCKADDR_LL)
  })
}

/** @param program classic BPF, the bytes of an array of struct sock_filter @throws SystemError */
export function attachFilter(fd: number, program: Uint8Array): void {
  const instructions = fixedBuffer(program.length)
  instructions.set(program)
  // struct sock_fprog (linux/filter.h)
  const header = Buffer.alloc(16)
  header.writeUInt16LE(program.length / 8, 0)
  header.writeBigUInt64LE(addressOf(instructions), 8)
  libc('setsockopt', fd, SOL_SOCKET, SO.attachFilter, header, header.length)
}

/** Classic BPF that keeps no frame: ret #0. */
const NOTHING = Buffer.from('0600000000000000', 'hex')

/** Lets a socket receive nothing more; what it has stays to be read. However much comes, reading then has an end. */
export const stopReceiving = (fd: number): void => attachFilter(fd, NOTHING)

/** A frame of a device. */
export interface PacketFrame {
  readonly ifindex: number
  /** Nanoseconds, CLOCK_REALTIME. */
  readonly at: bigint
  readonly direction: 'in' | 'out'
  /** For the MAC address of another machine. */
  readonly otherHost: boolean
  /** ARPHRD. */
  readonly hardware: number
  /** Bytes that it had, of which a filter may have kept fewer. */
  readonly length: number
  readonly bytes: Buffer
}

/**
 * Takes the frames that have come, as many as there is room for.
 * @returns how many
 * @throws SystemError such as ENETDOWN: the device went down, and may come up again
 */
export function readFrames(fd: number, receiver: Receiver, onFrame: (frame: PacketFrame) => void): number {
  const count = receiver.receive(fd, MSG_TRUNC)
  for (let i = 0; i < count; i++) {
    const name = receiver.name(i)
    const type = name.readUInt8(10)
    // struct tpacket_auxdata: status, length of the frame
    const auxdata = receiver.control(i, SOL_PACKET, PACKET.auxdata)
    onFrame({
      ifindex: name.readInt32LE(4),
      at: receiver.timestamp(i) ?? 0n,
      direction: type === PACKET.outgoing ? 'out' : 'in',
      otherHost: type === PACKET.otherHost,
      hardware: name.readUInt16LE(8),
      length: auxdata ? auxdata.readUInt32LE(4) : receiver.length(i),
      bytes: Buffer.from(receiver.bytes(i)),
    })
  }
  return count
}

/** Of all frames for a socket since it was asked last, those that it had no room for are `lost`. */
export interface PacketStatistics {
  readonly received: number
  readonly lost: number
}

/** @throws SystemError */
export function packetStatistics(fd: number): PacketStatistics {
  const statistics = Buffer.alloc(8)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(statistics.length)
  libc('getsockopt', fd, SOL_PACKET, PACKET.statistics, statistics, length)
  return { received: statistics.readUInt32LE(0), lost: statistics.readUInt32LE(4) }
}

/** Name of a device in the namespace of a socket; undefined where there is none of this index. */
export function deviceName(fd: number, ifindex: number): string | undefined {
  const request = Buffer.alloc(IFREQ)
  request.writeInt32LE(ifindex, IFNAMSIZ)
  return tryLibc('ioctl', fd, SIOCGIFNAME, request) < 0 ? undefined : request.toString('latin1', 0, request.indexOf(0))
}

/** asm-generic/socket.h, linux/net_tstamp.h: a stamp made when a packet is received by software, or none. */
const SO_TIMESTAMPING = 37
const RX_SOFTWARE = (1 << 3) | (1 << 4)
/** linux/if.h */
const IFF_UP = 1
/** Longest wait for the kernel to stamp packets, milliseconds. */
const PATIENCE = 1000

/**
 * Resolves when the kernel stamps packets as they pass. It begins to a moment after a first socket has asked for stamps,
 * and until then a packet gets the time when it is read, which says nothing about what came first. Found out with datagrams
 * that the process sends itself; so it must live in a namespace of its own (inside.ts).
 */
export async function timestampsBegin(): Promise<void> {
  const fd = openSocket(AF.inet, SOCK.dgram)
  try {
    const up = Buffer.alloc(IFREQ)
    up.write('lo')
    up.writeInt16LE(IFF_UP, IFNAMSIZ)
    libc('ioctl', fd, SIOCSIFFLAGS, up)
    setOption(fd, SOL_SOCKET, SO_TIMESTAMPING, RX_SOFTWARE)
    const address = inetAddress({ address: '127.0.0.1', port: 0 })
    libc('bind', fd, address, address.length)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(address.length)
    libc('getsockname', fd, address, length)
    libc('connect', fd, address, address.length)
    const receiver = new Receiver(1, 1)
    for (const end = Date.now() + PATIENCE; Date.now() < end;) {
      libc('send', fd, address, 1, 0)
      await new Promise((resolve) => setImmediate(resolve))
      if (receiver.receive(fd) > 0 && receiver.control(0, SOL_SOCKET, SO_TIMESTAMPING)) return
    }
  } finally {
    closeSync(fd)
  }
}

/** How a process that closes descriptors is called in the list of processes. */
export const CLOSING = 'netlab-closing'

const toClose: number[] = []

/**
 * Closes descriptors soon, in a process that is started for it. To close a packet socket, or the last descriptor of a
 * tracepoint, the kernel waits until no processor uses it any more (RCU): up to some ten milliseconds each, one after the
 * other. Until then they must be of no more use.
 */
export function closeElsewhere(fds: readonly number[]): void {
  if (toClose.length === 0 && fds.length > 0) setImmediate(closeNow)
  toClose.push(...fds)
}

function closeNow(): void {
  const fds = toClose.splice(0)
  try {
    // Not execa: it outlives netlab. It has to have them for longer than this process, which is until its input ends.
    const child = spawn('/bin/sh', ['-c', 'read end', CLOSING], { stdio: ['pipe', 'ignore', 'ignore', ...fds], detached: true })
    child.on('error', () => {})
    for (const fd of fds.splice(0)) closeSync(fd)
    child.stdin?.on('error', () => {}).end()
    child.unref()
  } catch {
    // It cannot be started: then the kernel makes us wait.
    for (const fd of fds) closeSync(fd)
  }
}
