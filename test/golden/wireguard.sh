#!/bin/sh
# Builds the lab "wireguard" of topologies/wireguard.yaml: 3 hosts, 3 pods, backend wireguard, attach bridge.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/wireguard.yaml --down | sudo sh
#
# Run it as root. It needs: nsenter, ip, wg, sysctl, iptables-restore, setsid, unshare, awk, tail, sh, setpriv, wireguard-go.
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
mkdir -p /run/netlab-script-wireguard


# ──────────────────────────────────────────────────────────────────────────────
# 1. Namespaces: every node (host, pod, switch, router) is a network namespace of its own
# ──────────────────────────────────────────────────────────────────────────────
ip -batch - <<'EOF'
netns add wireguard.switch-lan
netns add wireguard.node-1
netns add wireguard.pod-a
netns add wireguard.node-2
netns add wireguard.pod-b
netns add wireguard.node-3
netns add wireguard.pod-c
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Keys: made once, kept in a directory that only root can read, and never shown
# ──────────────────────────────────────────────────────────────────────────────

# ── wireguard.node-1
in_ns wireguard.node-1 sh -e <<'EOF'
mkdir -p /run/netlab-script-wireguard && cd /run/netlab-script-wireguard && umask 077 && mkdir -p keys
# its own keys, and as peers the hosts behind the tunnel with the blocks of each
[ -s keys/node-1.key ] || wg genkey >keys/node-1.key
chmod 0600 keys/node-1.key && wg pubkey <keys/node-1.key >keys/node-1.pub
EOF

# ── wireguard.node-2
in_ns wireguard.node-2 sh -e <<'EOF'
mkdir -p /run/netlab-script-wireguard && cd /run/netlab-script-wireguard && umask 077 && mkdir -p keys
# its own keys, and as peers the hosts behind the tunnel with the blocks of each
[ -s keys/node-2.key ] || wg genkey >keys/node-2.key
chmod 0600 keys/node-2.key && wg pubkey <keys/node-2.key >keys/node-2.pub
EOF

# ── wireguard.node-3
in_ns wireguard.node-3 sh -e <<'EOF'
mkdir -p /run/netlab-script-wireguard && cd /run/netlab-script-wireguard && umask 077 && mkdir -p keys
# its own keys, and as peers the hosts behind the tunnel with the blocks of each
[ -s keys/node-3.key ] || wg genkey >keys/node-3.key
chmod 0600 keys/node-3.key && wg pubkey <keys/node-3.key >keys/node-3.pub
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 3. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── wireguard.switch-lan
in_ns wireguard.switch-lan sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── wireguard.node-1
in_ns wireguard.node-1 sysctl -q -p - <<'EOF'
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

# ── wireguard.node-2
in_ns wireguard.node-2 sysctl -q -p - <<'EOF'
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

# ── wireguard.node-3
in_ns wireguard.node-3 sysctl -q -p - <<'EOF'
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
# 4. Devices: bridges, tunnels, and veth pairs; a pair reaches from one namespace into another
# ──────────────────────────────────────────────────────────────────────────────

# ── wireguard.switch-lan
in_ns wireguard.switch-lan ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── wireguard.node-1
in_ns wireguard.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-lan
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns wireguard.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:00:00:00 mtu 1440 up type bridge
link add p1-pod-a address 02:02:00:00:00:01 mtu 1440 master cni0 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1440 netns wireguard.pod-a
link set p1-pod-a type bridge_slave hairpin on
# packets that are routed here wait for wireguard-go to read them
tuntap add dev flannel-wg mode tun pi
link set dev flannel-wg mtu 1440 up
EOF

# ── wireguard.node-2
in_ns wireguard.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-lan
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns wireguard.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:01:00:00 mtu 1440 up type bridge
link add p1-pod-b address 02:02:00:01:00:01 mtu 1440 master cni0 up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1440 netns wireguard.pod-b
link set p1-pod-b type bridge_slave hairpin on
# packets that are routed here wait for wireguard-go to read them
tuntap add dev flannel-wg mode tun pi
link set dev flannel-wg mtu 1440 up
EOF

