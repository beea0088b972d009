# Sends the probe of netlab trace from inside a node, and hears what the node itself is told about it.
#
#   perl prober.pl <namespace file> <protocol> <family> <source or -> <destination> <port> <id> <payload hex> <df 0|1> <ttl or 0> <seconds>
#
# Prints READY once its sockets stand, then waits for lines on standard input: GO <n> sends probe n. Then, as it happens:
#   SENT <n> <seconds.nanoseconds> <source port>
#   ERROR <n> <errno> <text>       the node refused to send, or was told of an error
#   REPLY <n> <time> <ttl or -> <what>   echo | connected | refused | datagram
#   ICMP <n> <time> <from> <type> <code>
# Ends at end of file. Everything of perl used here is in Debian's perl-base.
use strict;
use warnings;
use POSIX ();
use Socket qw(:DEFAULT inet_pton inet_ntop pack_sockaddr_in6 unpack_sockaddr_in6 AF_INET6);

my ($file, $protocol, $family, $source, $to, $port, $id, $payload, $df, $ttl) = @ARGV;
my $machine = (POSIX::uname())[4];
my ($SETNS, $CLOCK_GETTIME) = $machine eq 'x86_64' ? (308, 228) : (268, 113);
$| = 1;
$SIG{$_} = 'IGNORE' for qw(INT HUP PIPE);
open my $ns, '<', $file or die "netlab: $file: $!\n";
syscall($SETNS, fileno $ns, 0x40000000) == 0 or die "netlab: setns $file: $!\n";

my $six = $family == 6;
my $domain = $six ? AF_INET6 : AF_INET;
sub address { my ($text, $number) = @_; my $packed = inet_pton($domain, $text); return $six ? pack_sockaddr_in6($number, $packed) : pack_sockaddr_in($number, $packed) }

sub now {
    my $time = pack 'q2', 0, 0;
    syscall $CLOCK_GETTIME, 0, $time;
    return sprintf '%d.%09d', unpack 'q2', $time;
}

sub setup {
    my ($socket) = @_;
    # PROBE sets DF yet ignores what was learned about the path before: every trace meets the narrow link itself.
    setsockopt $socket, $six ? 41 : 0, $six ? 23 : 10, pack 'i', $df ? 3 : 0;
    setsockopt $socket, 41, 62, pack 'i', $df ? 1 : 0 if $six;    # IPV6_DONTFRAG
    setsockopt $socket, $six ? 41 : 0, $six ? 16 : 2, pack 'i', $ttl if $ttl;
    fcntl $socket, 4, 04000;
}

sub checksum {
    my ($bytes) = @_;
    my $sum = 0;
    $sum += $_ for unpack 'n*', length($bytes) % 2 ? "$bytes\0" : $bytes;
    $sum = ($sum >> 16) + ($sum & 0xffff) while $sum >> 16;
    return ~$sum & 0xffff;
}

sub complain { my ($n, $number) = @_; local $! = $number; print "ERROR $n $number $!\n" }

my (%open, $raw);
my $rin = '';
vec($rin, 0, 1) = 1;
if ($protocol eq 'icmp') {
    socket $raw, $domain, SOCK_RAW, $six ? 58 : 1 or die "netlab: raw socket: $!\n";
    setup($raw);
    bind $raw, address($source, 0) if $source ne '-';
    vec($rin, fileno $raw, 1) = 1;
}
# The first sequence number is the marker, counting up: what a SYN is known by when its port was translated before it
# was on any device. Only a socket under repair (TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ) lets us choose; where the
# kernel refuses, it is known by its port alone.
sub number {
    my ($socket, $n) = @_;
    setsockopt $socket, 6, 19, pack 'i', 1 or return;
    setsockopt $socket, 6, 20, pack 'i', 2;
    setsockopt $socket, 6, 21, pack 'I', (unpack('N', pack 'H8', $payload) + $n) & 0xffffffff;
    setsockopt $socket, 6, 19, pack 'i', -1;    # TCP_REPAIR_OFF_NO_WP
}
# TCP and UDP: one source port a probe, one after the other.
sub prepare {
    my ($n) = @_;
    socket my $socket, $domain, $protocol eq 'tcp' ? SOCK_STREAM : SOCK_DGRAM, 0 or die "netlab: socket: $!\n";
    setup($socket);
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0 if $protocol eq 'tcp';
    bind $socket, address($source eq '-' ? ($six ? '::' : '0.0.0.0') : $source, $id + $n) or die "netlab: bind to port " . ($id + $n) . ": $!\n";
    number($socket, $n) if $protocol eq 'tcp';
    return $socket;
}
my $first = $protocol eq 'icmp' ? undef : prepare(0);
print "READY\n";

