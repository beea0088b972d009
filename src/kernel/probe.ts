/**
 * What this kernel can do, found by doing it: in a namespace without a name, which is gone when the probe
 * ends. Lists of loaded modules say nothing (features may be built in, modules may load on demand).
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Feature } from './features.ts'

/** A shell line that succeeds only where the feature works. Runs as root in a fresh namespace, `lo` down. */
const TRIES: Readonly<Record<Feature, string>> = {
  netns: 'true',
  veth: 'ip link add np0 type veth peer name np1',
  bridge: 'ip link add npb type bridge',
  vxlan: 'ip link add npv type vxlan id 1 dstport 8472 local 127.0.0.1',
  gre: 'ip link add npg type gre local 127.0.0.1',
  ipip: 'ip link add npi type ipip local 127.0.0.1',
  br_netfilter: 'test -e /proc/sys/net/bridge/bridge-nf-call-iptables',
  masquerade: 'printf "%s\\n" "*nat" "-A POSTROUTING -m comment --comment probe -j MASQUERADE --random-fully" COMMIT | iptables-restore --noflush',
  masquerade6: 'printf "%s\\n" "*nat" "-A POSTROUTING -m comment --comment probe -j MASQUERADE --random-fully" COMMIT | ip6tables-restore --noflush',
  ipv6: 'test -d /proc/sys/net/ipv6',
}

/** Debian's and Ubuntu's packages for what a feature needs. */
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
  ipv6: 'CONFIG_IPV6, not disabled on the kernel command line',
}

/** Programs a feature is driven with, beyond those of {@link BASE_TOOLS}. */
export const FEATURE_TOOLS: Readonly<Partial<Record<Feature, readonly string[]>>> = {
  vxlan: ['bridge'],
  masquerade: ['iptables-restore', 'iptables-save'],
  masquerade6: ['ip6tables-restore', 'ip6tables-save'],
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
export function loadBridgeNetfilter(): void {
  const setting = '/proc/sys/net/bridge/bridge-nf-call-'
  if (existsSync(`${setting}iptables`) || !findTool('modprobe')) return
  spawnSync('sh', ['-c', `modprobe br_netfilter && for f in ip ip6 arp; do echo 0 >${setting}"$f"tables; done`], { stdio: 'ignore' })
}

/** Tries the features, all in one process. Needs root. */
export function probe(features: readonly Feature[]): ProbeResult[] {
  if (features.includes('br_netfilter')) loadBridgeNetfilter()
  const script = features.map((f) => `if why=$( { ${TRIES[f]}; } 2>&1 ); then echo "ok"; else echo "no $(printf %s "$why" | tr '\\n' ' ')"; fi`).join('\n')
  const { stdout, stderr, error } = spawnSync('unshare', ['--net', 'sh', '-c', script], { encoding: 'utf8' })
  const lines = (stdout ?? '').split('\n')
  return features.map((feature, i) => {
    const line = lines[i]
    if (line?.startsWith('ok')) return { feature, works: true }
    const reason = line?.startsWith('no') ? line.slice(3).trim() : (error?.message ?? stderr.trim())
    return { feature, works: false, reason: reason || 'not there' }
  })
}
