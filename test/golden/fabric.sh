#!/bin/sh
# Builds the lab "fabric" of topologies/fabric.yaml: 3 hosts, 3 pods, backend bgp, attach bridge.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/fabric.yaml --down | sudo sh
#
# Run it as root. It needs: nsenter, ip, sysctl, iptables-restore, setsid, unshare, perl, awk, tail, setpriv, bird.
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
mkdir -p /run/netlab-script-fabric


# ──────────────────────────────────────────────────────────────────────────────
# 1. Namespaces: every node (host, pod, switch, router) is a network namespace of its own
# ──────────────────────────────────────────────────────────────────────────────
ip -batch - <<'EOF'
netns add fabric.switch-rack-1
netns add fabric.switch-rack-2
netns add fabric.spine-1
netns add fabric.spine-2
netns add fabric.border
netns add fabric.tor-rack-1
netns add fabric.tor-rack-2
netns add fabric.client
netns add fabric.partner
netns add fabric.node-1
netns add fabric.pod-a
netns add fabric.node-2
netns add fabric.pod-b
netns add fabric.node-3
netns add fabric.pod-c
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── fabric.switch-rack-1
in_ns fabric.switch-rack-1 sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── fabric.switch-rack-2
in_ns fabric.switch-rack-2 sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── fabric.spine-1
in_ns fabric.spine-1 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# off: pods talk to hosts of other segments, and the router need not have routes to pods
net/ipv4/conf/all/rp_filter = 0
net/ipv4/conf/default/rp_filter = 0
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
# of equal paths one is chosen by addresses, protocol and ports: a connection keeps to it
net/ipv4/fib_multipath_hash_policy = 1
EOF

# ── fabric.spine-2
in_ns fabric.spine-2 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# off: pods talk to hosts of other segments, and the router need not have routes to pods
net/ipv4/conf/all/rp_filter = 0
net/ipv4/conf/default/rp_filter = 0
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
# of equal paths one is chosen by addresses, protocol and ports: a connection keeps to it
net/ipv4/fib_multipath_hash_policy = 1
EOF

# ── fabric.border
in_ns fabric.border sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# off: pods talk to hosts of other segments, and the router need not have routes to pods
net/ipv4/conf/all/rp_filter = 0
net/ipv4/conf/default/rp_filter = 0
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
# of equal paths one is chosen by addresses, protocol and ports: a connection keeps to it
net/ipv4/fib_multipath_hash_policy = 1
EOF

# ── fabric.tor-rack-1
in_ns fabric.tor-rack-1 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# off: pods talk to hosts of other segments, and the router need not have routes to pods
net/ipv4/conf/all/rp_filter = 0
net/ipv4/conf/default/rp_filter = 0
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
# of equal paths one is chosen by addresses, protocol and ports: a connection keeps to it
net/ipv4/fib_multipath_hash_policy = 1
EOF

# ── fabric.tor-rack-2
in_ns fabric.tor-rack-2 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# off: pods talk to hosts of other segments, and the router need not have routes to pods
net/ipv4/conf/all/rp_filter = 0
net/ipv4/conf/default/rp_filter = 0
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
# of equal paths one is chosen by addresses, protocol and ports: a connection keeps to it
net/ipv4/fib_multipath_hash_policy = 1
EOF

# ── fabric.node-1
in_ns fabric.node-1 sysctl -q -p - <<'EOF'
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

# ── fabric.node-2
in_ns fabric.node-2 sysctl -q -p - <<'EOF'
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

# ── fabric.node-3
in_ns fabric.node-3 sysctl -q -p - <<'EOF'
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

# ── fabric.switch-rack-1
in_ns fabric.switch-rack-1 ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── fabric.switch-rack-2
in_ns fabric.switch-rack-2 ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:01:00:00 mtu 1500 up type bridge
EOF

# ── fabric.spine-1
in_ns fabric.spine-1 ip -batch - <<'EOF'
# spine-1 and border
link add l1-border address 02:0c:00:00:00:00 mtu 1500 up type veth peer name l1-spine-1 address 02:0c:00:00:00:01 mtu 1500 netns fabric.border
# spine-1 and tor-rack-1
link add l2-tor-rack-1 address 02:0c:00:02:00:00 mtu 1500 up type veth peer name l1-spine-1 address 02:0c:00:02:00:01 mtu 1500 netns fabric.tor-rack-1
# spine-1 and tor-rack-2
link add l3-tor-rack-2 address 02:0c:00:04:00:00 mtu 1500 up type veth peer name l1-spine-1 address 02:0c:00:04:00:01 mtu 1500 netns fabric.tor-rack-2
EOF

