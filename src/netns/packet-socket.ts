/**
 * Packet sockets: frames of the devices of the namespace that the thread is in, as the devices have them, with the
 * kernel's time stamps. linux/if_packet.h.
 */
import { addressOf, fixedBuffer, libc, tryLibc } from './libc.ts'
import type { Receiver } from './receive.ts'
import { AF, MSG_TRUNC, setOption, SO, SOCK, SOL_SOCKET, withSocket } from './socket.ts'

const SOL_PACKET = 263
const PACKET = { statistics: 6, auxdata: 8, outgoing: 4, otherHost: 3 } as const
/** linux/if_ether.h, linux/sockios.h */
const ETH_P_ALL = 3
const SIOCGIFNAME = 0x8910
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
  /** Index of the device; absent: all devices of the namespace, those that come later included. */
  readonly ifindex?: number
  /** Classic BPF, the bytes of an array of struct sock_filter; absent: every frame. */
  readonly filter?: Uint8Array
  /** Bytes that the kernel keeps until they are read. */
  readonly buffer: number
}

/** A socket for {@link readFrames}. Closing it takes the kernel up to some ten milliseconds. @throws SystemError */
export const listeningSocket = ({ ifindex = 0, filter, buffer }: Listening): number =>
  packetSocket(ETH_P_ALL, ifindex, (fd) => {
    setOption(fd, SOL_SOCKET, SO.rcvbufforce, buffer)
    setOption(fd, SOL_SOCKET, SO.timestampns, 1)
    setOption(fd, SOL_PACKET, PACKET.auxdata, 1)
    if (filter) attachFilter(fd, filter)
  })

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
  // struct ifreq
  const request = Buffer.alloc(40)
  request.writeInt32LE(ifindex, 16)
  return tryLibc('ioctl', fd, SIOCGIFNAME, request) < 0 ? undefined : request.toString('latin1', 0, request.indexOf(0))
}
