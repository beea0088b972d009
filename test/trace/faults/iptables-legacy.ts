/** Rules of iptables-legacy: the kernel does not trace them, but it counts. */
import { type Fault, over6, POD_B } from './fault.ts'

const legacy = (name: string, node: string, rule: string, more: Pick<Fault, 'cause'> & Partial<Fault>): Fault => ({
  name: `iptables-legacy: ${name}`,
  inject: `on ${node} iptables-legacy ${rule}`,
  undo: `on ${node} iptables-legacy -F; on ${node} iptables-legacy -t raw -F; on ${node} iptables-legacy -P FORWARD ACCEPT`,
  node,
  ...more,
})

export const iptablesLegacy: readonly Fault[] = [
  legacy('FORWARD', 'node-2', '-I FORWARD -d 10.244.1.2 -j DROP', {
    cause: 'firewall',
    says: /"rule":"-A FORWARD -d 10\.244\.1\.2\/32 -j DROP"/,
  }),
  legacy(
    'a chain of its own',
    'node-2',
    '-N MINE; on node-2 iptables-legacy -A MINE -p icmp -m comment --comment "policy a/b" -j DROP; on node-2 iptables-legacy -A FORWARD -j MINE',
    {
      undo: 'on node-2 iptables-legacy -F; on node-2 iptables-legacy -X',
      cause: 'policy',
      says: /FORWARD → MINE/,
    },
  ),
  legacy('chain policy', 'node-2', '-P FORWARD DROP', { cause: 'firewall', says: /policy of ip filter FORWARD/ }),
  legacy('raw', 'node-2', '-t raw -A PREROUTING -i vxlan1 -d 10.244.1.2 -j DROP', { cause: 'firewall', says: /raw PREROUTING/ }),
  legacy('the tunnel', 'node-2', '-A INPUT -p udp --dport 8472 -j DROP', { cause: 'tunnel-firewall', says: /--dport 8472/ }),
  legacy('own OUTPUT', 'pod-a', '-A OUTPUT -p icmp -j DROP', { cause: 'own-firewall', says: /-A OUTPUT -p icmp/ }),
  legacy("the destination's OUTPUT", 'pod-b', '-A OUTPUT -p icmp -j DROP', { cause: 'own-firewall', says: /-A OUTPUT -p icmp/ }),
  legacy('reject', 'node-2', '-A FORWARD -p icmp -j REJECT', { cause: 'firewall', outcome: 'rejected', says: /REJECT/ }),
  legacy('reset', 'node-2', '-A FORWARD -p tcp -j REJECT --reject-with tcp-reset', {
    cause: 'firewall',
    outcome: 'rejected',
    args: ['pod-a', 'pod-b', '--port', '8080/tcp'],
    says: /tcp-reset/,
  }),
  legacy('a rule for others', 'node-2', '-A FORWARD -p tcp -j DROP', { node: '', cause: '', outcome: 'delivered' }),
  over6('iptables-legacy', `on node-2 ip6tables-legacy -I FORWARD -d ${POD_B} -j DROP`, 'node-2', 'firewall', {
    undo: 'on node-2 ip6tables-legacy -F FORWARD',
    says: /"rule":"-A FORWARD -d fd00/,
  }),
]
