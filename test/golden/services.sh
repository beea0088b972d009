#!/bin/sh
# Builds the lab "services" of topologies/services.yaml: 3 hosts, 5 pods, backend vxlan, attach bridge.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/services.yaml --down | sudo sh
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
mkdir -p /run/netlab-script-services


# ──────────────────────────────────────────────────────────────────────────────
# 1. Namespaces: every node (host, pod, switch, router) is a network namespace of its own
# ──────────────────────────────────────────────────────────────────────────────
ip -batch - <<'EOF'
netns add services.switch-lan
netns add services.router
netns add services.outside
netns add services.node-1
netns add services.web-1
netns add services.client
netns add services.node-2
netns add services.web-2
netns add services.web-3
netns add services.starting
netns add services.node-3
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── services.switch-lan
in_ns services.switch-lan sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── services.router
in_ns services.router sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# off: pods talk to hosts of other segments, and the router need not have routes to pods
net/ipv4/conf/all/rp_filter = 0
net/ipv4/conf/default/rp_filter = 0
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
EOF

# ── services.node-1
in_ns services.node-1 sysctl -q -p - <<'EOF'
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

# ── services.node-2
in_ns services.node-2 sysctl -q -p - <<'EOF'
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

# ── services.node-3
in_ns services.node-3 sysctl -q -p - <<'EOF'
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

# ── services.switch-lan
in_ns services.switch-lan ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── services.router
in_ns services.router ip -batch - <<'EOF'
link add s1-lan address 02:07:00:00:00:00 mtu 1500 up type veth peer name router address 02:08:00:00:00:00 mtu 1500 netns services.switch-lan
link add x1-outside address 02:0a:00:00:00:00 mtu 1500 up type veth peer name eth0 address 02:09:00:00:00:00 mtu 1500 netns services.outside
EOF

# ── services.node-1
in_ns services.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-lan
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns services.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:00:00:00 mtu 1450 up type bridge
link add p1-web-1 address 02:02:00:00:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1450 netns services.web-1
link set p1-web-1 type bridge_slave hairpin on
link add p2-client address 02:02:00:00:00:02 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:00:00:02 mtu 1450 netns services.client
link set p2-client type bridge_slave hairpin on
# the VTEP of node-1: entries instead of learning
link add vxlan1 address 02:06:00:00:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.50.11 dstport 8472 nolearning
EOF

# ── services.node-2
in_ns services.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-lan
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns services.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:01:00:00 mtu 1450 up type bridge
link add p1-web-2 address 02:02:00:01:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1450 netns services.web-2
link set p1-web-2 type bridge_slave hairpin on
link add p2-web-3 address 02:02:00:01:00:02 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:01:00:02 mtu 1450 netns services.web-3
link set p2-web-3 type bridge_slave hairpin on
link add p3-starting address 02:02:00:01:00:03 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:01:00:03 mtu 1450 netns services.starting
link set p3-starting type bridge_slave hairpin on
# the VTEP of node-2: entries instead of learning
link add vxlan1 address 02:06:00:01:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.50.12 dstport 8472 nolearning
EOF

# ── services.node-3
in_ns services.node-3 ip -batch - <<'EOF'
# node-3 is plugged into switch-lan
link add eth0 address 02:03:00:02:00:00 mtu 1500 up type veth peer name h3-node-3 address 02:04:00:02:00:00 mtu 1500 netns services.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:02:00:00 mtu 1450 up type bridge
# the VTEP of node-3: entries instead of learning
link add vxlan1 address 02:06:00:02:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.50.13 dstport 8472 nolearning
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── services.switch-lan
in_ns services.switch-lan ip -batch - <<'EOF'
link set router master br0 up
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
link set h3-node-3 master br0 up
EOF

# ── services.router
in_ns services.router ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.1/24 dev s1-lan
address replace 169.254.1.1/32 dev x1-outside scope link
route replace 203.0.113.10/32 dev x1-outside
EOF

