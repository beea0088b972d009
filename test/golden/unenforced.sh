#!/bin/sh
# Builds the lab "unenforced" of topologies/unenforced.yaml: 2 hosts, 3 pods, backend vxlan, attach bridge.
# Preset flannel chose backend: { type: vxlan, vni: 1, port: 8472, device: "flannel.{vni}" }, attach: { type: bridge, name: cni0, interfaces: veth######## }, policy: none, masquerade: { chain: FLANNEL-POSTRTG }.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/unenforced.yaml --down | sudo sh
#
# Run it as root. It needs: nsenter, ip, sysctl, bridge, iptables-restore, setsid, unshare, perl.
set -eu

# Runs a command in the network namespace of a node.
in_ns() {
  ns=$1
  shift
  nsenter --net="/run/netns/$ns" "$@"
}
# netlab_responder NETNS HOSTNAME POD [PORT/PROTOCOL ...]: starts the built-in container, which tells every client
# who answers and whom it sees. Returns when it listens.
netlab_responder() (
  netns=$1 hostname=$2
  shift 2
  # shellcheck disable=SC2016 # the inner shell expands it
  nsenter --net="/run/netns/$netns" unshare --uts sh -c 'hostname "$1" && shift && exec "$@"' \
    sh "$hostname" perl -e "$(netlab_responder_source)" -- --detach "$@"
)
netlab_responder_source() {
  cat <<'END_OF_RESPONDER'
#!/usr/bin/perl
# The built-in container: listens on the declared ports and tells every client who answered and
# whom it saw, in one line: `<pod> <address>:<port>`, IPv6 as `[address]:port`. The address it saw
# is the lesson: it shows every NAT on the way.
#
#   perl responder.pl [--detach] POD [PORT/PROTOCOL ...]      # 8080/tcp 53/udp
#
# The supervisor loads this file once and forks it for each container, so that all of them share
# one copy in memory. Only modules of perl-base are used: every Debian and Ubuntu has them.
package Netlab::Responder;
use strict;
use warnings;
use Errno qw(EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EMFILE ENFILE EPROTONOSUPPORT ESOCKTNOSUPPORT);
use Fcntl qw(F_SETFL O_NONBLOCK);
use POSIX ();
use Socket qw(AF_INET AF_INET6 SOCK_STREAM SOCK_DGRAM IPPROTO_TCP IPPROTO_UDP IPPROTO_IPV6 IPV6_V6ONLY SOL_SOCKET
  SO_REUSEADDR SO_RCVBUF MSG_DONTWAIT MSG_NOSIGNAL pack_sockaddr_in pack_sockaddr_in6 unpack_sockaddr_in
  unpack_sockaddr_in6 inet_ntop INADDR_ANY IN6ADDR_ANY);

# linux/in.h, linux/in6.h
use constant { PKTINFO => 8, PKTINFO6 => 50, RECVPKTINFO6 => 49 };

my %KIND = (tcp => [SOCK_STREAM, IPPROTO_TCP], udp => [SOCK_DGRAM, IPPROTO_UDP], sctp => [SOCK_STREAM, 132]);
my @METHODS = map {"$_ "} qw(GET HEAD POST PUT DELETE OPTIONS PATCH);
my $CONNECTIONS = 512;         # at once; beyond that the oldest is let go
my $DRAIN_BYTES = 1 << 20;     # read and forgotten after the answer
my $TICKS = POSIX::sysconf(POSIX::_SC_CLK_TCK());
my $WAIT = 0.1 * $TICKS;       # for a client that may want to speak first (HTTP)
my $DRAIN = $TICKS;            # for the client to read the answer and hang up

# Monotonic, in clock ticks (10 ms): times(2), because perl-base has no Time::HiRes.
sub now { return (POSIX::times())[0] }

# Opens every port on IPv4 and IPv6 and returns the listeners. Dies with a sentence for the user.
sub open_ports {
  my @listeners;
  for my $port (@_) {
    my ($number, $protocol) = $port =~ m{\A(\d+)/(\w+)\z} or die "not a port: $port\n";
    my $kind = $KIND{ lc $protocol } or die "unsupported protocol $protocol\n";
    my @opened = grep {defined} map { open_port($_, $number, $protocol, @$kind) } AF_INET, AF_INET6;
    @opened or die "port $port: this kernel has neither IPv4 nor IPv6\n";
    push @listeners, @opened;
  }
  return @listeners;
}

sub open_port {
  my ($family, $number, $protocol, $type, $ip_protocol) = @_;
  my $name = "port $number/$protocol";
  if (!socket(my $socket, $family, $type, $ip_protocol)) {
    return undef if $! == EAFNOSUPPORT;
    die "unsupported protocol $protocol: this kernel has no sockets for it\n" if $! == EPROTONOSUPPORT || $! == ESOCKTNOSUPPORT;
    die "$name: $!\n";
  } else {
    my $six = $family == AF_INET6;
    # IPv6 apart from IPv4: an IPv4 client must not be shown as ::ffff:10.0.0.1.
    setsockopt($socket, IPPROTO_IPV6, IPV6_V6ONLY, 1) if $six;
    # Not for UDP: there it would let two containers share the port unnoticed.
    setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1) if $type == SOCK_STREAM;
    if ($type == SOCK_DGRAM) {
      setsockopt($socket, SOL_SOCKET, SO_RCVBUF, 1 << 20);
      setsockopt($socket, $six ? IPPROTO_IPV6 : 0, $six ? RECVPKTINFO6 : PKTINFO, 1);
    }
    fcntl($socket, F_SETFL, O_NONBLOCK) or die "$name: $!\n";
    if (!bind($socket, $six ? pack_sockaddr_in6($number, IN6ADDR_ANY) : pack_sockaddr_in($number, INADDR_ANY))) {
      return undef if $six && $! == EADDRNOTAVAIL;
      die "$name: $!" . ($! == EADDRINUSE ? ' (another container of the pod listens there)' : '') . "\n";
    }
    # The kernel cuts the backlog to net.core.somaxconn.
    if ($type == SOCK_STREAM) { listen($socket, 4096) or die "$name: $!\n" }
    return { socket => $socket, fd => fileno $socket, stream => $type == SOCK_STREAM };
  }
}

