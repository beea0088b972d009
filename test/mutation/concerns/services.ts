/** Chains of Services. */
import { mutations } from '../mutation.ts'

export const services = mutations(String.raw`
a Service that leads to another pod
node-1: iptables-save -t nat | sed 's/--to-destination 10.244.1.2:8080/--to-destination 10.244.1.3:8080/' | iptables-restore -T nat

a Service that leads to another port
node-1: iptables-save -t nat | sed 's/--to-destination 10.244.0.2:8080/--to-destination 10.244.0.2:8081/' | iptables-restore -T nat

an endpoint that is never chosen
node-1: iptables-save -t nat | sed '/statistic --mode random/d' | iptables-restore -T nat

Services unhooked
node-1: iptables -t nat -D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES

node ports gone
node-2: iptables -t nat -F KUBE-NODEPORTS

the mark for masquerading gone
node-1: iptables -t nat -F KUBE-MARK-MASQ
`)
