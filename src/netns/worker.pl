# Runs programs inside network namespaces for netlab: one process serves many namespaces with setns(2),
# which costs microseconds where a new `ip netns exec` or `nsenter` costs milliseconds.
#
# Jobs come on standard input, results leave on standard output. Lengths are bytes.
#   JOB <id> <steps> <namespace file, or - for the machine's own>
#     RUN <length of argv> <length of input>   argv joined by NUL, then the input
#   RES <id> <step> <exit code> <output length> <error length>, then output and error
#   END <id>
# A job stops at its first failing step. Everything of perl used here is in Debian's perl-base.
use strict;
use warnings;
use POSIX ();

my $machine = (POSIX::uname())[4];
my ($SETNS, $MEMFD, $PRCTL) =
    $machine eq 'x86_64' ? (308, 319, 157) : $machine =~ /^(aarch64|riscv64|loongarch64)$/ ? (268, 279, 167) : die "netlab: no system call numbers for $machine\n";
my $CLONE_NEWNET = 0x40000000;

# Killed netlab, killed work: what goes on creating after `kill -9` would come to light only after the next
# `netlab down` has looked. PR_SET_PDEATHSIG survives exec (prctl(2)).
sub end_with_parent {
    my ($parent) = @_;
    syscall($PRCTL, 1, 9);
    POSIX::_exit(1) if getppid != $parent;
}
my $starter = shift @ARGV // die "netlab: worker.pl PID\n";
end_with_parent($starter);

binmode STDIN;
binmode STDOUT;
open my $home, '<', '/proc/self/ns/net' or die "netlab: /proc/self/ns/net: $!\n";

# Input and output of a child live in memory files: no pipe to fill up, no deadlock, nothing on disk.
sub memory {
    my $name = 'netlab';
    my $fd = syscall($MEMFD, $name, 1);    # MFD_CLOEXEC
    die "netlab: memfd_create: $!\n" if $fd < 0;
    open my $file, '+<&=', $fd or die "netlab: memfd: $!\n";
    binmode $file;
    return $file;
}
my ($in, $out, $err) = (memory(), memory(), memory());

# Jobs are read past perl's own buffering: exec "rewinds" a buffered standard input to where perl thinks it
# is, which in the child is another file.
my $buffer = '';

sub more {
    sysread STDIN, $buffer, 1 << 16, length $buffer or exit 0;
}

sub must_read {
    my ($length) = @_;
    more() while length $buffer < $length;
    return substr $buffer, 0, $length, '';
}

sub must_read_line {
    my $end;
    more() while ($end = index $buffer, "\n") < 0;
    my $line = substr $buffer, 0, $end + 1, '';
    chop $line;
    return $line;
}

sub slurp {
    my ($file) = @_;
    sysseek $file, 0, 0;
    my $data = '';
    while (sysread $file, $data, 1 << 20, length $data) { }
    return $data;
}

sub refill {
    my ($file, $data) = @_;
    truncate $file, 0;
    sysseek $file, 0, 0;
    for (my $at = 0; $at < length $data;) {
        my $n = syswrite $file, $data, length($data) - $at, $at;
        die "netlab: memfd write: $!\n" if !defined $n;
        $at += $n;
    }
    sysseek $file, 0, 0;
}

sub run {
    my ($argv, $input) = @_;
    my @argv = split /\0/, $argv, -1;
    refill($in, $input);
    refill($out, '');
    refill($err, '');
    my $self = $$;
    my $pid = fork;
    return (127, '', "fork: $!\n") if !defined $pid;
    if ($pid == 0) {
        end_with_parent($self);
        # Below perl's own file handles, which would carry their buffered positions over to the new files.
        POSIX::dup2(fileno($in), 0);
        POSIX::dup2(fileno($out), 1);
        POSIX::dup2(fileno($err), 2);
        no warnings 'exec';
        exec { $argv[0] } @argv or do { POSIX::write(2, "$argv[0]: $!\n", length "$argv[0]: $!\n"); POSIX::_exit(127) };
    }
    waitpid $pid, 0;
    my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    return ($code, slurp($out), slurp($err));
}

while (1) {
    my $line = must_read_line();
    my ($id, $steps, $file) = $line =~ /^JOB (\d+) (\d+) (.+)$/ or die "netlab: bad job: $line";
    my $failed = '';
    if ($file ne '-') {
        if (open my $ns, '<', $file) { $failed = "setns $file: $!\n" if syscall($SETNS, fileno($ns), $CLONE_NEWNET) != 0; }
        else { $failed = "$file: $!\n"; }
    }
    for my $step (0 .. $steps - 1) {
        my $head = must_read_line();
        my ($first, $second) = $head =~ /^RUN (\d+) (\d+)$/ or die "netlab: bad step: $head\n";
        my $payload = must_read($first);
        my $input = must_read($second);
        next if $failed eq 'stop';
        my ($code, $output, $error) = $failed ne '' ? (1, '', $failed) : run($payload, $input);
        $failed = 'stop' if $code != 0;
        print "RES $id $step $code " . length($output) . ' ' . length($error) . "\n", $output, $error;
    }
    syscall($SETNS, fileno($home), $CLONE_NEWNET) if $file ne '-';
    $| = 1;
    print "END $id\n";
    $| = 0;
}
