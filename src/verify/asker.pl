# Listens and asks inside many network namespaces at once for netlab test: one process that forks a child a
# namespace. A child is one fork and one setns(2), no exec; all of them share one copy of this program.
#
#   perl asker.pl PID          the process it serves, and with which it ends
#
# Standard input:
#   NODE <node> <file>         fork a child for the namespace of this file; the number stands for it from then on
#   TO <node> <length>         so many bytes for that child follow, lines of:
#     LISTEN <id> <protocol> <port> <any|loopback> <name>
#     ASK <id> <kind> <address> <port> <size or 0> <source port or 0> <patience in ms> <count> <speak>
#                              a count of more than 1: so many echoes, 10 ms apart, and how many came back how often;
#                              speak: 1 if who accepts a connection may wait to hear something first
#     GO <wave>                asks everything since the last GO at once
#     FORGET <wave>            deletes the neighbours it has learned since its first question
# Standard output, fields parted by tabs, from the children themselves (a line is one write, so lines never mix):
#   READY <node>               or: GONE <node> <why>
#   L <node> <id> <ours|busy|why not>
#   A <node> <id> <outcome> <ms> <own address> <ttl> <by> <seen> <text>
#   DONE <node> <wave>
#
# Who is asked answers `<name> <address>:<port>` as the built-in container does (responder.pl): who it is, whom it saw.
#
# An SCTP question is a lone INIT: hardly a kernel has SCTP sockets by itself. A listener answers it with an INIT ACK
# whose cookie is that line, any other port with an ABORT, as RFC 9260 has it, so that connection tracking understands.
#
# A late answer is never taken for another question's: datagrams leave from a port that is used once, echoes and INITs
# carry a number that is used once. Everything used here is in Debian's perl-base.
use strict;
use warnings;
use Errno qw(EINPROGRESS EAGAIN EINTR ECONNREFUSED ECONNRESET EADDRINUSE EHOSTUNREACH ENETUNREACH EACCES EPERM EMSGSIZE ENOBUFS ETIMEDOUT
  EADDRNOTAVAIL EPROTONOSUPPORT ESOCKTNOSUPPORT EAFNOSUPPORT EMFILE ENFILE);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use POSIX ();
use Socket qw(AF_INET AF_INET6 SOCK_STREAM SOCK_DGRAM SOCK_RAW SOL_SOCKET SO_ERROR SO_REUSEADDR SO_RCVBUF SO_LINGER IPPROTO_IPV6 IPV6_V6ONLY
  MSG_DONTWAIT MSG_NOSIGNAL pack_sockaddr_in pack_sockaddr_in6 unpack_sockaddr_in unpack_sockaddr_in6 inet_pton inet_ntop);

my $machine = (POSIX::uname())[4];
my ($SETNS, $PRCTL, $CLOCK_GETTIME, $RECVMSG, $SENDMSG) =
    $machine eq 'x86_64'                          ? (308, 157, 228, 47, 46)
  : $machine =~ /^(aarch64|riscv64|loongarch64)$/ ? (268, 167, 113, 212, 211)
  :                                                 die "netlab: no system call numbers for $machine\n";
my $SO_RCVBUFFORCE = 33;
my ($IP_PKTINFO, $IPV6_RECVPKTINFO, $IPV6_PKTINFO, $IPV6_HOPLIMIT) = (8, 49, 50, 52);
my ($IP_MTU_DISCOVER, $IP_MTU, $IPV6_MTU_DISCOVER, $IPV6_MTU, $IPV6_RECVHOPLIMIT, $IPV6_DONTFRAG) = (10, 14, 23, 24, 51, 62);
my $SCTP = 132;

my $MOST_OPEN = 400;        # questions under way at once
my $MOST_YOUNG = 24;        # of them so young that who is asked may not have got round to it
my $YOUNG = 150;            # ms
my $SLOW = 4;               # times the patience, for who accepted a connection to say something
my $SPACING = 10;           # of the echoes of a train, ms
my $KEPT = 256;             # connections a listener has answered and not yet closed

# PR_SET_PDEATHSIG: killed netlab, killed questions (prctl(2)).
sub end_with_parent {
    my ($parent) = @_;
    syscall($PRCTL, 1, 9);
    POSIX::_exit(1) if getppid != $parent;
}

# Milliseconds, CLOCK_MONOTONIC: perl-base has no Time::HiRes.
my $clock = pack 'q2', 0, 0;
sub now { syscall($CLOCK_GETTIME, 1, $clock); my ($s, $ns) = unpack 'q2', $clock; return $s * 1000 + $ns / 1e6 }

# --- the child of a namespace

my ($node, $nonce, $out) = (0, 0, '');
my ($rin, $win) = ('', '');
my (%reader, %writer);      # by file descriptor: what to do
my (@queue, %pending, $wave, @kept, @again, @young);
my (%raw, %mark);           # raw sockets; questions by what their answer carries
my ($sequence, $source_port) = (0, 0);
my $next_look = 0;          # when silence may have lasted long enough

sub say_it { my $line = join("\t", @_) . "\n"; flush_out() if length($out) + length($line) > 4000; $out .= $line }

sub flush_out {
    return if $out eq '';
    my $n = syswrite STDOUT, $out;
    POSIX::_exit(0) if !defined $n;
    $out = '';
}

