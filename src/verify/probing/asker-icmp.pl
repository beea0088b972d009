# Part of asker.pl: echoes, and what ICMP says of anything that was sent.
use strict;
use warnings;
use Errno qw(EAGAIN EMSGSIZE ENOBUFS);
use Socket qw(SOCK_DGRAM IPPROTO_IPV6 MSG_DONTWAIT);
our ($IP_MTU, $IPV6_MTU, $SCTP, $SPACING, $nonce, %raw, %mark, $sequence, $echo_id, $next_look);

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
    # A flow of its own. Each packet that comes before its flow is known to conntrack is a new connection to it; of those
    # that come in one batch, as a busy machine hands on what leaves a tunnel (ip_sublist_rcv), all but the first are
    # dropped when they would be entered (__nf_conntrack_confirm).
    $q->{echo} = $echo_id = ($echo_id + 1) & 0xffff;
    ready_echo($q);
    $q->{sent} = say_icmp($q);
}

# The payload tells one echo from any other; its 16 bit number and the id may come round again.
sub ready_echo {
    my ($q) = @_;
    my $is_six = six($q->{to});
    my $number = ++$sequence;
    push @{ $q->{marks} }, "icmp $number";
    $mark{"icmp $number"} = $q;
    my $body = pack('nna6NN', $q->{echo}, $number & 0xffff, 'netlab', $nonce, $number);
    my $headers = $is_six ? 40 : 20;
    $body .= "\0" x ($q->{size} - $headers - 4 - length $body) if $q->{size} > $headers + 4 + length $body;
    $q->{packet} = $is_six ? pack('CCn', 128, 0, 0) . $body : pack('CCn', 8, 0, checksum(pack('CCn', 8, 0, 0) . $body)) . $body;
}

sub settle_train {
    my ($q) = @_;
    my @times = values %{ $q->{received} };
    my $twice = grep { $_ > 1 } @times;
    settle($q, 'ok', ttl => $q->{ttl}, text => "$q->{sent} sent, " . @times . " came back, $twice more than once");
}

# How many went out: 1, or 0 where there was no room for it.
sub say_icmp {
    my ($q) = @_;
    return 1 if defined send $raw{ $q->{what} }, $q->{packet}, MSG_DONTWAIT, packed($q->{to}, 0);
    settle_errno($q, $! + 0, $! == EMSGSIZE && $q->{mtu} ? (text => "local mtu=$q->{mtu}") : ()) if $! != ENOBUFS && $! != EAGAIN;
    return 0;
}

# The others of a train follow the answer to the first, which makes their flow known everywhere; or its silence.
sub say_next {
    my ($q, $now) = @_;
    if ($q->{sent} == @{ $q->{marks} }) { ready_echo($q) }
    if (say_icmp($q)) { $q->{sent}++; $q->{deadline} = $now + $q->{patience} }
    $q->{remind} = $now + $SPACING;
    return !$q->{settled} && $q->{sent} < $q->{count};
}

# A question by what a packet of ours carries: the echo's id, number and payload.
sub echo_question {
    my ($echo) = @_;
    return () if length $echo < 22;
    my ($id, $number, $word, $theirs, $whole) = unpack 'x4 n n a6 N N', $echo;
    my $q = $word eq 'netlab' && $theirs == $nonce ? $mark{"icmp $whole"} : undef;
    return $q && $id == $q->{echo} ? ($q, $whole) : ();
}

# Routers quote little: what is beyond the echo's own header may be missing.
sub quoted_question {
    my ($echo) = @_;
    my ($type, $id, $number) = unpack 'C x3 n n', $echo;
    return undef if !defined $number || ($type != 8 && $type != 128);
    my ($found) = grep { /\Aicmp (\d+)/ && ($1 & 0xffff) == $number && $mark{$_}{echo} == $id } keys %mark;
    return defined $found ? $mark{$found} : undef;
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
        $q->{remind} = now() + $SPACING if !$q->{received};
        $q->{received}{$number}++;
        $q->{ttl} = $ttl;
        $q->{deadline} = now() + 3 * $SPACING if $q->{sent} == $q->{count} && keys %{ $q->{received} } == $q->{count};
        for my $time ($q->{deadline}, $q->{sent} < $q->{count} ? $q->{remind} : ()) { $next_look = $time if $time < $next_look }
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

1;
