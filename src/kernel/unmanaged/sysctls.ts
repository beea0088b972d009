/**
 * Settings that are not asked for, because a new namespace has them right, and that stop packets when they are
 * changed: of each device, of `default`, which a new device copies, and of `all`, which the kernel combines with each
 * device's own (the greater of both or either, IN_DEV_MAXCONF and IN_DEV_ORCONF) or hands on to it when it is written. Pure.
 */
import type { KernelObject } from '../objects.ts'

type Word = readonly [family: 'ipv4' | 'ipv6', word: string]

/** Of each device, below net/ipv4/conf and net/ipv6/conf (ip-sysctl.rst). */
const OF_DEVICES: readonly Word[] = [
  ['ipv4', 'forwarding'],
  ['ipv4', 'rp_filter'],
  ['ipv4', 'arp_ignore'],
  ['ipv4', 'arp_filter'],
  ['ipv4', 'accept_local'],
  ['ipv4', 'disable_policy'],
  ['ipv6', 'forwarding'],
  ['ipv6', 'disable_ipv6'],
  ['ipv6', 'hop_limit'],
]

/** Of `all` alone: devices get theirs from attachments. */
const OF_ALL: readonly Word[] = [['ipv4', 'proxy_arp']]

/** Written to `all`, these are written to `default` and to each device (ip-sysctl.rst). */
const PROPAGATED = new Set(['forwarding', 'disable_ipv6'])

/** Of a namespace: what every new one has. */
const OF_NAMESPACES: Readonly<Record<string, string>> = {
  'net/ipv4/icmp_echo_ignore_all': '0',
  'net/ipv6/icmp/echo_ignore_all': '0',
  'net/ipv4/ip_default_ttl': '64',
  'net/ipv4/ip_no_pmtu_disc': '0',
}

const keyOf = ([family, word]: Word, place: string): string => `net/${family}/conf/${place}/${word}`

/** What a new namespace has or copies from the machine's (net.core.devconf_inherit_init_net), and so has to be read from one. */
export const INHERITED: readonly string[] = [
  ...OF_DEVICES.flatMap((w) => [keyOf(w, 'all'), keyOf(w, 'default')]),
  ...OF_ALL.map((w) => keyOf(w, 'all')),
]

/** Values that {@link INHERITED} settings had in new namespaces of a lab, by key: several where the machine's changed meanwhile. */
export type SysctlBaseline = Readonly<Record<string, readonly string[]>>

/** Settings by the name that {@link INHERITED} has for them: `ip_forward` is `conf/all/forwarding`. */
export function settingsOf(objects: readonly KernelObject[]): Map<string, string> {
  return new Map(
    objects.flatMap((o) =>
      o.kind === 'sysctl' ? [[o.key === 'net/ipv4/ip_forward' ? 'net/ipv4/conf/all/forwarding' : o.key, o.value] as const] : [],
    ),
  )
}

/** `default` where writing the key writes that too. */
export function propagatedTo(key: string): string | undefined {
  const [, family, word] = /^net\/(ipv[46])\/conf\/all\/(\w+)$/.exec(key) ?? []
  return word !== undefined && PROPAGATED.has(word) ? `net/${family}/conf/default/${word}` : undefined
}

interface Check {
  /** Index of the file. */
  readonly own: number
  /** Values that are right, or the index of the file that has the one that is. */
  readonly right: readonly string[] | number
  /** Index of `all` where it may be whose value this one is, and values that are right there: then `all` is told of. */
  readonly cause?: readonly [all: number, right: readonly string[]]
}

/** Files that {@link nonDefaultSettings} compares. */
export interface WatchedSettings {
  /** Below /proc/sys, and with it. */
  readonly files: readonly string[]
  readonly paths: readonly `/${string}`[]
  readonly checks: readonly Check[]
}

/** The settings to watch in one namespace after the other: most have the same devices, and are asked for the same. */
export class Watch {
  readonly #known = new Map<string, WatchedSettings>()

  constructor(readonly baseline?: SysctlBaseline) {}

  of(objects: readonly KernelObject[], devices: ReadonlySet<string>): WatchedSettings {
    const asked = objects.flatMap((o) => (o.kind === 'sysctl' ? [`${o.key}=${o.value}`] : []))
    const key = [...devices, ...asked].join(' ')
    let watched = this.#known.get(key)
    if (!watched) this.#known.set(key, (watched = watchedSettings(objects, devices, this.baseline)))
    return watched
  }
}

/**
 * @param objects what is asked for in one namespace
 * @param devices those that are asked for there
 * @param baseline absent: not on record, so a device is compared with `default` as it now is, and `all` with nothing
 */
export function watchedSettings(
  objects: readonly KernelObject[],
  devices: ReadonlySet<string>,
  baseline?: SysctlBaseline,
): WatchedSettings {
  const asked = settingsOf(objects)
  const files: string[] = []
  const checks: Check[] = []
  const right = (key: string): readonly string[] | undefined => {
    const value = asked.get(key)
    return value === undefined ? baseline?.[key] : [value]
  }
  const watch = (key: string, values: Check['right'] | undefined, cause?: Check['cause']): void => {
    if (asked.has(key) || values === undefined) return
    checks.push({ own: files.push(key) - 1, right: values, ...(cause ? { cause } : {}) })
  }
  for (const [key, value] of Object.entries(OF_NAMESPACES)) watch(key, [value])

  const ends = [...devices].filter((device) => device !== 'lo')
  /** Where IPv6 is off, what else is set for it means nothing. */
  const speaks6 = (device: string): boolean =>
    [device, 'all', 'default'].map((place) => asked.get(keyOf(['ipv6', 'disable_ipv6'], place))).find((v) => v !== undefined) !== '1'
  for (const w of OF_DEVICES) {
    const [family, word] = w
    const here = family === 'ipv6' && word !== 'disable_ipv6' ? ends.filter((device) => speaks6(device)) : ends
    if (here.length === 0) continue
    const [all, standard] = [keyOf(w, 'all'), keyOf(w, 'default')]
    const rightOfAll = right(all)
    const cause = PROPAGATED.has(word) && rightOfAll ? ([files.push(all) - 1, rightOfAll] as const) : undefined
    watch(all, rightOfAll)
    const values = asked.has(standard) || !PROPAGATED.has(word) || !asked.has(all) ? right(standard) : rightOfAll
    watch(standard, values, cause)
    const own = here.filter((device) => !asked.has(keyOf(w, device)))
    const compared = values ?? (own.length > 0 ? files.push(standard) - 1 : undefined)
    for (const device of own) watch(keyOf(w, device), compared, cause)
  }
  for (const w of OF_ALL) watch(keyOf(w, 'all'), right(keyOf(w, 'all')))
  return { files, paths: files.map((file) => `/proc/sys/${file}` as const), checks }
}

export interface NonDefaultSetting {
  readonly key: string
  readonly value: string
  readonly expected: string
}

/** @param read contents of the files by path */
export function nonDefaultSettings({ files, paths, checks }: WatchedSettings, read: ReadonlyMap<string, string>): NonDefaultSetting[] {
  const values = paths.map((path) => read.get(path))
  return checks.flatMap(({ own, right, cause }): NonDefaultSetting[] => {
    const value = values[own]
    const expected = typeof right === 'number' ? [values[right]].filter((v) => v !== undefined) : right
    if (value === undefined || expected.length === 0 || expected.includes(value)) return []
    const [all, rightOfAll] = cause ?? []
    if (all !== undefined && values[all] === value && !rightOfAll!.includes(value)) return []
    return [{ key: files[own]!, value, expected: expected.join(' or ') }]
  })
}
