import type { Header } from './header.ts'

/**
 * The header of a WireGuard message (the protocol's paper, section 5.4): of data, what is behind it is encrypted, and shows nothing but its
 * length. Fields are little-endian.
 */
export interface WireguardLayer {
  readonly type: 'wireguard'
  readonly message: 'handshake-initiation' | 'handshake-response' | 'cookie-reply' | 'data'
  /** Of data: the number that its receiver chose for this direction of the session. */
  readonly receiver?: number
  /** Of data: which packet of the session it is. */
  readonly counter?: number
  /** Of data: bytes of what is encrypted, without its tag. 0: only keeps the session alive. */
  readonly sealed?: number
}

const MESSAGES = [undefined, 'handshake-initiation', 'handshake-response', 'cookie-reply', 'data'] as const
/** Bytes: type 4, receiver 4, counter 8. */
const HEADER = 16
/** Bytes of the tag behind what is encrypted (Poly1305). */
const TAG = 16
/** Lengths of the other messages, by type; what they are made of is of no interest. */
const LENGTHS = [0, 148, 92, 64]

/** What is encrypted is a multiple of this, bytes, if the MTU of the device leaves room for that. */
const BLOCK = 16
/** Bytes that a datagram of UDP has besides what is encrypted: its own header, that of WireGuard, and the tag. */
const AROUND = 8 + HEADER + TAG

export const wireguard: Header<WireguardLayer> = {
  type: 'wireguard',
  name: 'WireGuard',
  after: { udpPort: [51_820] },
  word: 'wireguard',
  parse(bytes) {
    const message = bytes.length >= 4 && bytes.readUIntLE(1, 3) === 0 ? MESSAGES[bytes[0]!] : undefined
    if (message === undefined) return undefined
    if (message !== 'data') return bytes.length === LENGTHS[bytes[0]!] ? { layer: { type: 'wireguard', message } } : undefined
    if (bytes.length < HEADER + TAG) return undefined
    return {
      layer: {
        type: 'wireguard',
        message,
        receiver: bytes.readUInt32LE(4),
        counter: Number(bytes.readBigUInt64LE(8)),
        sealed: bytes.length - HEADER - TAG,
      },
      next: bytes.subarray(HEADER),
    }
  },
  bytes: ({ message }) => LENGTHS[MESSAGES.indexOf(message)] || HEADER,
  fields: ({ message, receiver, counter, sealed }) => [
    ['message', message],
    ['receiver', receiver],
    ['counter', counter],
    ['encrypted bytes', sealed],
  ],
  encapsulates: {
    id: { name: 'receiver', of: ({ receiver }) => receiver },
    lengths: [],
    sealed: {
      lengths: (packet) => [packet + AROUND, Math.ceil(packet / BLOCK) * BLOCK + AROUND],
      starts: Buffer.from([MESSAGES.indexOf('data'), 0, 0, 0]),
      name: ({ receiver, counter, sealed }) => (sealed ? `${receiver} ${counter}` : undefined),
    },
  },
  summary: ({ message, sealed }) => (message === 'data' ? `WireGuard data, ${sealed} bytes encrypted` : `WireGuard ${message}`),
  trace: ({ message }) => (message === 'data' ? 'wireguard' : `wireguard ${message}`),
  capture: ({ message, counter, sealed }) =>
    message !== 'data'
      ? `WireGuard ${message}`
      : sealed === 0
        ? 'WireGuard keepalive'
        : `WireGuard data ${counter}, ${sealed} bytes encrypted`,
}