sub line_for {
  my ($pod, $peer) = @_;
  # sockaddr_in6 is longer than sockaddr_in; its scope would only repeat "eth0".
  my $six = length $peer > 16;
  my ($port, $address) = $six ? unpack_sockaddr_in6($peer) : unpack_sockaddr_in($peer);
  my $text = inet_ntop($six ? AF_INET6 : AF_INET, $address);
  return $pod . ' ' . ($six ? "[$text]" : $text) . ":$port\n";
}

sub serve {
  my ($pod, @listeners) = @_;
  $0 = "netlab-responder $pod";
  $SIG{PIPE} = 'IGNORE';
  my ($watched, %clients) = ('');
  vec($watched, $_->{fd}, 1) = 1 for @listeners;
  my $forget = sub { vec($watched, $_[0]{fd}, 1) = 0; close((delete $clients{ $_[0]{fd} })->{socket}) };
  my $timeout;
  while (1) {
    my $ready = $watched;
    my $count = select($ready, undef, undef, $timeout);
    my ($now, $next) = (now());
    # Clients before listeners: a number freed here may be given to a new client there.
    for my $client (my @all = values %clients) {
      hear($client, $forget, $now) if $count > 0 && vec($ready, $client->{fd}, 1);
      next if $client->{until} > $now || !$clients{ $client->{fd} };
      $client->{answered} ? $forget->($client) : answer($client, $now);
    }
    for my $listener (@listeners) {
      next unless $count > 0 && vec($ready, $listener->{fd}, 1);
      if (!$listener->{stream}) { answer_datagrams($pod, $listener->{socket}); next }
      for (1 .. 64) {
        make_room(\%clients, $forget, $now) if keys %clients >= $CONNECTIONS;
        my $peer = accept(my $socket, $listener->{socket});
        if (!$peer) {
          # Out of descriptors: free one, and do not spin while there is none to free.
          if ($! == EMFILE || $! == ENFILE) { make_room(\%clients, $forget, $now) or select(undef, undef, undef, 0.05) }
          last;
        }
        my $fd = fileno $socket;
        $clients{$fd} = { socket => $socket, fd => $fd, line => line_for($pod, $peer), seen => '', drained => 0, until => $now + $WAIT };
        vec($watched, $fd, 1) = 1;
      }
    }
    for my $client (values %clients) { $next = $client->{until} if !defined $next || $client->{until} < $next }
    # Half a tick more, or the last wait would end just before the clock moves on.
    $timeout = defined $next ? ($next > $now ? $next - $now : 0) / $TICKS + 0.005 : undef;
  }
}

