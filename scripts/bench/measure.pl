# Runs a command and says what it cost: one line "seconds user system peak-KiB exit-code" on descriptor 3.
#
# Time runs from fork(2) to wait4(2). wait4's resource usage covers the command and every process it waited
# for: times are sums, the peak is that of the largest single process. Everything of perl used here is in
# Debian's perl-base; wait4 and clock_gettime have no wrapper there, so they are called by number.
use strict;
use warnings;
use POSIX ();

my $machine = (POSIX::uname())[4];
my ($WAIT4, $CLOCK_GETTIME) = $machine eq 'x86_64' ? (61, 228) : $machine =~ /^(aarch64|riscv64)$/ ? (260, 113) : die "bench: no system call numbers for $machine\n";
my $CLOCK_MONOTONIC = 1;

sub now {
    my $timespec = pack 'q2', 0, 0;
    syscall($CLOCK_GETTIME, $CLOCK_MONOTONIC, $timespec) == 0 or die "bench: clock_gettime: $!\n";
    my ($seconds, $nanoseconds) = unpack 'q2', $timespec;
    return $seconds + $nanoseconds / 1e9;
}

# Ending the benchmark ends its process group; this process stays to see how the command took it.
$SIG{INT} = $SIG{TERM} = 'IGNORE';
open my $report, '>&=', 3 or die "bench: descriptor 3: $!\n";

my $begin = now();
my $pid = fork;
die "bench: fork: $!\n" if !defined $pid;
if ($pid == 0) {
    $SIG{INT} = $SIG{TERM} = 'DEFAULT';
    exec { $ARGV[0] } @ARGV or do { print STDERR "$ARGV[0]: $!\n"; POSIX::_exit(127) };
}

my $status = pack 'l', 0;
my $usage = "\0" x 144;    # struct rusage: user, system (struct timeval each), peak RSS, 13 more longs
while (syscall($WAIT4, $pid, $status, 0, $usage) < 0) { die "bench: wait4: $!\n" if !$!{EINTR} }
my $end = now();

my $code = unpack 'l', $status;
$code = $code & 127 ? 128 + ($code & 127) : $code >> 8;
my ($user, $user_micro, $system, $system_micro, $peak) = unpack 'q5', $usage;
printf {$report} "%.6f %.6f %.6f %d %d\n", $end - $begin, $user + $user_micro / 1e6, $system + $system_micro / 1e6, $peak, $code;
