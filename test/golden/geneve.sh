#!/bin/sh
# Builds the lab "geneve" of topologies/geneve.yaml: 3 hosts, 3 pods, backend geneve, attach bridge.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/geneve.yaml --down | sudo sh
#
# Run it as root. It needs: nsenter, ip, sysctl, iptables-restore, ip6tables-restore.
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
netns add geneve.switch-lan
netns add geneve.node-1
netns add geneve.pod-a
netns add geneve.node-2
netns add geneve.pod-b
netns add geneve.node-3
netns add geneve.pod-c
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── geneve.switch-lan
in_ns geneve.switch-lan sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── geneve.node-1
in_ns geneve.node-1 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# loose: replies may take another way than requests
net/ipv4/conf/all/rp_filter = 2
net/ipv4/conf/default/rp_filter = 2
net/ipv6/conf/all/forwarding = 1
# addresses are unique by construction: usable at once
net/ipv6/conf/all/accept_dad = 0
net/ipv6/conf/default/accept_dad = 0
net/ipv6/conf/default/accept_ra = 0
net/ipv6/conf/all/disable_ipv6 = 0
net/ipv6/conf/default/disable_ipv6 = 0
# bridged packets pass iptables: Services and policies act between pods of one host
net/bridge/bridge-nf-call-iptables = 1
net/bridge/bridge-nf-call-ip6tables = 1
EOF

# ── geneve.node-2
in_ns geneve.node-2 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# loose: replies may take another way than requests
net/ipv4/conf/all/rp_filter = 2
net/ipv4/conf/default/rp_filter = 2
net/ipv6/conf/all/forwarding = 1
# addresses are unique by construction: usable at once
net/ipv6/conf/all/accept_dad = 0
net/ipv6/conf/default/accept_dad = 0
net/ipv6/conf/default/accept_ra = 0
net/ipv6/conf/all/disable_ipv6 = 0
net/ipv6/conf/default/disable_ipv6 = 0
# bridged packets pass iptables: Services and policies act between pods of one host
net/bridge/bridge-nf-call-iptables = 1
net/bridge/bridge-nf-call-ip6tables = 1
EOF

# ── geneve.node-3
in_ns geneve.node-3 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# loose: replies may take another way than requests
net/ipv4/conf/all/rp_filter = 2
net/ipv4/conf/default/rp_filter = 2
net/ipv6/conf/all/forwarding = 1
# addresses are unique by construction: usable at once
net/ipv6/conf/all/accept_dad = 0
net/ipv6/conf/default/accept_dad = 0
net/ipv6/conf/default/accept_ra = 0
net/ipv6/conf/all/disable_ipv6 = 0
net/ipv6/conf/default/disable_ipv6 = 0
# bridged packets pass iptables: Services and policies act between pods of one host
net/bridge/bridge-nf-call-iptables = 1
net/bridge/bridge-nf-call-ip6tables = 1
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 3. Devices: bridges, tunnels, and veth pairs; a pair reaches from one namespace into another
# ──────────────────────────────────────────────────────────────────────────────

# ── geneve.switch-lan
in_ns geneve.switch-lan ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── geneve.node-1
in_ns geneve.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-lan
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns geneve.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:00:00:00 mtu 1450 up type bridge
link add p1-pod-a address 02:02:00:00:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1450 netns geneve.pod-a
link set p1-pod-a type bridge_slave hairpin on
# the tunnel to node-2
link add g2-node-2 address 02:06:00:00:00:02 mtu 1450 up type geneve id 42 remote 192.168.50.12 dstport 6081
# the tunnel to node-3
link add g3-node-3 address 02:06:00:00:00:03 mtu 1450 up type geneve id 42 remote 192.168.50.13 dstport 6081
EOF

# ── geneve.node-2
in_ns geneve.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-lan
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns geneve.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:01:00:00 mtu 1450 up type bridge
link add p1-pod-b address 02:02:00:01:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1450 netns geneve.pod-b
link set p1-pod-b type bridge_slave hairpin on
# the tunnel to node-1
link add g1-node-1 address 02:06:00:01:00:01 mtu 1450 up type geneve id 42 remote 192.168.50.11 dstport 6081
# the tunnel to node-3
link add g3-node-3 address 02:06:00:01:00:03 mtu 1450 up type geneve id 42 remote 192.168.50.13 dstport 6081
EOF

