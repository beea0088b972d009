#!/bin/sh
# Builds the lab "bgp" of topologies/bgp.yaml: 3 hosts, 3 pods, backend bgp, attach routed.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/bgp.yaml --down | sudo sh
#
# Run it as root. It needs: nsenter, ip, sysctl, iptables-restore, ip6tables-restore, setsid, unshare, awk, tail, setpriv, bird.
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
mkdir -p /run/netlab-script-bgp


# ──────────────────────────────────────────────────────────────────────────────
# 1. Namespaces: every node (host, pod, switch, router) is a network namespace of its own
# ──────────────────────────────────────────────────────────────────────────────
ip -batch - <<'EOF'
netns add bgp.switch-lan
netns add bgp.node-1
netns add bgp.pod-a
netns add bgp.node-2
netns add bgp.pod-b
netns add bgp.node-3
netns add bgp.pod-c
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── bgp.switch-lan
in_ns bgp.switch-lan sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
EOF

# ── bgp.node-1
in_ns bgp.node-1 sysctl -q -p - <<'EOF'
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
EOF

# ── bgp.node-2
in_ns bgp.node-2 sysctl -q -p - <<'EOF'
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
EOF

# ── bgp.node-3
in_ns bgp.node-3 sysctl -q -p - <<'EOF'
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
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 3. Devices: bridges, tunnels, and veth pairs; a pair reaches from one namespace into another
# ──────────────────────────────────────────────────────────────────────────────

# ── bgp.switch-lan
in_ns bgp.switch-lan ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── bgp.node-1
in_ns bgp.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-lan
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns bgp.switch-lan
link add p1-pod-a address ee:ee:ee:ee:ee:ee mtu 1500 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1500 netns bgp.pod-a
EOF

# ── bgp.node-2
in_ns bgp.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-lan
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns bgp.switch-lan
link add p1-pod-b address ee:ee:ee:ee:ee:ee mtu 1500 up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1500 netns bgp.pod-b
EOF

# ── bgp.node-3
in_ns bgp.node-3 ip -batch - <<'EOF'
# node-3 is plugged into switch-lan
link add eth0 address 02:03:00:02:00:00 mtu 1500 up type veth peer name h3-node-3 address 02:04:00:02:00:00 mtu 1500 netns bgp.switch-lan
link add p1-pod-c address ee:ee:ee:ee:ee:ee mtu 1500 up type veth peer name eth0 address 02:01:00:02:00:01 mtu 1500 netns bgp.pod-c
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── bgp.switch-lan
in_ns bgp.switch-lan ip -batch - <<'EOF'
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
link set h3-node-3 master br0 up
EOF

# ── bgp.node-1
in_ns bgp.node-1 sysctl -q -p - <<'EOF'
net/ipv4/conf/p1-pod-a/proxy_arp = 1
net/ipv4/neigh/p1-pod-a/proxy_delay = 0
net/ipv6/conf/p1-pod-a/proxy_ndp = 1
EOF
in_ns bgp.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.11/24 dev eth0
address replace fd00:192:168:50::b/64 dev eth0
# addresses of the block that no pod has go nowhere
route replace blackhole 10.244.0.0/26
# addresses of the block that no pod has go nowhere
route replace blackhole fd00:10:244::/122
# proxy_arp answers for 169.254.1.1 only if another device leads to it
route replace 169.254.1.1/32 dev eth0
route replace 10.244.0.2/32 dev p1-pod-a
route replace fd00:10:244::2/128 dev p1-pod-a
EOF
in_ns bgp.node-1 iptables-restore --noflush --wait=10 <<'EOF'
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
in_ns bgp.node-1 ip6tables-restore --noflush --wait=10 <<'EOF'
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

# ── bgp.node-2
in_ns bgp.node-2 sysctl -q -p - <<'EOF'
net/ipv4/conf/p1-pod-b/proxy_arp = 1
net/ipv4/neigh/p1-pod-b/proxy_delay = 0
net/ipv6/conf/p1-pod-b/proxy_ndp = 1
EOF
in_ns bgp.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.12/24 dev eth0
address replace fd00:192:168:50::c/64 dev eth0
# addresses of the block that no pod has go nowhere
route replace blackhole 10.244.0.64/26
# addresses of the block that no pod has go nowhere
route replace blackhole fd00:10:244::40/122
# proxy_arp answers for 169.254.1.1 only if another device leads to it
route replace 169.254.1.1/32 dev eth0
route replace 10.244.0.66/32 dev p1-pod-b
route replace fd00:10:244::42/128 dev p1-pod-b
EOF
in_ns bgp.node-2 iptables-restore --noflush --wait=10 <<'EOF'
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
in_ns bgp.node-2 ip6tables-restore --noflush --wait=10 <<'EOF'
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

