// The floor: shell scripts as a patient person would write them by hand for the lab of topologies/scale.yaml, in
// the fastest way that ordinary tools offer. They are made from the lab's facts alone (so many hosts and pods,
// these networks), not from anything netlab computes.
//
// Namespaces in one `ip -batch`; then workers side by side, one for each processor; in them one visit to each host and
// one to each pod, with nsenter, whose cost does not grow with the number of namespaces as that of
// `ip netns exec` and `ip -n` does.
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { execaSync } from 'execa'
import { scratch } from './labs.ts'

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const hex = (n: number): string => n.toString(16).padStart(2, '0')
const mac = (kind: number, host: number, index = 0): string => `02:be:${hex(kind)}:${hex(host)}:${hex(index >> 8)}:${hex(index & 255)}`

/** As many as netlab has workers. */
export const WORKERS = Math.min(availableParallelism(), 8)
const SHELL = execaSync('sh', ['-c', 'command -v dash || echo sh']).stdout

const heredoc = (command: string, lines: readonly string[], end = 'E'): string[] => [`${command} <<'${end}'`, ...lines, end]
const inNs = (ns: string, command: string): string => `nsenter --net=/run/netns/${ns} ${command}`
const set = (key: string, value: number): string => `echo ${value} >/proc/sys/net/${key}`

/** The masquerade rules of a host, as `iptables-save` would print them. */
const NAT = [
  '*nat',
  ':NETLAB-MASQ - [0:0]',
  '-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN',
  '-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN',
  '-A NETLAB-MASQ -d 192.168.50.0/24 -m comment --comment "to hosts on lan: no NAT" -j RETURN',
  '-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN',
  '-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully',
  '-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ',
  'COMMIT',
]

/** A script for a lab, in parts: those of hosts run side by side. */
interface Script {
  readonly namespaces: readonly string[]
  readonly before: string
  readonly host: (h: number) => string[]
  readonly after: string
}

/**
 * The whole lab, object for object what netlab makes of it: switch, bridges, VXLAN with its entries, pods,
 * settings, masquerade.
 */
function same(name: string, hosts: number, pods: number): Script {
  const node = (h: number): string => `${name}.node-${h + 1}`
  const pod = (p: number): string => `${name}.pod-${p + 1}`
  const lan = `${name}.switch-lan`
  const port = (h: number): string => `h${h + 1}-node-${h + 1}`
  const underlay = (h: number): string => `192.168.50.${11 + h}`

  const host = (h: number): string[] => {
    const own = range(pods).filter((p) => p % hosts === h)
    const peers = range(hosts).filter((peer) => peer !== h)
    const settings = [
      set('ipv4/ip_forward', 1),
      set('ipv4/conf/all/rp_filter', 2),
      set('ipv4/conf/default/rp_filter', 2),
      set('ipv6/conf/default/disable_ipv6', 1),
      set('bridge/bridge-nf-call-iptables', 1),
      set('bridge/bridge-nf-call-ip6tables', 1),
    ]
    const ip = [
      'link set lo up',
      `link add eth0 address ${mac(1, h)} mtu 1500 up type veth peer name ${port(h)} address ${mac(2, h)} mtu 1500 netns ${lan}`,
      `link add cni0 address ${mac(3, h)} mtu 1450 up type bridge`,
      ...own.flatMap((p, i) => [
        `link add p${i + 1}-pod-${p + 1} address ${mac(4, h, i)} mtu 1450 master cni0 up type veth peer name eth0 address ${mac(5, h, i)} mtu 1450 netns ${pod(p)}`,
        `link set p${i + 1}-pod-${p + 1} type bridge_slave hairpin on`,
      ]),
      `address add ${underlay(h)}/24 dev eth0`,
      `address add 10.244.${h}.1/24 dev cni0`,
      `link add vxlan1 address ${mac(6, h)} mtu 1450 up type vxlan id 1 dev eth0 local ${underlay(h)} dstport 8472 nolearning`,
      `address add 10.244.${h}.0/32 dev vxlan1`,
      ...peers.flatMap((peer) => [
        `neigh add 10.244.${peer}.0 lladdr ${mac(6, peer)} dev vxlan1 nud permanent`,
        `route add 10.244.${peer}.0/24 via 10.244.${peer}.0 dev vxlan1 onlink`,
      ]),
    ]
    const fdb = peers.map((peer) => `fdb add ${mac(6, peer)} dev vxlan1 dst ${underlay(peer)} self permanent`)
    return [
      ...heredoc(inNs(node(h), 'sh -e'), [
        ...settings,
        ...heredoc('ip -batch -', ip, 'IP'),
        ...heredoc('bridge -batch -', fdb, 'FDB'),
        ...heredoc('iptables-restore --noflush', NAT, 'NAT'),
      ]),
      ...own.flatMap((p, i) =>
        heredoc(inNs(pod(p), `sh -c '${set('ipv4/ip_forward', 0)}; ${set('ipv6/conf/eth0/disable_ipv6', 1)}; exec ip -batch -'`), [
          'link set lo up',
          'link set eth0 up',
          `address add 10.244.${h}.${i + 2}/24 dev eth0`,
          `route add default via 10.244.${h}.1 dev eth0`,
        ]),
      ),
    ]
  }
  return {
    namespaces: [lan, ...range(hosts).map(node), ...range(pods).map(pod)],
    before: inNs(
      lan,
      `sh -ec '${set('ipv6/conf/default/disable_ipv6', 1)}; ${set('bridge/bridge-nf-call-iptables', 0)}; ${set('bridge/bridge-nf-call-ip6tables', 0)}; exec ip link add br0 address ${mac(0, 0)} mtu 1500 up type bridge'`,
    ),
    host,
    after: heredoc(
      inNs(lan, 'ip -batch -'),
      range(hosts).map((h) => `link set ${port(h)} master br0 up`),
    ).join('\n'),
  }
}

