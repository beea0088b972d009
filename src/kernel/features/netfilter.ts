/** What rules of iptables need of a kernel. */
import type { FeatureDefinition } from './definition.ts'

const restore4 = { command: 'iptables-restore', tools: ['iptables-restore', 'iptables-save'] } as const
const restore6 = { command: 'ip6tables-restore', tools: ['ip6tables-restore', 'ip6tables-save'] } as const

/** Commits these lines. `--wait`: another process may hold the lock that iptables-legacy has for the whole machine. */
const commit = (command: string, lines: readonly string[]): string =>
  `printf '%s\\n' ${lines.map((r) => `'${r}'`).join(' ')} COMMIT | ${command} --noflush --wait=5`

const masquerade = (command: string): string =>
  commit(command, ['*nat', '-A POSTROUTING -m comment --comment probe -j MASQUERADE --random-fully'])

/** Everything rules of Services match and do. */
const services = (command: string, address: string): string =>
  commit(command, [
    '*nat',
    '-A PREROUTING -m addrtype --dst-type LOCAL -m statistic --mode random --probability 0.5 -j RETURN',
    '-A PREROUTING -m recent --name probe --rcheck --seconds 10 --reap -j RETURN',
    `-A PREROUTING -p tcp -m comment --comment probe -m recent --name probe --set -m tcp -j DNAT --to-destination ${address}:80`,
    '-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE --random-fully',
    'COMMIT',
    '*filter',
    '-A FORWARD -m conntrack --ctstate NEW -j REJECT',
  ])

/** Everything rules of host ports match and do. */
const hostPorts = (command: string, address: string): string =>
  commit(command, [
    '*nat',
    '-A PREROUTING -m addrtype --dst-type LOCAL -p tcp -m multiport --dports 80,81 -j MARK --set-xmark 0x2000/0x2000',
    `-A PREROUTING -p tcp -m comment --comment probe -m tcp --dport 80 -j DNAT --to-destination ${address}:80`,
    '-A POSTROUTING -m addrtype --src-type LOCAL -m mark --mark 0x2000/0x2000 -j MASQUERADE',
  ])

/** Everything rules of a border match and do. */
const border = (command: string, address: string): string =>
  commit(command, [
    '*nat',
    `-A POSTROUTING -m comment --comment probe -j SNAT --to-source ${address}`,
    'COMMIT',
    '*filter',
    '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment probe -j ACCEPT',
  ])

const NAT = 'package iptables and kernel modules nf_nat, xt_MASQUERADE, xt_comment'
const SERVICES = 'package iptables and kernel modules nf_nat, xt_conntrack, xt_statistic, xt_recent, xt_addrtype, xt_mark'
const HOST_PORTS = 'package iptables and kernel modules nf_nat, xt_multiport, xt_addrtype, xt_mark, xt_comment'
const BORDER = 'package iptables and kernel modules nf_nat, xt_conntrack, xt_comment'
const BRIDGE_NF_CALL = '/proc/sys/net/bridge/bridge-nf-call-'

type NetfilterFeature =
  | 'br_netfilter'
  | 'masquerade'
  | 'masquerade6'
  | 'services'
  | 'services6'
  | 'host-ports'
  | 'host-ports6'
  | 'bpf-match'
  | 'mac-match'
  | 'border'
  | 'border6'

export const netfilterFeatures: readonly FeatureDefinition<NetfilterFeature>[] = [
  {
    name: 'br_netfilter',
    purpose: 'rules that see what a bridge forwards',
    probe: `cat ${BRIDGE_NF_CALL}iptables`,
    needs: 'kernel module br_netfilter',
    // The module makes every bridge of the machine pass iptables at once, so that is switched off again in the machine's
    // own namespace. New namespaces start with it on whatever the machine's own says.
    load: {
      unless: `${BRIDGE_NF_CALL}iptables`,
      line: `modprobe br_netfilter && for f in ip ip6 arp; do echo 0 >${BRIDGE_NF_CALL}"$f"tables; done`,
    },
  },
  {
    name: 'masquerade',
    purpose: 'pods reaching IPv4 addresses outside',
    probe: masquerade(restore4.command),
    needs: NAT,
    tools: restore4.tools,
  },
  {
    name: 'masquerade6',
    purpose: 'pods reaching IPv6 addresses outside',
    probe: masquerade(restore6.command),
    needs: NAT,
    tools: restore6.tools,
  },
  {
    name: 'services',
    purpose: 'IPv4 addresses of Services',
    probe: services(restore4.command, '192.0.2.1'),
    needs: `${SERVICES}, ipt_REJECT`,
    tools: restore4.tools,
  },
  {
    name: 'services6',
    purpose: 'IPv6 addresses of Services',
    probe: services(restore6.command, '[2001:db8::1]'),
    needs: `${SERVICES}, ip6t_REJECT`,
    tools: restore6.tools,
  },
  {
    name: 'host-ports',
    purpose: 'IPv4 ports of hosts that lead to pods',
    probe: hostPorts(restore4.command, '192.0.2.1'),
    needs: HOST_PORTS,
    tools: restore4.tools,
  },
  {
    name: 'host-ports6',
    purpose: 'IPv6 ports of hosts that lead to pods',
    probe: hostPorts(restore6.command, '[2001:db8::1]'),
    needs: HOST_PORTS,
    tools: restore6.tools,
  },
  {
    name: 'mac-match',
    purpose: 'rules that match by a MAC',
    probe: [restore4, restore6]
      .map(({ command }) =>
        commit(command, ['*filter', '-A FORWARD -m mac --mac-source 02:00:00:00:00:01 -m comment --comment probe -j DROP']),
      )
      .join(' && '),
    needs: 'package iptables and kernel modules xt_mac, xt_comment',
    tools: [...restore4.tools, ...restore6.tools],
  },
  {
    name: 'border',
    purpose: 'NAT and a firewall at the border, IPv4',
    probe: border(restore4.command, '192.0.2.1'),
    needs: BORDER,
    tools: restore4.tools,
  },
  {
    name: 'border6',
    purpose: 'NAT and a firewall at the border, IPv6',
    probe: border(restore6.command, '2001:db8::1'),
    needs: BORDER,
    tools: restore6.tools,
  },
  {
    name: 'bpf-match',
    purpose: 'rules that match by a BPF program',
    probe: commit(restore4.command, ['*filter', '-A FORWARD -m bpf --bytecode "1,6 0 0 0" -j ACCEPT']),
    needs: 'package iptables and kernel module xt_bpf',
    tools: restore4.tools,
  },
]