# ── wireguard.node-3
in_ns wireguard.node-3 ip -batch - <<'EOF'
# node-3 is plugged into switch-lan
link add eth0 address 02:03:00:02:00:00 mtu 1500 up type veth peer name h3-node-3 address 02:04:00:02:00:00 mtu 1500 netns wireguard.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:02:00:00 mtu 1440 up type bridge
link add p1-pod-c address 02:02:00:02:00:01 mtu 1440 master cni0 up type veth peer name eth0 address 02:01:00:02:00:01 mtu 1440 netns wireguard.pod-c
link set p1-pod-c type bridge_slave hairpin on
# packets that are routed here wait for wireguard-go to read them
tuntap add dev flannel-wg mode tun pi
link set dev flannel-wg mtu 1440 up
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 5. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── wireguard.switch-lan
in_ns wireguard.switch-lan ip -batch - <<'EOF'
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
link set h3-node-3 master br0 up
EOF

# ── wireguard.node-1
in_ns wireguard.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.11/24 dev eth0
address replace 10.244.0.1/24 dev cni0
address replace 10.244.0.0/32 dev flannel-wg
# pods of all other hosts: which host has which, WireGuard knows
route replace 10.244.0.0/16 dev flannel-wg
EOF
in_ns wireguard.node-1 iptables-restore --noflush --wait=10 <<'EOF'
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

# ── wireguard.node-2
in_ns wireguard.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.12/24 dev eth0
address replace 10.244.1.1/24 dev cni0
address replace 10.244.1.0/32 dev flannel-wg
# pods of all other hosts: which host has which, WireGuard knows
route replace 10.244.0.0/16 dev flannel-wg
EOF
in_ns wireguard.node-2 iptables-restore --noflush --wait=10 <<'EOF'
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

# ── wireguard.node-3
in_ns wireguard.node-3 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.13/24 dev eth0
address replace 10.244.2.1/24 dev cni0
address replace 10.244.2.0/32 dev flannel-wg
# pods of all other hosts: which host has which, WireGuard knows
route replace 10.244.0.0/16 dev flannel-wg
EOF
in_ns wireguard.node-3 iptables-restore --noflush --wait=10 <<'EOF'
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

# ── wireguard.pod-a
in_ns wireguard.pod-a sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns wireguard.pod-a ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── wireguard.pod-b
in_ns wireguard.pod-b sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns wireguard.pod-b ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.2/24 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF

# ── wireguard.pod-c
in_ns wireguard.pod-c sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns wireguard.pod-c ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.2.2/24 dev eth0
route replace default via 10.244.2.1 dev eth0
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 6. Daemons: programs that change the network by themselves, with their files
# ──────────────────────────────────────────────────────────────────────────────

# ── wireguard.node-1
(umask 077 && mkdir -p /run/netlab-script-wireguard/node-1.wireguard.d)
cat >/run/netlab-script-wireguard/node-1.wireguard.d/control.sh <<'END_OF_FILE'
# Runs a program of WireGuard that finds control sockets in the current directory.
#
#   sh control.sh wireguard-go -f flannel-wg
#   sh control.sh wg show flannel-wg
#
# wireguard-go makes /run/wireguard/DEVICE.sock, and wg looks for it there. There is one such directory on a machine, and devices
# of several hosts have the same name. So each program gets a mount namespace in which that directory is its host's own.
set -eu
exec unshare --mount --propagation private sh -c '
  mount -t tmpfs -o mode=0700 tmpfs /run
  mkdir /run/wireguard
  mount --no-canonicalize --bind . /run/wireguard
  exec "$@"
' sh "$@"
END_OF_FILE
chmod 0600 /run/netlab-script-wireguard/node-1.wireguard.d/control.sh
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'wireguard-go on node-1' wireguard.node-1 node-1 /run/netlab-script-wireguard/node-1.wireguard.d /run/netlab-script-wireguard/node-1.wireguard.log 'awk -v name=/var/run/wireguard/flannel-wg.sock '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' sh control.sh setpriv --bounding-set=-all,+net_admin --no-new-privs -- wireguard-go -f flannel-wg

# ── wireguard.node-2
(umask 077 && mkdir -p /run/netlab-script-wireguard/node-2.wireguard.d)
cat >/run/netlab-script-wireguard/node-2.wireguard.d/control.sh <<'END_OF_FILE'
# Runs a program of WireGuard that finds control sockets in the current directory.
#
#   sh control.sh wireguard-go -f flannel-wg
#   sh control.sh wg show flannel-wg
#
# wireguard-go makes /run/wireguard/DEVICE.sock, and wg looks for it there. There is one such directory on a machine, and devices
# of several hosts have the same name. So each program gets a mount namespace in which that directory is its host's own.
set -eu
exec unshare --mount --propagation private sh -c '
  mount -t tmpfs -o mode=0700 tmpfs /run
  mkdir /run/wireguard
  mount --no-canonicalize --bind . /run/wireguard
  exec "$@"
