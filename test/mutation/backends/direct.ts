/** Plain next-hop routes. */
import { mutations } from '../mutation.ts'

export const direct = mutations(String.raw`
pods' packets routed to the router
node-1: ip route replace 10.244.1.0/24 via 192.168.50.1

a route with an MTU too small
node-2: ip route change 10.244.0.0/24 via 192.168.50.11 dev eth0 mtu 700
`)