# ── fabric.spine-2
in_ns fabric.spine-2 ip -batch - <<'EOF'
# spine-2 and border
link add l1-border address 02:0c:00:01:00:00 mtu 1500 up type veth peer name l2-spine-2 address 02:0c:00:01:00:01 mtu 1500 netns fabric.border
# spine-2 and tor-rack-1
link add l2-tor-rack-1 address 02:0c:00:03:00:00 mtu 1500 up type veth peer name l2-spine-2 address 02:0c:00:03:00:01 mtu 1500 netns fabric.tor-rack-1
# spine-2 and tor-rack-2
link add l3-tor-rack-2 address 02:0c:00:05:00:00 mtu 1500 up type veth peer name l2-spine-2 address 02:0c:00:05:00:01 mtu 1500 netns fabric.tor-rack-2
EOF

# ── fabric.border
in_ns fabric.border ip -batch - <<'EOF'
link add x1-client address 02:0a:00:00:00:00 mtu 1500 up type veth peer name eth0 address 02:09:00:00:00:00 mtu 1500 netns fabric.client
link add x2-partner address 02:0a:00:01:00:00 mtu 1500 up type veth peer name eth0 address 02:09:00:01:00:00 mtu 1500 netns fabric.partner
EOF

# ── fabric.tor-rack-1
in_ns fabric.tor-rack-1 ip -batch - <<'EOF'
link add s1-rack-1 address 02:07:00:00:00:00 mtu 1500 up type veth peer name router address 02:08:00:00:00:00 mtu 1500 netns fabric.switch-rack-1
EOF

# ── fabric.tor-rack-2
in_ns fabric.tor-rack-2 ip -batch - <<'EOF'
link add s2-rack-2 address 02:07:00:01:00:00 mtu 1500 up type veth peer name router address 02:08:00:01:00:00 mtu 1500 netns fabric.switch-rack-2
EOF

# ── fabric.node-1
in_ns fabric.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-rack-1
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns fabric.switch-rack-1
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:00:00:00 mtu 1500 up type bridge
link add p1-pod-a address 02:02:00:00:00:01 mtu 1500 master cni0 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1500 netns fabric.pod-a
link set p1-pod-a type bridge_slave hairpin on
EOF

# ── fabric.node-2
in_ns fabric.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-rack-1
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns fabric.switch-rack-1
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:01:00:00 mtu 1500 up type bridge
link add p1-pod-b address 02:02:00:01:00:01 mtu 1500 master cni0 up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1500 netns fabric.pod-b
link set p1-pod-b type bridge_slave hairpin on
EOF

# ── fabric.node-3
in_ns fabric.node-3 ip -batch - <<'EOF'
# node-3 is plugged into switch-rack-2
link add eth0 address 02:03:00:02:00:00 mtu 1500 up type veth peer name h3-node-3 address 02:04:00:02:00:00 mtu 1500 netns fabric.switch-rack-2
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:02:00:00 mtu 1500 up type bridge
link add p1-pod-c address 02:02:00:02:00:01 mtu 1500 master cni0 up type veth peer name eth0 address 02:01:00:02:00:01 mtu 1500 netns fabric.pod-c
link set p1-pod-c type bridge_slave hairpin on
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── fabric.switch-rack-1
in_ns fabric.switch-rack-1 ip -batch - <<'EOF'
link set router master br0 up
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
EOF

# ── fabric.switch-rack-2
in_ns fabric.switch-rack-2 ip -batch - <<'EOF'
link set router master br0 up
link set h3-node-3 master br0 up
EOF

# ── fabric.spine-1
in_ns fabric.spine-1 ip -batch - <<'EOF'
link set lo up
address replace 100.64.0.1/32 dev lo
address replace 100.64.128.0/31 dev l1-border
address replace 100.64.128.4/31 dev l2-tor-rack-1
address replace 100.64.128.8/31 dev l3-tor-rack-2
EOF