' sh "$@"
END_OF_FILE
chmod 0600 /run/netlab-script-wireguard/node-2.wireguard.d/control.sh
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'wireguard-go on node-2' wireguard.node-2 node-2 /run/netlab-script-wireguard/node-2.wireguard.d /run/netlab-script-wireguard/node-2.wireguard.log 'awk -v name=/var/run/wireguard/flannel-wg.sock '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' sh control.sh setpriv --bounding-set=-all,+net_admin --no-new-privs -- wireguard-go -f flannel-wg

# ── wireguard.node-3
(umask 077 && mkdir -p /run/netlab-script-wireguard/node-3.wireguard.d)
cat >/run/netlab-script-wireguard/node-3.wireguard.d/control.sh <<'END_OF_FILE'
# Runs a program of WireGuard that finds control sockets in the current directory.
#
#   sh control.sh wireguard-go -f flannel-wg
#   sh control.sh wg show flannel-wg
#
# wireguard-go makes /run/wireguard/DEVICE.sock, and wg looks for it there. There is one such directory on a machine, and devices
# of several hosts have the same name. So each program gets a mount namespace in which that directory is its host's own.
set -eu
exec unshare --mount --propagation private sh -c '
  mount -t tmpfs -o mode=0700 tmpfs /run
  mkdir /run/wireguard
  mount --no-canonicalize --bind . /run/wireguard
  exec "$@"
' sh "$@"
END_OF_FILE
chmod 0600 /run/netlab-script-wireguard/node-3.wireguard.d/control.sh
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'wireguard-go on node-3' wireguard.node-3 node-3 /run/netlab-script-wireguard/node-3.wireguard.d /run/netlab-script-wireguard/node-3.wireguard.log 'awk -v name=/var/run/wireguard/flannel-wg.sock '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' sh control.sh setpriv --bounding-set=-all,+net_admin --no-new-privs -- wireguard-go -f flannel-wg

# ──────────────────────────────────────────────────────────────────────────────
# 7. Peers: whose packets are taken, and where theirs are sent
# ──────────────────────────────────────────────────────────────────────────────

# ── wireguard.node-1
in_ns wireguard.node-1 sh -e <<'EOF'
mkdir -p /run/netlab-script-wireguard && cd /run/netlab-script-wireguard && umask 077 && mkdir -p keys
ip link set dev flannel-wg mtu 1440
(cd node-1.wireguard.d && sh control.sh wg set flannel-wg listen-port 51820 private-key ../keys/node-1.key peer "$(cat ../keys/node-2.pub)" preshared-key /dev/null endpoint 192.168.50.12:51820 persistent-keepalive off allowed-ips 10.244.1.0/24,192.168.50.12/32 peer "$(cat ../keys/node-3.pub)" preshared-key /dev/null endpoint 192.168.50.13:51820 persistent-keepalive off allowed-ips 10.244.2.0/24,192.168.50.13/32)
EOF

# ── wireguard.node-2
in_ns wireguard.node-2 sh -e <<'EOF'
mkdir -p /run/netlab-script-wireguard && cd /run/netlab-script-wireguard && umask 077 && mkdir -p keys
ip link set dev flannel-wg mtu 1440
(cd node-2.wireguard.d && sh control.sh wg set flannel-wg listen-port 51820 private-key ../keys/node-2.key peer "$(cat ../keys/node-1.pub)" preshared-key /dev/null endpoint 192.168.50.11:51820 persistent-keepalive off allowed-ips 10.244.0.0/24,192.168.50.11/32 peer "$(cat ../keys/node-3.pub)" preshared-key /dev/null endpoint 192.168.50.13:51820 persistent-keepalive off allowed-ips 10.244.2.0/24,192.168.50.13/32)
EOF

# ── wireguard.node-3
in_ns wireguard.node-3 sh -e <<'EOF'
mkdir -p /run/netlab-script-wireguard && cd /run/netlab-script-wireguard && umask 077 && mkdir -p keys
ip link set dev flannel-wg mtu 1440
(cd node-3.wireguard.d && sh control.sh wg set flannel-wg listen-port 51820 private-key ../keys/node-3.key peer "$(cat ../keys/node-1.pub)" preshared-key /dev/null endpoint 192.168.50.11:51820 persistent-keepalive off allowed-ips 10.244.0.0/24,192.168.50.11/32 peer "$(cat ../keys/node-2.pub)" preshared-key /dev/null endpoint 192.168.50.12:51820 persistent-keepalive off allowed-ips 10.244.1.0/24,192.168.50.12/32)
EOF
