/**
 * What this kernel can do, found by doing it: in a namespace without a name, which is gone when the probe
 * ends. Lists of loaded modules say nothing (features may be built in, modules may load on demand).
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Feature } from './feature.ts'

/**
 * A shell line that succeeds only where the feature works, and otherwise prints why not. Runs as root in a
 * fresh namespace, `lo` down. Makes things in that namespace alone: a probe must not change the machine.
 */
const TRIES: Readonly<Record<Feature, string>> = {
  netns: 'true',
  veth: 'ip link add np0 type veth peer name np1',
  bridge: 'ip link add npb type bridge',
  vxlan: 'ip link add npv type vxlan id 1 dstport 8472 local 127.0.0.1',
  gre: 'ip link add npg type gre local 127.0.0.1',
  ipip: 'ip link add npi type ipip local 127.0.0.1',
  br_netfilter: 'cat /proc/sys/net/bridge/bridge-nf-call-iptables',
  masquerade: nat('iptables-restore'),
  masquerade6: nat('ip6tables-restore'),
  services: dnat('iptables-restore', '192.0.2.1'),
  services6: dnat('ip6tables-restore', '[2001:db8::1]'),
  ipset: `ipset create npset hash:ip && printf '%s\\n' '*filter' '-A FORWARD -m set --match-set npset src -j ACCEPT' COMMIT | iptables-restore --noflush --wait=5`,
  'bpf-match': `printf '%s\\n' '*filter' '-A FORWARD -m bpf --bytecode "1,6 0 0 0" -j ACCEPT' COMMIT | iptables-restore --noflush --wait=5`,
  ipv6: 'ip -6 address add fd00::1/128 dev lo',
}

/** Waits for whoever else holds the lock that iptables-legacy has for the whole machine. */
function nat(restore: string): string {
  return `printf '%s\\n' '*nat' '-A POSTROUTING -m comment --comment probe -j MASQUERADE --random-fully' COMMIT | ${restore} --noflush --wait=5`
}

/** Everything rules of Services match and do. */
function dnat(restore: string, address: string): string {
  const rules = [
    '*nat',
    '-A PREROUTING -m addrtype --dst-type LOCAL -m statistic --mode random --probability 0.5 -j RETURN',
    '-A PREROUTING -m recent --name probe --rcheck --seconds 10 --reap -j RETURN',
    `-A PREROUTING -p tcp -m comment --comment probe -m recent --name probe --set -m tcp -j DNAT --to-destination ${address}:80`,
    '-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE --random-fully',
    'COMMIT',
    '*filter',
    '-A FORWARD -m conntrack --ctstate NEW -j REJECT',
    'COMMIT',
  ]
  return `printf '%s\\n' ${rules.map((r) => `'${r}'`).join(' ')} | ${restore} --noflush --wait=5`
}

/** Every feature there is. */
export const FEATURES = Object.keys(TRIES) as readonly Feature[]

/** What a kernel must have been built with, or able to load, for a feature. */
export const FEATURE_MODULES: Readonly<Record<Feature, string>> = {
  netns: 'CONFIG_NET_NS',
  veth: 'kernel module veth',
  bridge: 'kernel module bridge',
  vxlan: 'kernel module vxlan',
  gre: 'kernel module ip_gre',
  ipip: 'kernel module ipip',
  br_netfilter: 'kernel module br_netfilter',
  masquerade: 'package iptables and kernel modules nf_nat, xt_MASQUERADE, xt_comment',
  masquerade6: 'package iptables and kernel modules nf_nat, xt_MASQUERADE, xt_comment',
  services: 'package iptables and kernel modules nf_nat, xt_conntrack, xt_statistic, xt_recent, xt_addrtype, xt_mark, ipt_REJECT',
  services6: 'package iptables and kernel modules nf_nat, xt_conntrack, xt_statistic, xt_recent, xt_addrtype, xt_mark, ip6t_REJECT',
  ipset: 'package ipset and kernel modules ip_set, ip_set_hash_ip, xt_set',
  'bpf-match': 'package iptables and kernel module xt_bpf',
  ipv6: 'CONFIG_IPV6, not disabled on the kernel command line',
}

/** Programs a feature is driven with, beyond those of {@link BASE_TOOLS}. */
export const FEATURE_TOOLS: Readonly<Partial<Record<Feature, readonly string[]>>> = {
  vxlan: ['bridge'],
  masquerade: ['iptables-restore', 'iptables-save'],
  masquerade6: ['ip6tables-restore', 'ip6tables-save'],
  services: ['iptables-restore', 'iptables-save'],
  services6: ['ip6tables-restore', 'ip6tables-save'],
  ipset: ['ipset', 'iptables-restore', 'iptables-save'],
  'bpf-match': ['iptables-restore', 'iptables-save'],
}

