#!/bin/sh
# Builds the lab "from-manifests" of topologies/from-manifests.yaml: 2 hosts, 8 pods, backend vxlan, attach bridge.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/from-manifests.yaml --down | sudo sh
#
# Run it as root. It needs: nsenter, ip, sysctl, bridge, ipset, iptables-restore, setsid, unshare, perl.
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
mkdir -p /run/netlab-script-from-manifests


# ──────────────────────────────────────────────────────────────────────────────
# 1. Namespaces: every node (host, pod, switch, router) is a network namespace of its own
# ──────────────────────────────────────────────────────────────────────────────
ip -batch - <<'EOF'
netns add from-manifests.switch-lan
netns add from-manifests.router
netns add from-manifests.client
netns add from-manifests.old-machine
netns add from-manifests.node-1
netns add from-manifests.visitor
netns add from-manifests.shop.db-0
netns add from-manifests.shop.frontend-1
netns add from-manifests.shop.frontend-3
netns add from-manifests.agent-node-1
netns add from-manifests.node-2
netns add from-manifests.shop.db-1
netns add from-manifests.shop.frontend-2
netns add from-manifests.agent-node-2
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── from-manifests.switch-lan
in_ns from-manifests.switch-lan sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── from-manifests.router
in_ns from-manifests.router sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# off: pods talk to hosts of other segments, and the router need not have routes to pods
net/ipv4/conf/all/rp_filter = 0
net/ipv4/conf/default/rp_filter = 0
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
EOF

# ── from-manifests.node-1
in_ns from-manifests.node-1 sysctl -q -p - <<'EOF'
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

# ── from-manifests.node-2
in_ns from-manifests.node-2 sysctl -q -p - <<'EOF'
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

# ── from-manifests.switch-lan
in_ns from-manifests.switch-lan ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── from-manifests.router
in_ns from-manifests.router ip -batch - <<'EOF'
link add s1-lan address 02:07:00:00:00:00 mtu 1500 up type veth peer name router address 02:08:00:00:00:00 mtu 1500 netns from-manifests.switch-lan
link add x1-client address 02:0a:00:00:00:00 mtu 1500 up type veth peer name eth0 address 02:09:00:00:00:00 mtu 1500 netns from-manifests.client
link add x2-old-machine address 02:0a:00:01:00:00 mtu 1500 up type veth peer name eth0 address 02:09:00:01:00:00 mtu 1500 netns from-manifests.old-machine
EOF

# ── from-manifests.node-1
in_ns from-manifests.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-lan
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns from-manifests.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:00:00:00 mtu 1450 up type bridge
link add p1-visitor address 02:02:00:00:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1450 netns from-manifests.visitor
link set p1-visitor type bridge_slave hairpin on
link add p2-shop-db-0 address 02:02:00:00:00:02 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:00:00:02 mtu 1450 netns from-manifests.shop.db-0
link set p2-shop-db-0 type bridge_slave hairpin on
link add p3-shop-fronten address 02:02:00:00:00:03 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:00:00:03 mtu 1450 netns from-manifests.shop.frontend-1
link set p3-shop-fronten type bridge_slave hairpin on
link add p4-shop-fronten address 02:02:00:00:00:04 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:00:00:04 mtu 1450 netns from-manifests.shop.frontend-3
link set p4-shop-fronten type bridge_slave hairpin on
link add p5-agent-node-1 address 02:02:00:00:00:05 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:00:00:05 mtu 1450 netns from-manifests.agent-node-1
link set p5-agent-node-1 type bridge_slave hairpin on
# the VTEP of node-1: entries instead of learning
link add vxlan1 address 02:06:00:00:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.50.11 dstport 8472 nolearning
EOF

# ── from-manifests.node-2
in_ns from-manifests.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-lan
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns from-manifests.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:01:00:00 mtu 1450 up type bridge
link add p1-shop-db-1 address 02:02:00:01:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1450 netns from-manifests.shop.db-1
link set p1-shop-db-1 type bridge_slave hairpin on
link add p2-shop-fronten address 02:02:00:01:00:02 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:01:00:02 mtu 1450 netns from-manifests.shop.frontend-2
link set p2-shop-fronten type bridge_slave hairpin on
link add p3-agent-node-2 address 02:02:00:01:00:03 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:01:00:03 mtu 1450 netns from-manifests.agent-node-2
link set p3-agent-node-2 type bridge_slave hairpin on
# the VTEP of node-2: entries instead of learning
link add vxlan1 address 02:06:00:01:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.50.12 dstport 8472 nolearning
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── from-manifests.switch-lan
in_ns from-manifests.switch-lan ip -batch - <<'EOF'
link set router master br0 up
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
EOF