/** Pods, bridges, addresses and default routes only: hosts know nothing of each other, nothing is set or filtered. */
function bare(name: string, hosts: number, pods: number): Script {
  const node = (h: number): string => `${name}.node-${h + 1}`
  const pod = (p: number): string => `${name}.pod-${p + 1}`
  const host = (h: number): string[] => {
    const own = range(pods).filter((p) => p % hosts === h)
    return [
      ...heredoc(inNs(node(h), 'ip -batch -'), [
        'link add cni0 type bridge',
        'link set cni0 up',
        `address add 10.244.${h}.1/24 dev cni0`,
        ...own.map((p) => `link add v${p + 1} mtu 1450 master cni0 up type veth peer name eth0 mtu 1450 netns ${pod(p)}`),
      ]),
      ...own.flatMap((p, i) =>
        heredoc(inNs(pod(p), 'ip -batch -'), [
          'link set lo up',
          `address add 10.244.${h}.${i + 2}/24 dev eth0`,
          'link set eth0 up',
          `route add default via 10.244.${h}.1`,
        ]),
      ),
    ]
  }
  return { namespaces: [...range(hosts).map(node), ...range(pods).map(pod)], before: ':', host, after: ':' }
}

/** Writes the script for a lab; returns the command that builds it. */
export function floor(variant: 'same' | 'bare', name: string, hosts: number, pods: number): string[] {
  const { namespaces, before, host, after } = (variant === 'same' ? same : bare)(name, hosts, pods)
  const dir = scratch(name)
  mkdirSync(dir)
  writeFileSync(join(dir, 'namespaces'), namespaces.map((ns) => `netns add ${ns}\n`).join(''))
  for (const w of range(WORKERS)) {
    const lines = range(hosts)
      .filter((h) => h % WORKERS === w)
      .flatMap(host)
    writeFileSync(join(dir, `worker-${w}.sh`), `set -e\n${lines.join('\n')}\n`)
  }
  const start = range(WORKERS).map((w) => `${SHELL} ${dir}/worker-${w}.sh & pids="$pids $!"`)
  writeFileSync(
    join(dir, 'up.sh'),
    ['set -e', `ip -batch ${dir}/namespaces`, before, 'pids=', ...start, 'for pid in $pids; do wait $pid; done', after, ''].join('\n'),
  )
  return [SHELL, join(dir, 'up.sh')]
}
