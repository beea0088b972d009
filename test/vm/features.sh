#!/bin/sh
# Proof, without netlab, that the recipes its tunnel backends are built on hold on this kernel:
#
#   test/vm/features.sh                    in a virtual machine of its own
#   scripts/vm-run.sh test/vm/features.sh  the same
#
# Two hosts on one wire, a pod behind each, dual stack. One tunnel device a host, without a remote
# address, however many hosts there are: the route says which host a pod block lives on. Each
# recipe must carry a ping and its largest packet, and refuse one byte more. Prints TAP.
set -u

[ "${NETLAB_IN_VM-}" = 1 ] || exec "$(dirname "$0")/../../scripts/vm-run.sh" "$0" "$@"

count=0
failed=0
# check NAME COMMAND...: one line of TAP; what a failing command said follows as comments.
check() {
  name=$1
  shift
  count=$((count + 1))
  if output=$("$@" 2>&1); then
    echo "ok $count - $name"
  else
    echo "not ok $count - $name"
    echo "$output" | sed 's/^/# /'
    failed=$((failed + 1))
  fi
}

batch() { # namespace; the lines come from standard input
  nsenter "--net=/run/netns/$1" ip -batch -
}

# --- two hosts, two pods ------------------------------------------------------------------------

host_of() { echo "192.168.50.1$1"; }
pod4() { echo "10.244.$1.2"; }
pod6() { echo "fd00:244:$1::2"; }

build() {
  for namespace in host1 host2 pod1 pod2; do
    ip netns add $namespace
    # No duplicate address detection: while a host's link-local address is tentative, for about a
    # second, it asks no pod for its link-layer address. A device takes this from "default" when it
    # comes into the namespace, so it has to be set before.
    nsenter "--net=/run/netns/$namespace" sysctl -qw \
      net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
  done
  ip -batch - <<'LINES'
link add eth0 netns host1 type veth peer name eth0 netns host2
link add pod netns host1 type veth peer name eth0 netns pod1
link add pod netns host2 type veth peer name eth0 netns pod2
LINES
  for i in 1 2; do
    nsenter "--net=/run/netns/host$i" sysctl -qw net.ipv4.ip_forward=1 \
      net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0
    batch "host$i" <<LINES
address add $(host_of $i)/24 dev eth0
address add fd00:50::1$i/64 dev eth0 nodad
address add 10.244.$i.1/24 dev pod
address add fd00:244:$i::1/64 dev pod nodad
link set eth0 up
link set pod up
LINES
    batch "pod$i" <<LINES
address add $(pod4 $i)/24 dev eth0
address add $(pod6 $i)/64 dev eth0 nodad
link set eth0 up
route add default via 10.244.$i.1
route add default via fd00:244:$i::1
LINES
  done
}

# --- the recipes --------------------------------------------------------------------------------

# GRE needs to be told where a next hop is, with a permanent neighbour whose "link-layer" address
# is the other host; without one the kernel makes one of its own, which points back at the sender.
gre4() { # device, own number, other number
  cat <<LINES
neigh add $(host_of "$3") lladdr $(host_of "$3") dev $1 nud permanent
route add 10.244.$3.0/24 via $(host_of "$3") dev $1 onlink
LINES
}

# The same for IPv6 pods, over the same device. The next hop cannot be the other host's IPv6
# address: that lies on eth0's subnet, and the kernel then refuses it as a gateway on another
# device. fe80::5efe:IPV4 is what a GRE device itself takes for its link-local address.
gre6() {
  cat <<LINES
neigh add fe80::5efe:$(host_of "$3") lladdr $(host_of "$3") dev $1 nud permanent
route add fd00:244:$3::/64 via fe80::5efe:$(host_of "$3") dev $1 onlink
LINES
}

# IPIP and SIT send to the next hop by themselves; SIT finds an IPv4 address in one like ::1.2.3.4.
ipip4() { echo "route add 10.244.$3.0/24 via $(host_of "$3") dev $1 onlink"; }
sit6() { echo "route add fd00:244:$3::/64 via ::$(host_of "$3") dev $1 onlink"; }

# tunnel DEVICE MTU 'TYPE OPTIONS' ROUTES...: on both hosts; pods take the tunnel's MTU.
tunnel() {
  device=$1 mtu=$2 type=$3
  shift 3
  for i in 1 2; do
    {
      echo "link add $device mtu $mtu type ${type%% *} local $(host_of $i) ${type#"${type%% *}"}"
      echo "link set $device up"
      for routes in "$@"; do $routes "$device" $i $((3 - i)); done
      echo "link set pod mtu $mtu"
    } | batch "host$i" || return
    echo "link set eth0 mtu $mtu" | batch "pod$i" || return
  done
}

