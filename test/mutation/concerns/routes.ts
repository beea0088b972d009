/** Routes and routing rules. */
import { mutations } from '../mutation.ts'

export const routes = mutations(String.raw`
a blackhole for one pod of the other host
node-1: ip route add blackhole 10.244.1.2/32
undo: ip route del blackhole 10.244.1.2/32

an IPv6 blackhole with a better metric than the route
node-1: ip -6 route add blackhole fd00:10:244:1::/64 metric 1
undo: ip -6 route del fd00:10:244:1::/64 metric 1

the default route of a pod deleted
web-2: ip route del default

the default route of a host deleted
node-1: ip route del default

the IPv6 default route of a pod deleted
web-1: ip -6 route del default

the route to the underlay's network deleted
node-2: ip route del 192.168.50.0/24 dev eth0

an address taken out of the local table
web-2: ip route del local 10.244.1.2 dev eth0 table local

a routing rule that prohibits
node-1: ip rule add to 10.244.1.0/24 prohibit priority 5
undo: ip rule del priority 5

the rule that consults the main table deleted
node-1: ip rule del priority 32766
undo: ip rule add from all table main priority 32766

the routing rule of an external deleted
router: ip rule del priority 101

a route of an external's table deleted
router: ip route del 10.244.1.0/24 table 101

the default route of an external deleted
client: ip route del default
`)

/** Routes from host to host where nothing but `netlab up` brings them back; a daemon that learned them does so by itself. */
export const hostRoutes = mutations(String.raw`
a route to the other host's pods deleted
node-1: ip route del 10.244.1.0/24

a route to the other host's pods by a wrong next hop
node-1: ip route replace 10.244.1.0/24 via 192.168.50.99

an IPv6 route to the other host's pods deleted
node-2: ip -6 route del fd00:10:244::/64
`)