# Lets the oldest client go: one that has its answer if there is any, else one that gets it now.
sub make_room {
  my ($clients, $forget, $now) = @_;
  my ($oldest) = sort { ($b->{answered} // 0) <=> ($a->{answered} // 0) || $a->{until} <=> $b->{until} } values %$clients;
  return 0 unless $oldest;
  answer($oldest, $now) unless $oldest->{answered};
  $forget->($oldest);
  return 1;
}

sub hear {
  my ($client, $forget, $now) = @_;
  my $bytes = '';
  return ($! == EAGAIN || $forget->($client)) unless defined recv($client->{socket}, $bytes, 16384, MSG_DONTWAIT);
  if ($client->{answered}) {
    $client->{drained} += length $bytes;
    $forget->($client) if $bytes eq '' || $client->{drained} > $DRAIN_BYTES;
    return;
  }
  my $seen = $client->{seen} .= substr $bytes, 0, 16;
  # "GE" may still become "GET "; anything else is not HTTP and waits no longer.
  return if $bytes ne '' && grep { length $seen < length $_ && index($_, $seen) == 0 } @METHODS;
  answer($client, $now);
  $forget->($client) if $bytes eq '';
}

# Sends the answer and closes our half only: closing both while bytes of the client lie unread
# would make the kernel send a reset, and the client might see that instead of the answer.
sub answer {
  my ($client, $now) = @_;
  my $text = $client->{line};
  if (my ($method) = grep { index($client->{seen}, $_) == 0 } @METHODS) {
    my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " . length($text) . "\r\nConnection: close\r\n\r\n";
    $text = $method eq 'HEAD ' ? $head : $head . $text;
  }
  send($client->{socket}, $text, MSG_DONTWAIT | MSG_NOSIGNAL);
  shutdown($client->{socket}, 1);
  $client->{answered} = 1;
  $client->{until} = $now + $DRAIN;
}

sub answer_datagrams {
  my ($pod, $socket) = @_;
  for (1 .. 64) {
    my ($bytes, $peer, $asked) = receive($socket);
    return unless defined $peer && length $peer;
    # Never answer what another responder said, or one forged datagram would bounce between two for ever.
    next if $bytes =~ m{\A[a-z0-9./-]+ (?:[0-9.]+|\[[0-9a-f:.]+\]):[0-9]+\n\z};
    transmit($socket, line_for($pod, $peer), $peer, $asked);
  }
}

# A node has several addresses, and a client takes no answer but from the one it asked, which need not be the one that the
# route back chooses. ip(7) and ipv6(7) give it with the datagram and take it with the answer (IP_PKTINFO), in control messages of
# recvmsg(2) and sendmsg(2), which perl-base has only as system calls. Elsewhere the route chooses.
my %CALLS = (x86_64 => [47, 46], map { $_ => [212, 211] } qw(aarch64 riscv64 loongarch64));
my ($RECVMSG, $SENDMSG) = @{ $CALLS{ (POSIX::uname())[4] } // [] };
use constant { PEER => 28, BYTES => 512, CONTROL => 128 };

# A string of its own that a system call may write into: constants share theirs.
sub room { my $string = ''; vec($string, $_[0] - 1, 8) = 0; return $string }

# struct msghdr of 64-bit systems: name, its length, one iovec, control messages, their length, flags. Strings must outlive it.
sub header { my ($name, $length, $iovec, $control) = @_; return pack('PLx4PQPQx8', $$name, $length, $$iovec, 1, $$control, length $$control) }

# Bytes, where from, and the control message that makes an answer leave from where they were sent to.
sub receive {
  my ($socket) = @_;
  if (!$RECVMSG) { my $peer = recv($socket, my $bytes, BYTES, MSG_DONTWAIT); return ($bytes, $peer, '') }
  my ($name, $bytes, $control) = (room(PEER), room(BYTES), room(CONTROL));
  my $iovec = pack('PQ', $bytes, BYTES);
  my $header = header(\$name, PEER, \$iovec, \$control);
  my $count = syscall($RECVMSG, fileno $socket, $header, MSG_DONTWAIT);
  return if $count < 0;
  my (undef, $length, undef, undef, undef, $filled) = unpack('QLx4QQQQ', $header);
  return (substr($bytes, 0, $count), substr($name, 0, $length), answering(substr($control, 0, $filled)));
}

sub answering {
  my ($control) = @_;
  return '' if length $control < 16;
  my ($length, $level, $type) = unpack('Qll', $control);
  my $data = substr($control, 16, $length - 16);
  # in_pktinfo: the device, the address to send from, the address in the header. The device stays open: the route chooses it.
  return pack('Qll', 28, $level, $type) . pack('La4x4', 0, substr($data, 4, 4)) . "\0" x 4 if $level == 0 && $type == PKTINFO;
  # in6_pktinfo: the address, the device. Nothing is sent from a group.
  return pack('Qll', 36, $level, $type) . pack('a16L', substr($data, 0, 16), 0) . "\0" x 4
    if $level == IPPROTO_IPV6 && $type == PKTINFO6 && substr($data, 0, 1) ne "\xff";
  return '';
}

sub transmit {
  my ($socket, $text, $peer, $asked) = @_;
  return send($socket, $text, MSG_DONTWAIT | MSG_NOSIGNAL, $peer) if $asked eq '';
  my $iovec = pack('PQ', $text, length $text);
  my $header = header(\$peer, length $peer, \$iovec, \$asked);
  # An address that is gone meanwhile sends nothing.
  return syscall($SENDMSG, fileno $socket, $header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

# On its own: in the foreground, or with --detach in the background as soon as it listens.
sub main {
  my $detach = @_ && $_[0] eq '--detach' ? shift : 0;
  my ($pod, @ports) = @_;
  if (!defined $pod) { print STDERR "usage: responder.pl [--detach] POD [PORT/PROTOCOL ...]\n"; return 2 }
  $SIG{TERM} = sub { POSIX::_exit(0) };
  my @listeners = eval { open_ports(@ports) };
  if ($@) { print STDERR "$pod: $@"; return 1 }
  if ($detach) {
    my $child = fork;
    if (!defined $child) { print STDERR "$pod: fork: $!\n"; return 1 }
    return 0 if $child;
    POSIX::setsid();
    chdir '/';
    open(STDIN, '<', '/dev/null');
    open($_, '>', '/dev/null') for \*STDOUT, \*STDERR;
  }
  serve($pod, @listeners);
}

exit main(@ARGV) unless caller;
1;
END_OF_RESPONDER
}
mkdir -p /run/netlab-script-unenforced


# ──────────────────────────────────────────────────────────────────────────────
# 1. Namespaces: every node (host, pod, switch, router) is a network namespace of its own
# ──────────────────────────────────────────────────────────────────────────────
ip -batch - <<'EOF'
netns add unenforced.switch-lan
netns add unenforced.node-1
netns add unenforced.web
netns add unenforced.visitor
netns add unenforced.node-2
netns add unenforced.db
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── unenforced.switch-lan
in_ns unenforced.switch-lan sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── unenforced.node-1
in_ns unenforced.node-1 sysctl -q -p - <<'EOF'
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

# ── unenforced.node-2
in_ns unenforced.node-2 sysctl -q -p - <<'EOF'
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

# ── unenforced.switch-lan
in_ns unenforced.switch-lan ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── unenforced.node-1
in_ns unenforced.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-lan
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns unenforced.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:00:00:00 mtu 1450 up type bridge
link add veth68caf03a address 02:02:00:00:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1450 netns unenforced.web
link set veth68caf03a type bridge_slave hairpin on
link add veth7b942480 address 02:02:00:00:00:02 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:00:00:02 mtu 1450 netns unenforced.visitor
link set veth7b942480 type bridge_slave hairpin on
# the VTEP of node-1: entries instead of learning
link add flannel.1 address 02:06:00:00:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.50.11 dstport 8472 nolearning
EOF

# ── unenforced.node-2
in_ns unenforced.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-lan
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns unenforced.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:01:00:00 mtu 1450 up type bridge
link add vethe57ed5aa address 02:02:00:01:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1450 netns unenforced.db
link set vethe57ed5aa type bridge_slave hairpin on
# the VTEP of node-2: entries instead of learning
link add flannel.1 address 02:06:00:01:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.50.12 dstport 8472 nolearning
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── unenforced.switch-lan
in_ns unenforced.switch-lan ip -batch - <<'EOF'
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
EOF

# ── unenforced.node-1
in_ns unenforced.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.11/24 dev eth0
address replace 10.244.0.1/24 dev cni0
address replace 10.244.0.0/32 dev flannel.1
# node-2: its VTEP as next hop, and the route to its pods
neigh replace 10.244.1.0 lladdr 02:06:00:01:00:00 dev flannel.1 nud permanent
route replace 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink
EOF
in_ns unenforced.node-1 bridge -batch - <<'EOF'
# node-2: where its VTEP is
fdb replace 02:06:00:01:00:00 dev flannel.1 dst 192.168.50.12 self permanent
EOF
in_ns unenforced.node-1 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:FLANNEL-POSTRTG - [0:0]
-F POSTROUTING
-A FLANNEL-POSTRTG -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A FLANNEL-POSTRTG -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A FLANNEL-POSTRTG -d 192.168.50.0/24 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A FLANNEL-POSTRTG -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A FLANNEL-POSTRTG -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j FLANNEL-POSTRTG
COMMIT
EOF

# ── unenforced.node-2
in_ns unenforced.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.12/24 dev eth0
address replace 10.244.1.1/24 dev cni0
address replace 10.244.1.0/32 dev flannel.1
# node-1: its VTEP as next hop, and the route to its pods
neigh replace 10.244.0.0 lladdr 02:06:00:00:00:00 dev flannel.1 nud permanent
route replace 10.244.0.0/24 via 10.244.0.0 dev flannel.1 onlink
EOF
in_ns unenforced.node-2 bridge -batch - <<'EOF'
# node-1: where its VTEP is
fdb replace 02:06:00:00:00:00 dev flannel.1 dst 192.168.50.11 self permanent
EOF
in_ns unenforced.node-2 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:FLANNEL-POSTRTG - [0:0]
-F POSTROUTING
-A FLANNEL-POSTRTG -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A FLANNEL-POSTRTG -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A FLANNEL-POSTRTG -d 192.168.50.0/24 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A FLANNEL-POSTRTG -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A FLANNEL-POSTRTG -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j FLANNEL-POSTRTG
COMMIT
EOF

# ── unenforced.web
in_ns unenforced.web sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns unenforced.web ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── unenforced.visitor
in_ns unenforced.visitor sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns unenforced.visitor ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.3/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── unenforced.db
in_ns unenforced.db sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns unenforced.db ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.2/24 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 5. Containers: processes inside the pods' namespaces
# ──────────────────────────────────────────────────────────────────────────────

# ── unenforced.db
netlab_responder unenforced.db db db 5432/tcp
