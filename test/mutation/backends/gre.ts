/** GRE: neighbours, key and device. */
import { mutations } from '../mutation.ts'

export const gre = mutations(String.raw`
the far end of a GRE tunnel forgotten
node-1: ip neigh del 10.244.1.0 dev gre1

a GRE tunnel to a wrong host
node-2: ip neigh replace 10.244.0.0 lladdr 192.168.50.99 dev gre1 nud permanent

the far end forgotten for IPv6 alone
node-1: ip -6 neigh del fd00:10:244:1:: dev gre1

a GRE key that the other end does not have
node-1: ip link del gre1; ip link add gre1 mtu 1476 up type gre local 192.168.50.11 key 7

the GRE device down
node-2: ip link set gre1 down

the MTU of the GRE device too small
node-1: ip link set gre1 mtu 1300

GRE dropped on the underlay
node-2: iptables -I INPUT 1 -p gre -j DROP
undo: iptables -D INPUT -p gre -j DROP || true
`)
