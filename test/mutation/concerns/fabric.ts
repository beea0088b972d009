/** Routers of a fabric: their daemons, sessions and equal paths, links between them, and the rules of the border. */
import { mutations } from '../mutation.ts'

/** Of a router's BIRD: its directory, as a shell finds it, and its pid. */
const bird = (router: string): string => `/run/netlab/$(echo {${router}} | cut -d. -f1)/process/${router}.bird`
const pid = (router: string): string => `$(cut -d' ' -f1 ${bird(router)}.pid)`
/** BIRD is told what the change makes of its configuration. */
const edited = (router: string, change: string): string =>
  `machine: cd ${bird(router)}.d && sed -i '${change}' bird.conf && birdc -s bird.ctl configure`

/** Two racks and two spines, and a border that translates and filters. No BFD: on a busy machine it takes a neighbour for lost. */
export const fabricTopology = `
network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"], backend: { type: bgp, mode: tor } }
underlay:
  routing: bgp
  segments: { rack-1: 192.168.1.0/24, rack-2: 192.168.2.0/24 }
  border: { nat: true, firewall: { allow: [{ from: peer, to: web, port: 8080/tcp }] } }
hosts: { node-1: { segment: rack-1 }, node-2: { segment: rack-2 } }
pods:
  far: { host: node-1 }
  web: { host: node-2, containers: [{ name: http, ports: [{ containerPort: 8080 }] }] }
externals: { client: {}, peer: { podRoutes: true } }
expect: [{ from: peer, to: web, port: 8080/tcp }]
`

export const fabric = mutations(String.raw`
BIRD of a rack's router killed
machine: kill -9 ${pid('tor-rack-1')}

BIRD of a spine stopped
machine: kill -STOP ${pid('spine-2')}
undo: kill -CONT ${pid('spine-2')}

a spine that passes nothing on
${edited('spine-1', 's/export where source = RTS_BGP/export where source = RTS_STATIC/')}

a rack's router that takes one of the equal paths alone
${edited('tor-rack-1', 's/merge paths on/merge paths off/')}

a border that does not say that everything else is behind it
${edited('border', '/^protocol static outside_ipv4/d')}

a link between routers down
spine-1: ip link set l2-tor-rack-1 down

a link between routers deleted
tor-rack-2: ip link del l2-spine-2

a router's own address deleted
spine-2: ip addr del 100.64.0.2/32 dev lo

equal paths chosen by addresses alone
tor-rack-1: sysctl -qw net.ipv4.fib_multipath_hash_policy=0

a better route than the learned one, in a rack's router
tor-rack-2: ip route add 10.244.0.2/32 via 192.168.2.11
undo: ip route del 10.244.0.2/32 via 192.168.2.11

NAT gone from the border
border: iptables -t nat -F POSTROUTING

NAT at the border for those with routes, too
border: ip6tables -t nat -D BORDER-NAT 3

answers stopped at the border
border: iptables -D BORDER-FIREWALL 1

an entry of the border's firewall gone
border: iptables -D BORDER-FIREWALL 2

everything let in at the border
border: ip6tables -I FORWARD 1 -j ACCEPT

the border's firewall passed by
border: iptables -F FORWARD
`)