# ── fabric.spine-2
in_ns fabric.spine-2 ip -batch - <<'EOF'
link set lo up
address replace 100.64.0.2/32 dev lo
address replace 100.64.128.2/31 dev l1-border
address replace 100.64.128.6/31 dev l2-tor-rack-1
address replace 100.64.128.10/31 dev l3-tor-rack-2
EOF

# ── fabric.border
in_ns fabric.border ip -batch - <<'EOF'
link set l1-spine-1 up
link set l2-spine-2 up
link set lo up
address replace 100.64.0.3/32 dev lo
address replace 100.64.128.1/31 dev l1-spine-1
address replace 100.64.128.3/31 dev l2-spine-2
address replace 169.254.1.1/32 dev x1-client scope link
route replace 203.0.113.10/32 dev x1-client
address replace 169.254.1.1/32 dev x2-partner scope link
route replace 203.0.113.11/32 dev x2-partner
# from outside nothing leads to pods
route replace unreachable 10.244.0.0/16 table 10
rule add from 203.0.113.10/32 table 10 priority 10000
EOF
in_ns fabric.border iptables-restore --noflush --wait=10 <<'EOF'
*nat
# what leaves for externals gets an address of the border
:BORDER-NAT - [0:0]
-F POSTROUTING
-A BORDER-NAT -s 203.0.113.10/32 -m comment --comment "border: client is outside itself" -j RETURN
-A BORDER-NAT -s 203.0.113.11/32 -m comment --comment "border: partner is outside itself" -j RETURN
-A BORDER-NAT -d 203.0.113.11/32 -m comment --comment "border: partner has routes to the inside" -j RETURN
-A BORDER-NAT -m comment --comment "border: leaves for an external" -j SNAT --to-source 100.64.0.3
-A POSTROUTING -o x+ -m comment --comment "border: to externals" -j BORDER-NAT
COMMIT
*filter
# what externals may begin
:BORDER-FIREWALL - [0:0]
-F FORWARD
-A BORDER-FIREWALL -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "border: belongs to a connection that was allowed" -j ACCEPT
-A BORDER-FIREWALL -s 203.0.113.11/32 -d 10.244.2.2/32 -p tcp -m tcp --dport 8080 -m comment --comment "border: allow partner to pod-c 8080/tcp" -j ACCEPT
-A BORDER-FIREWALL -m comment --comment "border: allowed to no external" -j DROP
-A FORWARD -i x+ -o x+ -m comment --comment "border: among externals" -j ACCEPT
-A FORWARD -i x+ -m comment --comment "border: from externals" -j BORDER-FIREWALL
COMMIT
EOF

# ── fabric.tor-rack-1
in_ns fabric.tor-rack-1 ip -batch - <<'EOF'
link set l1-spine-1 up
link set l2-spine-2 up
link set lo up
address replace 100.64.0.4/32 dev lo
address replace 192.168.1.1/24 dev s1-rack-1
address replace 100.64.128.5/31 dev l1-spine-1
address replace 100.64.128.7/31 dev l2-spine-2
EOF

# ── fabric.tor-rack-2
in_ns fabric.tor-rack-2 ip -batch - <<'EOF'
link set l1-spine-1 up
link set l2-spine-2 up
link set lo up
address replace 100.64.0.5/32 dev lo
address replace 192.168.2.1/24 dev s2-rack-2
address replace 100.64.128.9/31 dev l1-spine-1
address replace 100.64.128.11/31 dev l2-spine-2
EOF