# ── from-manifests.router
in_ns from-manifests.router ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.1/24 dev s1-lan
address replace 169.254.1.1/32 dev x1-client scope link
route replace 203.0.113.10/32 dev x1-client
address replace 169.254.1.1/32 dev x2-old-machine scope link
route replace 203.0.113.80/32 dev x2-old-machine
EOF

# ── from-manifests.node-1
in_ns from-manifests.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.11/24 dev eth0
route replace default via 192.168.50.1 dev eth0
address replace 10.244.0.1/24 dev cni0
address replace 10.244.0.0/32 dev vxlan1
# node-2: its VTEP as next hop, and the route to its pods
neigh replace 10.244.1.0 lladdr 02:06:00:01:00:00 dev vxlan1 nud permanent
route replace 10.244.1.0/24 via 10.244.1.0 dev vxlan1 onlink
EOF
in_ns from-manifests.node-1 bridge -batch - <<'EOF'
# node-2: where its VTEP is
fdb replace 02:06:00:01:00:00 dev vxlan1 dst 192.168.50.12 self permanent
EOF
in_ns from-manifests.node-1 ipset restore <<'EOF'
# here: app=db in shop
create np4-s-d4fd05669c hash:ip family inet
add np4-s-d4fd05669c 10.244.0.3
# app=frontend in shop
create np4-p-1ed360db82 hash:ip family inet
add np4-p-1ed360db82 10.244.0.4
add np4-p-1ed360db82 10.244.0.5
add np4-p-1ed360db82 10.244.1.3
# TCP ports called sql
create np4-n-tcp-sql hash:ip,port family inet
add np4-n-tcp-sql 10.244.0.3,tcp:5432
add np4-n-tcp-sql 10.244.1.2,tcp:5432
# here: isolated for ingress
create np4-in hash:ip family inet
add np4-in 10.244.0.3
EOF
in_ns from-manifests.node-1 iptables-restore --noflush --wait=10 <<'EOF'
*filter
# ingress: what is allowed, and a drop of the rest
:NETLAB-INGRESS - [0:0]
# NetworkPolicies: both the sender's and the receiver's must allow a new connection
:NETLAB-POLICY - [0:0]
# what no pod would answer is refused at once
:KUBE-SERVICES - [0:0]
:KUBE-EXTERNAL-SERVICES - [0:0]
-F FORWARD
-F INPUT
-F OUTPUT
-A NETLAB-INGRESS -p tcp -m set --match-set np4-s-d4fd05669c dst -m set --match-set np4-p-1ed360db82 src -m set --match-set np4-n-tcp-sql dst,dst -m comment --comment "policy shop/db-from-frontend ingress[0]: sql/tcp from app=frontend in shop" -j RETURN
-A NETLAB-INGRESS -m comment --comment "policy shop/db-from-frontend: nothing else comes in" -j DROP
-A NETLAB-POLICY -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "belongs to a connection that was allowed" -j RETURN
-A NETLAB-POLICY -m bpf --bytecode "6,32 0 0 12,7 0 0 0,32 0 0 16,29 0 1 0,6 0 0 65535,6 0 0 0" -m comment --comment "a pod always reaches itself" -j RETURN
-A NETLAB-POLICY -m set --match-set np4-in dst -m comment --comment "pods isolated for ingress" -j NETLAB-INGRESS
-A FORWARD -m comment --comment NetworkPolicies -j NETLAB-POLICY
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A KUBE-SERVICES -d 10.96.0.0/16 -m comment --comment "no Service has this address and port" -j REJECT --reject-with icmp-port-unreachable
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
COMMIT
*nat
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-NODEPORTS - [0:0]
# Services: the first packet of a connection finds its pod here
:KUBE-SERVICES - [0:0]
:KUBE-SVC-FVSPSYZH2C4JQHLD - [0:0]
:KUBE-SEP-CBHQML5OQ5UEQ4XD - [0:0]
:KUBE-SEP-LV2IJXMI362EJV2G - [0:0]
:KUBE-SVC-PY4JZH2ITZYEO4CN - [0:0]
:KUBE-EXT-PY4JZH2ITZYEO4CN - [0:0]
:KUBE-SEP-J5JQ6K67PZMYW7IZ - [0:0]
:KUBE-SEP-3VXCIPBPSRNU44RH - [0:0]
:KUBE-SEP-WMG5DHLMAFS5LQXU - [0:0]
:KUBE-SVC-EPTCW4GXRLCJJ2N3 - [0:0]
:KUBE-SEP-MDFXP772VVGFSC36 - [0:0]
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F PREROUTING
-F OUTPUT
-F POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
-A KUBE-NODEPORTS -p tcp -m comment --comment "shop/frontend:http" -m tcp --dport 30080 -j KUBE-EXT-PY4JZH2ITZYEO4CN
-A KUBE-SERVICES -d 10.96.1.1/32 -p tcp -m comment --comment "shop/db-any:sql cluster IP" -m tcp --dport 5432 -j KUBE-SVC-FVSPSYZH2C4JQHLD
-A KUBE-SERVICES -d 10.96.1.2/32 -p tcp -m comment --comment "shop/frontend:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-PY4JZH2ITZYEO4CN
-A KUBE-SERVICES -d 10.96.1.3/32 -p tcp -m comment --comment "default/legacy cluster IP" -m tcp --dport 80 -j KUBE-SVC-EPTCW4GXRLCJJ2N3
-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-SVC-FVSPSYZH2C4JQHLD ! -s 10.244.0.0/16 -d 10.96.1.1/32 -p tcp -m comment --comment "shop/db-any:sql cluster IP" -m tcp --dport 5432 -j KUBE-MARK-MASQ
-A KUBE-SVC-FVSPSYZH2C4JQHLD -m comment --comment "shop/db-any:sql -> 10.244.0.3:5432" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-CBHQML5OQ5UEQ4XD
-A KUBE-SVC-FVSPSYZH2C4JQHLD -m comment --comment "shop/db-any:sql -> 10.244.1.2:5432" -j KUBE-SEP-LV2IJXMI362EJV2G
-A KUBE-SEP-CBHQML5OQ5UEQ4XD -s 10.244.0.3/32 -m comment --comment "shop/db-any:sql" -j KUBE-MARK-MASQ
-A KUBE-SEP-CBHQML5OQ5UEQ4XD -p tcp -m comment --comment "shop/db-any:sql" -m tcp -j DNAT --to-destination 10.244.0.3:5432
-A KUBE-SEP-LV2IJXMI362EJV2G -s 10.244.1.2/32 -m comment --comment "shop/db-any:sql" -j KUBE-MARK-MASQ
-A KUBE-SEP-LV2IJXMI362EJV2G -p tcp -m comment --comment "shop/db-any:sql" -m tcp -j DNAT --to-destination 10.244.1.2:5432
-A KUBE-SVC-PY4JZH2ITZYEO4CN ! -s 10.244.0.0/16 -d 10.96.1.2/32 -p tcp -m comment --comment "shop/frontend:http cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-PY4JZH2ITZYEO4CN -m comment --comment "shop/frontend:http -> 10.244.0.4:8080" -m statistic --mode random --probability 0.33333333349 -j KUBE-SEP-J5JQ6K67PZMYW7IZ
-A KUBE-SVC-PY4JZH2ITZYEO4CN -m comment --comment "shop/frontend:http -> 10.244.1.3:8080" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-3VXCIPBPSRNU44RH
-A KUBE-SVC-PY4JZH2ITZYEO4CN -m comment --comment "shop/frontend:http -> 10.244.0.5:8080" -j KUBE-SEP-WMG5DHLMAFS5LQXU
-A KUBE-EXT-PY4JZH2ITZYEO4CN -m comment --comment "masquerade traffic for shop/frontend:http external destinations" -j KUBE-MARK-MASQ
-A KUBE-EXT-PY4JZH2ITZYEO4CN -j KUBE-SVC-PY4JZH2ITZYEO4CN
-A KUBE-SEP-J5JQ6K67PZMYW7IZ -s 10.244.0.4/32 -m comment --comment "shop/frontend:http" -j KUBE-MARK-MASQ
-A KUBE-SEP-J5JQ6K67PZMYW7IZ -p tcp -m comment --comment "shop/frontend:http" -m tcp -j DNAT --to-destination 10.244.0.4:8080
-A KUBE-SEP-3VXCIPBPSRNU44RH -s 10.244.1.3/32 -m comment --comment "shop/frontend:http" -j KUBE-MARK-MASQ
-A KUBE-SEP-3VXCIPBPSRNU44RH -p tcp -m comment --comment "shop/frontend:http" -m tcp -j DNAT --to-destination 10.244.1.3:8080
-A KUBE-SEP-WMG5DHLMAFS5LQXU -s 10.244.0.5/32 -m comment --comment "shop/frontend:http" -j KUBE-MARK-MASQ
-A KUBE-SEP-WMG5DHLMAFS5LQXU -p tcp -m comment --comment "shop/frontend:http" -m tcp -j DNAT --to-destination 10.244.0.5:8080
-A KUBE-SVC-EPTCW4GXRLCJJ2N3 ! -s 10.244.0.0/16 -d 10.96.1.3/32 -p tcp -m comment --comment "default/legacy cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-EPTCW4GXRLCJJ2N3 -m comment --comment "default/legacy -> 203.0.113.80:80" -j KUBE-SEP-MDFXP772VVGFSC36
-A KUBE-SEP-MDFXP772VVGFSC36 -s 203.0.113.80/32 -m comment --comment "default/legacy" -j KUBE-MARK-MASQ
-A KUBE-SEP-MDFXP772VVGFSC36 -p tcp -m comment --comment "default/legacy" -m tcp -j DNAT --to-destination 203.0.113.80:80
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.50.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.50.0/24 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
COMMIT
EOF

