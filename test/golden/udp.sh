#!/bin/sh
# Builds the lab "udp" of topologies/udp.yaml: 3 hosts, 3 pods, backend udp, attach bridge.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/udp.yaml --down | sudo sh
#
# Run it as root. It needs: nsenter, ip, sysctl, iptables-restore, setsid, unshare, awk, tail, setpriv, perl.
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
# netlab_file_1: a file that several daemons have.
netlab_file_1() {
  cat <<'END_OF_FILE'
#!/usr/bin/perl
# Carries the packets of a TUN device to other hosts in UDP, and theirs to the device: a bare IPv4 packet a datagram.
#
#   perl forwarder.pl DEVICE ADDRESS PORT OWN PEERS      # tun1 192.168.50.11 8285 10.244.0.0 peers
#
# PEERS is a file: a network and the address of its host a line, `10.244.1.0/24 192.168.50.12`. SIGHUP reads it again.
# The device must be there; a program attached to it is what makes it carry packets. ADDRESS and PORT are the socket's,
# and PORT is everyone's. OWN is the sender of errors. A packet loses one from its TTL on either side.
use strict;
use warnings;
use Errno qw(EAGAIN EINTR EINVAL EIO);
use Fcntl qw(F_SETFL O_NONBLOCK O_RDWR);
use Socket qw(AF_INET SOCK_DGRAM inet_aton inet_ntoa pack_sockaddr_in);

use constant { TUNSETIFF => 0x400454ca, IFF_TUN_NO_PI => 0x1001 };    # linux/if_tun.h
use constant { LARGEST => 65_535, AT_ONCE => 64 };

my ($device, $address, $port, $own, $peers) = @ARGV;
die "usage: forwarder.pl DEVICE ADDRESS PORT OWN PEERS\n" unless @ARGV == 5;
my ($table, @lengths, $reload);

# Networks by the length of their prefix, the longest first: a lookup takes as many steps as there are lengths.
sub read_peers {
  open(my $file, '<', $peers) or die "$peers: $!\n";
  my %by_length;
  while (my $line = <$file>) {
    next if $line =~ /\A\s*(?:#.*)?\Z/;
    my ($network, $length, $host) = $line =~ m{\A([\d.]+)/(\d+)\s+([\d.]+)\s*\Z};
    my ($base, $to) = map { defined && inet_aton($_) } $network, $host;
    die "$peers:$.: not a network and the address of its host: $line" unless $base && $to && $length <= 32;
    $by_length{$length}{ unpack('N', $base) & mask($length) } = pack_sockaddr_in($port, $to);
  }
  return ($table = \%by_length, @lengths = sort { $b <=> $a } keys %by_length);
}

sub mask { my ($length) = @_; return $length == 0 ? 0 : 0xffffffff << (32 - $length) & 0xffffffff }

sub peer_of {
  my ($destination) = @_;
  for my $length (@lengths) {
    my $peer = $table->{$length}{ $destination & mask($length) };
    return $peer if $peer;
  }
  return undef;
}

sub open_device {
  sysopen(my $tun, '/dev/net/tun', O_RDWR | O_NONBLOCK) or die "/dev/net/tun: $!\n";
  my $request = pack('a16sx22', $device, IFF_TUN_NO_PI);
  ioctl($tun, TUNSETIFF, $request) or die "$device: $!\n";
  return $tun;
}

sub open_socket {
  my $from = inet_aton($address) // die "not an address: $address\n";
  socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
  bind($socket, pack_sockaddr_in($port, $from)) or die "UDP port $port of $address: $!\n";
  fcntl($socket, F_SETFL, O_NONBLOCK) or die "socket: $!\n";
  return $socket;
}

# Whether it may go on; takes one from its TTL and mends the checksum of the header (RFC 1624).
sub passes {
  return 0 if length $_[0] < 20 || vec($_[0], 0, 8) >> 4 != 4;
  my $ttl = vec($_[0], 8, 8);
  return 0 if $ttl <= 1;
  vec($_[0], 8, 8) = $ttl - 1;
  my $sum = vec($_[0], 5, 16);
  vec($_[0], 5, 16) = $sum + ($sum >= 0xfeff ? 0x101 : 0x100) & 0xffff;
  return 1;
}

# Internet checksum (RFC 1071).
sub checksum {
  my $sum = unpack('%32n*', $_[0]);
  $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
  return ~$sum & 0xffff;
}

# "Network unreachable" about a packet, from this host: never about ICMP, nor about a fragment but the first (RFC 1122).
sub unreachable {
  my ($packet) = @_;
  return undef if vec($packet, 9, 8) == 1 || vec($packet, 3, 16) & 0x1fff;
  my $header = 4 * (vec($packet, 0, 8) & 15);
  return undef if $header < 20 || length $packet < $header + 8;
  my $icmp = pack('CCnN', 3, 0, 0, 0) . substr($packet, 0, $header + 8);
  vec($icmp, 1, 16) = checksum($icmp);
  my $ip = pack('CCnnnCCn', 0x45, 0, 20 + length $icmp, 0, 0, 8, 1, 0) . inet_aton($own) . substr($packet, 12, 4);
  vec($ip, 5, 16) = checksum($ip);
  return $ip . $icmp;
}

# Packets that the kernel routed into the device.
sub to_peers {
  my ($tun, $socket) = @_;
  for (1 .. AT_ONCE) {
    my $count = sysread($tun, my $packet, LARGEST);
    if (!defined $count) { return 0 if $! == EAGAIN || $! == EINTR; die "$device: $!\n" }
    next if $count < 20 || vec($packet, 0, 8) >> 4 != 4;
    my $peer = peer_of(unpack('N', substr($packet, 16, 4)));
    if (!$peer) { my $error = unreachable($packet); to_kernel($tun, $error) if $error; next }
    # What a full socket or a missing route refuses is lost, as on any link.
    send($socket, $packet, 0, $peer) if passes($packet);
  }
  return 1;
}

# Datagrams of other hosts: packets that come in by the device.
sub from_peers {
  my ($tun, $socket) = @_;
  for (1 .. AT_ONCE) {
    defined recv($socket, my $packet, LARGEST, 0) or return 0;
    to_kernel($tun, $packet) if passes($packet);
  }
  return 1;
}

# A device that is down takes nothing, and one that is gone ends this program.
sub to_kernel {
  my ($tun, $packet) = @_;
  defined syswrite($tun, $packet) || $! == EAGAIN || $! == EIO || $! == EINVAL || die "$device: $!\n";
  return;
}

$SIG{HUP} = sub { $reload = 1 };
read_peers();
my $tun = open_device();
# Last: a port that is bound says that all else is done.
my $socket = open_socket();
my $watched = '';
vec($watched, fileno $_, 1) = 1 for $tun, $socket;
while (1) {
  if ($reload) {
    $reload = 0;
    eval { read_peers(); 1 } or print STDERR "kept what was read before: $@";
  }
  # Perl looks after a signal when it gets round to it: one that came just before the waiting is seen a second later.
  my $count = select(my $ready = $watched, undef, undef, 1);
  next if $count <= 0;
  my $more = 1;
  $more = to_peers($tun, $socket) | from_peers($tun, $socket) while $more && !$reload;
}
END_OF_FILE
}

mkdir -p /run/netlab-script-udp


# ──────────────────────────────────────────────────────────────────────────────
# 1. Namespaces: every node (host, pod, switch, router) is a network namespace of its own
# ──────────────────────────────────────────────────────────────────────────────
ip -batch - <<'EOF'
netns add udp.switch-lan
netns add udp.node-1
netns add udp.pod-a
netns add udp.node-2
netns add udp.pod-b
netns add udp.node-3
netns add udp.pod-c
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── udp.switch-lan
in_ns udp.switch-lan sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── udp.node-1
in_ns udp.node-1 sysctl -q -p - <<'EOF'
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

# ── udp.node-2
in_ns udp.node-2 sysctl -q -p - <<'EOF'
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

# ── udp.node-3
in_ns udp.node-3 sysctl -q -p - <<'EOF'
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

# ── udp.switch-lan
in_ns udp.switch-lan ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── udp.node-1
in_ns udp.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-lan
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns udp.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:00:00:00 mtu 1472 up type bridge
link add p1-pod-a address 02:02:00:00:00:01 mtu 1472 master cni0 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1472 netns udp.pod-a
link set p1-pod-a type bridge_slave hairpin on
# packets that are routed here wait for the forwarder to read them
tuntap add dev tun1 mode tun
link set dev tun1 mtu 1472 up
EOF

# ── udp.node-2
in_ns udp.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-lan
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns udp.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:01:00:00 mtu 1472 up type bridge
link add p1-pod-b address 02:02:00:01:00:01 mtu 1472 master cni0 up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1472 netns udp.pod-b
link set p1-pod-b type bridge_slave hairpin on
# packets that are routed here wait for the forwarder to read them
tuntap add dev tun1 mode tun
link set dev tun1 mtu 1472 up
EOF

# ── udp.node-3
in_ns udp.node-3 ip -batch - <<'EOF'
# node-3 is plugged into switch-lan
link add eth0 address 02:03:00:02:00:00 mtu 1500 up type veth peer name h3-node-3 address 02:04:00:02:00:00 mtu 1500 netns udp.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:02:00:00 mtu 1472 up type bridge
link add p1-pod-c address 02:02:00:02:00:01 mtu 1472 master cni0 up type veth peer name eth0 address 02:01:00:02:00:01 mtu 1472 netns udp.pod-c
link set p1-pod-c type bridge_slave hairpin on
# packets that are routed here wait for the forwarder to read them
tuntap add dev tun1 mode tun
link set dev tun1 mtu 1472 up
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── udp.switch-lan
in_ns udp.switch-lan ip -batch - <<'EOF'
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
link set h3-node-3 master br0 up
EOF

# ── udp.node-1
in_ns udp.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.11/24 dev eth0
address replace 10.244.0.1/24 dev cni0
address replace 10.244.0.0/32 dev tun1
# pods of all other hosts: which host has which, the forwarder knows
route replace 10.244.0.0/16 dev tun1
EOF
in_ns udp.node-1 iptables-restore --noflush --wait=10 <<'EOF'
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

# ── udp.node-2
in_ns udp.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.12/24 dev eth0
address replace 10.244.1.1/24 dev cni0
address replace 10.244.1.0/32 dev tun1
# pods of all other hosts: which host has which, the forwarder knows
route replace 10.244.0.0/16 dev tun1
EOF
in_ns udp.node-2 iptables-restore --noflush --wait=10 <<'EOF'
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

# ── udp.node-3
in_ns udp.node-3 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.13/24 dev eth0
address replace 10.244.2.1/24 dev cni0
address replace 10.244.2.0/32 dev tun1
# pods of all other hosts: which host has which, the forwarder knows
route replace 10.244.0.0/16 dev tun1
EOF
in_ns udp.node-3 iptables-restore --noflush --wait=10 <<'EOF'
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

# ── udp.pod-a
in_ns udp.pod-a sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns udp.pod-a ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── udp.pod-b
in_ns udp.pod-b sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns udp.pod-b ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.2/24 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF

# ── udp.pod-c
in_ns udp.pod-c sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns udp.pod-c ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.2.2/24 dev eth0
route replace default via 10.244.2.1 dev eth0
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 5. Daemons: programs that change the network by themselves, with their files
# ──────────────────────────────────────────────────────────────────────────────

# ── udp.node-1
(umask 077 && mkdir -p /run/netlab-script-udp/node-1.forwarder.d)
netlab_file_1 >/run/netlab-script-udp/node-1.forwarder.d/forwarder.pl
chmod 0600 /run/netlab-script-udp/node-1.forwarder.d/forwarder.pl
cat >/run/netlab-script-udp/node-1.forwarder.d/peers <<'END_OF_FILE'
# What is sent into a network goes to this host.
10.244.1.0/24 192.168.50.12
10.244.2.0/24 192.168.50.13
END_OF_FILE
chmod 0600 /run/netlab-script-udp/node-1.forwarder.d/peers
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'forwarder on node-1' udp.node-1 node-1 /run/netlab-script-udp/node-1.forwarder.d /run/netlab-script-udp/node-1.forwarder.log 'cat /proc/net/udp* | awk '\''$4 == "07" && $2 ~ /:205D$/ { f = 1 } END { exit !f }'\''' setpriv --bounding-set=-all --no-new-privs -- perl forwarder.pl tun1 192.168.50.11 8285 10.244.0.0 peers

# ── udp.node-2
(umask 077 && mkdir -p /run/netlab-script-udp/node-2.forwarder.d)
netlab_file_1 >/run/netlab-script-udp/node-2.forwarder.d/forwarder.pl
chmod 0600 /run/netlab-script-udp/node-2.forwarder.d/forwarder.pl
cat >/run/netlab-script-udp/node-2.forwarder.d/peers <<'END_OF_FILE'
# What is sent into a network goes to this host.
10.244.0.0/24 192.168.50.11
10.244.2.0/24 192.168.50.13
END_OF_FILE
chmod 0600 /run/netlab-script-udp/node-2.forwarder.d/peers
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'forwarder on node-2' udp.node-2 node-2 /run/netlab-script-udp/node-2.forwarder.d /run/netlab-script-udp/node-2.forwarder.log 'cat /proc/net/udp* | awk '\''$4 == "07" && $2 ~ /:205D$/ { f = 1 } END { exit !f }'\''' setpriv --bounding-set=-all --no-new-privs -- perl forwarder.pl tun1 192.168.50.12 8285 10.244.1.0 peers

# ── udp.node-3
(umask 077 && mkdir -p /run/netlab-script-udp/node-3.forwarder.d)
netlab_file_1 >/run/netlab-script-udp/node-3.forwarder.d/forwarder.pl
chmod 0600 /run/netlab-script-udp/node-3.forwarder.d/forwarder.pl
cat >/run/netlab-script-udp/node-3.forwarder.d/peers <<'END_OF_FILE'
# What is sent into a network goes to this host.
10.244.0.0/24 192.168.50.11
10.244.1.0/24 192.168.50.12
END_OF_FILE
chmod 0600 /run/netlab-script-udp/node-3.forwarder.d/peers
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'forwarder on node-3' udp.node-3 node-3 /run/netlab-script-udp/node-3.forwarder.d /run/netlab-script-udp/node-3.forwarder.log 'cat /proc/net/udp* | awk '\''$4 == "07" && $2 ~ /:205D$/ { f = 1 } END { exit !f }'\''' setpriv --bounding-set=-all --no-new-privs -- perl forwarder.pl tun1 192.168.50.13 8285 10.244.2.0 peers
