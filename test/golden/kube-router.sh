#!/bin/sh
# Builds the lab "kube-router" of topologies/kube-router.yaml: 3 hosts, 3 pods, backend bgp, attach bridge.
# Preset kube-router chose backend: { type: bgp, mode: mesh, tunnel: cross-segment, device: tun-###########, table: 77 }, attach: { type: bridge, name: kube-bridge, interfaces: veth######## }, policy: iptables, segments: { subnet-1: 192.168.1.0/24, subnet-2: 192.168.2.0/24 }.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/kube-router.yaml --down | sudo sh
#
# Run it as root. It needs: nsenter, ip, sysctl, iptables-restore, setsid, unshare, awk, tail, setpriv, bird.
set -eu

# Runs a command in the network namespace of a node.
in_ns() {
  ns=$1
  shift
  nsenter --net="/run/netns/$ns" "$@"
}
# netlab_container NETNS HOSTNAME LOG [NAME=VALUE ...] COMMAND ...: starts a program in the network of its pod, with
# a host name, mounts and a session of its own. A fresh /sys, because /sys/class/net shows where it was mounted from.
# Mounts are slaves, lest a copy of /run/netns keeps namespaces alive after they were deleted.
netlab_container() (
  netns=$1 hostname=$2 log=$3
  shift 3
  # shellcheck disable=SC2016 # the inner shell expands it
  setsid nsenter --net="/run/netns/$netns" unshare --mount --propagation slave --uts sh -c '
    hostname "$1" && shift && mount -t sysfs sysfs /sys && cd / &&
    exec env -i PATH="${PATH-}" HOME="${HOME-}" LANG="${LANG-}" TERM="${TERM-}" "$@"
  ' sh "$hostname" "$@" >>"$log" 2>&1 </dev/null &
)
# netlab_daemon NAME NETNS HOSTNAME DIRECTORY LOG TEST [NAME=VALUE ...] COMMAND ...: starts a program in the network of
# its node and in a directory that only root can read, and returns when TEST succeeds there twice, 0.1 s
# apart. Says what the program said if it ends before that, or takes longer than 15 seconds.
netlab_daemon() {
  name=$1 netns=$2 hostname=$3 directory=$4 log=$5 test=$6
  shift 6
  (umask 077 && : >>"$log")
  rm -f "$directory/.pid"
  # shellcheck disable=SC2016 # the inner shell expands it
  netlab_container "$netns" "$hostname" "$log" "HOSTNAME=$hostname" sh -c '
    umask 077 && cd "$1" && shift && echo $$ >.pid && exec "$@"
  ' sh "$directory" "$@"
  tries=0 ready=0
  while [ $ready -lt 2 ]; do
    pid=$(cat "$directory/.pid" 2>/dev/null || :)
    if [ $tries -gt 150 ] || { [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null; }; then
      tail -n 6 "$log" >&2
      echo "$name is not ready" >&2
      exit 1
    fi
    # shellcheck disable=SC2016 # the inner shell expands it
    if nsenter --net="/run/netns/$netns" sh -c 'cd "$1" && eval "$2"' sh "$directory" "$test" >/dev/null 2>&1; then
      ready=$((ready + 1))
    else
      ready=0
    fi
    tries=$((tries + 1))
    sleep 0.1
  done
}
mkdir -p /run/netlab-script-kube-router


# ──────────────────────────────────────────────────────────────────────────────
# 1. Namespaces: every node (host, pod, switch, router) is a network namespace of its own
# ──────────────────────────────────────────────────────────────────────────────
ip -batch - <<'EOF'
netns add kube-router.switch-subnet-1
netns add kube-router.switch-subnet-2
netns add kube-router.router
netns add kube-router.node-1
netns add kube-router.pod-a
netns add kube-router.node-2
netns add kube-router.pod-b
netns add kube-router.node-3
netns add kube-router.pod-c
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── kube-router.switch-subnet-1
in_ns kube-router.switch-subnet-1 sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── kube-router.switch-subnet-2
in_ns kube-router.switch-subnet-2 sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── kube-router.router
in_ns kube-router.router sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# off: pods talk to hosts of other segments, and the router need not have routes to pods
net/ipv4/conf/all/rp_filter = 0
net/ipv4/conf/default/rp_filter = 0
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
EOF

# ── kube-router.node-1
in_ns kube-router.node-1 sysctl -q -p - <<'EOF'
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

# ── kube-router.node-2
in_ns kube-router.node-2 sysctl -q -p - <<'EOF'
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

# ── kube-router.node-3
in_ns kube-router.node-3 sysctl -q -p - <<'EOF'
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

# ── kube-router.switch-subnet-1
in_ns kube-router.switch-subnet-1 ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── kube-router.switch-subnet-2
in_ns kube-router.switch-subnet-2 ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:01:00:00 mtu 1500 up type bridge
EOF

# ── kube-router.router
in_ns kube-router.router ip -batch - <<'EOF'
link add s1-subnet-1 address 02:07:00:00:00:00 mtu 1500 up type veth peer name router address 02:08:00:00:00:00 mtu 1500 netns kube-router.switch-subnet-1
link add s2-subnet-2 address 02:07:00:01:00:00 mtu 1500 up type veth peer name router address 02:08:00:01:00:00 mtu 1500 netns kube-router.switch-subnet-2
EOF

# ── kube-router.node-1
in_ns kube-router.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-subnet-1
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns kube-router.switch-subnet-1
# the pods' bridge; its address is their gateway
link add dev kube-bridge address 02:05:00:00:00:00 mtu 1480 up type bridge
link add veth5e1c4d6c address 02:02:00:00:00:01 mtu 1480 master kube-bridge up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1480 netns kube-router.pod-a
link set veth5e1c4d6c type bridge_slave hairpin on
# the tunnel to node-3
link add tun-cbbda4521e5 mtu 1480 up type ipip local 192.168.1.11 remote 192.168.2.11
EOF

# ── kube-router.node-2
in_ns kube-router.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-subnet-1
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns kube-router.switch-subnet-1
# the pods' bridge; its address is their gateway
link add dev kube-bridge address 02:05:00:01:00:00 mtu 1480 up type bridge
link add veth2f5353dd address 02:02:00:01:00:01 mtu 1480 master kube-bridge up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1480 netns kube-router.pod-b
link set veth2f5353dd type bridge_slave hairpin on
# the tunnel to node-3
link add tun-cbbda4521e5 mtu 1480 up type ipip local 192.168.1.12 remote 192.168.2.11
EOF

# ── kube-router.node-3
in_ns kube-router.node-3 ip -batch - <<'EOF'
# node-3 is plugged into switch-subnet-2
link add eth0 address 02:03:00:02:00:00 mtu 1500 up type veth peer name h3-node-3 address 02:04:00:02:00:00 mtu 1500 netns kube-router.switch-subnet-2
# the pods' bridge; its address is their gateway
link add dev kube-bridge address 02:05:00:02:00:00 mtu 1480 up type bridge
link add veth3754a2f5 address 02:02:00:02:00:01 mtu 1480 master kube-bridge up type veth peer name eth0 address 02:01:00:02:00:01 mtu 1480 netns kube-router.pod-c
link set veth3754a2f5 type bridge_slave hairpin on
# the tunnel to node-1
link add tun-5ab173cfaab mtu 1480 up type ipip local 192.168.2.11 remote 192.168.1.11
# the tunnel to node-2
link add tun-f0fc43e77a3 mtu 1480 up type ipip local 192.168.2.11 remote 192.168.1.12
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── kube-router.switch-subnet-1
in_ns kube-router.switch-subnet-1 ip -batch - <<'EOF'
link set router master br0 up
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
EOF

# ── kube-router.switch-subnet-2
in_ns kube-router.switch-subnet-2 ip -batch - <<'EOF'
link set router master br0 up
link set h3-node-3 master br0 up
EOF

# ── kube-router.router
in_ns kube-router.router ip -batch - <<'EOF'
link set lo up
address replace 192.168.1.1/24 dev s1-subnet-1
address replace 192.168.2.1/24 dev s2-subnet-2
EOF

# ── kube-router.node-1
in_ns kube-router.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.1.11/24 dev eth0
route replace default via 192.168.1.1 dev eth0
address replace 10.244.0.1/24 dev kube-bridge
route replace 192.168.2.11/32 dev tun-cbbda4521e5 table 77
# what pods send to hosts behind a tunnel takes the tunnel too
rule add from 10.244.0.0/24 table 77 priority 32765
EOF
in_ns kube-router.node-1 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.1.0/24 -m comment --comment "to hosts on subnet-1: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.2.0/24 -m comment --comment "to hosts on subnet-2: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── kube-router.node-2
in_ns kube-router.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.1.12/24 dev eth0
route replace default via 192.168.1.1 dev eth0
address replace 10.244.1.1/24 dev kube-bridge
route replace 192.168.2.11/32 dev tun-cbbda4521e5 table 77
# what pods send to hosts behind a tunnel takes the tunnel too
rule add from 10.244.1.0/24 table 77 priority 32765
EOF
in_ns kube-router.node-2 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.1.0/24 -m comment --comment "to hosts on subnet-1: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.2.0/24 -m comment --comment "to hosts on subnet-2: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── kube-router.node-3
in_ns kube-router.node-3 ip -batch - <<'EOF'
link set lo up
address replace 192.168.2.11/24 dev eth0
route replace default via 192.168.2.1 dev eth0
address replace 10.244.2.1/24 dev kube-bridge
route replace 192.168.1.11/32 dev tun-5ab173cfaab table 77
route replace 192.168.1.12/32 dev tun-f0fc43e77a3 table 77
# what pods send to hosts behind a tunnel takes the tunnel too
rule add from 10.244.2.0/24 table 77 priority 32765
EOF
in_ns kube-router.node-3 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.1.0/24 -m comment --comment "to hosts on subnet-1: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.2.0/24 -m comment --comment "to hosts on subnet-2: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── kube-router.pod-a
in_ns kube-router.pod-a sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns kube-router.pod-a ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── kube-router.pod-b
in_ns kube-router.pod-b sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns kube-router.pod-b ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.2/24 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF

# ── kube-router.pod-c
in_ns kube-router.pod-c sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns kube-router.pod-c ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.2.2/24 dev eth0
route replace default via 10.244.2.1 dev eth0
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 5. Daemons: programs that change the network by themselves, with their files
# ──────────────────────────────────────────────────────────────────────────────

# ── kube-router.node-1
(umask 077 && mkdir -p /run/netlab-script-kube-router/node-1.bird.d)
cat >/run/netlab-script-kube-router/node-1.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.1.11;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.0.0/24 blackhole; }

# How the other hosts are reached, by which next hops are looked up.
ipv4 table nexthops_ipv4;
protocol direct on_link { interface "eth0"; ipv4 { table nexthops_ipv4; }; }
protocol static by_tunnel {
  ipv4 { table nexthops_ipv4; };
  route 192.168.2.11/32 via "tun-cbbda4521e5";
}

# Learned from other hosts: written into the table of the kernel as proto bird.
filter into_kernel {
  if source != RTS_BGP then reject;
  if bgp_next_hop = 192.168.2.11 then { ifname = "tun-cbbda4521e5"; krt_prefsrc = 192.168.1.11; }
  accept;
}
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export filter into_kernel; }; }

template bgp host {
  local 192.168.1.11 as 64512;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  ipv4 { import all; export where proto = "blocks_ipv4"; igp table nexthops_ipv4; };
}
protocol bgp 'h2-node-2' from host { neighbor 192.168.1.12 as 64512; multihop; }
protocol bgp 'h3-node-3' from host { neighbor 192.168.2.11 as 64512; multihop; }
END_OF_FILE
chmod 0600 /run/netlab-script-kube-router/node-1.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-1' kube-router.node-1 node-1 /run/netlab-script-kube-router/node-1.bird.d /run/netlab-script-kube-router/node-1.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── kube-router.node-2
(umask 077 && mkdir -p /run/netlab-script-kube-router/node-2.bird.d)
cat >/run/netlab-script-kube-router/node-2.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.1.12;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.1.0/24 blackhole; }

# How the other hosts are reached, by which next hops are looked up.
ipv4 table nexthops_ipv4;
protocol direct on_link { interface "eth0"; ipv4 { table nexthops_ipv4; }; }
protocol static by_tunnel {
  ipv4 { table nexthops_ipv4; };
  route 192.168.2.11/32 via "tun-cbbda4521e5";
}

# Learned from other hosts: written into the table of the kernel as proto bird.
filter into_kernel {
  if source != RTS_BGP then reject;
  if bgp_next_hop = 192.168.2.11 then { ifname = "tun-cbbda4521e5"; krt_prefsrc = 192.168.1.12; }
  accept;
}
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export filter into_kernel; }; }

template bgp host {
  local 192.168.1.12 as 64512;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  ipv4 { import all; export where proto = "blocks_ipv4"; igp table nexthops_ipv4; };
}
protocol bgp 'h1-node-1' from host { neighbor 192.168.1.11 as 64512; multihop; }
protocol bgp 'h3-node-3' from host { neighbor 192.168.2.11 as 64512; multihop; }
END_OF_FILE
chmod 0600 /run/netlab-script-kube-router/node-2.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-2' kube-router.node-2 node-2 /run/netlab-script-kube-router/node-2.bird.d /run/netlab-script-kube-router/node-2.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── kube-router.node-3
(umask 077 && mkdir -p /run/netlab-script-kube-router/node-3.bird.d)
cat >/run/netlab-script-kube-router/node-3.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.2.11;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.2.0/24 blackhole; }

# How the other hosts are reached, by which next hops are looked up.
ipv4 table nexthops_ipv4;
protocol direct on_link { interface "eth0"; ipv4 { table nexthops_ipv4; }; }
protocol static by_tunnel {
  ipv4 { table nexthops_ipv4; };
  route 192.168.1.11/32 via "tun-5ab173cfaab";
  route 192.168.1.12/32 via "tun-f0fc43e77a3";
}

# Learned from other hosts: written into the table of the kernel as proto bird.
filter into_kernel {
  if source != RTS_BGP then reject;
  if bgp_next_hop = 192.168.1.11 then { ifname = "tun-5ab173cfaab"; krt_prefsrc = 192.168.2.11; }
  if bgp_next_hop = 192.168.1.12 then { ifname = "tun-f0fc43e77a3"; krt_prefsrc = 192.168.2.11; }
  accept;
}
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export filter into_kernel; }; }

template bgp host {
  local 192.168.2.11 as 64512;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  ipv4 { import all; export where proto = "blocks_ipv4"; igp table nexthops_ipv4; };
}
protocol bgp 'h1-node-1' from host { neighbor 192.168.1.11 as 64512; multihop; }
protocol bgp 'h2-node-2' from host { neighbor 192.168.1.12 as 64512; multihop; }
END_OF_FILE
chmod 0600 /run/netlab-script-kube-router/node-3.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-3' kube-router.node-3 node-3 /run/netlab-script-kube-router/node-3.bird.d /run/netlab-script-kube-router/node-3.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# Learned: routes that daemons bring about. There is nothing to make; wait up to 60 s for each.
# netlab_learned DAEMON IP-ARGUMENT ...: returns when "ip IP-ARGUMENT ..." shows a route.
netlab_learned() {
  by=$1 tries=0
  shift
  while [ -z "$(ip "$@" 2>/dev/null)" ]; do
    if [ $tries -gt 600 ]; then
      echo "$by has not brought about what this shows: ip $*" >&2
      exit 1
    fi
    tries=$((tries + 1))
    sleep 0.1
  done
}
netlab_learned 'bird on node-1' -n kube-router.node-1 -4 route show 10.244.1.0/24 proto bird
netlab_learned 'bird on node-1' -n kube-router.node-1 -4 route show 10.244.2.0/24 proto bird
netlab_learned 'bird on node-2' -n kube-router.node-2 -4 route show 10.244.0.0/24 proto bird
netlab_learned 'bird on node-2' -n kube-router.node-2 -4 route show 10.244.2.0/24 proto bird
netlab_learned 'bird on node-3' -n kube-router.node-3 -4 route show 10.244.0.0/24 proto bird
netlab_learned 'bird on node-3' -n kube-router.node-3 -4 route show 10.244.1.0/24 proto bird
