# Listens inside many network namespaces at once for netlab trace: one process, and in each namespace one packet
# socket on all devices and one netfilter socket. Entering a namespace with setns(2) costs microseconds where a
# tcpdump in each costs tens of milliseconds. Everything of perl used here is in Debian's perl-base.
#
# Standard input:
#   FILTER <hex>            the classic BPF program every packet socket gets, as an array of sock_filter
#   OPEN <number> <file>    listen in the namespace of this file; the number stands for it from then on
#   LIVE                    answered by LIVE when everything before has been done
#   SEND <number> <hex>     netlink messages for the namespace's netfilter socket
#   END                     drain, report, leave; so does end of file
# Standard output:
#   F <number> <seconds>.<nanoseconds> <ifindex> <packet type> <hardware type> <length> <hex>   a frame
#   D <number> <ifindex> <name>            before a device's first frame
#   N <number> <hex>                       netlink messages: answers and rule traces
#   X <number> <errno> <what>              a namespace that cannot be listened in, or a socket that lost messages
#   END <frames lost> <times the netfilter sockets overflowed>
#
# A table that our netfilter socket made and owns (NFT_TABLE_F_OWNER) goes when the socket does: however this
# process ends, it leaves nothing behind.
use strict;
use warnings;
use POSIX ();

my $machine = (POSIX::uname())[4];
my $SETNS = $machine eq 'x86_64' ? 308 : $machine =~ /^(aarch64|riscv64)$/ ? 268 : die "netlab: no system call numbers for $machine\n";
my ($AF_PACKET, $AF_NETLINK, $SOCK_RAW, $ETH_P_ALL, $NETLINK_NETFILTER, $SOL_NETLINK) = (17, 16, 3, 3, 12, 270);
my ($SO_ATTACH_FILTER, $SO_RCVBUFFORCE, $SIOCGSTAMPNS, $SIOCGIFNAME) = (26, 33, 0x8907, 0x8910);
my ($ADD_MEMBERSHIP, $NFNLGRP_NFTRACE) = (1, 9);
my ($DONTWAIT_TRUNC, $ENOBUFS) = (0x40 | 0x20, 105);
my $MOST = 4000;    # messages read at the end: a flood must not keep us

my ($program, $buffer, $out, $overflows, $ended) = ('', '', '', 0, 0);
my (@listeners, $rin);
$rin = '';
vec($rin, 0, 1) = 1;
$SIG{$_} = 'IGNORE' for qw(INT HUP PIPE);
$SIG{TERM} = sub { $ended = 1 };

sub say_it { $out .= "$_[0]\n" }

sub flush_out {
    while (length $out) {
        my $n = syswrite STDOUT, $out;
        if (!defined $n) { next if $!{EINTR}; exit 1 }
        substr $out, 0, $n, '';
    }
}

sub open_ear {
    my ($number, $file) = @_;
    open my $ns, '<', $file or return say_it("X $number " . ($! + 0) . ' ' . $!);
    syscall($SETNS, fileno $ns, 0x40000000) == 0 or return say_it("X $number " . ($! + 0) . ' ' . $!);
    # Protocol 0 receives nothing until it is bound: no frame slips in before the filter is there.
    socket my $packets, $AF_PACKET, $SOCK_RAW, 0 or return say_it("X $number " . ($! + 0) . " packet socket: $!");
    setsockopt $packets, 1, $SO_RCVBUFFORCE, pack 'i', 4 << 20;
    ioctl $packets, $SIOCGSTAMPNS, my $nothing = pack 'q2', 0, 0;    # asked once, timestamps are taken from then on
    setsockopt $packets, 1, $SO_ATTACH_FILTER, pack 'S x6 P', length($program) / 8, $program or return say_it("X $number " . ($! + 0) . " filter: $!");
    bind $packets, pack 'S n i S C C a8', $AF_PACKET, $ETH_P_ALL, 0, 0, 0, 0, '' or return say_it("X $number " . ($! + 0) . " bind: $!");
    my $listener = $listeners[$number] = { number => $number, packets => $packets, pfd => fileno $packets, names => {} };
    vec($rin, $listener->{pfd}, 1) = 1;
    socket my $rules, $AF_NETLINK, $SOCK_RAW, $NETLINK_NETFILTER or return say_it("X $number " . ($! + 0) . " netfilter socket: $!");
    setsockopt $rules, 1, $SO_RCVBUFFORCE, pack 'i', 4 << 20;
    bind $rules, pack 'S x2 L L', $AF_NETLINK, 0, 0;
    setsockopt $rules, $SOL_NETLINK, $ADD_MEMBERSHIP, pack 'i', $NFNLGRP_NFTRACE or say_it("X $number " . ($! + 0) . " rule traces: $!");
    @$listener{ 'rules', 'rfd' } = ($rules, fileno $rules);
    vec($rin, $listener->{rfd}, 1) = 1;
}

