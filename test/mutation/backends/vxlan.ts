/** VXLAN: FDB, neighbours, VNI and port. */
import { mutations } from '../mutation.ts'

export const vxlan = mutations(String.raw`
an FDB entry deleted
node-1: bridge fdb del 02:06:00:01:00:00 dev vxlan1 self

an FDB entry that leads to another host
node-1: bridge fdb replace 02:06:00:01:00:00 dev vxlan1 dst 192.168.50.99 self permanent

a neighbour deleted
node-1: ip neigh del 10.244.1.0 dev vxlan1

a neighbour with a wrong MAC
node-2: ip neigh replace 10.244.0.0 lladdr 02:00:00:00:00:99 dev vxlan1 nud permanent

another VNI
node-1: ip link del vxlan1; ip link add vxlan1 address 02:06:00:00:00:00 mtu 1450 up type vxlan id 9 dev eth0 local 192.168.50.11 dstport 8472 nolearning

another UDP port
node-2: ip link del vxlan1; ip link add vxlan1 address 02:06:00:01:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.50.12 dstport 4789 nolearning

the tunnel down
node-2: ip link set vxlan1 down

the MTU of the tunnel too small
node-1: ip link set vxlan1 mtu 1300

the MAC of the tunnel
node-2: ip link set vxlan1 address 02:00:00:00:00:99

tunnel packets dropped
node-2: iptables -I INPUT 1 -p udp --dport 8472 -j DROP
undo: iptables -D INPUT -p udp --dport 8472 -j DROP || true
`)

export const vxlanBridged = mutations(String.raw`
what goes to all is not copied to a peer
node-1: bridge fdb del 00:00:00:00:00:00 dev vxlan1 dst 192.168.50.12 self

what goes to all is copied to an address that no host has
node-2: bridge fdb append 00:00:00:00:00:00 dev vxlan1 dst 192.168.50.99 self permanent
undo: bridge fdb del 00:00:00:00:00:00 dev vxlan1 dst 192.168.50.99 self || true

copies to a peer's other UDP port
node-2: bridge fdb append 00:00:00:00:00:00 dev vxlan1 dst 192.168.50.11 port 4789 self permanent
undo: bridge fdb del 00:00:00:00:00:00 dev vxlan1 dst 192.168.50.11 port 4789 self || true

a permanent entry that leads to no host in place of what is learned
node-1: bridge fdb replace 02:01:00:01:00:01 dev vxlan1 dst 192.168.50.99 self permanent
undo: bridge fdb del 02:01:00:01:00:01 dev vxlan1 dst 192.168.50.99 self || true

the VTEP learns nothing
node-2: ip link set dev vxlan1 type vxlan nolearning

the bridge learns nothing from the VTEP
node-1: bridge link set dev vxlan1 learning off

the VTEP is not on the bridge
node-1: ip link set dev vxlan1 nomaster

the VTEP of the link of all pods down
node-2: ip link set vxlan1 down

the VTEP of the link of all pods with another VNI
node-1: ip link del vxlan1; ip link add vxlan1 address 02:06:00:00:00:00 mtu 1450 master cni0 up type vxlan id 9 dev eth0 local 192.168.50.11 dstport 8472

a pod alone on its host's part of the network
web-1: ip address add 10.244.0.2/24 dev eth0; ip address del 10.244.0.2/16 dev eth0
undo: ip address del 10.244.0.2/24 dev eth0 || true
`)