sub six { return $_[0] =~ /:/ }
sub packed { return six($_[0]) ? pack_sockaddr_in6($_[1], inet_pton(AF_INET6, $_[0])) : pack_sockaddr_in($_[1], inet_pton(AF_INET, $_[0])) }

# `10.0.0.1:80`, `[fd00::1]:80`.
sub shown {
    my ($name) = @_;
    my $is_six = length $name > 16;
    my ($port, $address) = $is_six ? unpack_sockaddr_in6($name) : unpack_sockaddr_in($name);
    my $text = inet_ntop($is_six ? AF_INET6 : AF_INET, $address);
    return ($is_six ? "[$text]" : $text) . ":$port";
}
sub without_port { my ($text) = @_; $text =~ s/:\d+\z//; $text =~ s/[][]//g; return $text }

sub opened {
    my ($family, $type, $protocol) = @_;
    socket(my $socket, $family, $type, $protocol) or return undef;
    fcntl($socket, F_SETFL, O_NONBLOCK);
    return $socket;
}

sub watch { my ($set, $fd, $what) = @_; $set eq 'r' ? (vec($rin, $fd, 1) = 1, $reader{$fd} = $what) : (vec($win, $fd, 1) = 1, $writer{$fd} = $what) }
sub unwatch { my ($fd) = @_; vec($rin, $fd, 1) = 0; vec($win, $fd, 1) = 0; delete $reader{$fd}; delete $writer{$fd} }

sub checksum {
    my ($bytes) = @_;
    my $sum = unpack '%32n*', length($bytes) % 2 ? "$bytes\0" : $bytes;
    $sum = ($sum & 0xffff) + ($sum >> 16) for 1, 2;
    return ~$sum & 0xffff;
}

my @CRC;
sub crc32c {
    if (!@CRC) {
        for my $n (0 .. 255) { my $c = $n; $c = $c & 1 ? ($c >> 1) ^ 0x82f63b78 : $c >> 1 for 1 .. 8; push @CRC, $c }
    }
    my $c = 0xffffffff;
    $c = $CRC[($c ^ $_) & 255] ^ ($c >> 8) for unpack 'C*', $_[0];
    return ~$c & 0xffffffff;
}

# What the kernel says of a failed call, as an outcome.
sub outcome_of {
    my ($errno) = @_;
    return $errno == ECONNREFUSED ? 'refused'
      : $errno == EHOSTUNREACH || $errno == ENETUNREACH ? 'unreachable'
      : $errno == EACCES || $errno == EPERM ? 'prohibited'
      : $errno == EMSGSIZE ? 'too-long'
      : $errno == ETIMEDOUT ? 'timeout'
      : 'error';
}
sub words { my ($errno) = @_; local $! = $errno; return "$!" }

# --- asking

sub settle {
    my ($q, $outcome, %more) = @_;
    return if $q->{settled}++;
    my $text = $more{text} // '';
    $text =~ s/[^ -~]+/ /g;
    $text =~ s/\A +| +\z//g;
    say_it('A', $node, $q->{id}, $outcome, sprintf('%.1f', now() - $q->{at}), $q->{self} // '', $more{ttl} // '', $more{by} // '', $more{seen} // '', substr $text, 0, 200);
    delete $pending{ $q->{id} };
    delete @mark{ @{ $q->{marks} } } if $q->{marks};
    if ($q->{socket}) { unwatch(fileno $q->{socket}); close delete $q->{socket} }
}

sub settle_errno { my ($q, $errno, %more) = @_; settle($q, outcome_of($errno), text => words($errno), %more) }

# What was said in answer, in the responder's words or any others.
sub settle_line {
    my ($q, $text) = @_;
    return settle($q, 'ok', by => $1, seen => $2) if $text =~ m{\A([A-Za-z0-9._/-]+) (\S+:\d+)\n\z};
    return settle($q, 'ok', text => $text);
}

sub start {
    my ($q) = @_;
    $q->{at} = now();
    $q->{deadline} = $q->{at} + $q->{patience};
    $pending{ $q->{id} } = $q;
    push @young, $q;
    if ($q->{kind} ne 'tcp') { $q->{remind} = $q->{at} + $q->{patience} / 3; push @again, $q }
    my $kind = $q->{kind};
    $kind eq 'tcp' ? start_tcp($q) : $kind eq 'udp' ? start_udp($q) : $kind eq 'icmp' ? start_icmp($q) : start_sctp($q);
    my $first = $q->{remind} // $q->{deadline};
    $next_look = $first if $first < $next_look;
}

# Descriptors may be short for a moment: the question waits.
sub socket_failed {
    my ($q, $errno) = @_;
    if (($errno == EMFILE || $errno == ENFILE) && %pending > 1) {
        delete $pending{ $q->{id} };
        @again = grep { $_ != $q } @again;
        unshift @queue, $q;
        return;
    }
    settle_errno($q, $errno);
}

sub start_tcp {
    my ($q) = @_;
    my $socket = opened($q->{family}, SOCK_STREAM, 6) // return socket_failed($q, $! + 0);
    $q->{socket} = $socket;
    # Ends with a reset: nothing of it lingers in the nodes, and conntrack forgets it soon.
    setsockopt($socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0);
    if ($q->{from}) {
        setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1);
        bind($socket, packed(six($q->{to}) ? '::' : '0.0.0.0', $q->{from})) or return settle_errno($q, $! + 0, text => "source port $q->{from}: $!");
    }
    if (connect $socket, $q->{name}) { return connected($q) }
    if ($! != EINPROGRESS) { return settle_errno($q, $! + 0) }
    watch('w', fileno $socket, sub { connected($q) });
}

sub connected {
    my ($q) = @_;
    my $socket = $q->{socket};
    my $errno = unpack 'i', getsockopt($socket, SOL_SOCKET, SO_ERROR);
    return settle_errno($q, $errno) if $errno;
    $q->{self} = shown(getsockname $socket);
    $q->{connected} = 1;
    $q->{deadline} = now() + $SLOW * $q->{patience};
    unwatch(fileno $socket);
    # Who waits for the client to speak first hears something; a server that hung up is read below.
    send($socket, "netlab\n", MSG_DONTWAIT | MSG_NOSIGNAL) if $q->{speak};
    watch('r', fileno $socket, sub { hear_tcp($q) });
}

sub hear_tcp {
    my ($q) = @_;
    my $n = sysread $q->{socket}, my $text, 4096;
    if (!defined $n) {
        return if $! == EAGAIN;
        return settle($q, 'ok', text => "connected, then: $!");
    }
    return settle($q, 'ok', text => 'connected, and it hung up') if !$n;
    settle_line($q, $text);
}

sub start_udp {
    my ($q) = @_;
    my $socket = opened($q->{family}, SOCK_DGRAM, 17) // return socket_failed($q, $! + 0);
    $q->{socket} = $socket;
    my $any = six($q->{to}) ? '::' : '0.0.0.0';
    if ($q->{from}) {
        bind($socket, packed($any, $q->{from})) or return settle_errno($q, $! + 0, text => "source port $q->{from}: $!");
    } else {
        # A port used before may still belong to a flow that conntrack knows, or get an answer that is late.
        for (1 .. 2000) {
            $source_port = 32768 + ($source_port + 1) % 28232;
            last if bind $socket, packed($any, $source_port);
            return settle_errno($q, $! + 0) if $! != EADDRINUSE;
        }
    }
    connect($socket, $q->{name}) or return settle_errno($q, $! + 0);
    $q->{self} = shown(getsockname $socket);
    watch('r', fileno $socket, sub { hear_udp($q) });
    say_udp($q);
}

sub say_udp {
    my ($q) = @_;
    return if defined send $q->{socket}, "netlab\n", MSG_DONTWAIT;
    settle_errno($q, $! + 0) if $! != ENOBUFS && $! != EAGAIN;
}

sub hear_udp {
    my ($q) = @_;
    my $from = recv $q->{socket}, my $text, 4096, MSG_DONTWAIT;
    if (!defined $from) { return $! == EAGAIN ? undef : settle_errno($q, $! + 0) }
    settle_line($q, $text);
}

# Raw sockets hear all of their protocol: one a family for all questions, with a filter against what nobody asked for.
sub raw {
    my ($what, $family, $protocol) = @_;
    return $raw{$what} if $raw{$what};
    my $socket = opened($family, SOCK_RAW, $protocol) // return undef;
    setsockopt($socket, SOL_SOCKET, $SO_RCVBUFFORCE, pack 'i', 8 << 20);
    if ($what eq 'icmp') {
        setsockopt($socket, 255, 1, pack 'L', ~(1 << 0 | 1 << 3 | 1 << 11 | 1 << 12) & 0xffffffff);
        setsockopt($socket, 0, $IP_MTU_DISCOVER, pack 'i', 2);
    } elsif ($what eq 'icmp6') {
        setsockopt($socket, 58, 1, pack 'L8', ~(1 << 1 | 1 << 2 | 1 << 3 | 1 << 4) & 0xffffffff, (0xffffffff) x 3, ~(1 << 1) & 0xffffffff, (0xffffffff) x 3);
        setsockopt($socket, IPPROTO_IPV6, $_->[0], pack 'i', $_->[1]) for [$IPV6_MTU_DISCOVER, 2], [$IPV6_DONTFRAG, 1], [$IPV6_RECVHOPLIMIT, 1];
    }
    setsockopt($socket, IPPROTO_IPV6, $IPV6_RECVPKTINFO, pack 'i', 1) if $what eq 'sctp6';
    watch('r', fileno $socket, sub { hear_raw($what, $socket) });
    return $raw{$what} = $socket;
}

sub start_icmp {
    my ($q) = @_;
    my $is_six = six($q->{to});
    $q->{what} = $is_six ? 'icmp6' : 'icmp';
    raw($q->{what}, $q->{family}, $is_six ? 58 : 1) // return socket_failed($q, $! + 0);
    # As `self`: the address it will be sent from.
    my $socket = opened($q->{family}, SOCK_DGRAM, 17);
    if ($socket && connect $socket, packed($q->{to}, 9)) {
        $q->{self} = without_port(shown(getsockname $socket));
        if ($q->{size}) {
            my $mtu = getsockopt $socket, $is_six ? IPPROTO_IPV6 : 0, $is_six ? $IPV6_MTU : $IP_MTU;
            $q->{mtu} = unpack 'i', $mtu if defined $mtu;
        }
    }
    ready_echo($q);
    say_icmp($q);
    if ($q->{count} > 1) { $q->{sent} = 1; $q->{remind} = $q->{at} + $SPACING }
}

# A child has one id; a number counts up, and is repeated in the payload beyond its 16 bits.
sub ready_echo {
    my ($q) = @_;
    my $is_six = six($q->{to});
    my $number = ++$sequence;
    push @{ $q->{marks} }, "icmp $number";
    $mark{"icmp $number"} = $q;
    my $body = pack('nna6NN', $nonce & 0xffff, $number & 0xffff, 'netlab', $nonce, $number);
    my $headers = $is_six ? 40 : 20;
    $body .= "\0" x ($q->{size} - $headers - 4 - length $body) if $q->{size} > $headers + 4 + length $body;
    $q->{packet} = $is_six ? pack('CCn', 128, 0, 0) . $body : pack('CCn', 8, 0, checksum(pack('CCn', 8, 0, 0) . $body)) . $body;
}

sub settle_train {
    my ($q) = @_;
    my @times = values %{ $q->{heard} };
    my $twice = grep { $_ > 1 } @times;
    settle($q, 'ok', ttl => $q->{ttl}, text => "$q->{count} sent, " . @times . " came back, $twice more than once");
}

sub say_icmp {
    my ($q) = @_;
    return if defined send $raw{ $q->{what} }, $q->{packet}, MSG_DONTWAIT, packed($q->{to}, 0);
    return if $! == ENOBUFS || $! == EAGAIN;
    settle_errno($q, $! + 0, $! == EMSGSIZE && $q->{mtu} ? (text => "local mtu=$q->{mtu}") : ());
}

# A question by what a packet of ours carries: the echo's id, number and payload.
sub echo_question {
    my ($echo) = @_;
    return () if length $echo < 22;
    my ($id, $number, $word, $theirs, $whole) = unpack 'x4 n n a6 N N', $echo;
    return $id == ($nonce & 0xffff) && $word eq 'netlab' && $theirs == $nonce ? ($mark{"icmp $whole"}, $whole) : ();
}

# Routers quote little: what is beyond the echo's own header may be missing.
sub quoted_question {
    my ($echo) = @_;
    my ($type, $id, $number) = unpack 'C x3 n n', $echo;
    return undef if !defined $number || ($type != 8 && $type != 128) || $id != ($nonce & 0xffff);
    my ($found) = grep { /\Aicmp (\d+)/ && ($1 & 0xffff) == $number } keys %mark;
    return defined $found ? $mark{$found} : undef;
}

# recvmsg(2) and sendmsg(2), for what recv and send do not hand over: struct msghdr with one control message to read.
# As long as an IP packet may be: an echo may be of a jumbo frame's size.
my ($m_name, $m_bytes, $m_control) = ("\0" x 28, "\0" x 65535, "\0" x 256);
sub receive_message {
    my ($socket, $wanted) = @_;
    my $iov = pack 'P Q', $m_bytes, length $m_bytes;
    my $header = pack 'P L x4 P Q P Q i x4', $m_name, length $m_name, $iov, 1, $m_control, length $m_control, 0;
    my $n = syscall($RECVMSG, fileno $socket, $header, MSG_DONTWAIT);
    return () if $n < 0;
    my ($name_length, $control_length) = unpack 'x8 L x28 Q', $header;
    my $found;
    for (my $at = 0; $at + 16 <= $control_length;) {
        my ($length, $level, $type) = unpack 'Q i i', substr $m_control, $at, 16;
        last if $length < 16;
        $found = substr $m_control, $at + 16, $length - 16 if $type == $wanted;
        $at += ($length + 7) & ~7;
    }
    return (substr($m_name, 0, $name_length), substr($m_bytes, 0, $n), $found);
}

sub send_message {
    my ($socket, $name, $bytes, $level, $type, $data) = @_;
    my $control = pack('Q i i', 16 + length $data, $level, $type) . $data . "\0" x (-length($data) % 8);
    my $iov = pack 'P Q', $bytes, length $bytes;
    my $header = pack 'P L x4 P Q P Q i x4', $name, length $name, $iov, 1, $control, length $control, 0;
    syscall($SENDMSG, fileno $socket, $header, MSG_DONTWAIT);
}

sub hear_raw {
    my ($what, $socket) = @_;
    while (1) {
        my ($ttl, $from, $bytes, $to);
        if ($what eq 'icmp6' || $what eq 'sctp6') {
            (my $peer, $bytes, my $more) = receive_message($socket, $what eq 'icmp6' ? $IPV6_HOPLIMIT : $IPV6_PKTINFO) or last;
            $from = without_port(shown($peer));
            $ttl = defined $more ? unpack 'i', $more : '' if $what eq 'icmp6';
            $to = $more;
        } else {
            my $peer = recv $socket, $bytes, 65535, MSG_DONTWAIT;
            last if !defined $peer;
            $from = without_port(shown($peer));
            ($ttl, $to) = (ord substr($bytes, 8, 1), pack 'i a4 x4', 0, substr $bytes, 16, 4);
            $bytes = substr $bytes, 4 * (ord($bytes) & 15);
        }
        $what =~ /sctp/ ? hear_sctp($from, $bytes, $to) : hear_icmp($what, $ttl, $from, $bytes);
    }
}

sub hear_icmp {
    my ($what, $ttl, $from, $bytes) = @_;
    my ($type, $code) = unpack 'CC', $bytes;
    return if length $bytes < 8;
    if ($type == ($what eq 'icmp' ? 0 : 129)) {
        my ($q, $number) = echo_question($bytes);
        return if !$q;
        return settle($q, 'error', text => "$from answered") if $from ne $q->{peer};
        return settle($q, 'error', text => 'a shorter echo came back: ' . length($bytes) . ' bytes') if length $bytes != length $q->{packet};
        return settle($q, 'ok', ttl => $ttl) if $q->{count} < 2;
        # A little longer than the last one takes: what comes twice comes soon.
        $q->{heard}{$number}++;
        $q->{ttl} = $ttl;
        $q->{deadline} = now() + 3 * $SPACING if $q->{sent} == $q->{count} && keys %{ $q->{heard} } == $q->{count};
        $next_look = $q->{deadline} if $q->{deadline} < $next_look;
        return;
    }
    my $inner = substr $bytes, 8;
    my ($header, $protocol) = $what eq 'icmp' ? (4 * (ord($inner || "\0") & 15), ord(substr($inner, 9, 1) || "\0")) : (40, ord(substr($inner, 6, 1) || "\0"));
    return if length $inner < $header + 8;
    my $quoted = substr $inner, $header;
    my $q = $protocol == ($what eq 'icmp' ? 1 : 58) ? quoted_question($quoted) : $protocol == $SCTP ? $mark{ 'sctp ' . unpack 'n', $quoted } : undef;
    return if !$q;
    my ($outcome, $text) =
        $what eq 'icmp'
      ? $type == 3
          ? $code == 4 ? ('too-long', 'mtu=' . unpack 'n', substr $bytes, 6, 2)
          : $code == 2 ? ('refused', 'protocol unreachable')
          : $code == 3 ? ('refused', 'port unreachable')
          : $code == 9 || $code == 10 || $code == 13 ? ('prohibited', 'prohibited')
          : ('unreachable', $code == 0 ? 'network unreachable' : 'host unreachable')
          : ('unreachable', $type == 11 ? 'time to live exceeded' : "ICMP type $type")
      : $type == 1
      ? $code == 4 ? ('refused', 'port unreachable') : $code == 1 || $code > 4 ? ('prohibited', 'prohibited') : ('unreachable', $code == 0 ? 'no route' : 'address unreachable')
      : $type == 2 ? ('too-long', 'mtu=' . unpack 'N', substr $bytes, 4, 4)
      : $type == 4 && $code == 1 ? ('refused', 'protocol unreachable')
      :              ('unreachable', $type == 3 ? 'hop limit exceeded' : "ICMPv6 type $type");
    settle($q, $outcome, text => "$text, says $from");
}

# --- SCTP (RFC 9260): chunk types INIT 1, INIT ACK 2, ABORT 6

sub sctp_packet {
    my ($from, $to, $tag, $chunk) = @_;
    $chunk .= "\0" x (-length($chunk) % 4);
    # The checksum goes the other way round, lowest byte first.
    return pack('nnNV', $from, $to, $tag, crc32c(pack('nnNV', $from, $to, $tag, 0) . $chunk)) . $chunk;
}

my $kernel_sctp;            # whether the kernel answers INITs itself

sub sctp_socket {
    my ($is_six) = @_;
    $kernel_sctp //= defined opened(AF_INET, SOCK_STREAM, $SCTP) ? 1 : 0;
    return raw($is_six ? 'sctp6' : 'sctp', $is_six ? AF_INET6 : AF_INET, $SCTP);
}

sub start_sctp {
    my ($q) = @_;
    my $is_six = six($q->{to});
    $q->{what} = $is_six ? 'sctp6' : 'sctp';
    sctp_socket($is_six) // return socket_failed($q, $! + 0);
    raw($is_six ? 'icmp6' : 'icmp', $q->{family}, $is_six ? 58 : 1);
    do { $source_port = 32768 + ($source_port + 1) % 28232 } while $mark{"sctp $source_port"};
    my $port = $q->{from} || $source_port;
    $q->{tag} = ++$sequence << 12 | $nonce & 0xfff;
    $q->{marks} = ["sctp $port"];
    $mark{"sctp $port"} = $q;
    my $socket = opened($q->{family}, SOCK_DGRAM, 17);
    if ($socket && connect $socket, packed($q->{to}, 9)) { ($q->{self} = shown(getsockname $socket)) =~ s/\d+\z/$port/ }
    $q->{packet} = sctp_packet($port, $q->{port}, 0, pack('CCnNNnnN', 1, 0, 20, $q->{tag} & 0xffffffff, 65536, 1, 1, 1));
    say_icmp($q);
}

my %sctp_names;             # what answers, by port, where the kernel cannot

# `$to`: struct in_pktinfo or in6_pktinfo of the address that was asked, which the answer must come from.
sub hear_sctp {
    my ($from, $bytes, $to) = @_;
    return if length $bytes < 16;
    my ($their_port, $own_port, $tag, undef, $type, $flags, $length) = unpack 'nnNVCCn', $bytes;
    if ($type == 1) {
        return if $kernel_sctp || length $bytes < 32;
        my $their_tag = unpack 'N', substr $bytes, 16, 4;
        my $is_six = six($from);
        my $name = $sctp_names{$own_port};
        # An INIT that nobody waits for is answered with an ABORT that carries its tag (8.4, 3).
        my $chunk = pack 'CCn', 6, 0, 4;
        if (defined $name) {
            my $cookie = "$name " . ($is_six ? "[$from]" : $from) . ":$their_port\n";
            my $parameter = pack('nn', 7, 4 + length $cookie) . $cookie;
            $chunk = pack('CCnNNnnN', 2, 0, 20 + length $parameter, 1, 65536, 1, 1, 1) . $parameter;
        }
        my @how = $is_six ? (IPPROTO_IPV6, $IPV6_PKTINFO) : (0, $IP_PKTINFO);
        send_message($raw{ $is_six ? 'sctp6' : 'sctp' }, packed($from, 0), sctp_packet($own_port, $their_port, $their_tag, $chunk), @how, $to) if defined $to;
        return;
    }
    my $q = $mark{"sctp $own_port"} or return;
    return if $their_port != $q->{port} || $from ne $q->{peer} || $tag != ($q->{tag} & 0xffffffff);
    return settle($q, 'refused', text => 'ABORT') if $type == 6;
    return if $type != 2;
    my $cookie = length $bytes > 36 ? substr $bytes, 36, unpack('n', substr $bytes, 34, 2) - 4 : '';
    $cookie =~ /\n\z/ ? settle_line($q, $cookie) : settle($q, 'ok', text => 'INIT ACK');
}

# --- listening

sub listen_on {
    my ($id, $protocol, $port, $where, $name) = @_;
    if ($protocol eq 'sctp') {
        sctp_socket(0) or return say_it('L', $node, $id, "raw socket: $!");
        sctp_socket(1);
    }
    if ($protocol eq 'sctp' && !$kernel_sctp) {
        $sctp_names{$port} = $name;
        return say_it('L', $node, $id, 'ours');
    }
    my ($type, $number) = $protocol eq 'udp' ? (SOCK_DGRAM, 17) : (SOCK_STREAM, $protocol eq 'tcp' ? 6 : $SCTP);
    my @opened;
    for my $family (AF_INET, AF_INET6) {
        my $is_six = $family == AF_INET6;
        my $socket = opened($family, $type, $number);
        if (!$socket) { next if $is_six && $! == EAFNOSUPPORT; return say_it('L', $node, $id, "$!") }
        setsockopt($socket, IPPROTO_IPV6, IPV6_V6ONLY, 1) if $is_six;
        setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1) if $type == SOCK_STREAM;
        if ($type == SOCK_DGRAM) {
            setsockopt($socket, SOL_SOCKET, $SO_RCVBUFFORCE, pack 'i', 4 << 20);
            setsockopt($socket, $is_six ? IPPROTO_IPV6 : 0, $is_six ? $IPV6_RECVPKTINFO : $IP_PKTINFO, pack 'i', 1);
        }
        my $address = $where eq 'loopback' ? ($is_six ? '::1' : '127.0.0.1') : ($is_six ? '::' : '0.0.0.0');
        my $done = bind($socket, packed($address, $port)) && ($type == SOCK_DGRAM || listen $socket, 4096);
        if (!$done) {
            my $errno = $! + 0;
            next if $is_six && $errno == EADDRNOTAVAIL;
            close $_ for @opened;
            return say_it('L', $node, $id, $errno == EADDRINUSE ? 'busy' : words($errno));
        }
        push @opened, $socket;
    }
    for my $socket (@opened) {
        watch('r', fileno $socket, $type == SOCK_DGRAM ? sub { answer_datagrams($socket, $name, length getsockname($socket)) } : sub { answer_streams($socket, $name) });
    }
    say_it('L', $node, $id, 'ours');
}

