# Runs jobs inside network namespaces for netlab: one process serves many namespaces with setns(2),
# which costs microseconds where a new `ip netns exec` or `nsenter` costs milliseconds.
#
# Jobs come on standard input, results leave on standard output. Lengths are bytes.
#   JOB <id> <steps> <namespace file, or - for the machine's own>
#     RUN <length of argv> <length of input>   argv joined by NUL, then the input
#     PUT <length>                             path NUL value NUL path NUL value … written in order
#     GET <length>                             path NUL path …; output: value NUL value …, one absent file = "\1"
#     ASK <length>                             netlink protocol NUL message in hex NUL …; output: answer in hex NUL …
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
# is, which in the child is somebody else's file.
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
        exec { $argv[0] } @argv or do { POSIX::write(2, "$argv[0]: $!\n", length "$argv[0]: $!\n"); POSIX::_exit(127) };
    }
    waitpid $pid, 0;
    my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    return ($code, slurp($out), slurp($err));
}

# /proc/sys, in an instance of procfs of our own that is renewed now and then. The kernel keeps what was looked up
# there in every namespace under one hash value, as in a list, and goes through all of it for a namespace that it
# does not find: beyond a thousand namespaces most of the work. A new instance starts with an empty list. Kernels
# before 5.8 have one instance for all, and without the right to mount, /proc serves as it is.
my ($FSOPEN, $FSCONFIG, $FSMOUNT) = (430, 431, 432);    # the same on every machine
my ($FSOPEN_CLOEXEC, $FSCONFIG_CMD_CREATE, $FSMOUNT_CLOEXEC) = (1, 6, 1);
my ($instance, $opened) = (-1, 0);

sub renew {
    POSIX::close($instance) if $instance >= 0;
    $instance = -1;
    my $type = 'proc';
    my $context = syscall($FSOPEN, $type, $FSOPEN_CLOEXEC);
    return if $context < 0;
    $instance = syscall($FSMOUNT, $context, $FSMOUNT_CLOEXEC, 0) if syscall($FSCONFIG, $context, $FSCONFIG_CMD_CREATE, 0, 0, 0) == 0;
    POSIX::close($context);
}

sub in_instance {
    my ($path) = @_;
    renew() if $opened++ % 64 == 0;
    return $path if $instance < 0 || $path !~ m{^/proc/sys/};
    return "/proc/self/fd/$instance" . substr $path, length '/proc';
}

sub put {
    my @pairs = split /\0/, $_[0], -1;
    for (my $i = 0; $i + 1 < @pairs; $i += 2) {
        my $ok = open my $file, '>', in_instance($pairs[$i]);
        $ok &&= defined syswrite $file, "$pairs[$i + 1]\n";
        my $why = "$!";
        $ok = 0 if $ok && !close $file;
        return (1, '', "$pairs[$i]: $why\nline " . ($i / 2 + 1) . "\n") if !$ok;
    }
    return (0, '', '');
}

sub get {
    my @values;
    for my $path (split /\0/, $_[0], -1) {
        my $value = "\1";
        if (open my $file, '<', in_instance($path)) { $value = ''; sysread $file, $value, 1 << 16; chomp $value; }
        push @values, $value;
    }
    return (0, join("\0", @values), '');
}

# Dumps, for what would otherwise cost a process each: answers end with NLMSG_DONE (3) or an error (2).
sub ask {
    my @asked = split /\0/, $_[0], -1;
    my @answers;
    for (my $i = 0; $i + 1 < @asked; $i += 2) {
        my $answer = '';
        socket my $kernel, 16, 3, $asked[$i] or return (1, '', "netlink: $!\n");
        defined send $kernel, pack('H*', $asked[$i + 1]), 0, pack 'S x2 L L', 16, 0, 0 or return (1, '', "netlink: $!\n");
        for (my $ended = 0; !$ended;) {
            defined recv $kernel, my $part, 1 << 18, 0 or return (1, '', "netlink: $!\n");
            for (my $at = 0; $at + 16 <= length $part;) {
                my ($length, $type) = unpack 'LS', substr $part, $at, 6;
                $ended = 1 if $type == 2 || $type == 3;
                last if $length < 16;
                $at += ($length + 3) & ~3;
            }
            $answer .= $part;
        }
        push @answers, unpack 'H*', $answer;
    }
    return (0, join("\0", @answers), '');
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
        my ($verb, $first, $second) = split ' ', must_read_line();
        my $payload = must_read($first);
        my $input = $verb eq 'RUN' ? must_read($second) : '';
        next if $failed eq 'stop';
        my ($code, $output, $error) =
              $failed ne ''  ? (1, '', $failed)
            : $verb eq 'RUN' ? run($payload, $input)
            : $verb eq 'PUT' ? put($payload)
            : $verb eq 'ASK' ? ask($payload)
            :                  get($payload);
        $failed = 'stop' if $code != 0;
        print "RES $id $step $code " . length($output) . ' ' . length($error) . "\n", $output, $error;
    }
    syscall($SETNS, fileno($home), $CLONE_NEWNET) if $file ne '-';
    $| = 1;
    print "END $id\n";
    $| = 0;
}
