/** Links and the underlay's switch ports. */
import { mutations } from '../mutation.ts'

export const links = mutations(String.raw`
a pod's link down
web-1: ip link set eth0 down

a host's link down
node-2: ip link set eth0 down

a switch port down
switch-lan: ip link set h1-node-1 down

a switch port unplugged
switch-lan: ip link set h1-node-1 nomaster

a switch port that does not forward
switch-lan: bridge link set dev h1-node-1 state 0

switch ports isolated from each other
switch-lan: bridge link set dev h1-node-1 isolated on; bridge link set dev h2-node-2 isolated on

frames for a host sent elsewhere by a switch
switch-lan: bridge fdb replace 02:03:00:01:00:00 dev h1-node-1 master static sticky
undo: bridge fdb del 02:03:00:01:00:00 dev h1-node-1 master

loopback down
web-2: ip link set lo down
`)
