/** Rules in the words of `iptables-save`: what is written is what is read back, so that nothing seems to have drifted. */
import type { Family } from '../../topology/address.ts'

export const JUMP_NEW = '-m conntrack --ctstate NEW '

/** The bit that says "masquerade this packet"; kube-proxy's default (--iptables-masquerade-bit 14). */
const MARK = '0x4000'

export const comment = (text: string): string => `-m comment --comment "${text}" `

/** `-p tcp … -m tcp`, around what stands between them. */
export const transport = (protocol: string, between: string): string => `-p ${protocol} ${between}-m ${protocol} `

export const single = (family: Family, ip: string): string => `${ip}/${family === 4 ? 32 : 128}`

export const mark = {
  set: `-j MARK --set-xmark ${MARK}/${MARK}`,
  /** Flips it: only packets that have it come this far. */
  clear: `-j MARK --set-xmark ${MARK}/0x0`,
  absent: `-m mark ! --mark ${MARK}/${MARK} `,
}

export const reject = (family: Family): string =>
  `-j REJECT --reject-with ${family === 4 ? 'icmp-port-unreachable' : 'icmp6-port-unreachable'}`

/**
 * One of `n` that are left: each rule takes its share of what the ones before let pass. The kernel counts in 2^-31,
 * and kube-proxy writes ten digits.
 */
export function share(n: number): string {
  const scale = 2 ** 31
  const probability = Math.round(scale * Number((1 / n).toFixed(10))) / scale
  return `-m statistic --mode random --probability ${probability.toFixed(11)} `
}

const recentMask = (family: Family): string => (family === 4 ? '255.255.255.255' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')

/** This client was sent to this endpoint within so many seconds. */
export const remembered = (family: Family, endpoint: string, seconds: number): string =>
  `-m recent --rcheck --seconds ${seconds} --reap --name ${endpoint} --mask ${recentMask(family)} --rsource `

export const remember = (family: Family, endpoint: string): string =>
  `-m recent --set --name ${endpoint} --mask ${recentMask(family)} --rsource `
