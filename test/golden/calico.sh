#!/bin/sh
# Builds the lab "calico" of topologies/calico.yaml: 3 hosts, 3 pods, backend bgp, attach routed.
# Preset calico-cross-subnet chose hostPrefix: { ipv4: 26, ipv6: 122 }, backend: { type: bgp, mode: mesh, device: tunl1, tunnel: cross-segment }, attach: { type: routed, interfaces: cali########### }, policy: iptables, masquerade: { chain: cali-nat-outgoing }, segments: { subnet-1: 192.168.1.0/24, subnet-2: 192.168.2.0/24 }.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/calico.yaml --down | sudo sh
#
# Run it as root. It needs: nsenter, ip, sysctl, iptables-restore, ipset, setsid, unshare, perl, awk, tail, setpriv, bird.
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
mkdir -p /run/netlab-script-calico


# ──────────────────────────────────────────────────────────────────────────────
# 1. Namespaces: every node (host, pod, switch, router) is a network namespace of its own
# ──────────────────────────────────────────────────────────────────────────────
ip -batch - <<'EOF'
netns add calico.switch-subnet-1
netns add calico.switch-subnet-2
netns add calico.router
netns add calico.node-1
netns add calico.pod-a
netns add calico.node-2
netns add calico.pod-b
netns add calico.node-3
netns add calico.pod-c
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── calico.switch-subnet-1
in_ns calico.switch-subnet-1 sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
EOF

# ── calico.switch-subnet-2
in_ns calico.switch-subnet-2 sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
EOF

# ── calico.router
in_ns calico.router sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# off: pods talk to hosts of other segments, and the router need not have routes to pods
net/ipv4/conf/all/rp_filter = 0
net/ipv4/conf/default/rp_filter = 0
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
EOF

# ── calico.node-1
in_ns calico.node-1 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# loose: replies may take another way than requests
net/ipv4/conf/all/rp_filter = 2
net/ipv4/conf/default/rp_filter = 2
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
EOF

# ── calico.node-2
in_ns calico.node-2 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# loose: replies may take another way than requests
net/ipv4/conf/all/rp_filter = 2
net/ipv4/conf/default/rp_filter = 2
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
EOF

# ── calico.node-3
in_ns calico.node-3 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# loose: replies may take another way than requests
net/ipv4/conf/all/rp_filter = 2
net/ipv4/conf/default/rp_filter = 2
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 3. Devices: bridges, tunnels, and veth pairs; a pair reaches from one namespace into another
# ──────────────────────────────────────────────────────────────────────────────

# ── calico.switch-subnet-1
in_ns calico.switch-subnet-1 ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── calico.switch-subnet-2
in_ns calico.switch-subnet-2 ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:01:00:00 mtu 1500 up type bridge
EOF

# ── calico.router
in_ns calico.router ip -batch - <<'EOF'
link add s1-subnet-1 address 02:07:00:00:00:00 mtu 1500 up type veth peer name router address 02:08:00:00:00:00 mtu 1500 netns calico.switch-subnet-1
link add s2-subnet-2 address 02:07:00:01:00:00 mtu 1500 up type veth peer name router address 02:08:00:01:00:00 mtu 1500 netns calico.switch-subnet-2
EOF

# ── calico.node-1
in_ns calico.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-subnet-1
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns calico.switch-subnet-1
link add cali5e1c4d6c68c address ee:ee:ee:ee:ee:ee mtu 1480 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1480 netns calico.pod-a
# one IPIP device for all peers: BIRD names it in the routes of those behind it
link add tunl1 mtu 1480 up type ipip local 192.168.1.11
EOF

# ── calico.node-2
in_ns calico.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-subnet-1
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns calico.switch-subnet-1
link add cali2f5353dd8c5 address ee:ee:ee:ee:ee:ee mtu 1480 up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1480 netns calico.pod-b
# one IPIP device for all peers: BIRD names it in the routes of those behind it
link add tunl1 mtu 1480 up type ipip local 192.168.1.12
EOF

