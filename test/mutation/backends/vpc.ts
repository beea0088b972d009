/** Routes of the fabric and its source/destination check. */
import { mutations } from '../mutation.ts'

export const vpc = mutations(String.raw`
a route of the fabric deleted
router: ip route del 10.244.1.0/24

an IPv6 route of the fabric deleted
router: ip -6 route del fd00:10:244::/64

a route of the fabric to the wrong host
router: ip route replace 10.244.1.0/24 via 192.168.50.11

a better route of the fabric
router: ip route add 10.244.1.2/32 via 192.168.50.11
undo: ip route del 10.244.1.2/32

redirects of the fabric switched on
router: sysctl -qw net.ipv4.conf.all.send_redirects=1

the rule that keeps an external from pods deleted
router: ip rule del priority 10000

a host's pods unknown to the source/destination check
router: iptables -D VPC-h1-node-1 -s 10.244.0.0/24 -j RETURN

a host's port unknown to the source/destination check
router: ip6tables -D VPC-FROM-s1-lan 1

the source/destination check switched off
router: iptables -F FORWARD
`)