remove() { for i in 1 2; do echo "link del $1" | batch "host$i"; done; }

# --- what must hold -----------------------------------------------------------------------------

probe() { nsenter --net=/run/netns/pod1 ping -n -c 1 -W 2 "$@"; }

too_big() { # size, address
  refusal=$(probe -M "do" -W 0.1 -s "$1" "$2" 2>&1) && return 1
  echo "$refusal"
  echo "$refusal" | grep -qi 'message too long'
}

carries4() { # recipe, MTU: 20 bytes of IPv4 header, 8 of ICMP
  check "$1: IPv4 ping" probe "$(pod4 2)"
  check "$1: IPv4 packet of $2 bytes" probe -M "do" -s $(($2 - 28)) "$(pod4 2)"
  check "$1: no IPv4 packet of $(($2 + 1)) bytes" too_big $(($2 - 27)) "$(pod4 2)"
}

carries6() { # recipe, MTU: 40 bytes of IPv6 header, 8 of ICMP
  check "$1: IPv6 ping" probe "$(pod6 2)"
  check "$1: IPv6 packet of $2 bytes" probe -M "do" -s $(($2 - 48)) "$(pod6 2)"
  check "$1: no IPv6 packet of $(($2 + 1)) bytes" too_big $(($2 - 47)) "$(pod6 2)"
}

# What the kernel says about a device must be what it was asked for.
shows() { # device, text
  ip -n host1 -j -d link show "$1" | grep -qF "$2" || {
    ip -n host1 -j -d link show "$1"
    return 1
  }
}

refuses() { ! "$@"; }

makes() { # device, type and options
  device=$1
  shift
  ip -n host1 link add "$device" "$@" && ip -n host1 link del "$device"
}

# --- the run ------------------------------------------------------------------------------------

echo "# $(uname -sr), $(ip -V)"
check 'two hosts, two pods' build

check 'GRE: create' tunnel netlab.gre 1476 'gre' gre4 gre6
check 'GRE: keeps the MTU it was made with' shows netlab.gre '"mtu":1476'
carries4 GRE 1476
carries6 GRE 1476
check 'GRE: IPv6 gateway on another subnet refused' refuses \
  ip -n host1 route add fd00:245::/64 via fd00:50::12 dev netlab.gre onlink
check 'GRE: a second device with the same ends refused' refuses \
  ip -n host1 link add other type gre local 192.168.50.11
remove netlab.gre

check 'GRE with a key: create' tunnel netlab.gre 1472 'gre key 7' gre4 gre6
check 'GRE with a key: shows it' shows netlab.gre '"ikey":"0.0.0.7","okey":"0.0.0.7"'
carries4 'GRE with a key' 1472
carries6 'GRE with a key' 1472
remove netlab.gre

check 'IPIP: create' tunnel netlab.ipip 1480 'ipip' ipip4
check 'IPIP: keeps the MTU it was made with' shows netlab.ipip '"mtu":1480'
carries4 IPIP 1480
check 'SIT beside IPIP: create' tunnel netlab.sit 1480 'sit' sit6
carries4 'SIT beside IPIP' 1480
carries6 'SIT beside IPIP' 1480
remove netlab.sit
remove netlab.ipip

check 'WireGuard device' makes made type wireguard
check 'Geneve device' makes made type geneve id 5 remote 192.168.50.12
check 'VXLAN device' makes made type vxlan id 5 dstport 4789 nolearning
check 'ipvlan device' makes made link eth0 type ipvlan mode l2
check 'macvlan device' makes made link eth0 type macvlan mode bridge
check 'netem' ip netns exec host1 tc qdisc add dev eth0 root netem delay 1ms
check 'ipset in an iptables rule' ip netns exec host1 sh -ec 'ipset create s hash:net
  iptables -A INPUT -m set --match-set s src -j DROP'
check 'random and recent matches, as Services use them' ip netns exec host1 sh -ec '
  iptables -A INPUT -m statistic --mode random --probability 0.5 -j ACCEPT
  iptables -A INPUT -m recent --name s --set -j ACCEPT'
check 'iptables on bridges' test "$(cat /proc/sys/net/bridge/bridge-nf-call-iptables)" = 1
check 'tracepoints' test -e /sys/kernel/tracing/events/skb/kfree_skb/enable
check 'cgroup v2' test -e /sys/fs/cgroup/cgroup.controllers
check '/run is writable' touch /run/written

echo "1..$count"
[ $failed = 0 ]
