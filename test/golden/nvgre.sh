#!/bin/sh
# Builds the lab "nvgre" of topologies/nvgre.yaml: 3 hosts, 3 pods, backend gre, attach bridge.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/nvgre.yaml --down | sudo sh
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
netns add nvgre.switch-lan
netns add nvgre.node-1
netns add nvgre.pod-a
netns add nvgre.node-2
netns add nvgre.pod-b
netns add nvgre.node-3
netns add nvgre.pod-c
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── nvgre.switch-lan
in_ns nvgre.switch-lan sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── nvgre.node-1
in_ns nvgre.node-1 sysctl -q -p - <<'EOF'
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

# ── nvgre.node-2
in_ns nvgre.node-2 sysctl -q -p - <<'EOF'
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

# ── nvgre.node-3
in_ns nvgre.node-3 sysctl -q -p - <<'EOF'
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

# ── nvgre.switch-lan
in_ns nvgre.switch-lan ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── nvgre.node-1
in_ns nvgre.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-lan
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns nvgre.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:00:00:00 mtu 1458 up type bridge
link add p1-pod-a address 02:02:00:00:00:01 mtu 1458 master cni0 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1458 netns nvgre.pod-a
link set p1-pod-a type bridge_slave hairpin on
# the tunnel to node-2, a port of the pods' bridge, which learns what is behind it
link add g2-node-2 address 02:06:00:00:00:02 mtu 1458 master cni0 up type gretap local 192.168.50.11 remote 192.168.50.12 key 1280256
link set g2-node-2 type bridge_slave isolated on
# the tunnel to node-3, a port of the pods' bridge, which learns what is behind it
link add g3-node-3 address 02:06:00:00:00:03 mtu 1458 master cni0 up type gretap local 192.168.50.11 remote 192.168.50.13 key 1280256
link set g3-node-3 type bridge_slave isolated on
EOF

# ── nvgre.node-2
in_ns nvgre.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-lan
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns nvgre.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:01:00:00 mtu 1458 up type bridge
link add p1-pod-b address 02:02:00:01:00:01 mtu 1458 master cni0 up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1458 netns nvgre.pod-b
link set p1-pod-b type bridge_slave hairpin on
# the tunnel to node-1, a port of the pods' bridge, which learns what is behind it
link add g1-node-1 address 02:06:00:01:00:01 mtu 1458 master cni0 up type gretap local 192.168.50.12 remote 192.168.50.11 key 1280256
link set g1-node-1 type bridge_slave isolated on
# the tunnel to node-3, a port of the pods' bridge, which learns what is behind it
link add g3-node-3 address 02:06:00:01:00:03 mtu 1458 master cni0 up type gretap local 192.168.50.12 remote 192.168.50.13 key 1280256
link set g3-node-3 type bridge_slave isolated on
EOF

# ── nvgre.node-3
in_ns nvgre.node-3 ip -batch - <<'EOF'
# node-3 is plugged into switch-lan
link add eth0 address 02:03:00:02:00:00 mtu 1500 up type veth peer name h3-node-3 address 02:04:00:02:00:00 mtu 1500 netns nvgre.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:02:00:00 mtu 1458 up type bridge
link add p1-pod-c address 02:02:00:02:00:01 mtu 1458 master cni0 up type veth peer name eth0 address 02:01:00:02:00:01 mtu 1458 netns nvgre.pod-c
link set p1-pod-c type bridge_slave hairpin on
# the tunnel to node-1, a port of the pods' bridge, which learns what is behind it
link add g1-node-1 address 02:06:00:02:00:01 mtu 1458 master cni0 up type gretap local 192.168.50.13 remote 192.168.50.11 key 1280256
link set g1-node-1 type bridge_slave isolated on
# the tunnel to node-2, a port of the pods' bridge, which learns what is behind it
link add g2-node-2 address 02:06:00:02:00:02 mtu 1458 master cni0 up type gretap local 192.168.50.13 remote 192.168.50.12 key 1280256
link set g2-node-2 type bridge_slave isolated on
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── nvgre.switch-lan
in_ns nvgre.switch-lan ip -batch - <<'EOF'
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
link set h3-node-3 master br0 up
EOF

# ── nvgre.node-1
in_ns nvgre.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.11/24 dev eth0
address replace 10.244.0.1/16 dev cni0
EOF
in_ns nvgre.node-1 iptables-restore --noflush --wait=10 <<'EOF'
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

# ── nvgre.node-2
in_ns nvgre.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.12/24 dev eth0
address replace 10.244.1.1/16 dev cni0
EOF
in_ns nvgre.node-2 iptables-restore --noflush --wait=10 <<'EOF'
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

# ── nvgre.node-3
in_ns nvgre.node-3 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.13/24 dev eth0
address replace 10.244.2.1/16 dev cni0
EOF
in_ns nvgre.node-3 iptables-restore --noflush --wait=10 <<'EOF'
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

# ── nvgre.pod-a
in_ns nvgre.pod-a sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns nvgre.pod-a ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/16 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── nvgre.pod-b
in_ns nvgre.pod-b sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns nvgre.pod-b ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.2/16 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF

# ── nvgre.pod-c
in_ns nvgre.pod-c sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns nvgre.pod-c ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.2.2/16 dev eth0
route replace default via 10.244.2.1 dev eth0
EOF
