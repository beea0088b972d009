# Part of asker.pl: SCTP (RFC 9260) without sockets of the kernel's. Chunk types: INIT 1, INIT ACK 2, ABORT 6.
use strict;
use warnings;
use Socket qw(AF_INET AF_INET6 SOCK_STREAM SOCK_DGRAM IPPROTO_IPV6);
our ($IP_PKTINFO, $IPV6_PKTINFO, $SCTP, $nonce, %raw, %mark, $sequence, $source_port);

my @CRC;
sub crc32c {
    if (!@CRC) {
        for my $n (0 .. 255) { my $c = $n; $c = $c & 1 ? ($c >> 1) ^ 0x82f63b78 : $c >> 1 for 1 .. 8; push @CRC, $c }
    }
    my $c = 0xffffffff;
    $c = $CRC[($c ^ $_) & 255] ^ ($c >> 8) for unpack 'C*', $_[0];
    return ~$c & 0xffffffff;
}

sub sctp_packet {
    my ($from, $to, $tag, $chunk) = @_;
    $chunk .= "\0" x (-length($chunk) % 4);
    # The checksum goes the other way round, lowest byte first.
    return pack('nnNV', $from, $to, $tag, crc32c(pack('nnNV', $from, $to, $tag, 0) . $chunk)) . $chunk;
}

our $kernel_sctp;           # whether the kernel answers INITs itself

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

our %sctp_names;            # what answers, by port, where the kernel cannot

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
        # An INIT without a listener is answered with an ABORT that carries its tag (8.4, 3).
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

1;
