/**
 * Names of kube-proxy's chains: a prefix and the first 16 characters of a base32 SHA-256, of the port's name and
 * protocol, and for an endpoint its address (pkg/proxy/iptables/proxier.go: portProtoHash,
 * servicePortEndpointChainName). The name of `default/kubernetes:https` is KUBE-SVC-NPX46M4PTMTKRN6Y on every cluster,
 * and here.
 */
import { sha256 } from '../../lab/hash.ts'
import type { ServicePort } from '../../lab/services/service.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
/** 16 characters of 5 bits each. */
const HASH_BYTES = 10

/** RFC 4648 base32 of the first 80 bits of a SHA-256. */
function hash(text: string): string {
  const bytes = sha256(text).subarray(0, HASH_BYTES)
  let bits = 0n
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte)
  return Array.from({ length: 16 }, (_, i) => ALPHABET[Number((bits >> BigInt(75 - 5 * i)) & 31n)]).join('')
}

/** What kube-proxy hashes for the chains of a port: `KUBE-SVC-`, `KUBE-SVL-` and `KUBE-EXT-` share it. */
export const portHash = (name: string, protocol: ServicePort['protocol']): string => hash(`${name}${protocol.toLowerCase()}`)

/** @param endpoint `10.244.0.2:8080`, `[fd00::2]:8080` */
export const endpointHash = (name: string, protocol: ServicePort['protocol'], endpoint: string): string =>
  hash(`${name}${protocol.toLowerCase()}${endpoint}`)
