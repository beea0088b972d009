#!/bin/sh
# Builds the lab "vpc" of topologies/vpc.yaml: 3 hosts, 3 pods, backend vpc, attach bridge.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/vpc.yaml --down | sudo sh
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
netns add vpc.switch-zone-a
netns add vpc.switch-zone-b
netns add vpc.router
netns add vpc.node-1
netns add vpc.pod-a
netns add vpc.node-2
netns add vpc.pod-b
netns add vpc.node-3
netns add vpc.pod-c
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── vpc.switch-zone-a
in_ns vpc.switch-zone-a sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── vpc.switch-zone-b
in_ns vpc.switch-zone-b sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── vpc.router
in_ns vpc.router sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# off: pods talk to hosts of other segments, and the router need not have routes to pods
net/ipv4/conf/all/rp_filter = 0
net/ipv4/conf/default/rp_filter = 0
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
# packets between hosts of one segment leave by the port they came in by
net/ipv4/conf/all/send_redirects = 0
EOF

# ── vpc.node-1
in_ns vpc.node-1 sysctl -q -p - <<'EOF'
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

# ── vpc.node-2
in_ns vpc.node-2 sysctl -q -p - <<'EOF'
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

# ── vpc.node-3
in_ns vpc.node-3 sysctl -q -p - <<'EOF'
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

# ── vpc.switch-zone-a
in_ns vpc.switch-zone-a ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── vpc.switch-zone-b
in_ns vpc.switch-zone-b ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:01:00:00 mtu 1500 up type bridge
EOF

# ── vpc.router
in_ns vpc.router ip -batch - <<'EOF'
link add s1-zone-a address 02:07:00:00:00:00 mtu 1500 up type veth peer name router address 02:08:00:00:00:00 mtu 1500 netns vpc.switch-zone-a
link add s2-zone-b address 02:07:00:01:00:00 mtu 1500 up type veth peer name router address 02:08:00:01:00:00 mtu 1500 netns vpc.switch-zone-b
EOF

# ── vpc.node-1
in_ns vpc.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-zone-a
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns vpc.switch-zone-a
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:00:00:00 mtu 1500 up type bridge
link add p1-pod-a address 02:02:00:00:00:01 mtu 1500 master cni0 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1500 netns vpc.pod-a
link set p1-pod-a type bridge_slave hairpin on
EOF

# ── vpc.node-2
in_ns vpc.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-zone-a
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns vpc.switch-zone-a
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:01:00:00 mtu 1500 up type bridge
link add p1-pod-b address 02:02:00:01:00:01 mtu 1500 master cni0 up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1500 netns vpc.pod-b
link set p1-pod-b type bridge_slave hairpin on
EOF

# ── vpc.node-3
in_ns vpc.node-3 ip -batch - <<'EOF'
# node-3 is plugged into switch-zone-b
link add eth0 address 02:03:00:02:00:00 mtu 1500 up type veth peer name h3-node-3 address 02:04:00:02:00:00 mtu 1500 netns vpc.switch-zone-b
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:02:00:00 mtu 1500 up type bridge
link add p1-pod-c address 02:02:00:02:00:01 mtu 1500 master cni0 up type veth peer name eth0 address 02:01:00:02:00:01 mtu 1500 netns vpc.pod-c
link set p1-pod-c type bridge_slave hairpin on
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── vpc.switch-zone-a
in_ns vpc.switch-zone-a ip -batch - <<'EOF'
link set router master br0 up
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
EOF

# ── vpc.switch-zone-b
in_ns vpc.switch-zone-b ip -batch - <<'EOF'
link set router master br0 up
link set h3-node-3 master br0 up
EOF

