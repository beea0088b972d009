/** Rules and tables that the lab did not ask for. */
import { mutations } from '../mutation.ts'

export const foreignRules = mutations(String.raw`
a foreign rule that drops
node-1: iptables -I FORWARD 1 -s 10.244.0.2 -j DROP
undo: iptables -D FORWARD -s 10.244.0.2 -j DROP || true

a foreign rule that rejects one port
node-2: iptables -t mangle -A FORWARD -p tcp --dport 8080 -j DROP
undo: iptables -t mangle -F FORWARD

a pod that drops what comes in
web-1: iptables -A INPUT -p tcp --dport 8080 -j DROP
undo: iptables -F INPUT

a policy that drops by default
router: iptables -P FORWARD DROP
undo: iptables -P FORWARD ACCEPT

a table of nftables that drops
web-2: nft add table inet other; nft add chain inet other in '{ type filter hook input priority 0; policy drop; }'
undo: nft delete table inet other

connections not tracked
node-1: iptables -t raw -A PREROUTING -j NOTRACK
undo: iptables -t raw -F PREROUTING
`)