# ── bgp.node-3
in_ns bgp.node-3 sysctl -q -p - <<'EOF'
net/ipv4/conf/p1-pod-c/proxy_arp = 1
net/ipv4/neigh/p1-pod-c/proxy_delay = 0
net/ipv6/conf/p1-pod-c/proxy_ndp = 1
EOF
in_ns bgp.node-3 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.13/24 dev eth0
address replace fd00:192:168:50::d/64 dev eth0
# addresses of the block that no pod has go nowhere
route replace blackhole 10.244.0.128/26
# addresses of the block that no pod has go nowhere
route replace blackhole fd00:10:244::80/122
# proxy_arp answers for 169.254.1.1 only if another device leads to it
route replace 169.254.1.1/32 dev eth0
route replace 10.244.0.130/32 dev p1-pod-c
route replace fd00:10:244::82/128 dev p1-pod-c
EOF
in_ns bgp.node-3 iptables-restore --noflush --wait=10 <<'EOF'
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
in_ns bgp.node-3 ip6tables-restore --noflush --wait=10 <<'EOF'
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

# ── bgp.pod-a
in_ns bgp.pod-a sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/all/accept_dad = 0
net/ipv6/conf/eth0/accept_dad = 0
net/ipv6/conf/eth0/accept_ra = 0
net/ipv6/conf/eth0/disable_ipv6 = 0
EOF
in_ns bgp.pod-a ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/32 dev eth0
route replace 169.254.1.1/32 dev eth0
route replace default via 169.254.1.1 dev eth0
address replace fd00:10:244::2/128 dev eth0
route replace default via fe80::ecee:eeff:feee:eeee dev eth0
EOF

# ── bgp.pod-b
in_ns bgp.pod-b sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/all/accept_dad = 0
net/ipv6/conf/eth0/accept_dad = 0
net/ipv6/conf/eth0/accept_ra = 0
net/ipv6/conf/eth0/disable_ipv6 = 0
EOF
in_ns bgp.pod-b ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.66/32 dev eth0
route replace 169.254.1.1/32 dev eth0
route replace default via 169.254.1.1 dev eth0
address replace fd00:10:244::42/128 dev eth0
route replace default via fe80::ecee:eeff:feee:eeee dev eth0
EOF

# ── bgp.pod-c
in_ns bgp.pod-c sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/all/accept_dad = 0
net/ipv6/conf/eth0/accept_dad = 0
net/ipv6/conf/eth0/accept_ra = 0
net/ipv6/conf/eth0/disable_ipv6 = 0
EOF
in_ns bgp.pod-c ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.130/32 dev eth0
route replace 169.254.1.1/32 dev eth0
route replace default via 169.254.1.1 dev eth0
address replace fd00:10:244::82/128 dev eth0
route replace default via fe80::ecee:eeff:feee:eeee dev eth0
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 5. Daemons: programs that change the network by themselves, with their files
# ──────────────────────────────────────────────────────────────────────────────

# ── bgp.node-1
(umask 077 && mkdir -p /run/netlab-script-bgp/node-1.bird.d)
cat >/run/netlab-script-bgp/node-1.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.50.11;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.0.0/26 blackhole; }
protocol static blocks_ipv6 { ipv6; route fd00:10:244::/122 blackhole; }

# Learned from other hosts: written into the table of the kernel as proto bird.
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export where source = RTS_BGP; }; }
protocol kernel kernel_ipv6 { scan time 2; ipv6 { import none; export where source = RTS_BGP; }; }