sub read_frames {
    my ($listener) = @_;
    my ($number, $socket, $names) = @$listener{qw(number packets names)};
    my $count = 0;
    while (defined(my $from = recv $socket, my $bytes, 65535, $DONTWAIT_TRUNC)) {
        my (undef, undef, $ifindex, $hardware, $type) = unpack 'S n i S C', $from;
        my $stamp = pack 'q2', 0, 0;
        ioctl $socket, $SIOCGSTAMPNS, $stamp;
        if (!exists $names->{$ifindex}) {
            my $request = pack 'a16 i x20', '', $ifindex;
            $names->{$ifindex} = ioctl($socket, $SIOCGIFNAME, $request) ? unpack('Z16', $request) : "if$ifindex";
            say_it("D $number $ifindex $names->{$ifindex}");
        }
        $out .= sprintf "F %d %d.%09d %d %d %d %d %s\n", $number, unpack('q2', $stamp), $ifindex, $type, $hardware, length $bytes, unpack 'H*', $bytes;
        last if ++$count >= 256;
    }
    return $count;
}

sub read_rules {
    my ($listener) = @_;
    my $count = 0;
    while (1) {
        my $from = recv $listener->{rules}, my $bytes, 65535, 0x40;
        if (!defined $from) {
            if ($! == $ENOBUFS) { $overflows++; next }
            last;
        }
        last if !length $bytes;
        say_it("N $listener->{number} " . unpack 'H*', $bytes);
        last if ++$count >= 256;
    }
    return $count;
}

sub obey {
    my ($verb, $first, $second) = split ' ', $_[0];
    if ($verb eq 'FILTER') { $program = pack 'H*', $first }
    elsif ($verb eq 'OPEN') { open_ear($first, $second) }
    elsif ($verb eq 'LIVE') { say_it('LIVE') }
    elsif ($verb eq 'SEND') {
        my $listener = $listeners[$first];
        say_it("X $first " . ($! + 0) . " netlink: $!") if !$listener || !$listener->{rules} || !defined send $listener->{rules}, pack('H*', $second), 0;
    }
    elsif ($verb eq 'END') { $ended = 1 }
}

sub listen_once {
    my ($patience) = @_;
    my $ready = $rin;
    my $n = select $ready, undef, undef, $patience;
    return 0 if $n <= 0;
    my $count = 0;
    for my $listener (grep {defined} @listeners) {
        $count += read_frames($listener) if vec $ready, $listener->{pfd}, 1;
        $count += read_rules($listener) if $listener->{rules} && vec $ready, $listener->{rfd}, 1;
    }
    if (!$ended && vec $ready, 0, 1) {
        my $n = sysread STDIN, $buffer, 1 << 16, length $buffer;
        $ended = 1 if !$n;
        while ((my $end = index $buffer, "\n") >= 0) { obey(substr $buffer, 0, $end); substr $buffer, 0, $end + 1, '' }
    }
    flush_out();
    return $count;
}

listen_once(undef) while !$ended;
vec($rin, 0, 1) = 0;
for (my $total = 0; $total < $MOST;) { my $n = listen_once(0); last if !$n; $total += $n }
my $lost = 0;
for my $listener (grep {defined} @listeners) {
    my $statistics = getsockopt $listener->{packets}, 263, 6;
    $lost += (unpack 'II', $statistics)[1] if defined $statistics;
}
say_it("END $lost $overflows");
flush_out();
close STDOUT;
