# Streams kernel events for netlab trace: why a packet was dropped, and what ICMP errors were sent about it. It works in an
# instance of tracefs of its own, so that no other tracing is touched, and removes it when it ends, for whatever
# reason. Where tracefs is not mounted it is mounted in a mount namespace of its own, where it does not show.
#
#   perl events.pl <event>=<filter> ...    event: skb/kfree_skb; filter: as in events.rst, empty for none;
#                                              of several for one event the first that the kernel understands
#
# Standard output: LIVE <switch> <nanoseconds CLOCK_TAI is ahead of CLOCK_REALTIME>, or FAILED <why>; then lines of
# trace_pipe; at the end "END <events lost>". Standard input: END, or end of file, stops it. Nothing is recorded until
# 1 is written into the file <switch>: what other traffic does before the probe is sent is of no use.
use strict;
use warnings;
use POSIX ();

my $machine = (POSIX::uname())[4];
my %CALLS = (x86_64 => [272, 165, 228], aarch64 => [97, 40, 113], riscv64 => [97, 40, 113]);
my ($UNSHARE, $MOUNT, $CLOCK_GETTIME) = @{ $CALLS{$machine} // die "netlab: no system call numbers for $machine\n" };
my $ROOT = '/sys/kernel/tracing';
$| = 1;

sub fail { print "FAILED $_[0]\n"; exit 0 }

sub put {
    my ($path, $value) = @_;
    open my $file, '>', $path or return 0;
    my $ok = syswrite $file, $value;
    return close($file) && defined $ok;
}

sub clock {
    my ($id) = @_;
    my $time = pack 'q2', 0, 0;
    syscall $CLOCK_GETTIME, $id, $time;
    my ($s, $ns) = unpack 'q2', $time;
    return $s * 1_000_000_000 + $ns;
}

if (!-d "$ROOT/instances") {
    my ($private, $none, $type, $empty) = (1 << 18 | 1 << 14, 'none', 'tracefs', '');
    my ($top, $where) = ('/', $ROOT);
    syscall($UNSHARE, 0x00020000) == 0 or fail("cannot mount tracefs: $!");
    syscall $MOUNT, $none, $top, $empty, $private, 0;
    syscall($MOUNT, $none, $where, $type, 0, 0) == 0 or fail("this kernel has no tracefs: $!");
}
# What killed traces left behind. Nothing can be told from names, as others may number their processes anew; but the kernel
# does not remove an instance that is being read, and each of these processes reads its own as long as it runs.
rmdir for glob "$ROOT/instances/netlab-*";

# Just made and not yet read from, it may be taken for such a remain by another process.
my ($instance, $pipe, $why);
for my $attempt (1 .. 5) {
    $instance = "$ROOT/instances/netlab-trace-$$-" . clock(1);
    mkdir $instance or fail("cannot make a tracing instance: $!");
    last if open $pipe, '<', "$instance/trace_pipe";
    $why = $!;
    rmdir $instance;
}
fail("trace_pipe: $why") if !$pipe || !defined fileno $pipe;
fcntl $pipe, 4, 04000;    # F_SETFL, O_NONBLOCK: it blocks otherwise however often it is polled

my $cleaned = 0;
sub clean {
    return if $cleaned++;
    put("$instance/tracing_on", '0');
    close $pipe;    # an instance that is being read cannot be removed
    rmdir $instance;
}
$SIG{$_} = 'IGNORE' for qw(INT HUP PIPE);
my $ended = 0;
$SIG{TERM} = sub { $ended = 1 };

put("$instance/trace_clock", 'tai') or do { clean(); fail('no trace clock "tai"') };
put("$instance/buffer_size_kb", '2048');
put("$instance/tracing_on", '0');
my %filtered;
for (@ARGV) {
    my ($event, $filter) = split /=/, $_, 2;
    next if $filtered{$event};
    $filtered{$event} = !length $filter || put("$instance/events/$event/filter", $filter);
    put("$instance/events/$event/enable", '1') or print "NOEVENT $event\n";
}
# By way of this process: tracefs may be mounted where only we see it.
print "LIVE /proc/$$/root$instance/tracing_on " . (clock(11) - clock(0)) . "\n";

sub drain {
    my $any = 0;
    while (my $n = sysread $pipe, my $text, 1 << 16) {
        my $at = 0;
        while ($at < $n) { my $w = syswrite STDOUT, $text, $n - $at, $at; if (!defined $w) { clean(); exit 1 } $at += $w }
        $any += $n;
        last if $any > 4 << 20;
    }
}

my $fd = fileno $pipe;
while (!$ended) {
    # trace_pipe wakes its readers late (half a buffer, or a timer): look often instead.
    my $ready = '';
    vec($ready, 0, 1) = 1;
    my $n = select $ready, undef, undef, 0.004;
    drain();
    if ($n > 0) { sysread STDIN, my $line, 64; $ended = 1 }
}
put("$instance/tracing_on", '0');
drain();
my $lost = 0;
for my $stats (glob "$instance/per_cpu/cpu*/stats") {
    open my $file, '<', $stats or next;
    while (<$file>) { $lost += $1 if /^(?:overrun|dropped events): (\d+)/ }
}
print "END $lost\n";
close STDOUT;
clean();
