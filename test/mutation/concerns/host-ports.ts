/** Ports of hosts that lead to pods. */
import { mutations } from '../mutation.ts'

export const hostPorts = mutations(String.raw`
a host port that leads nowhere
node-1: iptables -t nat -F CNI-HOSTPORT-DNAT

a host port that leads to another pod
node-1: iptables-save -t nat | sed '/CNI-DN/s/--to-destination 10.244.0.2:8080/--to-destination 10.244.0.3:8080/' | iptables-restore -T nat

host ports unhooked from what the host sends
node-1: iptables -t nat -D OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT

clients of a host port that are not hidden
node-1: iptables -t nat -F CNI-HOSTPORT-MASQ

the mark of a host port's clients gone
node-1: iptables -t nat -F CNI-HOSTPORT-SETMARK

a host port over IPv6 that leads nowhere
node-1: ip6tables -t nat -F CNI-HOSTPORT-DNAT
`)
