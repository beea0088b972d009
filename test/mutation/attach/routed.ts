/** Pods behind routes. */
import { mutations } from '../mutation.ts'

export const routed = mutations(String.raw`
the route to a pod deleted
node-1: ip route del 10.244.0.2

the route to a pod by another pod's device
node-2: ip route replace 10.244.1.2 dev p2-db

proxy ARP off
node-1: sysctl -q net.ipv4.conf.p1-web-1.proxy_arp=0

the IPv6 gateway without its address
node-1: ip -6 addr flush dev p1-web-1 scope link

the way to the gateway deleted
web-2: ip route del default; ip route del 169.254.1.1

the blackhole of a block deleted
node-2: ip route del blackhole 10.244.1.0/24
`)