sub go {
    my ($n) = @_;
    my $bytes = pack 'H*', $payload;
    if ($protocol eq 'icmp') {
        my $packet = pack('CCnnn', $six ? 128 : 8, 0, 0, $id, $n + 1) . $bytes;
        substr $packet, 2, 2, pack 'n', checksum($packet) if !$six;
        my $at = now();
        if (defined send $raw, $packet, 0, address($to, 0)) { print "SENT $n $at $id\n" }
        else { complain($n, $! + 0) }
        return;
    }
    my $socket = $n == 0 ? $first : prepare($n);
    my $fd = fileno $socket;
    my $at = now();
    my $connected = connect $socket, address($to, $port);
    if (!$connected && !$!{EINPROGRESS}) { return complain($n, $! + 0) }
    if ($protocol eq 'udp' && !defined send $socket, $bytes, 0) { return complain($n, $! + 0) }
    print "SENT $n $at " . ($id + $n) . "\n";
    $open{$fd} = { n => $n, socket => $socket };
    vec($rin, $fd, 1) = 1;
}

sub hear_icmp {
    my $from = recv $raw, my $bytes, 65535, 0x40;
    return if !defined $from;
    my $at = now();
    my $ttl = '-';
    if (!$six) { $ttl = unpack 'x8 C', $bytes; $bytes = substr $bytes, 4 * (15 & ord $bytes) }
    return if length $bytes < 8;
    my ($type, $code, undef, $its, $seq) = unpack 'CCnnn', $bytes;
    if ($type == ($six ? 129 : 0)) { print "REPLY " . ($seq - 1) . " $at $ttl echo\n" if $its == $id; return }
    return if $six ? $type > 4 : !($type == 3 || $type == 11 || $type == 12 || $type == 5);
    my $quoted = substr $bytes, 8;
    $quoted = substr $quoted, $six ? 40 : 4 * (15 & ord $quoted) if length $quoted > 40 || (!$six && length $quoted >= 28);
    return if length $quoted < 8;
    my (undef, undef, undef, $quotedId, $quotedSeq) = unpack 'CCnnn', $quoted;
    return if $quotedId != $id;
    my $sender = $six ? (unpack_sockaddr_in6($from))[1] : (unpack_sockaddr_in($from))[1];
    print 'ICMP ' . ($quotedSeq - 1) . " $at " . inet_ntop($domain, $sender) . " $type $code\n";
}

sub hear {
    my ($it, $writable) = @_;
    my ($n, $socket) = @$it{qw(n socket)};
    my $at = now();
    my $error = unpack 'i', getsockopt $socket, SOL_SOCKET, SO_ERROR;
    my $done = 1;
    if ($error == 111) { print "REPLY $n $at - refused\n" }
    elsif ($error) { complain($n, $error) }
    elsif ($protocol eq 'tcp') { print "REPLY $n $at - connected\n" }
    elsif (defined recv $socket, my $bytes, 65535, 0x40) { print "REPLY $n $at - datagram\n" }
    elsif ($!{ECONNREFUSED}) { print "REPLY $n $at - refused\n" }
    else { $done = 0 }
    if ($done) { vec($rin, fileno $socket, 1) = 0; delete $open{ fileno $socket }; close $socket }
}

my $buffer = '';
while (1) {
    my $ready = $rin;
    my $writable = '';
    if ($protocol eq 'tcp') { vec($writable, $_, 1) = 1 for keys %open }
    select($ready, $writable, undef, undef) > 0 or next;
    hear_icmp() if $raw && vec $ready, fileno $raw, 1;
    for my $fd (keys %open) { hear($open{$fd}) if vec($ready, $fd, 1) || vec $writable, $fd, 1 }
    if (vec $ready, 0, 1) {
        last if !sysread STDIN, $buffer, 4096, length $buffer;
        go($1) while $buffer =~ s/^GO (\d+)\n//;
    }
}
