#!/bin/sh
# Builds the lab "cloud" of topologies/cloud.yaml: 2 hosts, 2 pods, backend vpc, attach bridge.
# Preset vpc chose backend: { type: vpc }, attach: { type: bridge, name: cbr0, interfaces: veth######## }, masquerade: { chain: IP-MASQ-AGENT }.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/cloud.yaml --down | sudo sh
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
netns add cloud.switch-lan
netns add cloud.router
netns add cloud.node-1
netns add cloud.pod-a
netns add cloud.node-2
netns add cloud.pod-b
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── cloud.switch-lan
in_ns cloud.switch-lan sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── cloud.router
in_ns cloud.router sysctl -q -p - <<'EOF'
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

# ── cloud.node-1
in_ns cloud.node-1 sysctl -q -p - <<'EOF'
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

# ── cloud.node-2
in_ns cloud.node-2 sysctl -q -p - <<'EOF'
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

# ── cloud.switch-lan
in_ns cloud.switch-lan ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── cloud.router
in_ns cloud.router ip -batch - <<'EOF'
link add s1-lan address 02:07:00:00:00:00 mtu 1500 up type veth peer name router address 02:08:00:00:00:00 mtu 1500 netns cloud.switch-lan
EOF

# ── cloud.node-1
in_ns cloud.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-lan
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns cloud.switch-lan
# the pods' bridge; its address is their gateway
link add dev cbr0 address 02:05:00:00:00:00 mtu 1500 up type bridge
link add veth5e1c4d6c address 02:02:00:00:00:01 mtu 1500 master cbr0 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1500 netns cloud.pod-a
link set veth5e1c4d6c type bridge_slave hairpin on
EOF

# ── cloud.node-2
in_ns cloud.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-lan
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns cloud.switch-lan
# the pods' bridge; its address is their gateway
link add dev cbr0 address 02:05:00:01:00:00 mtu 1500 up type bridge
link add veth2f5353dd address 02:02:00:01:00:01 mtu 1500 master cbr0 up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1500 netns cloud.pod-b
link set veth2f5353dd type bridge_slave hairpin on
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── cloud.switch-lan
in_ns cloud.switch-lan ip -batch - <<'EOF'
link set router master br0 up
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
EOF

# ── cloud.router
in_ns cloud.router sysctl -q -p - <<'EOF'
net/ipv4/conf/s1-lan/send_redirects = 0
EOF
in_ns cloud.router ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.1/24 dev s1-lan
# pods of node-1
route replace 10.244.0.0/24 via 192.168.50.11 dev s1-lan
# pods of node-2
route replace 10.244.1.0/24 via 192.168.50.12 dev s1-lan
EOF
in_ns cloud.router iptables-restore --noflush --wait=10 <<'EOF'
*filter
# what hosts of lan send, by the MAC of their port
:VPC-FROM-s1-lan - [0:0]
:VPC-h1-node-1 - [0:0]
:VPC-h2-node-2 - [0:0]
# what hosts of lan get
:VPC-TO-s1-lan - [0:0]
# the source/destination check
-F FORWARD
-A VPC-FROM-s1-lan -m mac --mac-source 02:03:00:00:00:00 -m comment --comment "port of node-1" -g VPC-h1-node-1
-A VPC-FROM-s1-lan -m mac --mac-source 02:03:00:01:00:00 -m comment --comment "port of node-2" -g VPC-h2-node-2
-A VPC-FROM-s1-lan -m comment --comment "source/destination check: no host of lan has this MAC" -j DROP
-A VPC-h1-node-1 -s 192.168.50.11/32 -j RETURN
-A VPC-h1-node-1 -s 10.244.0.0/24 -j RETURN
-A VPC-h1-node-1 -m comment --comment "source/destination check: node-1 may send only from its own addresses and those of its pods" -j DROP
-A VPC-h2-node-2 -s 192.168.50.12/32 -j RETURN
-A VPC-h2-node-2 -s 10.244.1.0/24 -j RETURN
-A VPC-h2-node-2 -m comment --comment "source/destination check: node-2 may send only from its own addresses and those of its pods" -j DROP
-A VPC-TO-s1-lan -d 192.168.50.11/32 -j RETURN
-A VPC-TO-s1-lan -d 10.244.0.0/24 -j RETURN
-A VPC-TO-s1-lan -d 192.168.50.12/32 -j RETURN
-A VPC-TO-s1-lan -d 10.244.1.0/24 -j RETURN
-A VPC-TO-s1-lan -m comment --comment "source/destination check: no host of lan has that address or a pod with it" -j DROP
-A FORWARD -i s1-lan -j VPC-FROM-s1-lan
-A FORWARD -o s1-lan -j VPC-TO-s1-lan
COMMIT
EOF

# ── cloud.node-1
in_ns cloud.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.11/24 dev eth0
route replace default via 192.168.50.1 dev eth0
address replace 10.244.0.1/24 dev cbr0
EOF
in_ns cloud.node-1 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:IP-MASQ-AGENT - [0:0]
-F POSTROUTING
-A IP-MASQ-AGENT -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A IP-MASQ-AGENT -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A IP-MASQ-AGENT -d 192.168.50.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A IP-MASQ-AGENT -d 192.168.50.0/24 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A IP-MASQ-AGENT -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A IP-MASQ-AGENT -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j IP-MASQ-AGENT
COMMIT
EOF

# ── cloud.node-2
in_ns cloud.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.12/24 dev eth0
route replace default via 192.168.50.1 dev eth0
address replace 10.244.1.1/24 dev cbr0
EOF
in_ns cloud.node-2 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:IP-MASQ-AGENT - [0:0]
-F POSTROUTING
-A IP-MASQ-AGENT -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A IP-MASQ-AGENT -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A IP-MASQ-AGENT -d 192.168.50.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A IP-MASQ-AGENT -d 192.168.50.0/24 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A IP-MASQ-AGENT -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A IP-MASQ-AGENT -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j IP-MASQ-AGENT
COMMIT
EOF

# ── cloud.pod-a
in_ns cloud.pod-a sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns cloud.pod-a ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── cloud.pod-b
in_ns cloud.pod-b sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns cloud.pod-b ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.2/24 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF
