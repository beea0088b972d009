#!/bin/sh
# Builds the lab "bgp-reflector" of topologies/bgp-reflector.yaml: 4 hosts, 3 pods, backend bgp, attach bridge.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/bgp-reflector.yaml --down | sudo sh
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
mkdir -p /run/netlab-script-bgp-reflector


# ──────────────────────────────────────────────────────────────────────────────
# 1. Namespaces: every node (host, pod, switch, router) is a network namespace of its own
# ──────────────────────────────────────────────────────────────────────────────
ip -batch - <<'EOF'
netns add bgp-reflector.switch-lan
netns add bgp-reflector.node-1
netns add bgp-reflector.pod-a
netns add bgp-reflector.node-2
netns add bgp-reflector.node-3
netns add bgp-reflector.pod-c
netns add bgp-reflector.node-4
netns add bgp-reflector.pod-d
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── bgp-reflector.switch-lan
in_ns bgp-reflector.switch-lan sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── bgp-reflector.node-1
in_ns bgp-reflector.node-1 sysctl -q -p - <<'EOF'
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

# ── bgp-reflector.node-2
in_ns bgp-reflector.node-2 sysctl -q -p - <<'EOF'
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

# ── bgp-reflector.node-3
in_ns bgp-reflector.node-3 sysctl -q -p - <<'EOF'
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

# ── bgp-reflector.node-4
in_ns bgp-reflector.node-4 sysctl -q -p - <<'EOF'
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

# ── bgp-reflector.switch-lan
in_ns bgp-reflector.switch-lan ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── bgp-reflector.node-1
in_ns bgp-reflector.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-lan
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns bgp-reflector.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:00:00:00 mtu 1500 up type bridge
link add p1-pod-a address 02:02:00:00:00:01 mtu 1500 master cni0 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1500 netns bgp-reflector.pod-a
link set p1-pod-a type bridge_slave hairpin on
EOF

# ── bgp-reflector.node-2
in_ns bgp-reflector.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-lan
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns bgp-reflector.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:01:00:00 mtu 1500 up type bridge
EOF

# ── bgp-reflector.node-3
in_ns bgp-reflector.node-3 ip -batch - <<'EOF'
# node-3 is plugged into switch-lan
link add eth0 address 02:03:00:02:00:00 mtu 1500 up type veth peer name h3-node-3 address 02:04:00:02:00:00 mtu 1500 netns bgp-reflector.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:02:00:00 mtu 1500 up type bridge
link add p1-pod-c address 02:02:00:02:00:01 mtu 1500 master cni0 up type veth peer name eth0 address 02:01:00:02:00:01 mtu 1500 netns bgp-reflector.pod-c
link set p1-pod-c type bridge_slave hairpin on
EOF

# ── bgp-reflector.node-4
in_ns bgp-reflector.node-4 ip -batch - <<'EOF'
# node-4 is plugged into switch-lan
link add eth0 address 02:03:00:03:00:00 mtu 1500 up type veth peer name h4-node-4 address 02:04:00:03:00:00 mtu 1500 netns bgp-reflector.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:03:00:00 mtu 1500 up type bridge
link add p1-pod-d address 02:02:00:03:00:01 mtu 1500 master cni0 up type veth peer name eth0 address 02:01:00:03:00:01 mtu 1500 netns bgp-reflector.pod-d
link set p1-pod-d type bridge_slave hairpin on
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── bgp-reflector.switch-lan
in_ns bgp-reflector.switch-lan ip -batch - <<'EOF'
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
link set h3-node-3 master br0 up
link set h4-node-4 master br0 up
EOF

# ── bgp-reflector.node-1
in_ns bgp-reflector.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.11/24 dev eth0
address replace 10.244.0.1/24 dev cni0
EOF
in_ns bgp-reflector.node-1 iptables-restore --noflush --wait=10 <<'EOF'
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

# ── bgp-reflector.node-2
in_ns bgp-reflector.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.12/24 dev eth0
address replace 10.244.1.1/24 dev cni0
EOF
in_ns bgp-reflector.node-2 iptables-restore --noflush --wait=10 <<'EOF'
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

# ── bgp-reflector.node-3
in_ns bgp-reflector.node-3 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.13/24 dev eth0
address replace 10.244.2.1/24 dev cni0
EOF
in_ns bgp-reflector.node-3 iptables-restore --noflush --wait=10 <<'EOF'
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

# ── bgp-reflector.node-4
in_ns bgp-reflector.node-4 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.14/24 dev eth0
address replace 10.244.3.1/24 dev cni0
EOF
in_ns bgp-reflector.node-4 iptables-restore --noflush --wait=10 <<'EOF'
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

# ── bgp-reflector.pod-a
in_ns bgp-reflector.pod-a sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns bgp-reflector.pod-a ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── bgp-reflector.pod-c
in_ns bgp-reflector.pod-c sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns bgp-reflector.pod-c ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.2.2/24 dev eth0
route replace default via 10.244.2.1 dev eth0
EOF

# ── bgp-reflector.pod-d
in_ns bgp-reflector.pod-d sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns bgp-reflector.pod-d ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.3.2/24 dev eth0
route replace default via 10.244.3.1 dev eth0
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 5. Daemons: programs that change the network by themselves, with their files
# ──────────────────────────────────────────────────────────────────────────────

# ── bgp-reflector.node-1
(umask 077 && mkdir -p /run/netlab-script-bgp-reflector/node-1.bird.d)
cat >/run/netlab-script-bgp-reflector/node-1.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.50.11;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.0.0/24 blackhole; }