# The asker ends its connections with a reset: those of others are closed when their turn comes.
sub answer_streams {
    my ($listener, $name) = @_;
    for (1 .. 64) {
        my $peer = accept(my $socket, $listener) or last;
        send $socket, "$name " . shown($peer) . "\n", MSG_DONTWAIT | MSG_NOSIGNAL;
        push @kept, [now(), $socket];
        close +(shift @kept)->[1] if @kept > $KEPT;
    }
}

# From the address that was asked, whatever route the answer takes: a node has several.
sub answer_datagrams {
    my ($socket, $name, $name_length) = @_;
    my $is_six = $name_length > 16;
    for (1 .. 256) {
        my ($peer, $bytes, $info) = receive_message($socket, $is_six ? $IPV6_PKTINFO : $IP_PKTINFO) or return;
        # Never answers an answer: two that did would never end.
        next if !defined $info || $bytes =~ m{\A\S+ \S+:\d+\n\z};
        # struct in_pktinfo: interface, address to use, address it came to; struct in6_pktinfo: address, interface.
        $info = pack 'i a4 x4', 0, substr $info, 8, 4 if !$is_six;
        send_message($socket, $peer, "$name " . shown($peer) . "\n", $is_six ? (IPPROTO_IPV6, $IPV6_PKTINFO) : (0, $IP_PKTINFO), $info);
    }
}