# ── vpc.router
in_ns vpc.router sysctl -q -p - <<'EOF'
net/ipv4/conf/s1-zone-a/send_redirects = 0
net/ipv4/conf/s2-zone-b/send_redirects = 0
EOF
in_ns vpc.router ip -batch - <<'EOF'
link set lo up
address replace 192.168.1.1/24 dev s1-zone-a
address replace 192.168.2.1/24 dev s2-zone-b
# pods of node-1
route replace 10.244.0.0/24 via 192.168.1.11 dev s1-zone-a
# pods of node-2
route replace 10.244.1.0/24 via 192.168.1.12 dev s1-zone-a
# pods of node-3
route replace 10.244.2.0/24 via 192.168.2.11 dev s2-zone-b
EOF
in_ns vpc.router iptables-restore --noflush --wait=10 <<'EOF'
*filter
# what hosts of zone-a send, by the MAC of their port
:VPC-FROM-s1-zone-a - [0:0]
:VPC-h1-node-1 - [0:0]
:VPC-h2-node-2 - [0:0]
# what hosts of zone-a get
:VPC-TO-s1-zone-a - [0:0]
# what hosts of zone-b send, by the MAC of their port
:VPC-FROM-s2-zone-b - [0:0]
:VPC-h3-node-3 - [0:0]
# what hosts of zone-b get
:VPC-TO-s2-zone-b - [0:0]
# the source/destination check
-F FORWARD
-A VPC-FROM-s1-zone-a -m mac --mac-source 02:03:00:00:00:00 -m comment --comment "port of node-1" -g VPC-h1-node-1
-A VPC-FROM-s1-zone-a -m mac --mac-source 02:03:00:01:00:00 -m comment --comment "port of node-2" -g VPC-h2-node-2
-A VPC-FROM-s1-zone-a -m comment --comment "source/destination check: no host of zone-a has this MAC" -j DROP
-A VPC-h1-node-1 -s 192.168.1.11/32 -j RETURN
-A VPC-h1-node-1 -s 10.244.0.0/24 -j RETURN
-A VPC-h1-node-1 -m comment --comment "source/destination check: node-1 may send only from its own addresses and those of its pods" -j DROP
-A VPC-h2-node-2 -s 192.168.1.12/32 -j RETURN
-A VPC-h2-node-2 -s 10.244.1.0/24 -j RETURN
-A VPC-h2-node-2 -m comment --comment "source/destination check: node-2 may send only from its own addresses and those of its pods" -j DROP
-A VPC-TO-s1-zone-a -d 192.168.1.11/32 -j RETURN
-A VPC-TO-s1-zone-a -d 10.244.0.0/24 -j RETURN
-A VPC-TO-s1-zone-a -d 192.168.1.12/32 -j RETURN
-A VPC-TO-s1-zone-a -d 10.244.1.0/24 -j RETURN
-A VPC-TO-s1-zone-a -m comment --comment "source/destination check: no host of zone-a has that address or a pod with it" -j DROP
-A VPC-FROM-s2-zone-b -m mac --mac-source 02:03:00:02:00:00 -m comment --comment "port of node-3" -g VPC-h3-node-3
-A VPC-FROM-s2-zone-b -m comment --comment "source/destination check: no host of zone-b has this MAC" -j DROP
-A VPC-h3-node-3 -s 192.168.2.11/32 -j RETURN
-A VPC-h3-node-3 -s 10.244.2.0/24 -j RETURN
-A VPC-h3-node-3 -m comment --comment "source/destination check: node-3 may send only from its own addresses and those of its pods" -j DROP
-A VPC-TO-s2-zone-b -d 192.168.2.11/32 -j RETURN
-A VPC-TO-s2-zone-b -d 10.244.2.0/24 -j RETURN
-A VPC-TO-s2-zone-b -m comment --comment "source/destination check: no host of zone-b has that address or a pod with it" -j DROP
-A FORWARD -i s1-zone-a -j VPC-FROM-s1-zone-a
-A FORWARD -o s1-zone-a -j VPC-TO-s1-zone-a
-A FORWARD -i s2-zone-b -j VPC-FROM-s2-zone-b
-A FORWARD -o s2-zone-b -j VPC-TO-s2-zone-b
COMMIT
EOF

# ── vpc.node-1
in_ns vpc.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.1.11/24 dev eth0
route replace default via 192.168.1.1 dev eth0
address replace 10.244.0.1/24 dev cni0
EOF
in_ns vpc.node-1 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.1.0/24 -m comment --comment "to hosts on zone-a: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.2.0/24 -m comment --comment "to hosts on zone-b: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── vpc.node-2
in_ns vpc.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.1.12/24 dev eth0
route replace default via 192.168.1.1 dev eth0
address replace 10.244.1.1/24 dev cni0
EOF
in_ns vpc.node-2 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.1.0/24 -m comment --comment "to hosts on zone-a: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.2.0/24 -m comment --comment "to hosts on zone-b: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── vpc.node-3
in_ns vpc.node-3 ip -batch - <<'EOF'
link set lo up
address replace 192.168.2.11/24 dev eth0
route replace default via 192.168.2.1 dev eth0
address replace 10.244.2.1/24 dev cni0
EOF
in_ns vpc.node-3 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.1.0/24 -m comment --comment "to hosts on zone-a: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.2.0/24 -m comment --comment "to hosts on zone-b: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── vpc.pod-a
in_ns vpc.pod-a sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns vpc.pod-a ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── vpc.pod-b
in_ns vpc.pod-b sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns vpc.pod-b ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.2/24 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF

# ── vpc.pod-c
in_ns vpc.pod-c sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns vpc.pod-c ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.2.2/24 dev eth0
route replace default via 10.244.2.1 dev eth0
EOF
