/** Geneve: VNI, port, far end, neighbours and device. */
import { mutations } from '../mutation.ts'

export const geneve = mutations(String.raw`
another Geneve VNI
node-1: ip link del g2-node-2; ip link add g2-node-2 address 02:06:00:00:00:02 mtu 1450 up type geneve id 9 remote 192.168.50.12 dstport 6081

another UDP port for Geneve
node-2: ip link del g1-node-1; ip link add g1-node-1 address 02:06:00:01:00:01 mtu 1450 up type geneve id 1 remote 192.168.50.11 dstport 6082

a Geneve device to a wrong host
node-1: ip link del g2-node-2; ip link add g2-node-2 address 02:06:00:00:00:02 mtu 1450 up type geneve id 1 remote 192.168.50.99 dstport 6081

a neighbour behind Geneve deleted
node-2: ip neigh del 10.244.0.0 dev g1-node-1

a neighbour behind Geneve with a wrong MAC, for IPv6 alone
node-1: ip neigh replace fd00:10:244:1:: lladdr 02:00:00:00:00:99 dev g2-node-2 nud permanent

the MAC of the Geneve device
node-2: ip link set g1-node-1 address 02:00:00:00:00:99

the Geneve device down
node-1: ip link set g2-node-2 down

the MTU of the Geneve device too small
node-2: ip link set g1-node-1 mtu 1300

Geneve dropped on the underlay
node-1: iptables -I INPUT 1 -p udp --dport 6081 -j DROP
undo: iptables -D INPUT -p udp --dport 6081 -j DROP || true
`)
