#!/bin/sh
# Builds the lab "ipip" of topologies/ipip.yaml: 2 hosts, 3 pods, backend ipip, attach routed.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/ipip.yaml --down | sudo sh
#
# Run it as root. It needs: nsenter, ip, sysctl, iptables-restore.
set -eu

# Runs a command in the network namespace of a node.
in_ns() {
  ns=$1
  shift
  nsenter --net="/run/netns/$ns" "$@"
}

# ──────────────────────────────────────────────────────────────────────────────
# 1. Namespaces: every node (host, pod, switch, router) is a network namespace of its own
# ──────────────────────────────────────────────────────────────────────────────
ip -batch - <<'EOF'
netns add ipip.switch-lan
netns add ipip.node-1
netns add ipip.pod-a
netns add ipip.node-2
netns add ipip.pod-b
netns add ipip.pod-c
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── ipip.switch-lan
in_ns ipip.switch-lan sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
EOF

# ── ipip.node-1
in_ns ipip.node-1 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# loose: replies may take another way than requests
net/ipv4/conf/all/rp_filter = 2
net/ipv4/conf/default/rp_filter = 2
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
EOF

# ── ipip.node-2
in_ns ipip.node-2 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# loose: replies may take another way than requests
net/ipv4/conf/all/rp_filter = 2
net/ipv4/conf/default/rp_filter = 2
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 3. Devices: bridges, tunnels, and veth pairs; a pair reaches from one namespace into another
# ──────────────────────────────────────────────────────────────────────────────

# ── ipip.switch-lan
in_ns ipip.switch-lan ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── ipip.node-1
in_ns ipip.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-lan
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns ipip.switch-lan
link add p1-pod-a address ee:ee:ee:ee:ee:ee mtu 1480 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1480 netns ipip.pod-a
# one IPIP device for all peers: no remote, so the next hop is the outer destination
link add ipip1 mtu 1480 up type ipip local 192.168.50.11
EOF

# ── ipip.node-2
in_ns ipip.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-lan
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns ipip.switch-lan
link add p1-pod-b address ee:ee:ee:ee:ee:ee mtu 1480 up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1480 netns ipip.pod-b
link add p2-pod-c address ee:ee:ee:ee:ee:ee mtu 1480 up type veth peer name eth0 address 02:01:00:01:00:02 mtu 1480 netns ipip.pod-c
# one IPIP device for all peers: no remote, so the next hop is the outer destination
link add ipip1 mtu 1480 up type ipip local 192.168.50.12
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── ipip.switch-lan
in_ns ipip.switch-lan ip -batch - <<'EOF'
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
EOF

# ── ipip.node-1
in_ns ipip.node-1 sysctl -q -p - <<'EOF'
net/ipv4/conf/p1-pod-a/proxy_arp = 1
net/ipv4/neigh/p1-pod-a/proxy_delay = 0
EOF
in_ns ipip.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.11/24 dev eth0
# addresses of the block that no pod has go nowhere
route replace blackhole 10.244.0.0/26
# proxy_arp answers for 169.254.1.1 only if another device leads to it
route replace 169.254.1.1/32 dev eth0
route replace 10.244.0.2/32 dev p1-pod-a
address replace 10.244.0.0/32 dev ipip1
# pods of node-2
route replace 10.244.0.64/26 via 192.168.50.12 dev ipip1 onlink
EOF
in_ns ipip.node-1 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.50.0/24 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── ipip.node-2
in_ns ipip.node-2 sysctl -q -p - <<'EOF'
net/ipv4/conf/p1-pod-b/proxy_arp = 1
net/ipv4/neigh/p1-pod-b/proxy_delay = 0
net/ipv4/conf/p2-pod-c/proxy_arp = 1
net/ipv4/neigh/p2-pod-c/proxy_delay = 0
EOF
in_ns ipip.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.12/24 dev eth0
# addresses of the block that no pod has go nowhere
route replace blackhole 10.244.0.64/26
# proxy_arp answers for 169.254.1.1 only if another device leads to it
route replace 169.254.1.1/32 dev eth0
route replace 10.244.0.66/32 dev p1-pod-b
route replace 10.244.0.67/32 dev p2-pod-c
address replace 10.244.0.64/32 dev ipip1
# pods of node-1
route replace 10.244.0.0/26 via 192.168.50.11 dev ipip1 onlink
EOF
in_ns ipip.node-2 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.50.0/24 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── ipip.pod-a
in_ns ipip.pod-a sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns ipip.pod-a ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/32 dev eth0
route replace 169.254.1.1/32 dev eth0
route replace default via 169.254.1.1 dev eth0
EOF

# ── ipip.pod-b
in_ns ipip.pod-b sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns ipip.pod-b ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.66/32 dev eth0
route replace 169.254.1.1/32 dev eth0
route replace default via 169.254.1.1 dev eth0
EOF

# ── ipip.pod-c
in_ns ipip.pod-c sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns ipip.pod-c ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.67/32 dev eth0
route replace 169.254.1.1/32 dev eth0
route replace default via 169.254.1.1 dev eth0
EOF
