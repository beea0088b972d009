# Part of asker.pl: who listens, and answers whom it saw.
use strict;
use warnings;
use Errno qw(EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT);
use Socket qw(AF_INET AF_INET6 SOCK_STREAM SOCK_DGRAM SOL_SOCKET SO_REUSEADDR IPPROTO_IPV6 IPV6_V6ONLY MSG_DONTWAIT MSG_NOSIGNAL);
our ($SO_RCVBUFFORCE, $IP_PKTINFO, $IPV6_RECVPKTINFO, $IPV6_PKTINFO, $SCTP, $KEPT, $node, @kept, $kernel_sctp, %sctp_names);

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

1;
