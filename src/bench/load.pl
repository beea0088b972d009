# Both ends of every measurement: streams, round trips on an open connection (as netperf's TCP_RR), and connections with one exchange
# each (as its TCP_CRR). Each end runs in the namespace that it is started in.
#
#   load.pl serve ADDRESS PORT                     prints "listening" once it does
#   load.pl stream ADDRESS PORT MILLISECONDS N     sends as much as it can over N connections at once
#   load.pl trips ADDRESS PORT MILLISECONDS        a byte there and a byte back, again and again
#   load.pl connections ADDRESS PORT MILLISECONDS  opens a connection, a byte there and a byte back, and closes it, again and again
#
# Clients print "COUNT NANOSECONDS": bytes that the server received, round trips, or connections. `stream` prints such a line for each
# of its connections, and before them the line `cpu` of /proc/stat as it was at the beginning and at the end.
# What begins with S and a number of milliseconds is a stream; all else is sent back. Everything of perl used here is in Debian's perl-base.
use strict;
use warnings;
use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6);
use POSIX ();

use constant { TCP_NODELAY => 1, CLOCK_MONOTONIC => 1, PATIENCE => 2, BLOCK => 1 << 17, PR_SET_PDEATHSIG => 1, KILL => 9 };

my ($what, $address, $port, $milliseconds, $streams) = @ARGV;
$SIG{PIPE} = 'IGNORE';
$SIG{CHLD} = 'IGNORE' if $what eq 'serve';
$| = 1;

my $machine = (POSIX::uname())[4];
my ($CLOCK_GETTIME, $PRCTL) =
    $machine eq 'x86_64' ? (228, 157) : $machine =~ /^(aarch64|riscv64|loongarch64)$/ ? (113, 167) : die "no system call numbers for $machine\n";

# Nanoseconds from some moment on.
my $timespec = "\0" x 16;
sub now {
    syscall($CLOCK_GETTIME, CLOCK_MONOTONIC, $timespec);
    my ($seconds, $nanoseconds) = unpack 'q2', $timespec;
    return $seconds * 1_000_000_000 + $nanoseconds;
}

# A child that ends with its parent, however that ends.
sub child {
    my ($work) = @_;
    my $parent = $$;
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;
    syscall($PRCTL, PR_SET_PDEATHSIG, KILL);
    POSIX::_exit(1) if getppid != $parent;
    POSIX::_exit(eval { $work->(); 1 } ? 0 : do { print STDERR $@; 1 });
}

my $family = $address =~ /:/ ? AF_INET6 : AF_INET;
my $packed = inet_pton($family, $address) // die "$address is no address\n";
my $place = $family == AF_INET6 ? pack_sockaddr_in6($port, $packed) : pack_sockaddr_in($port, $packed);

sub opened {
    socket(my $socket, $family, SOCK_STREAM, 0) or die "socket: $!\n";
    return $socket;
}

# Small packets leave at once.
sub prompt { setsockopt($_[0], Socket::IPPROTO_TCP, TCP_NODELAY, 1) or die "TCP_NODELAY: $!\n" }

sub connected {
    my $socket = opened();
    my $patience = pack 'l!2', PATIENCE, 0;
    setsockopt($socket, SOL_SOCKET, $_, $patience) for SO_SNDTIMEO, SO_RCVTIMEO;
    # A socket that waits for a limited time says "in progress" when that is over (socket(7)).
    connect $socket, $place or die $! == POSIX::EINPROGRESS() ? 'no answer within ' . PATIENCE . " s\n" : "connect: $!\n";
    prompt($socket);
    return $socket;
}

# With a reset: no port waits for two minutes until it can be used again (TIME_WAIT), and nothing is sent any more.
sub reset_ {
    setsockopt($_[0], SOL_SOCKET, SO_LINGER, pack 'II', 1, 0);
    close $_[0];
}

sub exchange {
    my ($socket) = @_;
    my $got = syswrite($socket, '.') && sysread $socket, my $answer, 1;
    die 'the exchange ended: ' . (defined $got ? 'the connection was closed' : "$!") . "\n" if !$got;
}

# The first bytes of a stream have come: counts what else comes, and says so when time is up. What is under way still is taken, so
# that the client is never stopped by a full window.
sub receive {
    my ($socket, $time) = @_;
    my ($bytes, $from) = (0, now());
    my ($end, $till) = ($from + $time * 1_000_000, $from);
    while ($till < $end) {
        my $got = sysread $socket, my $block, BLOCK or last;
        $bytes += $got;
        $till = now();
    }
    syswrite $socket, sprintf "%d %d\n", $bytes, $till - $from;
    1 while sysread $socket, my $block, BLOCK;
}

sub serve {
    my $listener = opened();
    setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1);
    setsockopt($listener, Socket::IPPROTO_IPV6, Socket::IPV6_V6ONLY, 1) if $family == AF_INET6;
    bind($listener, $place) or die "port $port: $!\n";
    listen($listener, 1024) or die "listen: $!\n";
    print "listening\n";
    while (1) {
        next unless accept(my $socket, $listener);
        prompt($socket);
        while (sysread $socket, my $bytes, 16) {
            if ($bytes =~ /^S(\d+) *$/) { child(sub { close $listener; receive($socket, $1) }); last }
            syswrite $socket, $bytes or last;
        }
    }
}

# Sends until the server says what it received.
sub send_ {
    my ($socket, $pipe) = @_;
    my $block = "\0" x BLOCK;
    # Exactly as long as the server reads at first: what follows is the stream.
    syswrite $socket, sprintf '%-16s', "S$milliseconds";
    my $mask = '';
    vec($mask, fileno $socket, 1) = 1;
    my $deadline = now() + ($milliseconds + PATIENCE * 1000) * 1_000_000;
    while (!select my $ready = $mask, undef, undef, 0) {
        die "the stream stopped\n" if now() > $deadline;
        syswrite $socket, $block or last;
    }
    sysread $socket, my $answer, 64 or die "the stream ended: $!\n";
    syswrite $pipe, $answer;
    reset_($socket);
}

sub processors {
    open my $stat, '<', '/proc/stat' or die "/proc/stat: $!\n";
    return scalar <$stat>;
}

sub stream {
    my @sockets = map { connected() } 1 .. $streams;
    pipe(my $reader, my $writer) or die "pipe: $!\n";
    my $before = processors();
    my @children = map { my $socket = $_; child(sub { send_($socket, $writer) }) } @sockets;
    close $writer;
    my @lines = <$reader>;
    my $after = processors();
    die @lines . " of $streams streams came to their end\n" if @lines != $streams;
    print $before, $after, @lines;
}

my ($count, $from) = (0, now());
my $till = $from;
my $end = $from + ($milliseconds // 0) * 1_000_000;
if ($what eq 'serve') { serve() }
elsif ($what eq 'stream') { stream(); exit }
elsif ($what eq 'trips') {
    my $socket = connected();
    exchange($socket);
    $from = now();
    $end = $from + $milliseconds * 1_000_000;
    # Reading the clock is no part of a round trip: it is read after every eighth.
    do {
        exchange($socket) for 1 .. 8;
        $count += 8;
        $till = now();
    } while $till < $end;
} elsif ($what eq 'connections') {
    do {
        my $socket = connected();
        exchange($socket);
        reset_($socket);
        $count++;
        $till = now();
    } while $till < $end;
}
printf "%d %d\n", $count, $till - $from;