# ── services.node-1
in_ns services.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.11/24 dev eth0
route replace default via 192.168.50.1 dev eth0
address replace 10.244.0.1/24 dev cni0
address replace 10.244.0.0/32 dev vxlan1
# node-2: its VTEP as next hop, and the route to its pods
neigh replace 10.244.1.0 lladdr 02:06:00:01:00:00 dev vxlan1 nud permanent
route replace 10.244.1.0/24 via 10.244.1.0 dev vxlan1 onlink
# node-3: its VTEP as next hop, and the route to its pods
neigh replace 10.244.2.0 lladdr 02:06:00:02:00:00 dev vxlan1 nud permanent
route replace 10.244.2.0/24 via 10.244.2.0 dev vxlan1 onlink
EOF
in_ns services.node-1 bridge -batch - <<'EOF'
# node-2: where its VTEP is
fdb replace 02:06:00:01:00:00 dev vxlan1 dst 192.168.50.12 self permanent
# node-3: where its VTEP is
fdb replace 02:06:00:02:00:00 dev vxlan1 dst 192.168.50.13 self permanent
EOF
in_ns services.node-1 iptables-restore --noflush --wait=10 <<'EOF'
*nat
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-NODEPORTS - [0:0]
# Services: the first packet of a connection finds its pod here
:KUBE-SERVICES - [0:0]
:KUBE-SVC-LOLE4ISW44XBNF3G - [0:0]
:KUBE-EXT-LOLE4ISW44XBNF3G - [0:0]
:KUBE-SEP-2OYZRSTTDHUPO7SU - [0:0]
:KUBE-SEP-PXJ2U7QYT2QW5545 - [0:0]
:KUBE-SVC-W6DWRVOIQKRHXDQP - [0:0]
:KUBE-SVL-W6DWRVOIQKRHXDQP - [0:0]
:KUBE-EXT-W6DWRVOIQKRHXDQP - [0:0]
:KUBE-SEP-C54ISYMVRQDEZELE - [0:0]
:KUBE-SEP-44QA3IXK7PIJXDOV - [0:0]
:KUBE-SVC-ZRW2IZUANS4E5N2L - [0:0]
:KUBE-SEP-I7TYQHVUBX5DTISY - [0:0]
:KUBE-SEP-PACBQZO2RNIGGLHE - [0:0]
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F PREROUTING
-F OUTPUT
-F POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
-A KUBE-NODEPORTS -p tcp -m comment --comment "default/web" -m tcp --dport 30080 -j KUBE-EXT-LOLE4ISW44XBNF3G
-A KUBE-NODEPORTS -p tcp -m comment --comment "default/web-local" -m tcp --dport 30090 -j KUBE-EXT-W6DWRVOIQKRHXDQP
-A KUBE-SERVICES -d 10.96.1.1/32 -p tcp -m comment --comment "default/web cluster IP" -m tcp --dport 80 -j KUBE-SVC-LOLE4ISW44XBNF3G
-A KUBE-SERVICES -d 10.96.1.2/32 -p tcp -m comment --comment "default/web-local cluster IP" -m tcp --dport 80 -j KUBE-SVC-W6DWRVOIQKRHXDQP
-A KUBE-SERVICES -d 10.96.1.3/32 -p tcp -m comment --comment "default/web-sticky cluster IP" -m tcp --dport 80 -j KUBE-SVC-ZRW2IZUANS4E5N2L
-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-SVC-LOLE4ISW44XBNF3G ! -s 10.244.0.0/16 -d 10.96.1.1/32 -p tcp -m comment --comment "default/web cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-LOLE4ISW44XBNF3G -m comment --comment "default/web -> 10.244.0.2:8080" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-2OYZRSTTDHUPO7SU
-A KUBE-SVC-LOLE4ISW44XBNF3G -m comment --comment "default/web -> 10.244.1.2:8080" -j KUBE-SEP-PXJ2U7QYT2QW5545
-A KUBE-EXT-LOLE4ISW44XBNF3G -m comment --comment "masquerade traffic for default/web external destinations" -j KUBE-MARK-MASQ
-A KUBE-EXT-LOLE4ISW44XBNF3G -j KUBE-SVC-LOLE4ISW44XBNF3G
-A KUBE-SEP-2OYZRSTTDHUPO7SU -s 10.244.0.2/32 -m comment --comment "default/web" -j KUBE-MARK-MASQ
-A KUBE-SEP-2OYZRSTTDHUPO7SU -p tcp -m comment --comment "default/web" -m tcp -j DNAT --to-destination 10.244.0.2:8080
-A KUBE-SEP-PXJ2U7QYT2QW5545 -s 10.244.1.2/32 -m comment --comment "default/web" -j KUBE-MARK-MASQ
-A KUBE-SEP-PXJ2U7QYT2QW5545 -p tcp -m comment --comment "default/web" -m tcp -j DNAT --to-destination 10.244.1.2:8080
-A KUBE-SVC-W6DWRVOIQKRHXDQP ! -s 10.244.0.0/16 -d 10.96.1.2/32 -p tcp -m comment --comment "default/web-local cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-W6DWRVOIQKRHXDQP -m comment --comment "default/web-local -> 10.244.0.2:8080" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-C54ISYMVRQDEZELE
-A KUBE-SVC-W6DWRVOIQKRHXDQP -m comment --comment "default/web-local -> 10.244.1.2:8080" -j KUBE-SEP-44QA3IXK7PIJXDOV
-A KUBE-SVL-W6DWRVOIQKRHXDQP -m comment --comment "default/web-local -> 10.244.0.2:8080" -j KUBE-SEP-C54ISYMVRQDEZELE
-A KUBE-EXT-W6DWRVOIQKRHXDQP -s 10.244.0.0/16 -m comment --comment "pod traffic for default/web-local external destinations" -j KUBE-SVC-W6DWRVOIQKRHXDQP
-A KUBE-EXT-W6DWRVOIQKRHXDQP -m comment --comment "masquerade LOCAL traffic for default/web-local external destinations" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ
-A KUBE-EXT-W6DWRVOIQKRHXDQP -m comment --comment "route LOCAL traffic for default/web-local external destinations" -m addrtype --src-type LOCAL -j KUBE-SVC-W6DWRVOIQKRHXDQP
-A KUBE-EXT-W6DWRVOIQKRHXDQP -j KUBE-SVL-W6DWRVOIQKRHXDQP
-A KUBE-SEP-C54ISYMVRQDEZELE -s 10.244.0.2/32 -m comment --comment "default/web-local" -j KUBE-MARK-MASQ
-A KUBE-SEP-C54ISYMVRQDEZELE -p tcp -m comment --comment "default/web-local" -m tcp -j DNAT --to-destination 10.244.0.2:8080
-A KUBE-SEP-44QA3IXK7PIJXDOV -s 10.244.1.2/32 -m comment --comment "default/web-local" -j KUBE-MARK-MASQ
-A KUBE-SEP-44QA3IXK7PIJXDOV -p tcp -m comment --comment "default/web-local" -m tcp -j DNAT --to-destination 10.244.1.2:8080
-A KUBE-SVC-ZRW2IZUANS4E5N2L ! -s 10.244.0.0/16 -d 10.96.1.3/32 -p tcp -m comment --comment "default/web-sticky cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-ZRW2IZUANS4E5N2L -m comment --comment "default/web-sticky -> 10.244.0.2:8080" -m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-I7TYQHVUBX5DTISY --mask 255.255.255.255 --rsource -j KUBE-SEP-I7TYQHVUBX5DTISY
-A KUBE-SVC-ZRW2IZUANS4E5N2L -m comment --comment "default/web-sticky -> 10.244.1.2:8080" -m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-PACBQZO2RNIGGLHE --mask 255.255.255.255 --rsource -j KUBE-SEP-PACBQZO2RNIGGLHE
-A KUBE-SVC-ZRW2IZUANS4E5N2L -m comment --comment "default/web-sticky -> 10.244.0.2:8080" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-I7TYQHVUBX5DTISY
-A KUBE-SVC-ZRW2IZUANS4E5N2L -m comment --comment "default/web-sticky -> 10.244.1.2:8080" -j KUBE-SEP-PACBQZO2RNIGGLHE
-A KUBE-SEP-I7TYQHVUBX5DTISY -s 10.244.0.2/32 -m comment --comment "default/web-sticky" -j KUBE-MARK-MASQ
-A KUBE-SEP-I7TYQHVUBX5DTISY -p tcp -m comment --comment "default/web-sticky" -m recent --set --name KUBE-SEP-I7TYQHVUBX5DTISY --mask 255.255.255.255 --rsource -m tcp -j DNAT --to-destination 10.244.0.2:8080
-A KUBE-SEP-PACBQZO2RNIGGLHE -s 10.244.1.2/32 -m comment --comment "default/web-sticky" -j KUBE-MARK-MASQ
-A KUBE-SEP-PACBQZO2RNIGGLHE -p tcp -m comment --comment "default/web-sticky" -m recent --set --name KUBE-SEP-PACBQZO2RNIGGLHE --mask 255.255.255.255 --rsource -m tcp -j DNAT --to-destination 10.244.1.2:8080
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
*filter
# what no pod would answer is refused at once
:KUBE-SERVICES - [0:0]
:KUBE-EXTERNAL-SERVICES - [0:0]
-F INPUT
-F FORWARD
-F OUTPUT
-A KUBE-SERVICES -d 10.96.1.4/32 -p tcp -m comment --comment "default/slow has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable
-A KUBE-SERVICES -d 10.96.0.0/16 -m comment --comment "no Service has this address and port" -j REJECT --reject-with icmp-port-unreachable
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
COMMIT
EOF

