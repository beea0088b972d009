#!/bin/sh
# Builds the lab "weave" of topologies/weave.yaml: 3 hosts, 3 pods, backend vxlan, attach bridge.
# Preset weave chose podCIDR: 10.32.0.0/12, backend: { type: vxlan, mode: bridged, port: 6784, device: vxlan-6784 }, attach: { type: bridge, name: weave, interfaces: vethwepl####### }, policy: iptables, masquerade: { chain: WEAVE }.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/weave.yaml --down | sudo sh
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
netns add weave.switch-lan
netns add weave.node-1
netns add weave.pod-a
netns add weave.node-2
netns add weave.pod-b
netns add weave.node-3
netns add weave.pod-c
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── weave.switch-lan
in_ns weave.switch-lan sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── weave.node-1
in_ns weave.node-1 sysctl -q -p - <<'EOF'
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

# ── weave.node-2
in_ns weave.node-2 sysctl -q -p - <<'EOF'
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

# ── weave.node-3
in_ns weave.node-3 sysctl -q -p - <<'EOF'
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

# ── weave.switch-lan
in_ns weave.switch-lan ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── weave.node-1
in_ns weave.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-lan
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns weave.switch-lan
# the pods' bridge; its address is their gateway
link add dev weave address 02:05:00:00:00:00 mtu 1450 up type bridge
link add vethwepl5e1c4d6 address 02:02:00:00:00:01 mtu 1450 master weave up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1450 netns weave.pod-a
link set vethwepl5e1c4d6 type bridge_slave hairpin on
# the VTEP of node-1, a port of the pods' bridge: it learns which host a MAC is behind
link add vxlan-6784 address 02:06:00:00:00:00 mtu 1450 master weave up type vxlan id 1 dev eth0 local 192.168.50.11 dstport 6784
EOF

# ── weave.node-2
in_ns weave.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-lan
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns weave.switch-lan
# the pods' bridge; its address is their gateway
link add dev weave address 02:05:00:01:00:00 mtu 1450 up type bridge
link add vethwepl2f5353d address 02:02:00:01:00:01 mtu 1450 master weave up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1450 netns weave.pod-b
link set vethwepl2f5353d type bridge_slave hairpin on
# the VTEP of node-2, a port of the pods' bridge: it learns which host a MAC is behind
link add vxlan-6784 address 02:06:00:01:00:00 mtu 1450 master weave up type vxlan id 1 dev eth0 local 192.168.50.12 dstport 6784
EOF

# ── weave.node-3
in_ns weave.node-3 ip -batch - <<'EOF'
# node-3 is plugged into switch-lan
link add eth0 address 02:03:00:02:00:00 mtu 1500 up type veth peer name h3-node-3 address 02:04:00:02:00:00 mtu 1500 netns weave.switch-lan
# the pods' bridge; its address is their gateway
link add dev weave address 02:05:00:02:00:00 mtu 1450 up type bridge
link add vethwepl3754a2f address 02:02:00:02:00:01 mtu 1450 master weave up type veth peer name eth0 address 02:01:00:02:00:01 mtu 1450 netns weave.pod-c
link set vethwepl3754a2f type bridge_slave hairpin on
# the VTEP of node-3, a port of the pods' bridge: it learns which host a MAC is behind
link add vxlan-6784 address 02:06:00:02:00:00 mtu 1450 master weave up type vxlan id 1 dev eth0 local 192.168.50.13 dstport 6784
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── weave.switch-lan
in_ns weave.switch-lan ip -batch - <<'EOF'
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
link set h3-node-3 master br0 up
EOF

# ── weave.node-1
in_ns weave.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.11/24 dev eth0
address replace 10.32.0.1/12 dev weave
EOF
in_ns weave.node-1 bridge -batch - <<'EOF'
# node-2: gets a copy of what goes to all, and of what is for a MAC that is not learned yet
fdb append 00:00:00:00:00:00 dev vxlan-6784 dst 192.168.50.12 self permanent
# node-3: gets a copy of what goes to all, and of what is for a MAC that is not learned yet
fdb append 00:00:00:00:00:00 dev vxlan-6784 dst 192.168.50.13 self permanent
EOF
in_ns weave.node-1 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:WEAVE - [0:0]
-F POSTROUTING
-A WEAVE -d 10.32.0.0/12 -m comment --comment "to pods: no NAT" -j RETURN
-A WEAVE -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A WEAVE -d 192.168.50.0/24 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A WEAVE -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A WEAVE -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.32.0.0/12 -m comment --comment "from pods" -j WEAVE
COMMIT
EOF

# ── weave.node-2
in_ns weave.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.12/24 dev eth0
address replace 10.33.0.1/12 dev weave
EOF
in_ns weave.node-2 bridge -batch - <<'EOF'
# node-1: gets a copy of what goes to all, and of what is for a MAC that is not learned yet
fdb append 00:00:00:00:00:00 dev vxlan-6784 dst 192.168.50.11 self permanent
# node-3: gets a copy of what goes to all, and of what is for a MAC that is not learned yet
fdb append 00:00:00:00:00:00 dev vxlan-6784 dst 192.168.50.13 self permanent
EOF
in_ns weave.node-2 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:WEAVE - [0:0]
-F POSTROUTING
-A WEAVE -d 10.32.0.0/12 -m comment --comment "to pods: no NAT" -j RETURN
-A WEAVE -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A WEAVE -d 192.168.50.0/24 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A WEAVE -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A WEAVE -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.32.0.0/12 -m comment --comment "from pods" -j WEAVE
COMMIT
EOF

# ── weave.node-3
in_ns weave.node-3 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.13/24 dev eth0
address replace 10.34.0.1/12 dev weave
EOF
in_ns weave.node-3 bridge -batch - <<'EOF'
# node-1: gets a copy of what goes to all, and of what is for a MAC that is not learned yet
fdb append 00:00:00:00:00:00 dev vxlan-6784 dst 192.168.50.11 self permanent
# node-2: gets a copy of what goes to all, and of what is for a MAC that is not learned yet
fdb append 00:00:00:00:00:00 dev vxlan-6784 dst 192.168.50.12 self permanent
EOF
in_ns weave.node-3 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:WEAVE - [0:0]
-F POSTROUTING
-A WEAVE -d 10.32.0.0/12 -m comment --comment "to pods: no NAT" -j RETURN
-A WEAVE -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A WEAVE -d 192.168.50.0/24 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A WEAVE -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A WEAVE -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.32.0.0/12 -m comment --comment "from pods" -j WEAVE
COMMIT
EOF

# ── weave.pod-a
in_ns weave.pod-a sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns weave.pod-a ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.32.0.2/12 dev eth0
route replace default via 10.32.0.1 dev eth0
EOF

# ── weave.pod-b
in_ns weave.pod-b sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns weave.pod-b ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.33.0.2/12 dev eth0
route replace default via 10.33.0.1 dev eth0
EOF

# ── weave.pod-c
in_ns weave.pod-c sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns weave.pod-c ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.34.0.2/12 dev eth0
route replace default via 10.34.0.1 dev eth0
EOF