# ── fabric.node-1
in_ns fabric.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.1.11/24 dev eth0
route replace default via 192.168.1.1 dev eth0
address replace 10.244.0.1/24 dev cni0
EOF
in_ns fabric.node-1 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.1.0/24 -m comment --comment "to hosts on rack-1: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.2.0/24 -m comment --comment "to hosts on rack-2: no NAT" -j RETURN
-A NETLAB-MASQ -d 203.0.113.11/32 -m comment --comment "partner has routes to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── fabric.node-2
in_ns fabric.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.1.12/24 dev eth0
route replace default via 192.168.1.1 dev eth0
address replace 10.244.1.1/24 dev cni0
EOF
in_ns fabric.node-2 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.1.0/24 -m comment --comment "to hosts on rack-1: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.2.0/24 -m comment --comment "to hosts on rack-2: no NAT" -j RETURN
-A NETLAB-MASQ -d 203.0.113.11/32 -m comment --comment "partner has routes to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── fabric.node-3
in_ns fabric.node-3 ip -batch - <<'EOF'
link set lo up
address replace 192.168.2.11/24 dev eth0
route replace default via 192.168.2.1 dev eth0
address replace 10.244.2.1/24 dev cni0
EOF
in_ns fabric.node-3 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.1.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.1.0/24 -m comment --comment "to hosts on rack-1: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.2.1/32 -m comment --comment "the router is outside the cluster" -j MASQUERADE --random-fully
-A NETLAB-MASQ -d 192.168.2.0/24 -m comment --comment "to hosts on rack-2: no NAT" -j RETURN
-A NETLAB-MASQ -d 203.0.113.11/32 -m comment --comment "partner has routes to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── fabric.client
in_ns fabric.client sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns fabric.client ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 203.0.113.10/32 dev eth0
route replace 169.254.1.1/32 dev eth0
route replace default via 169.254.1.1 dev eth0
EOF

# ── fabric.partner
in_ns fabric.partner sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns fabric.partner ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 203.0.113.11/32 dev eth0
route replace 169.254.1.1/32 dev eth0
route replace default via 169.254.1.1 dev eth0
EOF

# ── fabric.pod-a
in_ns fabric.pod-a sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns fabric.pod-a ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── fabric.pod-b
in_ns fabric.pod-b sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns fabric.pod-b ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.2/24 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF

# ── fabric.pod-c
in_ns fabric.pod-c sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns fabric.pod-c ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.2.2/24 dev eth0
route replace default via 10.244.2.1 dev eth0
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 5. Daemons: programs that change the network by themselves, with their files
# ──────────────────────────────────────────────────────────────────────────────

# ── fabric.spine-1
(umask 077 && mkdir -p /run/netlab-script-fabric/spine-1.bird.d)
cat >/run/netlab-script-fabric/spine-1.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 100.64.0.1;
protocol device devices { scan time 5; }
protocol bfd bfd_sessions { interface "*" { interval 100 ms; multiplier 3; }; }

# Announced: an address of its own.
protocol direct own_networks { ipv4; interface "lo"; }

# Learned: written into the table of the kernel as proto bird, all paths of equal length as one route.
protocol kernel kernel_ipv4 { scan time 2; merge paths on limit 16; ipv4 { import none; export filter { if source != RTS_BGP then reject; krt_prefsrc = 100.64.0.1; accept; }; }; }

template bgp neighbours {
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
}
protocol bgp 'border' from neighbours {
  local 100.64.128.0 as 64600; neighbor 100.64.128.1 as 64700; direct; bfd on;
  ipv4 { import all; export where source = RTS_BGP || proto = "own_networks"; };
}
protocol bgp 'tor-rack-1' from neighbours {
  local 100.64.128.4 as 64600; neighbor 100.64.128.5 as 65001; direct; bfd on;
  ipv4 { import all; export where source = RTS_BGP || proto = "own_networks"; };
}
protocol bgp 'tor-rack-2' from neighbours {
  local 100.64.128.8 as 64600; neighbor 100.64.128.9 as 65002; direct; bfd on;
  ipv4 { import all; export where source = RTS_BGP || proto = "own_networks"; };
}
END_OF_FILE
chmod 0600 /run/netlab-script-fabric/spine-1.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on spine-1' fabric.spine-1 spine-1 /run/netlab-script-fabric/spine-1.bird.d /run/netlab-script-fabric/spine-1.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── fabric.spine-2
(umask 077 && mkdir -p /run/netlab-script-fabric/spine-2.bird.d)
cat >/run/netlab-script-fabric/spine-2.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 100.64.0.2;
protocol device devices { scan time 5; }
protocol bfd bfd_sessions { interface "*" { interval 100 ms; multiplier 3; }; }

# Announced: an address of its own.
protocol direct own_networks { ipv4; interface "lo"; }