# ── calico.node-3
in_ns calico.node-3 ip -batch - <<'EOF'
# node-3 is plugged into switch-subnet-2
link add eth0 address 02:03:00:02:00:00 mtu 1500 up type veth peer name h3-node-3 address 02:04:00:02:00:00 mtu 1500 netns calico.switch-subnet-2
link add cali3754a2f57f6 address ee:ee:ee:ee:ee:ee mtu 1480 up type veth peer name eth0 address 02:01:00:02:00:01 mtu 1480 netns calico.pod-c
# one IPIP device for all peers: BIRD names it in the routes of those behind it
link add tunl1 mtu 1480 up type ipip local 192.168.2.11
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── calico.switch-subnet-1
in_ns calico.switch-subnet-1 ip -batch - <<'EOF'
link set router master br0 up
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
EOF

# ── calico.switch-subnet-2
in_ns calico.switch-subnet-2 ip -batch - <<'EOF'
link set router master br0 up
link set h3-node-3 master br0 up
EOF

# ── calico.router
in_ns calico.router ip -batch - <<'EOF'
link set lo up
address replace 192.168.1.1/24 dev s1-subnet-1
address replace 192.168.2.1/24 dev s2-subnet-2
EOF

# ── calico.node-1
in_ns calico.node-1 sysctl -q -p - <<'EOF'
net/ipv4/conf/cali5e1c4d6c68c/proxy_arp = 1
net/ipv4/neigh/cali5e1c4d6c68c/proxy_delay = 0
EOF
in_ns calico.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.1.11/24 dev eth0
route replace default via 192.168.1.1 dev eth0
# addresses of the block that no pod has go nowhere
route replace blackhole 10.244.0.0/26
route replace 10.244.0.2/32 dev cali5e1c4d6c68c
address replace 10.244.0.0/32 dev tunl1
EOF
in_ns calico.node-1 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:cali-nat-outgoing - [0:0]
-F POSTROUTING
-A cali-nat-outgoing -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A cali-nat-outgoing -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A cali-nat-outgoing -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A cali-nat-outgoing -d 192.168.1.0/24 -m comment --comment "to hosts on subnet-1: no NAT" -j RETURN
-A cali-nat-outgoing -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A cali-nat-outgoing -d 192.168.2.0/24 -m comment --comment "to hosts on subnet-2: no NAT" -j RETURN
-A cali-nat-outgoing -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A cali-nat-outgoing -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j cali-nat-outgoing
COMMIT
EOF

# ── calico.node-2
in_ns calico.node-2 sysctl -q -p - <<'EOF'
net/ipv4/conf/cali2f5353dd8c5/proxy_arp = 1
net/ipv4/neigh/cali2f5353dd8c5/proxy_delay = 0
EOF
in_ns calico.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.1.12/24 dev eth0
route replace default via 192.168.1.1 dev eth0
# addresses of the block that no pod has go nowhere
route replace blackhole 10.244.0.64/26
route replace 10.244.0.66/32 dev cali2f5353dd8c5
address replace 10.244.0.64/32 dev tunl1
EOF
in_ns calico.node-2 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:cali-nat-outgoing - [0:0]
-F POSTROUTING
-A cali-nat-outgoing -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A cali-nat-outgoing -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A cali-nat-outgoing -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A cali-nat-outgoing -d 192.168.1.0/24 -m comment --comment "to hosts on subnet-1: no NAT" -j RETURN
-A cali-nat-outgoing -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A cali-nat-outgoing -d 192.168.2.0/24 -m comment --comment "to hosts on subnet-2: no NAT" -j RETURN
-A cali-nat-outgoing -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A cali-nat-outgoing -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j cali-nat-outgoing
COMMIT
EOF