# ── services.node-2
in_ns services.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.12/24 dev eth0
route replace default via 192.168.50.1 dev eth0
address replace 10.244.1.1/24 dev cni0
address replace 10.244.1.0/32 dev vxlan1
# node-1: its VTEP as next hop, and the route to its pods
neigh replace 10.244.0.0 lladdr 02:06:00:00:00:00 dev vxlan1 nud permanent
route replace 10.244.0.0/24 via 10.244.0.0 dev vxlan1 onlink
# node-3: its VTEP as next hop, and the route to its pods
neigh replace 10.244.2.0 lladdr 02:06:00:02:00:00 dev vxlan1 nud permanent
route replace 10.244.2.0/24 via 10.244.2.0 dev vxlan1 onlink
EOF
in_ns services.node-2 bridge -batch - <<'EOF'
# node-1: where its VTEP is
fdb replace 02:06:00:00:00:00 dev vxlan1 dst 192.168.50.11 self permanent
# node-3: where its VTEP is
fdb replace 02:06:00:02:00:00 dev vxlan1 dst 192.168.50.13 self permanent
EOF
in_ns services.node-2 iptables-restore --noflush --wait=10 <<'EOF'
*nat
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-NODEPORTS - [0:0]
# Services: the first packet of a connection finds its pod here
:KUBE-SERVICES - [0:0]
:KUBE-SVC-LOLE4ISW44XBNF3G - [0:0]
:KUBE-EXT-LOLE4ISW44XBNF3G - [0:0]
:KUBE-SEP-2OYZRSTTDHUPO7SU - [0:0]
:KUBE-SEP-PXJ2U7QYT2QW5545 - [0:0]
:KUBE-SVC-W6DWRVOIQKRHXDQP - [0:0]
:KUBE-SVL-W6DWRVOIQKRHXDQP - [0:0]
:KUBE-EXT-W6DWRVOIQKRHXDQP - [0:0]
:KUBE-SEP-C54ISYMVRQDEZELE - [0:0]
:KUBE-SEP-44QA3IXK7PIJXDOV - [0:0]
:KUBE-SVC-ZRW2IZUANS4E5N2L - [0:0]
:KUBE-SEP-I7TYQHVUBX5DTISY - [0:0]
:KUBE-SEP-PACBQZO2RNIGGLHE - [0:0]
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F PREROUTING
-F OUTPUT
-F POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
-A KUBE-NODEPORTS -p tcp -m comment --comment "default/web" -m tcp --dport 30080 -j KUBE-EXT-LOLE4ISW44XBNF3G
-A KUBE-NODEPORTS -p tcp -m comment --comment "default/web-local" -m tcp --dport 30090 -j KUBE-EXT-W6DWRVOIQKRHXDQP
-A KUBE-SERVICES -d 10.96.1.1/32 -p tcp -m comment --comment "default/web cluster IP" -m tcp --dport 80 -j KUBE-SVC-LOLE4ISW44XBNF3G
-A KUBE-SERVICES -d 10.96.1.2/32 -p tcp -m comment --comment "default/web-local cluster IP" -m tcp --dport 80 -j KUBE-SVC-W6DWRVOIQKRHXDQP
-A KUBE-SERVICES -d 10.96.1.3/32 -p tcp -m comment --comment "default/web-sticky cluster IP" -m tcp --dport 80 -j KUBE-SVC-ZRW2IZUANS4E5N2L
-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-SVC-LOLE4ISW44XBNF3G ! -s 10.244.0.0/16 -d 10.96.1.1/32 -p tcp -m comment --comment "default/web cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-LOLE4ISW44XBNF3G -m comment --comment "default/web -> 10.244.0.2:8080" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-2OYZRSTTDHUPO7SU
-A KUBE-SVC-LOLE4ISW44XBNF3G -m comment --comment "default/web -> 10.244.1.2:8080" -j KUBE-SEP-PXJ2U7QYT2QW5545
-A KUBE-EXT-LOLE4ISW44XBNF3G -m comment --comment "masquerade traffic for default/web external destinations" -j KUBE-MARK-MASQ
-A KUBE-EXT-LOLE4ISW44XBNF3G -j KUBE-SVC-LOLE4ISW44XBNF3G
-A KUBE-SEP-2OYZRSTTDHUPO7SU -s 10.244.0.2/32 -m comment --comment "default/web" -j KUBE-MARK-MASQ
-A KUBE-SEP-2OYZRSTTDHUPO7SU -p tcp -m comment --comment "default/web" -m tcp -j DNAT --to-destination 10.244.0.2:8080
-A KUBE-SEP-PXJ2U7QYT2QW5545 -s 10.244.1.2/32 -m comment --comment "default/web" -j KUBE-MARK-MASQ
-A KUBE-SEP-PXJ2U7QYT2QW5545 -p tcp -m comment --comment "default/web" -m tcp -j DNAT --to-destination 10.244.1.2:8080
-A KUBE-SVC-W6DWRVOIQKRHXDQP ! -s 10.244.0.0/16 -d 10.96.1.2/32 -p tcp -m comment --comment "default/web-local cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-W6DWRVOIQKRHXDQP -m comment --comment "default/web-local -> 10.244.0.2:8080" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-C54ISYMVRQDEZELE
-A KUBE-SVC-W6DWRVOIQKRHXDQP -m comment --comment "default/web-local -> 10.244.1.2:8080" -j KUBE-SEP-44QA3IXK7PIJXDOV
-A KUBE-SVL-W6DWRVOIQKRHXDQP -m comment --comment "default/web-local -> 10.244.1.2:8080" -j KUBE-SEP-44QA3IXK7PIJXDOV
-A KUBE-EXT-W6DWRVOIQKRHXDQP -s 10.244.0.0/16 -m comment --comment "pod traffic for default/web-local external destinations" -j KUBE-SVC-W6DWRVOIQKRHXDQP
-A KUBE-EXT-W6DWRVOIQKRHXDQP -m comment --comment "masquerade LOCAL traffic for default/web-local external destinations" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ
-A KUBE-EXT-W6DWRVOIQKRHXDQP -m comment --comment "route LOCAL traffic for default/web-local external destinations" -m addrtype --src-type LOCAL -j KUBE-SVC-W6DWRVOIQKRHXDQP
-A KUBE-EXT-W6DWRVOIQKRHXDQP -j KUBE-SVL-W6DWRVOIQKRHXDQP
-A KUBE-SEP-C54ISYMVRQDEZELE -s 10.244.0.2/32 -m comment --comment "default/web-local" -j KUBE-MARK-MASQ
-A KUBE-SEP-C54ISYMVRQDEZELE -p tcp -m comment --comment "default/web-local" -m tcp -j DNAT --to-destination 10.244.0.2:8080
-A KUBE-SEP-44QA3IXK7PIJXDOV -s 10.244.1.2/32 -m comment --comment "default/web-local" -j KUBE-MARK-MASQ
-A KUBE-SEP-44QA3IXK7PIJXDOV -p tcp -m comment --comment "default/web-local" -m tcp -j DNAT --to-destination 10.244.1.2:8080
-A KUBE-SVC-ZRW2IZUANS4E5N2L ! -s 10.244.0.0/16 -d 10.96.1.3/32 -p tcp -m comment --comment "default/web-sticky cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-ZRW2IZUANS4E5N2L -m comment --comment "default/web-sticky -> 10.244.0.2:8080" -m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-I7TYQHVUBX5DTISY --mask 255.255.255.255 --rsource -j KUBE-SEP-I7TYQHVUBX5DTISY
-A KUBE-SVC-ZRW2IZUANS4E5N2L -m comment --comment "default/web-sticky -> 10.244.1.2:8080" -m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-PACBQZO2RNIGGLHE --mask 255.255.255.255 --rsource -j KUBE-SEP-PACBQZO2RNIGGLHE
-A KUBE-SVC-ZRW2IZUANS4E5N2L -m comment --comment "default/web-sticky -> 10.244.0.2:8080" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-I7TYQHVUBX5DTISY
-A KUBE-SVC-ZRW2IZUANS4E5N2L -m comment --comment "default/web-sticky -> 10.244.1.2:8080" -j KUBE-SEP-PACBQZO2RNIGGLHE
-A KUBE-SEP-I7TYQHVUBX5DTISY -s 10.244.0.2/32 -m comment --comment "default/web-sticky" -j KUBE-MARK-MASQ
-A KUBE-SEP-I7TYQHVUBX5DTISY -p tcp -m comment --comment "default/web-sticky" -m recent --set --name KUBE-SEP-I7TYQHVUBX5DTISY --mask 255.255.255.255 --rsource -m tcp -j DNAT --to-destination 10.244.0.2:8080
-A KUBE-SEP-PACBQZO2RNIGGLHE -s 10.244.1.2/32 -m comment --comment "default/web-sticky" -j KUBE-MARK-MASQ
-A KUBE-SEP-PACBQZO2RNIGGLHE -p tcp -m comment --comment "default/web-sticky" -m recent --set --name KUBE-SEP-PACBQZO2RNIGGLHE --mask 255.255.255.255 --rsource -m tcp -j DNAT --to-destination 10.244.1.2:8080
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
*filter
# what no pod would answer is refused at once
:KUBE-SERVICES - [0:0]
:KUBE-EXTERNAL-SERVICES - [0:0]
-F INPUT
-F FORWARD
-F OUTPUT
-A KUBE-SERVICES -d 10.96.1.4/32 -p tcp -m comment --comment "default/slow has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable
-A KUBE-SERVICES -d 10.96.0.0/16 -m comment --comment "no Service has this address and port" -j REJECT --reject-with icmp-port-unreachable
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
COMMIT
EOF

