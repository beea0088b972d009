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

export const greBridged = mutations(String.raw`
a tunnel that is not on the bridge
node-1: ip link set dev g2-node-2 nomaster

a tunnel that is not isolated from others
node-1: bridge link set dev g2-node-2 isolated off

a tunnel of the link of all pods to a wrong host
node-2: ip link del g1-node-1; ip link add g1-node-1 address 02:06:00:01:00:01 mtu 1462 master cni0 up type gretap local 192.168.50.12 remote 192.168.50.99; bridge link set dev g1-node-1 isolated on

a tunnel of the link of all pods with a key
node-1: ip link del g2-node-2; ip link add g2-node-2 address 02:06:00:00:00:02 mtu 1462 master cni0 up type gretap local 192.168.50.11 remote 192.168.50.12 key 9; bridge link set dev g2-node-2 isolated on

a tunnel of the link of all pods gone
node-2: ip link del g1-node-1
`)