# Learned from other hosts: written into the table of the kernel as proto bird.
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export where source = RTS_BGP; }; }

template bgp host {
  local 192.168.50.11 as 65001;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  ipv4 { import all; export where source = RTS_BGP || proto = "blocks_ipv4"; };
}
protocol bgp 'h2-node-2' from host { neighbor 192.168.50.12 as 65001; direct; }
protocol bgp 'h3-node-3' from host { neighbor 192.168.50.13 as 65001; rr client; rr cluster id 192.168.50.11; direct; }
protocol bgp 'h4-node-4' from host { neighbor 192.168.50.14 as 65001; rr client; rr cluster id 192.168.50.11; direct; }
END_OF_FILE
chmod 0600 /run/netlab-script-bgp-reflector/node-1.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-1' bgp-reflector.node-1 node-1 /run/netlab-script-bgp-reflector/node-1.bird.d /run/netlab-script-bgp-reflector/node-1.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── bgp-reflector.node-2
(umask 077 && mkdir -p /run/netlab-script-bgp-reflector/node-2.bird.d)
cat >/run/netlab-script-bgp-reflector/node-2.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.50.12;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.1.0/24 blackhole; }

# Learned from other hosts: written into the table of the kernel as proto bird.
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export where source = RTS_BGP; }; }

template bgp host {
  local 192.168.50.12 as 65001;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  ipv4 { import all; export where source = RTS_BGP || proto = "blocks_ipv4"; };
}
protocol bgp 'h1-node-1' from host { neighbor 192.168.50.11 as 65001; direct; }
protocol bgp 'h3-node-3' from host { neighbor 192.168.50.13 as 65001; rr client; rr cluster id 192.168.50.11; direct; }
protocol bgp 'h4-node-4' from host { neighbor 192.168.50.14 as 65001; rr client; rr cluster id 192.168.50.11; direct; }
END_OF_FILE
chmod 0600 /run/netlab-script-bgp-reflector/node-2.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-2' bgp-reflector.node-2 node-2 /run/netlab-script-bgp-reflector/node-2.bird.d /run/netlab-script-bgp-reflector/node-2.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── bgp-reflector.node-3
(umask 077 && mkdir -p /run/netlab-script-bgp-reflector/node-3.bird.d)
cat >/run/netlab-script-bgp-reflector/node-3.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.50.13;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.2.0/24 blackhole; }

# Learned from other hosts: written into the table of the kernel as proto bird.
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export where source = RTS_BGP; }; }

template bgp host {
  local 192.168.50.13 as 65001;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  ipv4 { import all; export where proto = "blocks_ipv4"; };
}
protocol bgp 'h1-node-1' from host { neighbor 192.168.50.11 as 65001; direct; }
protocol bgp 'h2-node-2' from host { neighbor 192.168.50.12 as 65001; direct; }
END_OF_FILE
chmod 0600 /run/netlab-script-bgp-reflector/node-3.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-3' bgp-reflector.node-3 node-3 /run/netlab-script-bgp-reflector/node-3.bird.d /run/netlab-script-bgp-reflector/node-3.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── bgp-reflector.node-4
(umask 077 && mkdir -p /run/netlab-script-bgp-reflector/node-4.bird.d)
cat >/run/netlab-script-bgp-reflector/node-4.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.50.14;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.3.0/24 blackhole; }

# Learned from other hosts: written into the table of the kernel as proto bird.
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export where source = RTS_BGP; }; }

template bgp host {
  local 192.168.50.14 as 65001;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  ipv4 { import all; export where proto = "blocks_ipv4"; };
}
protocol bgp 'h1-node-1' from host { neighbor 192.168.50.11 as 65001; direct; }
protocol bgp 'h2-node-2' from host { neighbor 192.168.50.12 as 65001; direct; }
END_OF_FILE
chmod 0600 /run/netlab-script-bgp-reflector/node-4.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-4' bgp-reflector.node-4 node-4 /run/netlab-script-bgp-reflector/node-4.bird.d /run/netlab-script-bgp-reflector/node-4.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

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
netlab_learned 'bird on node-1' -n bgp-reflector.node-1 -4 route show 10.244.1.0/24 proto bird
netlab_learned 'bird on node-1' -n bgp-reflector.node-1 -4 route show 10.244.2.0/24 proto bird
netlab_learned 'bird on node-1' -n bgp-reflector.node-1 -4 route show 10.244.3.0/24 proto bird
netlab_learned 'bird on node-2' -n bgp-reflector.node-2 -4 route show 10.244.0.0/24 proto bird
netlab_learned 'bird on node-2' -n bgp-reflector.node-2 -4 route show 10.244.2.0/24 proto bird
netlab_learned 'bird on node-2' -n bgp-reflector.node-2 -4 route show 10.244.3.0/24 proto bird
netlab_learned 'bird on node-3' -n bgp-reflector.node-3 -4 route show 10.244.0.0/24 proto bird
netlab_learned 'bird on node-3' -n bgp-reflector.node-3 -4 route show 10.244.1.0/24 proto bird
netlab_learned 'bird on node-3' -n bgp-reflector.node-3 -4 route show 10.244.3.0/24 proto bird
netlab_learned 'bird on node-4' -n bgp-reflector.node-4 -4 route show 10.244.0.0/24 proto bird
netlab_learned 'bird on node-4' -n bgp-reflector.node-4 -4 route show 10.244.1.0/24 proto bird
netlab_learned 'bird on node-4' -n bgp-reflector.node-4 -4 route show 10.244.2.0/24 proto bird