# Learned: written into the table of the kernel as proto bird, all paths of equal length as one route.
protocol kernel kernel_ipv4 { scan time 2; merge paths on limit 16; ipv4 { import none; export filter { if source != RTS_BGP then reject; krt_prefsrc = 100.64.0.2; accept; }; }; }

template bgp neighbours {
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
}
protocol bgp 'border' from neighbours {
  local 100.64.128.2 as 64600; neighbor 100.64.128.3 as 64700; direct; bfd on;
  ipv4 { import all; export where source = RTS_BGP || proto = "own_networks"; };
}
protocol bgp 'tor-rack-1' from neighbours {
  local 100.64.128.6 as 64600; neighbor 100.64.128.7 as 65001; direct; bfd on;
  ipv4 { import all; export where source = RTS_BGP || proto = "own_networks"; };
}
protocol bgp 'tor-rack-2' from neighbours {
  local 100.64.128.10 as 64600; neighbor 100.64.128.11 as 65002; direct; bfd on;
  ipv4 { import all; export where source = RTS_BGP || proto = "own_networks"; };
}
END_OF_FILE
chmod 0600 /run/netlab-script-fabric/spine-2.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on spine-2' fabric.spine-2 spine-2 /run/netlab-script-fabric/spine-2.bird.d /run/netlab-script-fabric/spine-2.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── fabric.border
(umask 077 && mkdir -p /run/netlab-script-fabric/border.bird.d)
cat >/run/netlab-script-fabric/border.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 100.64.0.3;
protocol device devices { scan time 5; }
protocol bfd bfd_sessions { interface "*" { interval 100 ms; multiplier 3; }; }

# Announced: an address of its own.
protocol direct own_networks { ipv4; interface "lo"; }
# What no other router knows is behind this one.
protocol static outside_ipv4 { ipv4; route 0.0.0.0/0 unreachable; }

# Learned: written into the table of the kernel as proto bird, all paths of equal length as one route.
protocol kernel kernel_ipv4 { scan time 2; merge paths on limit 16; ipv4 { import none; export filter { if source != RTS_BGP then reject; krt_prefsrc = 100.64.0.3; accept; }; }; }

template bgp neighbours {
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
}
protocol bgp 'spine-1' from neighbours {
  local 100.64.128.1 as 64700; neighbor 100.64.128.0 as 64600; direct; bfd on;
  ipv4 { import all; export where source = RTS_BGP || proto = "own_networks" || proto = "outside_ipv4"; };
}
protocol bgp 'spine-2' from neighbours {
  local 100.64.128.3 as 64700; neighbor 100.64.128.2 as 64600; direct; bfd on;
  ipv4 { import all; export where source = RTS_BGP || proto = "own_networks" || proto = "outside_ipv4"; };
}
END_OF_FILE
chmod 0600 /run/netlab-script-fabric/border.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on border' fabric.border border /run/netlab-script-fabric/border.bird.d /run/netlab-script-fabric/border.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── fabric.tor-rack-1
(umask 077 && mkdir -p /run/netlab-script-fabric/tor-rack-1.bird.d)
cat >/run/netlab-script-fabric/tor-rack-1.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 100.64.0.4;
protocol device devices { scan time 5; }
protocol bfd bfd_sessions { interface "*" { interval 100 ms; multiplier 3; }; }

# Announced: the network of segment rack-1, and an address of its own.
protocol direct own_networks { ipv4; interface "lo", "s1-rack-1"; }

# Learned: written into the table of the kernel as proto bird, all paths of equal length as one route.
protocol kernel kernel_ipv4 { scan time 2; merge paths on limit 16; ipv4 { import none; export filter { if source != RTS_BGP then reject; krt_prefsrc = 100.64.0.4; accept; }; }; }

template bgp neighbours {
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
}
protocol bgp 'spine-1' from neighbours {
  local 100.64.128.5 as 65001; neighbor 100.64.128.4 as 64600; direct; bfd on;
  ipv4 { import all; export where source = RTS_BGP || proto = "own_networks"; };
}
protocol bgp 'spine-2' from neighbours {
  local 100.64.128.7 as 65001; neighbor 100.64.128.6 as 64600; direct; bfd on;
  ipv4 { import all; export where source = RTS_BGP || proto = "own_networks"; };
}

