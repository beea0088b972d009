/** MTUs of devices and routes. */
import { mutations } from '../mutation.ts'

export const mtu = mutations(String.raw`
a pod's default route with an MTU of its own
web-1: ip route change $(ip route show default) mtu 600

the MTU of a pod too small
web-1: ip link set eth0 mtu 1280

the MTU of a host's uplink too small
node-1: ip link set eth0 mtu 1400

the MTU of a switch port too small
switch-lan: ip link set h2-node-2 mtu 1400
`)