# --- neighbours: all namespaces share one small table of them, and a full mesh of a bridge's pods would fill it

my ($RTM_DELNEIGH, $RTM_GETNEIGH, $DUMP, $MESSAGE_DONE, $MESSAGE_ERROR) = (29, 30, 0x301, 3, 2);
my $LEARNED = 0x02 | 0x04 | 0x08 | 0x10 | 0x20;    # REACHABLE STALE DELAY PROBE FAILED: neither permanent nor still asking
my ($netlink, %known_before);
my $dump = 2;               # its number; deletions have 2, and what failed of them is told in between

# Calls back with the key and the message that deletes it, of every neighbour learned.
sub each_neighbour {
    my ($do) = @_;
    for my $family (AF_INET, AF_INET6) {
        send $netlink, pack('L S S L L C x3 l S C C', 28, $RTM_GETNEIGH, $DUMP, ++$dump, 0, $family, 0, 0, 0, 0), 0;
        for (my $more = 1; $more;) {
            my $from = recv $netlink, my $bytes, 65536, 0;
            return if !defined $from || !length $bytes;
            for (my $at = 0; $at + 16 <= length $bytes;) {
                my ($length, $type, undef, $number) = unpack 'L S S L', substr $bytes, $at, 12;
                last if $length < 16;
                if ($number != $dump) { $at += ($length + 3) & ~3; next }
                if ($type == $MESSAGE_DONE || $type == $MESSAGE_ERROR) { $more = 0; last }
                my ($theirs, $index, $state) = unpack 'C x3 l S', substr $bytes, $at + 16, 10;
                for (my $attribute = $at + 28; $attribute + 4 <= $at + $length;) {
                    my ($size, $what) = unpack 'S S', substr $bytes, $attribute, 4;
                    last if $size < 4;
                    if ($what == 1 && $theirs == $family && $state & $LEARNED) {
                        my $address = substr $bytes, $attribute, $size;
                        my $message = pack('C x3 l S C C', $family, $index, 0, 0, 0) . $address;
                        $do->("$index $address", pack('L S S L L', 16 + length $message, $RTM_DELNEIGH, 1, 2, 0) . $message);
                    }
                    $attribute += ($size + 3) & ~3;
                }
                $at += ($length + 3) & ~3;
            }
        }
    }
}