# ── from-manifests.node-2
in_ns from-manifests.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.12/24 dev eth0
route replace default via 192.168.50.1 dev eth0
address replace 10.244.1.1/24 dev cni0
address replace 10.244.1.0/32 dev vxlan1
# node-1: its VTEP as next hop, and the route to its pods
neigh replace 10.244.0.0 lladdr 02:06:00:00:00:00 dev vxlan1 nud permanent
route replace 10.244.0.0/24 via 10.244.0.0 dev vxlan1 onlink
EOF
in_ns from-manifests.node-2 bridge -batch - <<'EOF'
# node-1: where its VTEP is
fdb replace 02:06:00:00:00:00 dev vxlan1 dst 192.168.50.11 self permanent
EOF
in_ns from-manifests.node-2 ipset restore <<'EOF'
# here: app=db in shop
create np4-s-d4fd05669c hash:ip family inet
add np4-s-d4fd05669c 10.244.1.2
# app=frontend in shop
create np4-p-1ed360db82 hash:ip family inet
add np4-p-1ed360db82 10.244.0.4
add np4-p-1ed360db82 10.244.0.5
add np4-p-1ed360db82 10.244.1.3
# TCP ports called sql
create np4-n-tcp-sql hash:ip,port family inet
add np4-n-tcp-sql 10.244.0.3,tcp:5432
add np4-n-tcp-sql 10.244.1.2,tcp:5432
# here: isolated for ingress
create np4-in hash:ip family inet
add np4-in 10.244.1.2
EOF
in_ns from-manifests.node-2 iptables-restore --noflush --wait=10 <<'EOF'
*filter
# ingress: what is allowed, and a drop of the rest
:NETLAB-INGRESS - [0:0]
# NetworkPolicies: both the sender's and the receiver's must allow a new connection
:NETLAB-POLICY - [0:0]
# what no pod would answer is refused at once
:KUBE-SERVICES - [0:0]
:KUBE-EXTERNAL-SERVICES - [0:0]
-F FORWARD
-F INPUT
-F OUTPUT
-A NETLAB-INGRESS -p tcp -m set --match-set np4-s-d4fd05669c dst -m set --match-set np4-p-1ed360db82 src -m set --match-set np4-n-tcp-sql dst,dst -m comment --comment "policy shop/db-from-frontend ingress[0]: sql/tcp from app=frontend in shop" -j RETURN
-A NETLAB-INGRESS -m comment --comment "policy shop/db-from-frontend: nothing else comes in" -j DROP
-A NETLAB-POLICY -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "belongs to a connection that was allowed" -j RETURN
-A NETLAB-POLICY -m bpf --bytecode "6,32 0 0 12,7 0 0 0,32 0 0 16,29 0 1 0,6 0 0 65535,6 0 0 0" -m comment --comment "a pod always reaches itself" -j RETURN
-A NETLAB-POLICY -m set --match-set np4-in dst -m comment --comment "pods isolated for ingress" -j NETLAB-INGRESS
-A FORWARD -m comment --comment NetworkPolicies -j NETLAB-POLICY
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A KUBE-SERVICES -d 10.96.0.0/16 -m comment --comment "no Service has this address and port" -j REJECT --reject-with icmp-port-unreachable
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
COMMIT
*nat
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-NODEPORTS - [0:0]
# Services: the first packet of a connection finds its pod here
:KUBE-SERVICES - [0:0]
:KUBE-SVC-FVSPSYZH2C4JQHLD - [0:0]
:KUBE-SEP-CBHQML5OQ5UEQ4XD - [0:0]
:KUBE-SEP-LV2IJXMI362EJV2G - [0:0]
:KUBE-SVC-PY4JZH2ITZYEO4CN - [0:0]
:KUBE-EXT-PY4JZH2ITZYEO4CN - [0:0]
:KUBE-SEP-J5JQ6K67PZMYW7IZ - [0:0]
:KUBE-SEP-3VXCIPBPSRNU44RH - [0:0]
:KUBE-SEP-WMG5DHLMAFS5LQXU - [0:0]
:KUBE-SVC-EPTCW4GXRLCJJ2N3 - [0:0]
:KUBE-SEP-MDFXP772VVGFSC36 - [0:0]
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F PREROUTING
-F OUTPUT
-F POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
-A KUBE-NODEPORTS -p tcp -m comment --comment "shop/frontend:http" -m tcp --dport 30080 -j KUBE-EXT-PY4JZH2ITZYEO4CN
-A KUBE-SERVICES -d 10.96.1.1/32 -p tcp -m comment --comment "shop/db-any:sql cluster IP" -m tcp --dport 5432 -j KUBE-SVC-FVSPSYZH2C4JQHLD
-A KUBE-SERVICES -d 10.96.1.2/32 -p tcp -m comment --comment "shop/frontend:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-PY4JZH2ITZYEO4CN
-A KUBE-SERVICES -d 10.96.1.3/32 -p tcp -m comment --comment "default/legacy cluster IP" -m tcp --dport 80 -j KUBE-SVC-EPTCW4GXRLCJJ2N3
-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-SVC-FVSPSYZH2C4JQHLD ! -s 10.244.0.0/16 -d 10.96.1.1/32 -p tcp -m comment --comment "shop/db-any:sql cluster IP" -m tcp --dport 5432 -j KUBE-MARK-MASQ
-A KUBE-SVC-FVSPSYZH2C4JQHLD -m comment --comment "shop/db-any:sql -> 10.244.0.3:5432" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-CBHQML5OQ5UEQ4XD
-A KUBE-SVC-FVSPSYZH2C4JQHLD -m comment --comment "shop/db-any:sql -> 10.244.1.2:5432" -j KUBE-SEP-LV2IJXMI362EJV2G
-A KUBE-SEP-CBHQML5OQ5UEQ4XD -s 10.244.0.3/32 -m comment --comment "shop/db-any:sql" -j KUBE-MARK-MASQ
-A KUBE-SEP-CBHQML5OQ5UEQ4XD -p tcp -m comment --comment "shop/db-any:sql" -m tcp -j DNAT --to-destination 10.244.0.3:5432
-A KUBE-SEP-LV2IJXMI362EJV2G -s 10.244.1.2/32 -m comment --comment "shop/db-any:sql" -j KUBE-MARK-MASQ
-A KUBE-SEP-LV2IJXMI362EJV2G -p tcp -m comment --comment "shop/db-any:sql" -m tcp -j DNAT --to-destination 10.244.1.2:5432
-A KUBE-SVC-PY4JZH2ITZYEO4CN ! -s 10.244.0.0/16 -d 10.96.1.2/32 -p tcp -m comment --comment "shop/frontend:http cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-PY4JZH2ITZYEO4CN -m comment --comment "shop/frontend:http -> 10.244.0.4:8080" -m statistic --mode random --probability 0.33333333349 -j KUBE-SEP-J5JQ6K67PZMYW7IZ
-A KUBE-SVC-PY4JZH2ITZYEO4CN -m comment --comment "shop/frontend:http -> 10.244.1.3:8080" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-3VXCIPBPSRNU44RH
-A KUBE-SVC-PY4JZH2ITZYEO4CN -m comment --comment "shop/frontend:http -> 10.244.0.5:8080" -j KUBE-SEP-WMG5DHLMAFS5LQXU
-A KUBE-EXT-PY4JZH2ITZYEO4CN -m comment --comment "masquerade traffic for shop/frontend:http external destinations" -j KUBE-MARK-MASQ
-A KUBE-EXT-PY4JZH2ITZYEO4CN -j KUBE-SVC-PY4JZH2ITZYEO4CN
-A KUBE-SEP-J5JQ6K67PZMYW7IZ -s 10.244.0.4/32 -m comment --comment "shop/frontend:http" -j KUBE-MARK-MASQ
-A KUBE-SEP-J5JQ6K67PZMYW7IZ -p tcp -m comment --comment "shop/frontend:http" -m tcp -j DNAT --to-destination 10.244.0.4:8080
-A KUBE-SEP-3VXCIPBPSRNU44RH -s 10.244.1.3/32 -m comment --comment "shop/frontend:http" -j KUBE-MARK-MASQ
-A KUBE-SEP-3VXCIPBPSRNU44RH -p tcp -m comment --comment "shop/frontend:http" -m tcp -j DNAT --to-destination 10.244.1.3:8080
-A KUBE-SEP-WMG5DHLMAFS5LQXU -s 10.244.0.5/32 -m comment --comment "shop/frontend:http" -j KUBE-MARK-MASQ
-A KUBE-SEP-WMG5DHLMAFS5LQXU -p tcp -m comment --comment "shop/frontend:http" -m tcp -j DNAT --to-destination 10.244.0.5:8080
-A KUBE-SVC-EPTCW4GXRLCJJ2N3 ! -s 10.244.0.0/16 -d 10.96.1.3/32 -p tcp -m comment --comment "default/legacy cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-EPTCW4GXRLCJJ2N3 -m comment --comment "default/legacy -> 203.0.113.80:80" -j KUBE-SEP-MDFXP772VVGFSC36
-A KUBE-SEP-MDFXP772VVGFSC36 -s 203.0.113.80/32 -m comment --comment "default/legacy" -j KUBE-MARK-MASQ
-A KUBE-SEP-MDFXP772VVGFSC36 -p tcp -m comment --comment "default/legacy" -m tcp -j DNAT --to-destination 203.0.113.80:80
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.50.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.50.0/24 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
COMMIT
EOF

