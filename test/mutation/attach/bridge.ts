/** Pods on a bridge. */
import { mutations } from '../mutation.ts'

export const bridge = mutations(String.raw`
a pod's port out of the bridge
node-1: ip link set p1-web-1 nomaster

hairpin off
node-1: bridge link set dev p1-web-1 hairpin off

pods' ports isolated from each other
node-2: bridge link set dev p1-web-2 isolated on; bridge link set dev p2-db isolated on

the bridge down
node-2: ip link set cni0 down

the gateway's address deleted
node-1: ip addr del 10.244.0.1/24 dev cni0

bridged packets kept from iptables
node-2: sysctl -q net.bridge.bridge-nf-call-iptables=0

frames for a pod sent to another
node-2: bridge fdb replace 02:01:00:01:00:01 dev p2-db master static sticky
undo: bridge fdb del 02:01:00:01:00:01 dev p2-db master

nothing of 127.0.0.1 let out by the bridge
node-1: sysctl -q net.ipv4.conf.cni0.route_localnet=0

the route to the pods' own network deleted
node-1: ip route del 10.244.0.0/24 dev cni0
`)