sub know_neighbours {
    return if $netlink;
    socket($netlink, 16, SOCK_RAW, 0) or return;
    each_neighbour(sub { $known_before{ $_[0] } = 1 });
}

sub forget_neighbours {
    return if !$netlink;
    my @delete;
    each_neighbour(sub { push @delete, $_[1] if !$known_before{ $_[0] } });
    send $netlink, $_, 0 for @delete;
}

# --- the loop

my $buffer = '';
sub obey_all {
    my $n = sysread STDIN, $buffer, 1 << 16, length $buffer;
    if (!defined $n) { return if $! == EINTR || $! == EAGAIN; POSIX::_exit(0) }
    POSIX::_exit(0) if !$n;
    my $at = 0;
    while ((my $end = index $buffer, "\n", $at) >= 0) { obey(substr $buffer, $at, $end - $at); $at = $end + 1 }
    substr $buffer, 0, $at, '';
}

sub obey {
    my ($verb, $id, @words) = split ' ', $_[0];
    if ($verb eq 'ASK') {
        know_neighbours();
        my ($kind, $to, $port, $size, $from, $patience, $count, $speak) = @words;
        push @queue, { id => $id, kind => $kind, to => $to, port => $port, size => $size, from => $from, patience => $patience, count => $count, speak => $speak,
            family => six($to) ? AF_INET6 : AF_INET, name => packed($to, $port), peer => without_port(shown(packed($to, $port))) };
    } elsif ($verb eq 'LISTEN') { listen_on($id, @words) }
    elsif ($verb eq 'GO') { $wave = $id }
    elsif ($verb eq 'FORGET') { forget_neighbours(); say_it('DONE', $node, $id) }
}

