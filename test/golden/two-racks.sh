#!/bin/sh
# Builds the lab "two-racks" of topologies/two-racks.yaml: 4 hosts, 4 pods, backend vxlan, attach bridge.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/two-racks.yaml --down | sudo sh
#
# Run it as root. It needs: nsenter, ip, sysctl, bridge, iptables-restore.
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
netns add two-racks.switch-rack-1
netns add two-racks.switch-rack-2
netns add two-racks.router
netns add two-racks.node-1
netns add two-racks.pod-a
netns add two-racks.node-2
netns add two-racks.pod-b
netns add two-racks.node-3
netns add two-racks.pod-c
netns add two-racks.node-4
netns add two-racks.pod-d
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── two-racks.switch-rack-1
in_ns two-racks.switch-rack-1 sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── two-racks.switch-rack-2
in_ns two-racks.switch-rack-2 sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── two-racks.router
in_ns two-racks.router sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# off: pods talk to hosts of other segments, and the router need not have routes to pods
net/ipv4/conf/all/rp_filter = 0
net/ipv4/conf/default/rp_filter = 0
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
EOF

# ── two-racks.node-1
in_ns two-racks.node-1 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# loose: replies may take another way than requests
net/ipv4/conf/all/rp_filter = 2
net/ipv4/conf/default/rp_filter = 2
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
# bridged packets pass iptables: Services and policies act between pods of one host
net/bridge/bridge-nf-call-iptables = 1
net/bridge/bridge-nf-call-ip6tables = 1
EOF

# ── two-racks.node-2
in_ns two-racks.node-2 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# loose: replies may take another way than requests
net/ipv4/conf/all/rp_filter = 2
net/ipv4/conf/default/rp_filter = 2
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
# bridged packets pass iptables: Services and policies act between pods of one host
net/bridge/bridge-nf-call-iptables = 1
net/bridge/bridge-nf-call-ip6tables = 1
EOF

# ── two-racks.node-3
in_ns two-racks.node-3 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# loose: replies may take another way than requests
net/ipv4/conf/all/rp_filter = 2
net/ipv4/conf/default/rp_filter = 2
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
# bridged packets pass iptables: Services and policies act between pods of one host
net/bridge/bridge-nf-call-iptables = 1
net/bridge/bridge-nf-call-ip6tables = 1
EOF

# ── two-racks.node-4
in_ns two-racks.node-4 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# loose: replies may take another way than requests
net/ipv4/conf/all/rp_filter = 2
net/ipv4/conf/default/rp_filter = 2
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
# bridged packets pass iptables: Services and policies act between pods of one host
net/bridge/bridge-nf-call-iptables = 1
net/bridge/bridge-nf-call-ip6tables = 1
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 3. Devices: bridges, tunnels, and veth pairs; a pair reaches from one namespace into another
# ──────────────────────────────────────────────────────────────────────────────

# ── two-racks.switch-rack-1
in_ns two-racks.switch-rack-1 ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── two-racks.switch-rack-2
in_ns two-racks.switch-rack-2 ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:01:00:00 mtu 1500 up type bridge
EOF

# ── two-racks.router
in_ns two-racks.router ip -batch - <<'EOF'
link add s1-rack-1 address 02:07:00:00:00:00 mtu 1500 up type veth peer name router address 02:08:00:00:00:00 mtu 1500 netns two-racks.switch-rack-1
link add s2-rack-2 address 02:07:00:01:00:00 mtu 1500 up type veth peer name router address 02:08:00:01:00:00 mtu 1500 netns two-racks.switch-rack-2
EOF

# ── two-racks.node-1
in_ns two-racks.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-rack-1
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns two-racks.switch-rack-1
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:00:00:00 mtu 1450 up type bridge
link add p1-pod-a address 02:02:00:00:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1450 netns two-racks.pod-a
link set p1-pod-a type bridge_slave hairpin on
# the VTEP of node-1: entries instead of learning
link add vxlan1 address 02:06:00:00:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.1.11 dstport 8472 nolearning
EOF

# ── two-racks.node-2
in_ns two-racks.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-rack-1
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns two-racks.switch-rack-1
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:01:00:00 mtu 1450 up type bridge
link add p1-pod-b address 02:02:00:01:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1450 netns two-racks.pod-b
link set p1-pod-b type bridge_slave hairpin on
# the VTEP of node-2: entries instead of learning
link add vxlan1 address 02:06:00:01:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.1.12 dstport 8472 nolearning
EOF

