/** Names and MAC addresses that are the same at every run and cannot collide by construction. */

import { sha256 } from './hash.ts'

/** IFNAMSIZ is 16 with the terminating NUL (include/uapi/linux/if.h). */
export const MAX_INTERFACE = 15

/**
 * `p12-shop-cart`: a letter for what hangs on the interface, a number that is unique in the
 * namespace that holds it, and as much of the name as fits for people.
 */
export function interfaceName(letter: string, number: number, name: string): string {
  // A dot would divide the name in the words of sysctl(8).
  return `${letter}${number}-${name.replaceAll(/[/.]/g, '-')}`.slice(0, MAX_INTERFACE).replace(/-+$/, '')
}

/** Devices of every host, those that kernel modules make, and what /proc/sys/net has in place of a device. */
const RESERVED = /^(lo|eth\d+|p\d*|p\d+-.*|(tunl|gre|gretap|erspan|sit|ip6tnl|ip6gre)0|all|default)$/

/** Whether a device of a host can have no such name, because something else has it. */
export const isReservedDevice = (name: string): boolean => RESERVED.test(name)

/**
 * `cali###########`: a name of which each `#` is a hexadecimal digit of a digest. Four digits and more are told apart in a lab; who makes
 * several such names sees to it that they differ.
 */
export const digestName = (pattern: string, digest: Buffer): string => {
  const digits = digest.toString('hex')
  let next = 0
  return pattern.replaceAll('#', () => digits[next++]!)
}

/** The router's port on a segment. */
export const routerPort = ({ index, segment }: { readonly index: number; readonly segment: string }): string =>
  interfaceName('s', index + 1, segment)

/** The port of a segment's switch that a host is plugged into. */
export const switchPort = ({ index, name }: { readonly index: number; readonly name: string }): string =>
  interfaceName('h', index + 1, name)

/** What a MAC of ours belongs to: its second byte. */
const macKinds = {
  pod: 1,
  podPort: 2,
  host: 3,
  switchPort: 4,
  bridge: 5,
  vtep: 6,
  router: 7,
  routerPort: 8,
  external: 9,
  externalPort: 10,
  switch: 11,
  routerLink: 12,
} as const

/**
 * `02:01:HH:HH:NN:NN`: locally administered (IEEE 802: bit 1 of the first byte), then the kind,
 * the index of the host or segment, and a number within it.
 */
export function mac(kind: keyof typeof macKinds, index: number, number = 0): string {
  return [2, macKinds[kind], index >> 8, index & 255, number >> 8, number & 255].map((b) => b.toString(16).padStart(2, '0')).join(':')
}

/**
 * In the FDB of a VXLAN device: every MAC that has no entry of its own, and all groups. It may have several destinations, and each gets a
 * copy (head-end replication: RFC 7348 without multicast).
 */
export const UNLEARNED = '00:00:00:00:00:00'

/** A part of a file's name may be so long, bytes: three of them, dots and an ending fit into NAME_MAX, 255. */
const MAX_PART = 110
/** Characters of a hash that stand for what is cut off. */
const HASH_LENGTH = 16

/**
 * A name as part of a file's name whose parts are joined by dots. Kubernetes' names may hold dots and never "_", which
 * stands for them here; what is too long is cut, and ends in "__" and a hash, and no two dots are neighbours. So no two
 * names become one.
 */
export function fileNamePart(name: string): string {
  const text = name.replaceAll('.', '_')
  if (text.length <= MAX_PART) return text
  return `${text.slice(0, MAX_PART - HASH_LENGTH - 2)}__${sha256(name).toString('hex').slice(0, HASH_LENGTH)}`
}

/** `demo.pod-a`, `demo.shop.cart`. */
export const netnsName = (lab: string, ...parts: string[]): string => [lab, ...parts].map(fileNamePart).join('.')
