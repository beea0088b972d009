# Sends the probe of netlab trace from inside a node, and receives what the node itself is told about it.
#
#   perl prober.pl <namespace file> <protocol> <family> <source or -> <destination> <port> <id> <payload hex> <df 0|1> <ttl or 0> <seconds>
#
# Prints READY once its sockets stand, then waits for lines on standard input: GO <n> [<switch>] sends probe n, after
# writing 1 into the file <switch>, which starts the recording of kernel events, and 0 soon after it was answered. Then,
# as it happens:
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

# A raw socket gets the answers to every ping of its node. Classic BPF: echo replies with our id, and errors.
# IPv4 sockets see the packet from its IP header on, IPv6 ones from the ICMP header.
sub only_own {
    my ($socket) = @_;
    my @errors = $six ? (1 .. 4) : (3, 5, 11, 12);
    my ($load_byte, $load_half) = $six ? (0x30, 0x28) : (0x50, 0x48);
    my @code = (
        $six ? [0x00, 0, 0, 0] : [0xb1, 0, 0, 0],                           # X = length of the IPv4 header
        [$load_byte, 0, 0, 0],                                              # A = type
        (map { [0x15, 7 - $_, 0, $errors[$_]] } 0 .. 3),
        [0x15, 0, 2, $six ? 129 : 0],
        [$load_half, 0, 0, 4],                                              # A = id
        [0x15, 1, 0, $id],
        [0x06, 0, 0, 0],
        [0x06, 0, 0, 0xffff],
    );
    my $program = join '', map { pack 'S C C L', @$_ } @code;
    setsockopt $socket, SOL_SOCKET, 26, pack 'S x6 P', scalar(@code), $program;    # SO_ATTACH_FILTER
}

sub checksum {
    my ($bytes) = @_;
    my $sum = 0;
    $sum += $_ for unpack 'n*', length($bytes) % 2 ? "$bytes\0" : $bytes;
    $sum = ($sum >> 16) + ($sum & 0xffff) while $sum >> 16;
    return ~$sum & 0xffff;
}

# The file that switches the recording of events, and whether the probe has been answered. A node that refuses a packet
# answers first and drops it then, perhaps on another processor: it gets a moment.
my ($switch, $answered) = (undef, 0);
my $MOMENT = 0.01;
sub record {
    return if !defined $switch || !open my $file, '>', $switch;
    syswrite $file, $_[0];
    close $file;
}
sub answer { print "$_[0]\n"; $answered = 1 }
sub complain { my ($n, $number) = @_; local $! = $number; answer("ERROR $n $number $!") }

my (%open, $raw);
my $rin = '';
vec($rin, 0, 1) = 1;
if ($protocol eq 'icmp') {
    socket $raw, $domain, SOCK_RAW, $six ? 58 : 1 or die "netlab: raw socket: $!\n";
    setup($raw);
    only_own($raw);
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
    substr $bytes, 4, 1, chr $n;    # after the marker: tells the probes of one trace apart behind address translation
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
    if ($type == ($six ? 129 : 0)) { answer("REPLY " . ($seq - 1) . " $at $ttl echo") if $its == $id; return }
    return if $six ? $type > 4 : !($type == 3 || $type == 11 || $type == 12 || $type == 5);
    my $quoted = substr $bytes, 8;
    $quoted = substr $quoted, $six ? 40 : 4 * (15 & ord $quoted) if length $quoted > 40 || (!$six && length $quoted >= 28);
    return if length $quoted < 8;
    my (undef, undef, undef, $quotedId, $quotedSeq) = unpack 'CCnnn', $quoted;
    return if $quotedId != $id;
    my $sender = $six ? (unpack_sockaddr_in6($from))[1] : (unpack_sockaddr_in($from))[1];
    answer('ICMP ' . ($quotedSeq - 1) . " $at " . inet_ntop($domain, $sender) . " $type $code");
}

sub receive {
    my ($it, $writable) = @_;
    my ($n, $socket) = @$it{qw(n socket)};
    my $at = now();
    my $error = unpack 'i', getsockopt $socket, SOL_SOCKET, SO_ERROR;
    my $done = 1;
    if ($error == 111) { answer("REPLY $n $at - refused") }
    elsif ($error) { complain($n, $error) }
    elsif ($protocol eq 'tcp') { answer("REPLY $n $at - connected") }
    elsif (defined recv $socket, my $bytes, 65535, 0x40) { answer("REPLY $n $at - datagram") }
    elsif ($!{ECONNREFUSED}) { answer("REPLY $n $at - refused") }
    else { $done = 0 }
    if ($done) { vec($rin, fileno $socket, 1) = 0; delete $open{ fileno $socket }; close $socket }
}

my $buffer = '';
while (1) {
    my $ready = $rin;
    my $writable = '';
    if ($protocol eq 'tcp') { vec($writable, $_, 1) = 1 for keys %open }
    my $news = select $ready, $writable, undef, $answered ? $MOMENT : undef;
    if ($answered && $news == 0) { record('0'); ($switch, $answered) = (undef, 0) }
    next if $news <= 0;
    hear_icmp() if $raw && vec $ready, fileno $raw, 1;
    for my $fd (keys %open) { receive($open{$fd}) if vec($ready, $fd, 1) || vec $writable, $fd, 1 }
    if (vec $ready, 0, 1) {
        last if !sysread STDIN, $buffer, 4096, length $buffer;
        while ($buffer =~ s/^GO (\d+)(?: (\S+))?\n//) {
            ($switch, $answered) = ($2, 0);
            record('1');
            go($1);
        }
    }
}
