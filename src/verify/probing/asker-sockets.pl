# Part of asker.pl: what the other parts are made of, lines for netlab, addresses, sockets, messages.
use strict;
use warnings;
use Errno qw(ECONNREFUSED EHOSTUNREACH ENETUNREACH EACCES EPERM EMSGSIZE ETIMEDOUT);
use Fcntl qw(F_SETFL O_NONBLOCK);
use Socket qw(AF_INET AF_INET6 SOCK_RAW SOL_SOCKET IPPROTO_IPV6 MSG_DONTWAIT pack_sockaddr_in pack_sockaddr_in6 unpack_sockaddr_in
  unpack_sockaddr_in6 inet_pton inet_ntop);
use POSIX ();
our ($RECVMSG, $SENDMSG, $SO_RCVBUFFORCE, $IPV6_RECVPKTINFO, $IPV6_PKTINFO, $IPV6_HOPLIMIT, $IP_MTU_DISCOVER, $IPV6_MTU_DISCOVER,
    $IPV6_RECVHOPLIMIT, $IPV6_DONTFRAG, $out, $rin, $win, %reader, %writer, %raw);

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

# Raw sockets receive all of their protocol: one per family for all questions, with a filter for the answers to them.
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

1;