# Datagrams and echoes get lost where a full queue or a busy neighbour table drops them: they are said twice.
sub remind {
    my ($now) = @_;
    my @later;
    for my $q (@again) {
        if ($q->{settled}) { next }
        if ($now < $q->{remind}) { push @later, $q; next }
        if ($q->{sent}) {
            ready_echo($q);
            say_icmp($q);
            $q->{deadline} = $now + $q->{patience};
            if (++$q->{sent} < $q->{count}) { $q->{remind} = $now + $SPACING; push @later, $q }
            next;
        }
        $q->{kind} eq 'udp' ? say_udp($q) : say_icmp($q);
    }
    @again = @later;
}

sub child {
    watch('r', 0, \&obey_all);
    say_it('READY', $node);
    while (1) {
        if (defined $wave && @queue) {
            # Everybody asks and answers: who only asked at first would leave all others waiting.
            my $old = now() - $YOUNG;
            @young = grep { !$_->{settled} && $_->{at} > $old } @young;
            for (my $n = 0; $n < 8 && @queue && %pending < $MOST_OPEN && @young < $MOST_YOUNG; $n++) { start(shift @queue) }
        }
        if (defined $wave && !@queue && !%pending) {
            say_it('DONE', $node, $wave);
            undef $wave;
            @again = ();
        }
        flush_out();
        my $before = now();
        my $timeout;
        if (defined $wave && (%pending || @queue)) {
            # More may be asked at once, or when those under way are no longer young.
            my $pause = !@queue || %pending >= $MOST_OPEN ? 60_000 : @young < $MOST_YOUNG ? 0 : $young[0]{at} + $YOUNG - $before;
            $pause = $next_look - $before if %pending && $next_look - $before < $pause;
            $timeout = $pause > 0 ? $pause / 1000 : 0;
        } elsif (defined $wave && @queue) { $timeout = 0 }    # those just asked were refused by this node itself
        elsif (@kept) { $timeout = 1 }
        my ($r, $w) = ($rin, $win);
        my $n = select $r, $w, undef, $timeout;
        if ($n > 0) {
            for my $set ([\$r, \%reader], [\$w, \%writer]) {
                my $bits = unpack 'b*', ${ $set->[0] };
                for (my $fd = index $bits, '1'; $fd >= 0; $fd = index $bits, '1', $fd + 1) { my $do = $set->[1]{$fd}; $do->() if $do }
            }
        }
        # Whatever had come before this round began has been read by now: only then is silence silence.
        if ($before >= $next_look && %pending) {
            remind($before);
            for my $q (values %pending) {
                next if $q->{deadline} > $before;
                if ($q->{connected}) { settle($q, 'ok', text => 'connected, and it said nothing') }
                elsif ($q->{heard}) { settle_train($q) }
                else { settle($q, 'timeout') }
            }
            $next_look = $before + 60_000;
            for my $q (values %pending) { $next_look = $q->{deadline} if $q->{deadline} < $next_look }
            for my $q (@again) { $next_look = $q->{remind} if !$q->{settled} && $q->{remind} < $next_look }
        }
        while (@kept && $kept[0][0] < $before - 1000) { close +(shift @kept)->[1] }
    }
}

