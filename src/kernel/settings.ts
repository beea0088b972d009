/**
 * Settings that nobody asks for, because a new namespace has them right, and that stop packets when somebody changes
 * them. A device takes its own from `default` when it is made, so that is what it is compared with. Pure.
 */
import { ABSENT } from './enter.ts'
import type { KernelObject } from './objects.ts'

/** Of each device, below net/ipv4/conf and net/ipv6/conf (ip-sysctl.rst). */
const OF_DEVICES = [
  ['ipv4', 'forwarding'],
  ['ipv4', 'rp_filter'],
  ['ipv4', 'arp_ignore'],
  ['ipv4', 'arp_filter'],
  ['ipv4', 'accept_local'],
  ['ipv4', 'disable_policy'],
  ['ipv6', 'forwarding'],
  ['ipv6', 'disable_ipv6'],
] as const

/** Of a namespace: what every new one has. */
const OF_NAMESPACES: Readonly<Record<string, string>> = {
  'net/ipv4/icmp_echo_ignore_all': '0',
  'net/ipv6/icmp/echo_ignore_all': '0',
  'net/ipv4/ip_default_ttl': '64',
  'net/ipv4/ip_no_pmtu_disc': '0',
}

/** Files that {@link alteredSettings} judges. */
export interface WatchedSettings {
  readonly files: readonly string[]
  /** Pairs of indices into `files`: a device's setting, and the default it was made with. */
  readonly pairs: readonly (readonly [own: number, standard: number])[]
}

/** @param objects what is asked for in one namespace @param devices those that are asked for there */
export function watchedSettings(objects: readonly KernelObject[], devices: ReadonlySet<string>): WatchedSettings {
  const asked = new Set(objects.flatMap((o) => (o.kind === 'sysctl' ? [o.key] : [])))
  const files = Object.keys(OF_NAMESPACES).filter((key) => !asked.has(key))
  const pairs: (readonly [number, number])[] = []
  for (const [family, word] of OF_DEVICES) {
    const key = (device: string): string => `net/${family}/conf/${device}/${word}`
    const own = [...devices].filter((device) => device !== 'lo' && !asked.has(key(device)))
    if (own.length === 0) continue
    const standard = files.push(key('default')) - 1
    for (const device of own) pairs.push([files.push(key(device)) - 1, standard])
  }
  return { files, pairs }
}

export interface AlteredSetting {
  readonly key: string
  readonly value: string
  readonly expected: string
}

/** @param output values in the order of the files, NUL between them */
export function alteredSettings({ files, pairs }: WatchedSettings, output: string): AlteredSetting[] {
  const values = output.split('\0')
  const differ = (index: number, expected: string | undefined): AlteredSetting[] => {
    const value = values[index]
    if (value === undefined || expected === undefined || value === ABSENT || expected === ABSENT || value === expected) return []
    return [{ key: files[index]!, value, expected }]
  }
  return [
    ...files.flatMap((key, index) => differ(index, OF_NAMESPACES[key])),
    ...pairs.flatMap(([own, standard]) => differ(own, values[standard])),
  ]
}