# ── geneve.node-3
in_ns geneve.node-3 ip -batch - <<'EOF'
# node-3 is plugged into switch-lan
link add eth0 address 02:03:00:02:00:00 mtu 1500 up type veth peer name h3-node-3 address 02:04:00:02:00:00 mtu 1500 netns geneve.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:02:00:00 mtu 1450 up type bridge
link add p1-pod-c address 02:02:00:02:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:02:00:01 mtu 1450 netns geneve.pod-c
link set p1-pod-c type bridge_slave hairpin on
# the tunnel to node-1
link add g1-node-1 address 02:06:00:02:00:01 mtu 1450 up type geneve id 42 remote 192.168.50.11 dstport 6081
# the tunnel to node-2
link add g2-node-2 address 02:06:00:02:00:02 mtu 1450 up type geneve id 42 remote 192.168.50.12 dstport 6081
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── geneve.switch-lan
in_ns geneve.switch-lan ip -batch - <<'EOF'
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
link set h3-node-3 master br0 up
EOF

# ── geneve.node-1
in_ns geneve.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.11/24 dev eth0
address replace fd00:192:168:50::b/64 dev eth0
address replace 10.244.0.1/24 dev cni0
address replace fd00:10:244::1/64 dev cni0
address replace 10.244.0.0/32 dev g2-node-2
address replace fd00:10:244::/128 dev g2-node-2
# node-2: its end of the tunnel as next hop, and the route to its pods
neigh replace 10.244.1.0 lladdr 02:06:00:01:00:01 dev g2-node-2 nud permanent
route replace 10.244.1.0/24 via 10.244.1.0 dev g2-node-2 onlink
# node-2: its end of the tunnel as next hop, and the route to its pods
neigh replace fd00:10:244:1:: lladdr 02:06:00:01:00:01 dev g2-node-2 nud permanent
route replace fd00:10:244:1::/64 via fd00:10:244:1:: dev g2-node-2 onlink
address replace 10.244.0.0/32 dev g3-node-3
address replace fd00:10:244::/128 dev g3-node-3
# node-3: its end of the tunnel as next hop, and the route to its pods
neigh replace 10.244.2.0 lladdr 02:06:00:02:00:01 dev g3-node-3 nud permanent
route replace 10.244.2.0/24 via 10.244.2.0 dev g3-node-3 onlink
# node-3: its end of the tunnel as next hop, and the route to its pods
neigh replace fd00:10:244:2:: lladdr 02:06:00:02:00:01 dev g3-node-3 nud permanent
route replace fd00:10:244:2::/64 via fd00:10:244:2:: dev g3-node-3 onlink
EOF
in_ns geneve.node-1 iptables-restore --noflush --wait=10 <<'EOF'
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
in_ns geneve.node-1 ip6tables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d fd00:10:244::/48 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d fd00:10:96::/112 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d fd00:192:168:50::/64 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A NETLAB-MASQ -d ff00::/8 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s fd00:10:244::/48 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── geneve.node-2
in_ns geneve.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.12/24 dev eth0
address replace fd00:192:168:50::c/64 dev eth0
address replace 10.244.1.1/24 dev cni0
address replace fd00:10:244:1::1/64 dev cni0
address replace 10.244.1.0/32 dev g1-node-1
address replace fd00:10:244:1::/128 dev g1-node-1
# node-1: its end of the tunnel as next hop, and the route to its pods
neigh replace 10.244.0.0 lladdr 02:06:00:00:00:02 dev g1-node-1 nud permanent
route replace 10.244.0.0/24 via 10.244.0.0 dev g1-node-1 onlink
# node-1: its end of the tunnel as next hop, and the route to its pods
neigh replace fd00:10:244:: lladdr 02:06:00:00:00:02 dev g1-node-1 nud permanent
route replace fd00:10:244::/64 via fd00:10:244:: dev g1-node-1 onlink
address replace 10.244.1.0/32 dev g3-node-3
address replace fd00:10:244:1::/128 dev g3-node-3
# node-3: its end of the tunnel as next hop, and the route to its pods
neigh replace 10.244.2.0 lladdr 02:06:00:02:00:02 dev g3-node-3 nud permanent
route replace 10.244.2.0/24 via 10.244.2.0 dev g3-node-3 onlink
# node-3: its end of the tunnel as next hop, and the route to its pods
neigh replace fd00:10:244:2:: lladdr 02:06:00:02:00:02 dev g3-node-3 nud permanent
route replace fd00:10:244:2::/64 via fd00:10:244:2:: dev g3-node-3 onlink
EOF
in_ns geneve.node-2 iptables-restore --noflush --wait=10 <<'EOF'
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
in_ns geneve.node-2 ip6tables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d fd00:10:244::/48 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d fd00:10:96::/112 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d fd00:192:168:50::/64 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A NETLAB-MASQ -d ff00::/8 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s fd00:10:244::/48 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── geneve.node-3
in_ns geneve.node-3 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.13/24 dev eth0
address replace fd00:192:168:50::d/64 dev eth0
address replace 10.244.2.1/24 dev cni0
address replace fd00:10:244:2::1/64 dev cni0
address replace 10.244.2.0/32 dev g1-node-1
address replace fd00:10:244:2::/128 dev g1-node-1
# node-1: its end of the tunnel as next hop, and the route to its pods
neigh replace 10.244.0.0 lladdr 02:06:00:00:00:03 dev g1-node-1 nud permanent
route replace 10.244.0.0/24 via 10.244.0.0 dev g1-node-1 onlink
# node-1: its end of the tunnel as next hop, and the route to its pods
neigh replace fd00:10:244:: lladdr 02:06:00:00:00:03 dev g1-node-1 nud permanent
route replace fd00:10:244::/64 via fd00:10:244:: dev g1-node-1 onlink
address replace 10.244.2.0/32 dev g2-node-2
address replace fd00:10:244:2::/128 dev g2-node-2
# node-2: its end of the tunnel as next hop, and the route to its pods
neigh replace 10.244.1.0 lladdr 02:06:00:01:00:03 dev g2-node-2 nud permanent
route replace 10.244.1.0/24 via 10.244.1.0 dev g2-node-2 onlink
# node-2: its end of the tunnel as next hop, and the route to its pods
neigh replace fd00:10:244:1:: lladdr 02:06:00:01:00:03 dev g2-node-2 nud permanent
route replace fd00:10:244:1::/64 via fd00:10:244:1:: dev g2-node-2 onlink
EOF
in_ns geneve.node-3 iptables-restore --noflush --wait=10 <<'EOF'
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
in_ns geneve.node-3 ip6tables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d fd00:10:244::/48 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d fd00:10:96::/112 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d fd00:192:168:50::/64 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A NETLAB-MASQ -d ff00::/8 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s fd00:10:244::/48 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── geneve.pod-a
in_ns geneve.pod-a sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/all/accept_dad = 0
net/ipv6/conf/eth0/accept_dad = 0
net/ipv6/conf/eth0/accept_ra = 0
net/ipv6/conf/eth0/disable_ipv6 = 0
EOF
in_ns geneve.pod-a ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/24 dev eth0
address replace fd00:10:244::2/64 dev eth0
route replace default via 10.244.0.1 dev eth0
route replace default via fd00:10:244::1 dev eth0
EOF

# ── geneve.pod-b
in_ns geneve.pod-b sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/all/accept_dad = 0
net/ipv6/conf/eth0/accept_dad = 0
net/ipv6/conf/eth0/accept_ra = 0
net/ipv6/conf/eth0/disable_ipv6 = 0
EOF
in_ns geneve.pod-b ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.2/24 dev eth0
address replace fd00:10:244:1::2/64 dev eth0
route replace default via 10.244.1.1 dev eth0
route replace default via fd00:10:244:1::1 dev eth0
EOF

# ── geneve.pod-c
in_ns geneve.pod-c sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/all/accept_dad = 0
net/ipv6/conf/eth0/accept_dad = 0
net/ipv6/conf/eth0/accept_ra = 0
net/ipv6/conf/eth0/disable_ipv6 = 0
EOF
in_ns geneve.pod-c ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.2.2/24 dev eth0
address replace fd00:10:244:2::2/64 dev eth0
route replace default via 10.244.2.1 dev eth0
route replace default via fd00:10:244:2::1 dev eth0
EOF