# Hosts tell of their pods, and of nothing else.
protocol bgp 'h1-node-1' from neighbours {
  local 192.168.1.1 as 65001; neighbor 192.168.1.11 as 64512; direct;
  ipv4 { import where net ~ [ 10.244.0.0/16+ ]; export where source = RTS_BGP || proto = "own_networks"; };
}
protocol bgp 'h2-node-2' from neighbours {
  local 192.168.1.1 as 65001; neighbor 192.168.1.12 as 64512; direct;
  ipv4 { import where net ~ [ 10.244.0.0/16+ ]; export where source = RTS_BGP || proto = "own_networks"; };
}
END_OF_FILE
chmod 0600 /run/netlab-script-fabric/tor-rack-1.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on tor-rack-1' fabric.tor-rack-1 tor-rack-1 /run/netlab-script-fabric/tor-rack-1.bird.d /run/netlab-script-fabric/tor-rack-1.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── fabric.tor-rack-2
(umask 077 && mkdir -p /run/netlab-script-fabric/tor-rack-2.bird.d)
cat >/run/netlab-script-fabric/tor-rack-2.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 100.64.0.5;
protocol device devices { scan time 5; }
protocol bfd bfd_sessions { interface "*" { interval 100 ms; multiplier 3; }; }

# Announced: the network of segment rack-2, and an address of its own.
protocol direct own_networks { ipv4; interface "lo", "s2-rack-2"; }

# Learned: written into the table of the kernel as proto bird, all paths of equal length as one route.
protocol kernel kernel_ipv4 { scan time 2; merge paths on limit 16; ipv4 { import none; export filter { if source != RTS_BGP then reject; krt_prefsrc = 100.64.0.5; accept; }; }; }

template bgp neighbours {
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
}
protocol bgp 'spine-1' from neighbours {
  local 100.64.128.9 as 65002; neighbor 100.64.128.8 as 64600; direct; bfd on;
  ipv4 { import all; export where source = RTS_BGP || proto = "own_networks"; };
}
protocol bgp 'spine-2' from neighbours {
  local 100.64.128.11 as 65002; neighbor 100.64.128.10 as 64600; direct; bfd on;
  ipv4 { import all; export where source = RTS_BGP || proto = "own_networks"; };
}

# Hosts tell of their pods, and of nothing else.
protocol bgp 'h3-node-3' from neighbours {
  local 192.168.2.1 as 65002; neighbor 192.168.2.11 as 64512; direct;
  ipv4 { import where net ~ [ 10.244.0.0/16+ ]; export where source = RTS_BGP || proto = "own_networks"; };
}
END_OF_FILE
chmod 0600 /run/netlab-script-fabric/tor-rack-2.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on tor-rack-2' fabric.tor-rack-2 tor-rack-2 /run/netlab-script-fabric/tor-rack-2.bird.d /run/netlab-script-fabric/tor-rack-2.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── fabric.node-1
(umask 077 && mkdir -p /run/netlab-script-fabric/node-1.bird.d)
cat >/run/netlab-script-fabric/node-1.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.1.11;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.0.0/24 blackhole; }

# Learned from other hosts: written into the table of the kernel as proto bird.
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export where source = RTS_BGP; }; }

template bgp host {
  local 192.168.1.11 as 64512;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  allow local as 1;
  ipv4 { import where net ~ [ 10.244.0.0/16+ ]; export where proto = "blocks_ipv4"; };
}
protocol bgp 'tor-rack-1' from host { neighbor 192.168.1.1 as 65001; direct; }
END_OF_FILE
chmod 0600 /run/netlab-script-fabric/node-1.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-1' fabric.node-1 node-1 /run/netlab-script-fabric/node-1.bird.d /run/netlab-script-fabric/node-1.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── fabric.node-2
(umask 077 && mkdir -p /run/netlab-script-fabric/node-2.bird.d)
cat >/run/netlab-script-fabric/node-2.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.1.12;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.1.0/24 blackhole; }

# Learned from other hosts: written into the table of the kernel as proto bird.
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export where source = RTS_BGP; }; }