/** Programs every lab is driven with. */
export const BASE_TOOLS = ['ip', 'perl', 'nsenter', 'unshare'] as const

/** Debian package of each program. */
export const TOOL_PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  bridge: 'iproute2',
  perl: 'perl-base',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  'iptables-restore': 'iptables',
  'iptables-save': 'iptables',
  'ip6tables-restore': 'iptables',
  'ip6tables-save': 'iptables',
  sysctl: 'procps',
  ping: 'iputils-ping',
  tcpdump: 'tcpdump',
  ipset: 'ipset',
}

export interface ProbeResult {
  readonly feature: Feature
  readonly works: boolean
  /** The kernel's or tool's words when it does not. */
  readonly reason?: string
  /** The kernel was never asked: a program to ask with, or the namespace to do it in, is missing. */
  readonly untried?: true
}

/** Finds a program as execvp(3) would. */
export function findTool(name: string): string | undefined {
  for (const dir of (process.env['PATH'] ?? '').split(':')) {
    const path = join(dir, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not here.
    }
  }
  return undefined
}

/**
 * Loads br_netfilter where it is a module. The module makes every bridge of the machine pass iptables at once,
 * which nobody asked for: so that is switched off again in the machine's own namespace. New namespaces start
 * with it on whatever the machine's own says.
 */
function loadBridgeNetfilter(): void {
  const setting = '/proc/sys/net/bridge/bridge-nf-call-'
  if (existsSync(`${setting}iptables`) || !findTool('modprobe')) return
  spawnSync('sh', ['-c', `modprobe br_netfilter && for f in ip ip6 arp; do echo 0 >${setting}"$f"tables; done`], { stdio: 'ignore' })
}

/** Longer than any probe takes, module loading included. */
const PATIENCE_MS = 20_000

/**
 * Tries the features, all in one process. Needs root. What it makes is gone when it returns, except that the
 * kernel keeps modules it loaded for it, as it would for `up` (some of them put a device of their own into
 * every namespace, such as tunl0).
 */
export function probe(features: readonly Feature[]): ProbeResult[] {
  if (features.includes('br_netfilter')) loadBridgeNetfilter()
  // One answer a feature, ended by NUL: what tools print can hold anything else.
  const script = features.map((f) => `if why=$( { ${TRIES[f]}; } 2>&1 ); then printf 'ok\\0'; else printf '%s\\0' "no $why"; fi`).join('\n')
  const { stdout, stderr, error } = spawnSync('unshare', ['--net', 'sh', '-c', script], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
    timeout: PATIENCE_MS,
  })
  const answers = (stdout ?? '').split('\0').slice(0, -1)
  return features.map((feature, i): ProbeResult => {
    const answer = answers[i]
    if (answer === 'ok') return { feature, works: true }
    const without = ['unshare', ...programsIn(TRIES[feature])].find((t) => !findTool(t))
    if (without !== undefined) return { feature, works: false, untried: true, reason: `not tried: the program ${without} is not installed` }
    if (answer !== undefined) return { feature, works: false, reason: oneLine(answer.slice('no '.length)) || 'it failed without a word' }
    const isLate = error !== undefined && 'code' in error && error.code === 'ETIMEDOUT'
    const reason = oneLine(isLate ? `no answer within ${PATIENCE_MS / 1000} s` : stderr || error?.message || '')
    // A namespace that cannot be made is an answer about namespaces, and about nothing else.
    return feature === 'netns'
      ? { feature, works: false, reason }
      : { feature, works: false, untried: true, reason: `not tried: ${reason}` }
  })
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim()

/** The programs a shell line calls, of those that come in packages. */
const programsIn = (line: string): string[] =>
  line
    .split(/[|;&]+/)
    .map((command) => command.trim().split(' ')[0]!)
    .filter((word) => word in TOOL_PACKAGES)

/** How each program wants to be asked for its version, where it is not `--version`. */
const ASK_VERSION: Readonly<Record<string, string>> = { ip: '-V', bridge: '-V', ping: '-V' }

/** The version a program tells, with the kernel interface it drives if it says: `1.8.9 (nf_tables)`. */
export function toolVersion(name: string, path: string): string | undefined {
  const { stdout, stderr } = spawnSync(path, [ASK_VERSION[name] ?? '--version'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PATIENCE_MS,
  })
  return versionIn(`${stdout ?? ''}\n${stderr ?? ''}`)
}

/** Finds the version in what a program prints about itself. */
export function versionIn(text: string): string | undefined {
  const number = /\bv?(\d+(?:\.\d+)+)/.exec(text)?.[1] ?? /\b(?:iputils[ -]s?|version )(\d+)/.exec(text)?.[1]
  const variant = /\((nf_tables|legacy)\)/.exec(text)?.[0]
  return number === undefined || variant === undefined ? number : `${number} ${variant}`
}
