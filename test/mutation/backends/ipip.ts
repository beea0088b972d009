/** IPIP: routes and device. */
import { mutations } from '../mutation.ts'

export const ipip = mutations(String.raw`
a route through IPIP to a wrong host
node-1: ip route replace 10.244.1.0/24 via 192.168.50.99 dev ipip1 onlink

pods' packets past the IPIP device
node-2: ip route replace 10.244.0.0/24 via 192.168.50.11 dev eth0

the IPIP device down
node-1: ip link set ipip1 down

the MTU of the IPIP device too small
node-2: ip link set ipip1 mtu 1300

IPIP dropped on the underlay
node-1: iptables -I INPUT 1 -p ipencap -j DROP
undo: iptables -D INPUT -p ipencap -j DROP || true

an IPIP device with one fixed far end
node-2: ip link del ipip1; ip link add ipip1 mtu 1480 up type ipip local 192.168.50.12 remote 192.168.50.99
`)