template bgp host {
  local 192.168.1.12 as 64512;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  allow local as 1;
  ipv4 { import where net ~ [ 10.244.0.0/16+ ]; export where proto = "blocks_ipv4"; };
}
protocol bgp 'tor-rack-1' from host { neighbor 192.168.1.1 as 65001; direct; }
END_OF_FILE
chmod 0600 /run/netlab-script-fabric/node-2.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-2' fabric.node-2 node-2 /run/netlab-script-fabric/node-2.bird.d /run/netlab-script-fabric/node-2.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ── fabric.node-3
(umask 077 && mkdir -p /run/netlab-script-fabric/node-3.bird.d)
cat >/run/netlab-script-fabric/node-3.bird.d/bird.conf <<'END_OF_FILE'
log stderr all;
router id 192.168.2.11;
protocol device devices { scan time 5; }

# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.
protocol static blocks_ipv4 { ipv4; route 10.244.2.0/24 blackhole; }

# Learned from other hosts: written into the table of the kernel as proto bird.
protocol kernel kernel_ipv4 { scan time 2; ipv4 { import none; export where source = RTS_BGP; }; }

template bgp host {
  local 192.168.2.11 as 64512;
  hold time 9; keepalive time 3;
  connect delay time 0; connect retry time 1; error wait time 1, 4;
  allow local as 1;
  ipv4 { import where net ~ [ 10.244.0.0/16+ ]; export where proto = "blocks_ipv4"; };
}
protocol bgp 'tor-rack-2' from host { neighbor 192.168.2.1 as 65002; direct; }
END_OF_FILE
chmod 0600 /run/netlab-script-fabric/node-3.bird.d/bird.conf
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'bird on node-3' fabric.node-3 node-3 /run/netlab-script-fabric/node-3.bird.d /run/netlab-script-fabric/node-3.bird.log 'awk -v name=bird.ctl '\''$4 == "00010000" && $8 == name { f = 1 } END { exit !f }'\'' /proc/net/unix' setpriv --bounding-set=-all,+net_admin,+net_bind_service --no-new-privs -- bird -f -c bird.conf -s bird.ctl -P bird.pid

# ──────────────────────────────────────────────────────────────────────────────
# 6. Containers: processes inside the pods' namespaces
# ──────────────────────────────────────────────────────────────────────────────