# ── calico.node-3
in_ns calico.node-3 sysctl -q -p - <<'EOF'
net/ipv4/conf/cali3754a2f57f6/proxy_arp = 1
net/ipv4/neigh/cali3754a2f57f6/proxy_delay = 0
EOF
in_ns calico.node-3 ip -batch - <<'EOF'
link set lo up
address replace 192.168.2.11/24 dev eth0
route replace default via 192.168.2.1 dev eth0
# addresses of the block that no pod has go nowhere
route replace blackhole 10.244.0.128/26
route replace 10.244.0.130/32 dev cali3754a2f57f6
address replace 10.244.0.128/32 dev tunl1
EOF
in_ns calico.node-3 ipset restore <<'EOF'
# here: app=web in default
create np4-s-57b1ab5e49 hash:ip family inet
add np4-s-57b1ab5e49 10.244.0.130
# here: isolated for ingress
create np4-in hash:ip family inet
add np4-in 10.244.0.130
EOF
in_ns calico.node-3 iptables-restore --noflush --wait=10 <<'EOF'
*filter
# ingress: what is allowed, and a drop of the rest
:NETLAB-INGRESS - [0:0]
# NetworkPolicies: both the sender's and the receiver's must allow a new connection
:NETLAB-POLICY - [0:0]
-F FORWARD
-A NETLAB-INGRESS -p tcp -m set --match-set np4-s-57b1ab5e49 dst -m tcp --dport 8080 -m comment --comment "policy default/web ingress[0]: 8080/tcp from anyone" -j RETURN
-A NETLAB-INGRESS -m comment --comment "policy default/web: nothing else comes in" -j DROP
-A NETLAB-POLICY -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "belongs to a connection that was allowed" -j RETURN
-A NETLAB-POLICY -m set --match-set np4-in dst -m comment --comment "pods isolated for ingress" -j NETLAB-INGRESS
-A FORWARD -m comment --comment NetworkPolicies -j NETLAB-POLICY
COMMIT
*nat
# SNAT for what leaves the cluster, and only for that
:cali-nat-outgoing - [0:0]
-F POSTROUTING
-A cali-nat-outgoing -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A cali-nat-outgoing -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A cali-nat-outgoing -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A cali-nat-outgoing -d 192.168.1.0/24 -m comment --comment "to hosts on subnet-1: no NAT" -j RETURN
-A cali-nat-outgoing -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A cali-nat-outgoing -d 192.168.2.0/24 -m comment --comment "to hosts on subnet-2: no NAT" -j RETURN
-A cali-nat-outgoing -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A cali-nat-outgoing -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j cali-nat-outgoing
COMMIT
EOF

# ── calico.pod-a
in_ns calico.pod-a sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns calico.pod-a ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/32 dev eth0
route replace 169.254.1.1/32 dev eth0
route replace default via 169.254.1.1 dev eth0
EOF

# ── calico.pod-b
in_ns calico.pod-b sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns calico.pod-b ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.66/32 dev eth0
route replace 169.254.1.1/32 dev eth0
route replace default via 169.254.1.1 dev eth0
EOF

# ── calico.pod-c
in_ns calico.pod-c sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns calico.pod-c ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.130/32 dev eth0
route replace 169.254.1.1/32 dev eth0
route replace default via 169.254.1.1 dev eth0
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 5. Daemons: programs that change the network by themselves, with their files
# ──────────────────────────────────────────────────────────────────────────────

# ── calico.node-1
(umask 077 && mkdir -p /run/netlab-script-calico/node-1.bird.d)
cat >/run/netlab-script-calico/node-1.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.1.11;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.0.0/26 blackhole; }

# How the other hosts are reached, by which next hops are looked up.
ipv4 table nexthops_ipv4;
protocol direct on_link { interface "eth0"; ipv4 { table nexthops_ipv4; }; }
protocol static by_tunnel {
  ipv4 { table nexthops_ipv4; };
  route 192.168.2.11/32 via 192.168.2.11%tunl1 onlink;
}

# Learned from other hosts: written into the table of the kernel as proto bird.
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export where source = RTS_BGP; }; }