# ── two-racks.node-3
in_ns two-racks.node-3 ip -batch - <<'EOF'
# node-3 is plugged into switch-rack-2
link add eth0 address 02:03:00:02:00:00 mtu 1500 up type veth peer name h3-node-3 address 02:04:00:02:00:00 mtu 1500 netns two-racks.switch-rack-2
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:02:00:00 mtu 1450 up type bridge
link add p1-pod-c address 02:02:00:02:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:02:00:01 mtu 1450 netns two-racks.pod-c
link set p1-pod-c type bridge_slave hairpin on
# the VTEP of node-3: entries instead of learning
link add vxlan1 address 02:06:00:02:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.2.11 dstport 8472 nolearning
EOF

# ── two-racks.node-4
in_ns two-racks.node-4 ip -batch - <<'EOF'
# node-4 is plugged into switch-rack-2
link add eth0 address 02:03:00:03:00:00 mtu 1500 up type veth peer name h4-node-4 address 02:04:00:03:00:00 mtu 1500 netns two-racks.switch-rack-2
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:03:00:00 mtu 1450 up type bridge
link add p1-pod-d address 02:02:00:03:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:03:00:01 mtu 1450 netns two-racks.pod-d
link set p1-pod-d type bridge_slave hairpin on
# the VTEP of node-4: entries instead of learning
link add vxlan1 address 02:06:00:03:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.2.12 dstport 8472 nolearning
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── two-racks.switch-rack-1
in_ns two-racks.switch-rack-1 ip -batch - <<'EOF'
link set router master br0 up
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
EOF

# ── two-racks.switch-rack-2
in_ns two-racks.switch-rack-2 ip -batch - <<'EOF'
link set router master br0 up
link set h3-node-3 master br0 up
link set h4-node-4 master br0 up
EOF

# ── two-racks.router
in_ns two-racks.router ip -batch - <<'EOF'
link set lo up
address replace 192.168.1.1/24 dev s1-rack-1
address replace 192.168.2.1/24 dev s2-rack-2
EOF