# ── fabric.pod-c
netlab_responder fabric.pod-c pod-c pod-c 8080/tcp

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
netlab_learned 'bird on spine-1' -n fabric.spine-1 -4 route show default proto bird
netlab_learned 'bird on spine-1' -n fabric.spine-1 -4 route show 100.64.0.3/32 proto bird
netlab_learned 'bird on spine-1' -n fabric.spine-1 -4 route show 100.64.0.4/32 proto bird
netlab_learned 'bird on spine-1' -n fabric.spine-1 -4 route show 192.168.1.0/24 proto bird
netlab_learned 'bird on spine-1' -n fabric.spine-1 -4 route show 10.244.0.0/24 proto bird
netlab_learned 'bird on spine-1' -n fabric.spine-1 -4 route show 10.244.1.0/24 proto bird
netlab_learned 'bird on spine-1' -n fabric.spine-1 -4 route show 100.64.0.5/32 proto bird
netlab_learned 'bird on spine-1' -n fabric.spine-1 -4 route show 192.168.2.0/24 proto bird
netlab_learned 'bird on spine-1' -n fabric.spine-1 -4 route show 10.244.2.0/24 proto bird
netlab_learned 'bird on spine-2' -n fabric.spine-2 -4 route show default proto bird
netlab_learned 'bird on spine-2' -n fabric.spine-2 -4 route show 100.64.0.3/32 proto bird
netlab_learned 'bird on spine-2' -n fabric.spine-2 -4 route show 100.64.0.4/32 proto bird
netlab_learned 'bird on spine-2' -n fabric.spine-2 -4 route show 192.168.1.0/24 proto bird
netlab_learned 'bird on spine-2' -n fabric.spine-2 -4 route show 10.244.0.0/24 proto bird
netlab_learned 'bird on spine-2' -n fabric.spine-2 -4 route show 10.244.1.0/24 proto bird
netlab_learned 'bird on spine-2' -n fabric.spine-2 -4 route show 100.64.0.5/32 proto bird
netlab_learned 'bird on spine-2' -n fabric.spine-2 -4 route show 192.168.2.0/24 proto bird
netlab_learned 'bird on spine-2' -n fabric.spine-2 -4 route show 10.244.2.0/24 proto bird
netlab_learned 'bird on border' -n fabric.border -4 route show 100.64.0.1/32 proto bird
netlab_learned 'bird on border' -n fabric.border -4 route show 100.64.0.2/32 proto bird
netlab_learned 'bird on border' -n fabric.border -4 route show 100.64.0.4/32 proto bird
netlab_learned 'bird on border' -n fabric.border -4 route show 192.168.1.0/24 proto bird
netlab_learned 'bird on border' -n fabric.border -4 route show 10.244.0.0/24 proto bird
netlab_learned 'bird on border' -n fabric.border -4 route show 10.244.1.0/24 proto bird
netlab_learned 'bird on border' -n fabric.border -4 route show 100.64.0.5/32 proto bird
netlab_learned 'bird on border' -n fabric.border -4 route show 192.168.2.0/24 proto bird
netlab_learned 'bird on border' -n fabric.border -4 route show 10.244.2.0/24 proto bird
netlab_learned 'bird on tor-rack-1' -n fabric.tor-rack-1 -4 route show 10.244.0.0/24 proto bird
netlab_learned 'bird on tor-rack-1' -n fabric.tor-rack-1 -4 route show 10.244.1.0/24 proto bird
netlab_learned 'bird on tor-rack-1' -n fabric.tor-rack-1 -4 route show 100.64.0.1/32 proto bird
netlab_learned 'bird on tor-rack-1' -n fabric.tor-rack-1 -4 route show 100.64.0.2/32 proto bird
netlab_learned 'bird on tor-rack-1' -n fabric.tor-rack-1 -4 route show default proto bird
netlab_learned 'bird on tor-rack-1' -n fabric.tor-rack-1 -4 route show 100.64.0.3/32 proto bird
netlab_learned 'bird on tor-rack-1' -n fabric.tor-rack-1 -4 route show 100.64.0.5/32 proto bird
netlab_learned 'bird on tor-rack-1' -n fabric.tor-rack-1 -4 route show 192.168.2.0/24 proto bird
netlab_learned 'bird on tor-rack-1' -n fabric.tor-rack-1 -4 route show 10.244.2.0/24 proto bird
netlab_learned 'bird on tor-rack-2' -n fabric.tor-rack-2 -4 route show 10.244.2.0/24 proto bird
netlab_learned 'bird on tor-rack-2' -n fabric.tor-rack-2 -4 route show 100.64.0.1/32 proto bird
netlab_learned 'bird on tor-rack-2' -n fabric.tor-rack-2 -4 route show 100.64.0.2/32 proto bird
netlab_learned 'bird on tor-rack-2' -n fabric.tor-rack-2 -4 route show default proto bird
netlab_learned 'bird on tor-rack-2' -n fabric.tor-rack-2 -4 route show 100.64.0.3/32 proto bird
netlab_learned 'bird on tor-rack-2' -n fabric.tor-rack-2 -4 route show 100.64.0.4/32 proto bird
netlab_learned 'bird on tor-rack-2' -n fabric.tor-rack-2 -4 route show 192.168.1.0/24 proto bird
netlab_learned 'bird on tor-rack-2' -n fabric.tor-rack-2 -4 route show 10.244.0.0/24 proto bird
netlab_learned 'bird on tor-rack-2' -n fabric.tor-rack-2 -4 route show 10.244.1.0/24 proto bird
netlab_learned 'bird on node-1' -n fabric.node-1 -4 route show 10.244.1.0/24 proto bird
netlab_learned 'bird on node-1' -n fabric.node-1 -4 route show 10.244.2.0/24 proto bird
netlab_learned 'bird on node-2' -n fabric.node-2 -4 route show 10.244.0.0/24 proto bird
netlab_learned 'bird on node-2' -n fabric.node-2 -4 route show 10.244.2.0/24 proto bird
netlab_learned 'bird on node-3' -n fabric.node-3 -4 route show 10.244.0.0/24 proto bird
netlab_learned 'bird on node-3' -n fabric.node-3 -4 route show 10.244.1.0/24 proto bird