# ── from-manifests.client
in_ns from-manifests.client sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns from-manifests.client ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 203.0.113.10/32 dev eth0
route replace 169.254.1.1/32 dev eth0
route replace default via 169.254.1.1 dev eth0
EOF

# ── from-manifests.old-machine
in_ns from-manifests.old-machine sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns from-manifests.old-machine ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 203.0.113.80/32 dev eth0
route replace 169.254.1.1/32 dev eth0
route replace default via 169.254.1.1 dev eth0
EOF

# ── from-manifests.visitor
in_ns from-manifests.visitor sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns from-manifests.visitor ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── from-manifests.shop.db-0
in_ns from-manifests.shop.db-0 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns from-manifests.shop.db-0 ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.3/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── from-manifests.shop.frontend-1
in_ns from-manifests.shop.frontend-1 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns from-manifests.shop.frontend-1 ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.4/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── from-manifests.shop.frontend-3
in_ns from-manifests.shop.frontend-3 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns from-manifests.shop.frontend-3 ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.5/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── from-manifests.agent-node-1
in_ns from-manifests.agent-node-1 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns from-manifests.agent-node-1 ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.6/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── from-manifests.shop.db-1
in_ns from-manifests.shop.db-1 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns from-manifests.shop.db-1 ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.2/24 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF

# ── from-manifests.shop.frontend-2
in_ns from-manifests.shop.frontend-2 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns from-manifests.shop.frontend-2 ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.3/24 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF

# ── from-manifests.agent-node-2
in_ns from-manifests.agent-node-2 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns from-manifests.agent-node-2 ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.4/24 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 5. Containers: processes inside the pods' namespaces
# ──────────────────────────────────────────────────────────────────────────────

# ── from-manifests.shop.db-0
netlab_responder from-manifests.shop.db-0 db-0 shop/db-0 5432/tcp

# ── from-manifests.shop.frontend-1
netlab_responder from-manifests.shop.frontend-1 frontend-1 shop/frontend-1 8080/tcp

# ── from-manifests.shop.frontend-3
netlab_responder from-manifests.shop.frontend-3 frontend-3 shop/frontend-3 8080/tcp

# ── from-manifests.agent-node-1
netlab_responder from-manifests.agent-node-1 agent-node-1 agent-node-1 9100/tcp

# ── from-manifests.shop.db-1
netlab_responder from-manifests.shop.db-1 db-1 shop/db-1 5432/tcp

# ── from-manifests.shop.frontend-2
netlab_responder from-manifests.shop.frontend-2 frontend-2 shop/frontend-2 8080/tcp

# ── from-manifests.agent-node-2
netlab_responder from-manifests.agent-node-2 agent-node-2 agent-node-2 9100/tcp