# ── two-racks.node-1
in_ns two-racks.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.1.11/24 dev eth0
route replace default via 192.168.1.1 dev eth0
address replace 10.244.0.1/24 dev cni0
address replace 10.244.0.0/32 dev vxlan1
# pods of node-2: same segment, no tunnel
route replace 10.244.1.0/24 via 192.168.1.12 dev eth0
# node-3: its VTEP as next hop, and the route to its pods
neigh replace 10.244.2.0 lladdr 02:06:00:02:00:00 dev vxlan1 nud permanent
route replace 10.244.2.0/24 via 10.244.2.0 dev vxlan1 onlink
# node-4: its VTEP as next hop, and the route to its pods
neigh replace 10.244.3.0 lladdr 02:06:00:03:00:00 dev vxlan1 nud permanent
route replace 10.244.3.0/24 via 10.244.3.0 dev vxlan1 onlink
EOF
in_ns two-racks.node-1 bridge -batch - <<'EOF'
# node-3: where its VTEP is
fdb replace 02:06:00:02:00:00 dev vxlan1 dst 192.168.2.11 self permanent
# node-4: where its VTEP is
fdb replace 02:06:00:03:00:00 dev vxlan1 dst 192.168.2.12 self permanent
EOF
in_ns two-racks.node-1 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.1.0/24 -m comment --comment "to hosts on rack-1: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.2.0/24 -m comment --comment "to hosts on rack-2: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── two-racks.node-2
in_ns two-racks.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.1.12/24 dev eth0
route replace default via 192.168.1.1 dev eth0
address replace 10.244.1.1/24 dev cni0
address replace 10.244.1.0/32 dev vxlan1
# pods of node-1: same segment, no tunnel
route replace 10.244.0.0/24 via 192.168.1.11 dev eth0
# node-3: its VTEP as next hop, and the route to its pods
neigh replace 10.244.2.0 lladdr 02:06:00:02:00:00 dev vxlan1 nud permanent
route replace 10.244.2.0/24 via 10.244.2.0 dev vxlan1 onlink
# node-4: its VTEP as next hop, and the route to its pods
neigh replace 10.244.3.0 lladdr 02:06:00:03:00:00 dev vxlan1 nud permanent
route replace 10.244.3.0/24 via 10.244.3.0 dev vxlan1 onlink
EOF
in_ns two-racks.node-2 bridge -batch - <<'EOF'
# node-3: where its VTEP is
fdb replace 02:06:00:02:00:00 dev vxlan1 dst 192.168.2.11 self permanent
# node-4: where its VTEP is
fdb replace 02:06:00:03:00:00 dev vxlan1 dst 192.168.2.12 self permanent
EOF
in_ns two-racks.node-2 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.1.0/24 -m comment --comment "to hosts on rack-1: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.2.0/24 -m comment --comment "to hosts on rack-2: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── two-racks.node-3
in_ns two-racks.node-3 ip -batch - <<'EOF'
link set lo up
address replace 192.168.2.11/24 dev eth0
route replace default via 192.168.2.1 dev eth0
address replace 10.244.2.1/24 dev cni0
address replace 10.244.2.0/32 dev vxlan1
# node-1: its VTEP as next hop, and the route to its pods
neigh replace 10.244.0.0 lladdr 02:06:00:00:00:00 dev vxlan1 nud permanent
route replace 10.244.0.0/24 via 10.244.0.0 dev vxlan1 onlink
# node-2: its VTEP as next hop, and the route to its pods
neigh replace 10.244.1.0 lladdr 02:06:00:01:00:00 dev vxlan1 nud permanent
route replace 10.244.1.0/24 via 10.244.1.0 dev vxlan1 onlink
# pods of node-4: same segment, no tunnel
route replace 10.244.3.0/24 via 192.168.2.12 dev eth0
EOF
in_ns two-racks.node-3 bridge -batch - <<'EOF'
# node-1: where its VTEP is
fdb replace 02:06:00:00:00:00 dev vxlan1 dst 192.168.1.11 self permanent
# node-2: where its VTEP is
fdb replace 02:06:00:01:00:00 dev vxlan1 dst 192.168.1.12 self permanent
EOF
in_ns two-racks.node-3 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.1.0/24 -m comment --comment "to hosts on rack-1: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.2.0/24 -m comment --comment "to hosts on rack-2: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── two-racks.node-4
in_ns two-racks.node-4 ip -batch - <<'EOF'
link set lo up
address replace 192.168.2.12/24 dev eth0
route replace default via 192.168.2.1 dev eth0
address replace 10.244.3.1/24 dev cni0
address replace 10.244.3.0/32 dev vxlan1
# node-1: its VTEP as next hop, and the route to its pods
neigh replace 10.244.0.0 lladdr 02:06:00:00:00:00 dev vxlan1 nud permanent
route replace 10.244.0.0/24 via 10.244.0.0 dev vxlan1 onlink
# node-2: its VTEP as next hop, and the route to its pods
neigh replace 10.244.1.0 lladdr 02:06:00:01:00:00 dev vxlan1 nud permanent
route replace 10.244.1.0/24 via 10.244.1.0 dev vxlan1 onlink
# pods of node-3: same segment, no tunnel
route replace 10.244.2.0/24 via 192.168.2.11 dev eth0
EOF
in_ns two-racks.node-4 bridge -batch - <<'EOF'
# node-1: where its VTEP is
fdb replace 02:06:00:00:00:00 dev vxlan1 dst 192.168.1.11 self permanent
# node-2: where its VTEP is
fdb replace 02:06:00:01:00:00 dev vxlan1 dst 192.168.1.12 self permanent
EOF
in_ns two-racks.node-4 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.1.0/24 -m comment --comment "to hosts on rack-1: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.2.0/24 -m comment --comment "to hosts on rack-2: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── two-racks.pod-a
in_ns two-racks.pod-a sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns two-racks.pod-a ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── two-racks.pod-b
in_ns two-racks.pod-b sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns two-racks.pod-b ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.2/24 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF

# ── two-racks.pod-c
in_ns two-racks.pod-c sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns two-racks.pod-c ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.2.2/24 dev eth0
route replace default via 10.244.2.1 dev eth0
EOF

# ── two-racks.pod-d
in_ns two-racks.pod-d sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns two-racks.pod-d ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.3.2/24 dev eth0
route replace default via 10.244.3.1 dev eth0
EOF