# --- the parent of all

my $served = shift @ARGV // die "usage: asker.pl PID\n";
end_with_parent($served);
$SIG{$_} = 'IGNORE' for qw(INT HUP PIPE);
$0 = 'netlab-asker';
binmode STDIN;
my (%pipe, %node_of, $input);
$input = '';

# Nobody must wait for the answers of one that is dead.
sub bury {
    while ((my $pid = waitpid -1, 1) > 0) {
        my $number = delete $node_of{$pid} // next;
        my $how = $? & 127 ? 'by signal ' . ($? & 127) : 'with exit code ' . ($? >> 8);
        close delete $pipe{$number};
        syswrite STDOUT, "GONE\t$number\tthe process that asks there was ended $how\n";
    }
}
$SIG{CHLD} = \&bury;

sub fork_child {
    my ($number, $file) = @_;
    pipe(my $read, my $write) or die "netlab: pipe: $!\n";
    my $self = $$;
    # Its end must not be told before it is known.
    my $chld = POSIX::SigSet->new(POSIX::SIGCHLD());
    POSIX::sigprocmask(POSIX::SIG_BLOCK(), $chld);
    my $pid = fork;
    if (!defined $pid) { syswrite STDOUT, "GONE\t$number\tfork: $!\n" }
    if ($pid) { $pipe{$number} = $write; $node_of{$pid} = $number }
    else { $SIG{CHLD} = 'DEFAULT' }
    POSIX::sigprocmask(POSIX::SIG_UNBLOCK(), $chld);
    if (!defined $pid || $pid) { close $read; return }
    end_with_parent($self);
    # Or a child would never see the end of its input: those after it would hold it open.
    close $write;
    close $_ for values %pipe;
    POSIX::dup2(fileno $read, 0);
    close $read;
    $node = $number;
    $0 = "netlab-asker $file";
    $0 =~ s{/run/netns/}{};
    srand;
    $nonce = int rand 0xffffffff;
    $source_port = int rand 28232;
    my $failed = open(my $ns, '<', $file) ? '' : "$!";
    $failed = "setns: $!" if $failed eq '' && syscall($SETNS, fileno $ns, 0x40000000) != 0;
    if ($failed ne '') { say_it('GONE', $node, $failed); flush_out(); POSIX::_exit(0) }
    close $ns;
    child();
}

# Whole lines and lengths: what a child inherits of our buffer is none of its business.
sub more { my $n = sysread STDIN, $input, 1 << 16, length $input; if (!$n) { POSIX::_exit(0) if defined $n || $! != EINTR } }
while (1) {
    my $end;
    more() while ($end = index $input, "\n") < 0;
    my $line = substr $input, 0, $end + 1, '';
    my ($verb, $number, $rest) = split ' ', $line;
    if ($verb eq 'NODE') { fork_child($number, $rest) }
    elsif ($verb eq 'TO') {
        more() while length $input < $rest;
        for (my $at = 0; $at < $rest && $pipe{$number};) {
            my $n = syswrite $pipe{$number}, $input, $rest - $at, $at;
            last if !defined $n && $! != EINTR;
            $at += $n // 0;
        }
        substr $input, 0, $rest, '';
    }
}