template bgp host {
  local 192.168.1.11 as 64512;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  ipv4 { import all; export where proto = "blocks_ipv4"; igp table nexthops_ipv4; };
}
protocol bgp 'h2-node-2' from host { neighbor 192.168.1.12 as 64512; multihop; }
protocol bgp 'h3-node-3' from host { neighbor 192.168.2.11 as 64512; multihop; }
END_OF_FILE
chmod 0600 /run/netlab-script-calico/node-1.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-1' calico.node-1 node-1 /run/netlab-script-calico/node-1.bird.d /run/netlab-script-calico/node-1.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── calico.node-2
(umask 077 && mkdir -p /run/netlab-script-calico/node-2.bird.d)
cat >/run/netlab-script-calico/node-2.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.1.12;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.0.64/26 blackhole; }

# How the other hosts are reached, by which next hops are looked up.
ipv4 table nexthops_ipv4;
protocol direct on_link { interface "eth0"; ipv4 { table nexthops_ipv4; }; }
protocol static by_tunnel {
  ipv4 { table nexthops_ipv4; };
  route 192.168.2.11/32 via 192.168.2.11%tunl1 onlink;
}

# Learned from other hosts: written into the table of the kernel as proto bird.
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export where source = RTS_BGP; }; }

template bgp host {
  local 192.168.1.12 as 64512;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  ipv4 { import all; export where proto = "blocks_ipv4"; igp table nexthops_ipv4; };
}
protocol bgp 'h1-node-1' from host { neighbor 192.168.1.11 as 64512; multihop; }
protocol bgp 'h3-node-3' from host { neighbor 192.168.2.11 as 64512; multihop; }
END_OF_FILE
chmod 0600 /run/netlab-script-calico/node-2.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-2' calico.node-2 node-2 /run/netlab-script-calico/node-2.bird.d /run/netlab-script-calico/node-2.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── calico.node-3
(umask 077 && mkdir -p /run/netlab-script-calico/node-3.bird.d)
cat >/run/netlab-script-calico/node-3.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.2.11;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.0.128/26 blackhole; }

# How the other hosts are reached, by which next hops are looked up.
ipv4 table nexthops_ipv4;
protocol direct on_link { interface "eth0"; ipv4 { table nexthops_ipv4; }; }
protocol static by_tunnel {
  ipv4 { table nexthops_ipv4; };
  route 192.168.1.11/32 via 192.168.1.11%tunl1 onlink;
  route 192.168.1.12/32 via 192.168.1.12%tunl1 onlink;
}

# Learned from other hosts: written into the table of the kernel as proto bird.
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export where source = RTS_BGP; }; }

template bgp host {
  local 192.168.2.11 as 64512;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  ipv4 { import all; export where proto = "blocks_ipv4"; igp table nexthops_ipv4; };
}
protocol bgp 'h1-node-1' from host { neighbor 192.168.1.11 as 64512; multihop; }
protocol bgp 'h2-node-2' from host { neighbor 192.168.1.12 as 64512; multihop; }
END_OF_FILE
chmod 0600 /run/netlab-script-calico/node-3.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-3' calico.node-3 node-3 /run/netlab-script-calico/node-3.bird.d /run/netlab-script-calico/node-3.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ──────────────────────────────────────────────────────────────────────────────
# 6. Containers: processes inside the pods' namespaces
# ──────────────────────────────────────────────────────────────────────────────

# ── calico.pod-c
netlab_responder calico.pod-c pod-c pod-c 8080/tcp

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
netlab_learned 'bird on node-1' -n calico.node-1 -4 route show 10.244.0.64/26 proto bird
netlab_learned 'bird on node-1' -n calico.node-1 -4 route show 10.244.0.128/26 proto bird
netlab_learned 'bird on node-2' -n calico.node-2 -4 route show 10.244.0.0/26 proto bird
netlab_learned 'bird on node-2' -n calico.node-2 -4 route show 10.244.0.128/26 proto bird
netlab_learned 'bird on node-3' -n calico.node-3 -4 route show 10.244.0.0/26 proto bird
netlab_learned 'bird on node-3' -n calico.node-3 -4 route show 10.244.0.64/26 proto bird
