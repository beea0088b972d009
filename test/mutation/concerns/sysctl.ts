/** Settings below /proc/sys. */
import { mutations } from '../mutation.ts'

export const sysctl = mutations(String.raw`
forwarding off
node-1: sysctl -q net.ipv4.ip_forward=0

IPv6 forwarding off
node-2: sysctl -q net.ipv6.conf.all.forwarding=0

forwarding off on one device
node-1: sysctl -q net.ipv4.conf.eth0.forwarding=0
undo: sysctl -q net.ipv4.conf.eth0.forwarding=1

a strict reverse path filter on the router
router: sysctl -q net.ipv4.conf.all.rp_filter=1

pings ignored
web-1: sysctl -q net.ipv4.icmp_echo_ignore_all=1
undo: sysctl -q net.ipv4.icmp_echo_ignore_all=0

a TTL that ends at the first hop
far: sysctl -q net.ipv4.ip_default_ttl=1
undo: sysctl -q net.ipv4.ip_default_ttl=64

IPv6 off in a pod
db: sysctl -q net.ipv6.conf.eth0.disable_ipv6=1

IPv6 off on all devices of a pod
web-1: sysctl -q net.ipv6.conf.all.disable_ipv6=1
undo: sysctl -q net.ipv6.conf.all.disable_ipv6=0

an IPv6 hop limit that ends at the first hop, and the default changed along
web-2: sysctl -q net.ipv6.conf.default.hop_limit=1 net.ipv6.conf.eth0.hop_limit=1
undo: sysctl -q net.ipv6.conf.default.hop_limit=64 net.ipv6.conf.eth0.hop_limit=64

ARP requests ignored
node-2: sysctl -q net.ipv4.conf.eth0.arp_ignore=8; ip neigh flush dev eth0
undo: sysctl -q net.ipv4.conf.eth0.arp_ignore=0

ARP requests ignored on all devices of a pod
web-2: sysctl -q net.ipv4.conf.all.arp_ignore=8
undo: sysctl -q net.ipv4.conf.all.arp_ignore=0

ARP requests ignored on all devices of a host
node-1: sysctl -q net.ipv4.conf.all.arp_ignore=8
undo: sysctl -q net.ipv4.conf.all.arp_ignore=0

ARP requests ignored, and the default changed along
far: sysctl -q net.ipv4.conf.default.arp_ignore=8 net.ipv4.conf.eth0.arp_ignore=8
undo: sysctl -q net.ipv4.conf.default.arp_ignore=0 net.ipv4.conf.eth0.arp_ignore=0
`)