# ── services.node-3
in_ns services.node-3 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.13/24 dev eth0
route replace default via 192.168.50.1 dev eth0
address replace 10.244.2.1/24 dev cni0
address replace 10.244.2.0/32 dev vxlan1
# node-1: its VTEP as next hop, and the route to its pods
neigh replace 10.244.0.0 lladdr 02:06:00:00:00:00 dev vxlan1 nud permanent
route replace 10.244.0.0/24 via 10.244.0.0 dev vxlan1 onlink
# node-2: its VTEP as next hop, and the route to its pods
neigh replace 10.244.1.0 lladdr 02:06:00:01:00:00 dev vxlan1 nud permanent
route replace 10.244.1.0/24 via 10.244.1.0 dev vxlan1 onlink
EOF
in_ns services.node-3 bridge -batch - <<'EOF'
# node-1: where its VTEP is
fdb replace 02:06:00:00:00:00 dev vxlan1 dst 192.168.50.11 self permanent
# node-2: where its VTEP is
fdb replace 02:06:00:01:00:00 dev vxlan1 dst 192.168.50.12 self permanent
EOF
in_ns services.node-3 iptables-restore --noflush --wait=10 <<'EOF'
*nat
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-NODEPORTS - [0:0]
# Services: the first packet of a connection finds its pod here
:KUBE-SERVICES - [0:0]
:KUBE-SVC-LOLE4ISW44XBNF3G - [0:0]
:KUBE-EXT-LOLE4ISW44XBNF3G - [0:0]
:KUBE-SEP-2OYZRSTTDHUPO7SU - [0:0]
:KUBE-SEP-PXJ2U7QYT2QW5545 - [0:0]
:KUBE-SVC-W6DWRVOIQKRHXDQP - [0:0]
:KUBE-EXT-W6DWRVOIQKRHXDQP - [0:0]
:KUBE-SEP-C54ISYMVRQDEZELE - [0:0]
:KUBE-SEP-44QA3IXK7PIJXDOV - [0:0]
:KUBE-SVC-ZRW2IZUANS4E5N2L - [0:0]
:KUBE-SEP-I7TYQHVUBX5DTISY - [0:0]
:KUBE-SEP-PACBQZO2RNIGGLHE - [0:0]
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F PREROUTING
-F OUTPUT
-F POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
-A KUBE-NODEPORTS -p tcp -m comment --comment "default/web" -m tcp --dport 30080 -j KUBE-EXT-LOLE4ISW44XBNF3G
-A KUBE-NODEPORTS -p tcp -m comment --comment "default/web-local" -m tcp --dport 30090 -j KUBE-EXT-W6DWRVOIQKRHXDQP
-A KUBE-SERVICES -d 10.96.1.1/32 -p tcp -m comment --comment "default/web cluster IP" -m tcp --dport 80 -j KUBE-SVC-LOLE4ISW44XBNF3G
-A KUBE-SERVICES -d 10.96.1.2/32 -p tcp -m comment --comment "default/web-local cluster IP" -m tcp --dport 80 -j KUBE-SVC-W6DWRVOIQKRHXDQP
-A KUBE-SERVICES -d 10.96.1.3/32 -p tcp -m comment --comment "default/web-sticky cluster IP" -m tcp --dport 80 -j KUBE-SVC-ZRW2IZUANS4E5N2L
-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-SVC-LOLE4ISW44XBNF3G ! -s 10.244.0.0/16 -d 10.96.1.1/32 -p tcp -m comment --comment "default/web cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-LOLE4ISW44XBNF3G -m comment --comment "default/web -> 10.244.0.2:8080" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-2OYZRSTTDHUPO7SU
-A KUBE-SVC-LOLE4ISW44XBNF3G -m comment --comment "default/web -> 10.244.1.2:8080" -j KUBE-SEP-PXJ2U7QYT2QW5545
-A KUBE-EXT-LOLE4ISW44XBNF3G -m comment --comment "masquerade traffic for default/web external destinations" -j KUBE-MARK-MASQ
-A KUBE-EXT-LOLE4ISW44XBNF3G -j KUBE-SVC-LOLE4ISW44XBNF3G
-A KUBE-SEP-2OYZRSTTDHUPO7SU -s 10.244.0.2/32 -m comment --comment "default/web" -j KUBE-MARK-MASQ
-A KUBE-SEP-2OYZRSTTDHUPO7SU -p tcp -m comment --comment "default/web" -m tcp -j DNAT --to-destination 10.244.0.2:8080
-A KUBE-SEP-PXJ2U7QYT2QW5545 -s 10.244.1.2/32 -m comment --comment "default/web" -j KUBE-MARK-MASQ
-A KUBE-SEP-PXJ2U7QYT2QW5545 -p tcp -m comment --comment "default/web" -m tcp -j DNAT --to-destination 10.244.1.2:8080
-A KUBE-SVC-W6DWRVOIQKRHXDQP ! -s 10.244.0.0/16 -d 10.96.1.2/32 -p tcp -m comment --comment "default/web-local cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-W6DWRVOIQKRHXDQP -m comment --comment "default/web-local -> 10.244.0.2:8080" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-C54ISYMVRQDEZELE
-A KUBE-SVC-W6DWRVOIQKRHXDQP -m comment --comment "default/web-local -> 10.244.1.2:8080" -j KUBE-SEP-44QA3IXK7PIJXDOV
-A KUBE-EXT-W6DWRVOIQKRHXDQP -s 10.244.0.0/16 -m comment --comment "pod traffic for default/web-local external destinations" -j KUBE-SVC-W6DWRVOIQKRHXDQP
-A KUBE-EXT-W6DWRVOIQKRHXDQP -m comment --comment "masquerade LOCAL traffic for default/web-local external destinations" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ
-A KUBE-EXT-W6DWRVOIQKRHXDQP -m comment --comment "route LOCAL traffic for default/web-local external destinations" -m addrtype --src-type LOCAL -j KUBE-SVC-W6DWRVOIQKRHXDQP
-A KUBE-SEP-C54ISYMVRQDEZELE -s 10.244.0.2/32 -m comment --comment "default/web-local" -j KUBE-MARK-MASQ
-A KUBE-SEP-C54ISYMVRQDEZELE -p tcp -m comment --comment "default/web-local" -m tcp -j DNAT --to-destination 10.244.0.2:8080
-A KUBE-SEP-44QA3IXK7PIJXDOV -s 10.244.1.2/32 -m comment --comment "default/web-local" -j KUBE-MARK-MASQ
-A KUBE-SEP-44QA3IXK7PIJXDOV -p tcp -m comment --comment "default/web-local" -m tcp -j DNAT --to-destination 10.244.1.2:8080
-A KUBE-SVC-ZRW2IZUANS4E5N2L ! -s 10.244.0.0/16 -d 10.96.1.3/32 -p tcp -m comment --comment "default/web-sticky cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-ZRW2IZUANS4E5N2L -m comment --comment "default/web-sticky -> 10.244.0.2:8080" -m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-I7TYQHVUBX5DTISY --mask 255.255.255.255 --rsource -j KUBE-SEP-I7TYQHVUBX5DTISY
-A KUBE-SVC-ZRW2IZUANS4E5N2L -m comment --comment "default/web-sticky -> 10.244.1.2:8080" -m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-PACBQZO2RNIGGLHE --mask 255.255.255.255 --rsource -j KUBE-SEP-PACBQZO2RNIGGLHE
-A KUBE-SVC-ZRW2IZUANS4E5N2L -m comment --comment "default/web-sticky -> 10.244.0.2:8080" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-I7TYQHVUBX5DTISY
-A KUBE-SVC-ZRW2IZUANS4E5N2L -m comment --comment "default/web-sticky -> 10.244.1.2:8080" -j KUBE-SEP-PACBQZO2RNIGGLHE
-A KUBE-SEP-I7TYQHVUBX5DTISY -s 10.244.0.2/32 -m comment --comment "default/web-sticky" -j KUBE-MARK-MASQ
-A KUBE-SEP-I7TYQHVUBX5DTISY -p tcp -m comment --comment "default/web-sticky" -m recent --set --name KUBE-SEP-I7TYQHVUBX5DTISY --mask 255.255.255.255 --rsource -m tcp -j DNAT --to-destination 10.244.0.2:8080
-A KUBE-SEP-PACBQZO2RNIGGLHE -s 10.244.1.2/32 -m comment --comment "default/web-sticky" -j KUBE-MARK-MASQ
-A KUBE-SEP-PACBQZO2RNIGGLHE -p tcp -m comment --comment "default/web-sticky" -m recent --set --name KUBE-SEP-PACBQZO2RNIGGLHE --mask 255.255.255.255 --rsource -m tcp -j DNAT --to-destination 10.244.1.2:8080
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
*filter
# what no pod would answer is refused at once
:KUBE-SERVICES - [0:0]
:KUBE-EXTERNAL-SERVICES - [0:0]
-F INPUT
-F FORWARD
-F OUTPUT
-A KUBE-SERVICES -d 10.96.1.4/32 -p tcp -m comment --comment "default/slow has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable
-A KUBE-SERVICES -d 10.96.0.0/16 -m comment --comment "no Service has this address and port" -j REJECT --reject-with icmp-port-unreachable
-A KUBE-EXTERNAL-SERVICES -p tcp -m comment --comment "default/web-local has no local endpoints" -m addrtype --dst-type LOCAL -m tcp --dport 30090 -j DROP
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
COMMIT
EOF

# ── services.outside
in_ns services.outside sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns services.outside ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 203.0.113.10/32 dev eth0
route replace 169.254.1.1/32 dev eth0
route replace default via 169.254.1.1 dev eth0
EOF

# ── services.web-1
in_ns services.web-1 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns services.web-1 ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── services.client
in_ns services.client sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns services.client ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.3/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── services.web-2
in_ns services.web-2 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns services.web-2 ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.2/24 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF

# ── services.web-3
in_ns services.web-3 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns services.web-3 ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.3/24 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF

# ── services.starting
in_ns services.starting sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns services.starting ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.4/24 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 5. Containers: processes inside the pods' namespaces
# ──────────────────────────────────────────────────────────────────────────────

# ── services.web-1
netlab_responder services.web-1 web-1 web-1 8080/tcp

# ── services.web-2
netlab_responder services.web-2 web-2 web-2 8080/tcp

# ── services.web-3
netlab_responder services.web-3 web-3 web-3 8080/tcp

# ── services.starting
netlab_responder services.starting starting starting 8080/tcp
