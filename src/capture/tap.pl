# Listens on devices of many network namespaces at once for netlab capture: one process, one packet socket a device, or
# one for all devices of a namespace. Everything of perl used here is in Debian's perl-base.
#
# Standard input:
#   TAP <number> <file> <device, or - for all>     listen; the number stands for it from then on
#   DROP <number>                                  listen no more: an open socket keeps a deleted namespace alive
#   LIVE                                           answered when everything before has been done
#   END                                            drain, report, leave; so does end of file
# Standard output: records, each a letter, the length of the rest (32 bits) and the rest, all numbers big-endian:
#   F <number 16> <ifindex 32> <packet type 8> <hardware type 16> <seconds 32> <nanoseconds 32> <length 32> <bytes>
#   D <number 16> <ifindex 32> <name>              before a device's first frame
#   X <number 16> <text>                           what cannot be listened on, or no longer
#   L                                              live
#   S <number 16> <frames received 32> <lost 32>   at the end, once a socket
use strict;
use warnings;
use POSIX ();

my $machine = (POSIX::uname())[4];
my $SETNS = $machine eq 'x86_64' ? 308 : $machine =~ /^(aarch64|riscv64|loongarch64)$/ ? 268 : die "netlab: no system call numbers for $machine\n";
my ($AF_PACKET, $SOCK_RAW, $ETH_P_ALL, $SOL_PACKET, $PACKET_STATISTICS) = (17, 3, 3, 263, 6);
my ($SO_ATTACH_FILTER, $SO_RCVBUFFORCE, $SIOCGSTAMPNS, $SIOCGIFNAME, $SIOCGIFINDEX) = (26, 33, 0x8907, 0x8910, 0x8933);
my $NOTHING = pack 'S C C L', 0x06, 0, 0, 0;    # classic BPF: return 0, which keeps no frame
my ($DONTWAIT_TRUNC, $EAGAIN) = (0x40 | 0x20, 11);
# A packet that several were joined to (GSO, BIG TCP) is longer than any on a wire.
my $LONGEST = 1 << 18;
my $BUFFER = 16 << 20;

my ($commands, $out, $ended) = ('', '', 0);
my @tap;
my $rin = '';
vec($rin, 0, 1) = 1;
binmode STDOUT;
$SIG{$_} = 'IGNORE' for qw(INT HUP PIPE);
$SIG{TERM} = sub { $ended = 1 };

sub record { $out .= pack 'a N/a', @_ }

sub flush_out {
    while (length $out) {
        my $n = syswrite STDOUT, $out;
        if (!defined $n) { next if $!{EINTR}; exit 1 }
        substr $out, 0, $n, '';
    }
}

sub failed { record('X', pack 'n a*', @_); return }

# A process is taken for a container of the namespace it is in: it goes in for as long as a socket takes to open.
open my $home, '<', '/proc/self/ns/net' or die "netlab: /proc/self/ns/net: $!\n";

sub open_tap {
    my ($number, $file, $device) = @_;
    open my $ns, '<', $file or return failed($number, "$!");
    syscall($SETNS, fileno $ns, 0x40000000) == 0 or return failed($number, "$!");
    tap_here($number, $device);
    syscall($SETNS, fileno $home, 0x40000000) == 0 or die "netlab: setns: $!\n";
}

sub tap_here {
    my ($number, $device) = @_;
    # Protocol 0 receives nothing until it is bound: no frame of another device slips in.
    socket my $socket, $AF_PACKET, $SOCK_RAW, 0 or return failed($number, "packet socket: $!");
    setsockopt $socket, 1, $SO_RCVBUFFORCE, pack 'i', $BUFFER;
    ioctl $socket, $SIOCGSTAMPNS, my $nothing = pack 'q2', 0, 0;    # asked once, timestamps are taken from then on
    my $ifindex = 0;
    if ($device ne '-') {
        my $request = pack 'a16 x24', $device;
        ioctl $socket, $SIOCGIFINDEX, $request or return failed($number, "$!");
        $ifindex = unpack 'x16 i', $request;
    }
    bind $socket, pack 'S n i S C C a8', $AF_PACKET, $ETH_P_ALL, $ifindex, 0, 0, 0, '' or return failed($number, "bind: $!");
    my $fd = fileno $socket;
    push @tap, { number => $number, socket => $socket, fd => $fd, names => {} };
    vec($rin, $fd, 1) = 1;
}

sub receive {
    my ($tap) = @_;
    my ($number, $socket, $names) = @$tap{qw(number socket names)};
    my $count = 0;
    while (1) {
        my $from = recv($socket, my $bytes, $LONGEST, $DONTWAIT_TRUNC);
        if (!defined $from) {
            # Asked for once more or gone for good: the device went down, and may come up again.
            failed($number, "$!") if $! != $EAGAIN && !$!{EINTR};
            last;
        }
        my (undef, undef, $ifindex, $hardware, $type) = unpack 'S n i S C', $from;
        my $stamp = pack 'q2', 0, 0;
        ioctl $socket, $SIOCGSTAMPNS, $stamp;
        my ($seconds, $nanoseconds) = unpack 'q2', $stamp;
        if (!exists $names->{$ifindex}) {
            my $request = pack 'a16 i x20', '', $ifindex;
            my $name = ioctl($socket, $SIOCGIFNAME, $request) ? unpack('Z16', $request) : "if$ifindex";
            $names->{$ifindex} = $name;
            record('D', pack 'n N a*', $number, $ifindex, $name);
        }
        record('F', pack 'n N C n N N N a*', $number, $ifindex, $type, $hardware, $seconds, $nanoseconds, length $bytes, $bytes);
        last if ++$count >= 64 || length $out > 1 << 20;
    }
    return $count;
}

# Receives nothing new: a flood would keep us for as long as it lasts.
sub shut { my ($tap) = @_; $tap->{shut} = setsockopt $tap->{socket}, 1, $SO_ATTACH_FILTER, pack 'S x6 P', 1, $NOTHING }

# Hands over what was captured until it was shut.
sub finish {
    my ($tap) = @_;
    if ($tap->{shut}) { flush_out() while receive($tap) }
    my $statistics = getsockopt $tap->{socket}, $SOL_PACKET, $PACKET_STATISTICS;
    my ($packets, $lost) = defined $statistics ? unpack 'II', $statistics : (0, 0);
    record('S', pack 'n N N', $tap->{number}, $packets, $lost);
}

sub drop {
    my ($number) = @_;
    for my $tap (grep { $_->{number} == $number } @tap) {
        shut($tap);
        finish($tap);
        vec($rin, $tap->{fd}, 1) = 0;
        close $tap->{socket};
    }
    @tap = grep { $_->{number} != $number } @tap;
}

sub obey {
    my ($verb, @words) = split ' ', $_[0];
    if ($verb eq 'TAP') { open_tap(@words) }
    elsif ($verb eq 'DROP') { drop(@words) }
    elsif ($verb eq 'LIVE') { record('L', '') }
    elsif ($verb eq 'END') { $ended = 1 }
}

while (!$ended) {
    my $ready = $rin;
    next if select($ready, undef, undef, undef) <= 0;
    for my $tap (@tap) { receive($tap) if vec $ready, $tap->{fd}, 1 }
    if (vec $ready, 0, 1) {
        my $n = sysread STDIN, $commands, 1 << 16, length $commands;
        $ended = 1 if !$n;
        while ((my $end = index $commands, "\n") >= 0) { obey(substr $commands, 0, $end); substr $commands, 0, $end + 1, '' }
    }
    flush_out();
}
shut($_) for @tap;
finish($_) for @tap;
flush_out();
close STDOUT;