template bgp host {
  local 192.168.50.11 as 64512;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  ipv4 { import all; export where proto = "blocks_ipv4"; };
  ipv6 { import all; export where proto = "blocks_ipv6"; next hop address fd00:192:168:50::b; };
}
protocol bgp 'h2-node-2' from host { neighbor 192.168.50.12 as 64512; direct; }
protocol bgp 'h3-node-3' from host { neighbor 192.168.50.13 as 64512; direct; }
END_OF_FILE
chmod 0600 /run/netlab-script-bgp/node-1.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-1' bgp.node-1 node-1 /run/netlab-script-bgp/node-1.bird.d /run/netlab-script-bgp/node-1.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── bgp.node-2
(umask 077 && mkdir -p /run/netlab-script-bgp/node-2.bird.d)
cat >/run/netlab-script-bgp/node-2.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.50.12;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.0.64/26 blackhole; }
protocol static blocks_ipv6 { ipv6; route fd00:10:244::40/122 blackhole; }

# Learned from other hosts: written into the table of the kernel as proto bird.
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export where source = RTS_BGP; }; }
protocol kernel kernel_ipv6 { scan time 2; ipv6 { import none; export where source = RTS_BGP; }; }

template bgp host {
  local 192.168.50.12 as 64512;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  ipv4 { import all; export where proto = "blocks_ipv4"; };
  ipv6 { import all; export where proto = "blocks_ipv6"; next hop address fd00:192:168:50::c; };
}
protocol bgp 'h1-node-1' from host { neighbor 192.168.50.11 as 64512; direct; }
protocol bgp 'h3-node-3' from host { neighbor 192.168.50.13 as 64512; direct; }
END_OF_FILE
chmod 0600 /run/netlab-script-bgp/node-2.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-2' bgp.node-2 node-2 /run/netlab-script-bgp/node-2.bird.d /run/netlab-script-bgp/node-2.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── bgp.node-3
(umask 077 && mkdir -p /run/netlab-script-bgp/node-3.bird.d)
cat >/run/netlab-script-bgp/node-3.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.50.13;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.0.128/26 blackhole; }
protocol static blocks_ipv6 { ipv6; route fd00:10:244::80/122 blackhole; }

# Learned from other hosts: written into the table of the kernel as proto bird.
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export where source = RTS_BGP; }; }
protocol kernel kernel_ipv6 { scan time 2; ipv6 { import none; export where source = RTS_BGP; }; }

template bgp host {
  local 192.168.50.13 as 64512;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  ipv4 { import all; export where proto = "blocks_ipv4"; };
  ipv6 { import all; export where proto = "blocks_ipv6"; next hop address fd00:192:168:50::d; };
}
protocol bgp 'h1-node-1' from host { neighbor 192.168.50.11 as 64512; direct; }
protocol bgp 'h2-node-2' from host { neighbor 192.168.50.12 as 64512; direct; }
END_OF_FILE
chmod 0600 /run/netlab-script-bgp/node-3.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-3' bgp.node-3 node-3 /run/netlab-script-bgp/node-3.bird.d /run/netlab-script-bgp/node-3.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

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
netlab_learned 'bird on node-1' -n bgp.node-1 -4 route show 10.244.0.64/26 proto bird
netlab_learned 'bird on node-1' -n bgp.node-1 -6 route show fd00:10:244::40/122 proto bird
netlab_learned 'bird on node-1' -n bgp.node-1 -4 route show 10.244.0.128/26 proto bird
netlab_learned 'bird on node-1' -n bgp.node-1 -6 route show fd00:10:244::80/122 proto bird
netlab_learned 'bird on node-2' -n bgp.node-2 -4 route show 10.244.0.0/26 proto bird
netlab_learned 'bird on node-2' -n bgp.node-2 -6 route show fd00:10:244::/122 proto bird
netlab_learned 'bird on node-2' -n bgp.node-2 -4 route show 10.244.0.128/26 proto bird
netlab_learned 'bird on node-2' -n bgp.node-2 -6 route show fd00:10:244::80/122 proto bird
netlab_learned 'bird on node-3' -n bgp.node-3 -4 route show 10.244.0.0/26 proto bird
netlab_learned 'bird on node-3' -n bgp.node-3 -6 route show fd00:10:244::/122 proto bird
netlab_learned 'bird on node-3' -n bgp.node-3 -4 route show 10.244.0.64/26 proto bird
netlab_learned 'bird on node-3' -n bgp.node-3 -6 route show fd00:10:244::40/122 proto bird
