#!/usr/bin/perl
# Starts the containers and daemons of a lab and stays until the last of them has ended.
#
#   perl supervisor.pl DIRECTORY RESPONDER.PL
#
# Each is a process in the network namespace of its node, with mount and UTS namespaces of its own. One with a
# command becomes that command; one without stays a fork of this process and answers on its ports
# (responder.pl), so that hundreds of them share the memory of one. One with a directory of its own, that is
# a daemon, runs there, and what it writes and its log are for root alone.
#
# Order is what makes this safe to kill at any moment: every process is on record in DIRECTORY before it
# can do anything. This one records itself before it is told what to start; a child waits at a gate until
# it is recorded, and ends if the gate closes instead. Hence ending this process first, and then
# everything on record, ends everything.
#
#   stdin   fields, each ended by NUL: COUNT, then for each: ID NETNS HOSTNAME POD DIRECTORY, then three lists,
#           each as its length and its items: PORT/PROTOCOL..., NAME=VALUE..., COMMAND...; at last "end"
#   stdout  pairs of fields, each ended by NUL: ID, and "" once it runs or why it does not. "" as ID stands for
#           this process: "ready" to be told, and "done" when every ID has been reported
#   files   .supervisor-PID, ID.pid: "PID START-TIME [NETNS-INODE]"; ID.log, and ID.log.1 with what was in it before
#           ID.exit: "PID code|signal NUMBER UNIX-TIME"
use strict;
use warnings;
use Errno qw(ECHILD EINTR);
use Fcntl qw(O_DIRECTORY O_RDONLY);
use POSIX ();
use Socket qw(AF_UNIX PF_UNSPEC SOCK_STREAM);

use constant { NEWNET => 0x40000000, NEWNS => 0x20000, NEWUTS => 0x4000000 };                       # setns, unshare
use constant { NOSUID_NODEV_NOEXEC => 14, RECURSIVE => 0x4000, PRIVATE => 1 << 18, SLAVE => 1 << 19 };  # mount
use constant { LOG_BYTES => 4 << 20, LOG_SECONDS => 2 };
use constant { DETACH => 2, SET_CHILD_SUBREAPER => 36, AT_ONCE => 8 };

my %GENERIC = (setns => 268, unshare => 97, sethostname => 161, mount => 40, umount2 => 39, prctl => 167, setitimer => 103);
my %CALLS = (
  x86_64 => { setns => 308, unshare => 272, sethostname => 170, mount => 165, umount2 => 166, prctl => 157, setitimer => 38 },
  map { $_ => \%GENERIC } qw(aarch64 riscv64 loongarch64),
);
my $machine = (POSIX::uname())[4];
my $calls = $CALLS{$machine} or die "no system call numbers for $machine\n";

sub call {
  my ($name, @values) = @_;   # syscall() wants strings in variables
  return syscall($calls->{$name}, @values) == 0 || die "$name: $!\n";
}

sub mount {
  my ($source, $target, $type, $flags) = @_;
  return call('mount', $source, $target, $type, $flags, 0);
}

my ($dir, $responder) = @ARGV;
my (%starting, %running, %logged, $stopping, $namespaces);

sub write_file {
  my ($path, $text) = @_;
  open(my $file, '>', $path) or die "$path: $!\n";
  print {$file} $text;
  close $file or die "$path: $!\n";
}

# Field 22 of /proc/PID/stat, in ticks since boot: with it a reused pid is never mistaken for ours.
# The second field is the program's name in parentheses and may contain anything.
sub start_time {
  my ($pid) = @_;
  open(my $file, '<', "/proc/$pid/stat") or die "/proc/$pid/stat: $!\n";
  return (split ' ', <$file> =~ s/.*\)//sr)[19];
}

sub leave {
  unlink "$dir/.supervisor-$$";
  POSIX::_exit(0);
}

sub report { defined syswrite(STDOUT, join '', map {"$_\0"} @_) or $stopping = 1 }

# Responders apart from programs: they listen before the first program runs, which may want an answer at once.
sub read_specs {
  local $/ = "\0";
  my $field = sub { my $text = <STDIN>; defined $text && chomp $text ? $text : leave() };   # the starter is gone
  my $list = sub { my $count = $field->(); return $count, map { $field->() } 1 .. $count };
  my (@responders, @programs);
  for (1 .. $field->()) {
    my @place = map { $field->() } 1 .. 5;
    my ($ports, $environment, $command) = map { [ $list->() ] } 1 .. 3;
    push @{ $command->[0] ? \@programs : \@responders }, join "\0", @place, @$ports, @$environment, @$command;
  }
  $field->() eq 'end' or die "what to start came garbled\n";
  return (\@responders, \@programs);
}

# One string a container until it is its turn: a child gets a copy of every page that holds a value we drop.
sub parse_spec {
  my %spec;
  (@spec{qw(id netns hostname pod directory)}, my @rest) = split /\0/, $_[0], -1;
  @spec{qw(ports environment command)} = map { [ splice @rest, 0, shift @rest ] } 1 .. 3;
  return \%spec;
}

# Moves into a mount namespace without a single mounted namespace file. A copy of one would keep the network
# namespace, and all devices in it, alive after its owner deleted it; and a copy of all of them for
# every container would cost memory and time by the square of the pods.
# Everything else stays a slave: what the machine unmounts goes here too, what is mounted here stays here.
sub leave_namespace_files {
  sysopen($namespaces, '/run/netns', O_RDONLY | O_DIRECTORY) or die "/run/netns: $!\n";   # still sees the machine's
  call('unshare', NEWNS);
  mount('none', '/', 'none', RECURSIVE | SLAVE);
  # Files mounted there later need not come here either: the closest mount above hears of none.
  my ($above) = sort { length $b <=> length $a } grep {m{\A(?:/|/run)\z}} map { $_->[0] } mounts();
  mount('none', $above, 'none', PRIVATE);
  detach('/run/netns');   # usually a mount of its own: all of them at once
  # Where /run is shared (systemd) each file was mounted twice, and the second one lies bare now. What will not
  # go is hidden below another mount, or locked because it came from outside our user namespace.
  1 while grep { detach($_->[0]) } grep { $_->[1] eq 'nsfs' } mounts();
}

sub detach {
  my ($path) = @_;
  return syscall($calls->{umount2}, $path, DETACH) == 0;
}

# [mount point, file system type] of every mount. Blanks in a path are written \040.
sub mounts {
  open(my $file, '<', '/proc/self/mountinfo') or die "/proc/self/mountinfo: $!\n";
  my @mounts = map { [m{\A\S+ \S+ \S+ \S+ (\S+) .*? - (\S+) }] } <$file>;
  s/\\(\d{3})/chr oct $1/ge for map { $_->[0] } @mounts;
  return @mounts;
}

sub launch {
  my ($spec) = @_;
  socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or return report($spec->{id}, "socketpair: $!");
  my $pid = fork;
  return report($spec->{id}, "fork: $!") unless defined $pid;
  if ($pid == 0) { close $ours; become($spec, $theirs) }
  close $theirs;
  $running{$pid} = $spec->{id};
  $logged{ $spec->{id} } = 1 if @{ $spec->{command} };   # responders are silent
  eval {
    my $inode = (stat "/proc/self/fd/" . fileno($namespaces) . "/$spec->{netns}")[1] // 0;
    unlink "$dir/$spec->{id}.exit";
    write_file("$dir/$spec->{id}.pid", "$pid " . start_time($pid) . " $inode\n");
    die "stopped before it was started\n" if $stopping;
    syswrite($ours, 'go');
  } or return report($spec->{id}, $@ =~ s/\n\z//r);   # and closes the gate
  $starting{$pid} = { id => $spec->{id}, command => scalar @{ $spec->{command} }, channel => $ours };
}

# The child: from the gate to the program. Never returns.
sub become {
  my ($spec, $channel) = @_;
  sysread($channel, my $go, 2) or POSIX::_exit(0);
  $SIG{$_} = 'DEFAULT' for qw(PIPE TERM);
  # Only the parent may hold these; the channel itself closes on exec, and so tells that there is a program.
  %starting = ();
  my $ready = eval {
    POSIX::setsid();
    open(STDOUT, '>>', "$dir/$spec->{id}.log") or die "$dir/$spec->{id}.log: $!\n";
    umask 022 if $spec->{directory} eq '/';
    open(STDERR, '>&', \*STDOUT) or die "stderr: $!\n";
    my @command = @{ $spec->{command} };
    enter($spec, scalar @command);
    if (@command) { run($spec, @command) }
    [ Netlab::Responder::open_ports(@{ $spec->{ports} }) ];
  };
  if (!$ready) { syswrite($channel, '-' . $@ =~ s/\n\z//r); POSIX::_exit(127) }
  syswrite($channel, '+');
  close $channel;
  Netlab::Responder::serve($spec->{pod}, @$ready);
}

sub enter {
  my ($spec, $with_mounts) = @_;
  my $path = '/proc/self/fd/' . fileno($namespaces) . "/$spec->{netns}";
  open(my $netns, '<', $path) or die "network namespace $spec->{netns}: $!\n";
  call('setns', fileno $netns, NEWNET);
  close $namespaces;
  call('unshare', NEWUTS | ($with_mounts ? NEWNS : 0));
  call('sethostname', $spec->{hostname}, length $spec->{hostname});
  return unless $with_mounts;
  # /sys belongs to the network namespace it was mounted from: only a fresh one shows the pod's devices.
  eval { mount('sysfs', '/sys', 'sysfs', NOSUID_NODEV_NOEXEC) } or print STDERR "netlab: /sys is the machine's: $@";
}

sub run {
  my ($spec, @command) = @_;
  chdir $spec->{directory} or die "$spec->{directory}: $!\n";
  %ENV = map { split /=/, $_, 2 } @{ $spec->{environment} };
  { no warnings 'exec'; exec { $command[0] } @command }
  die "$command[0]: $!\n";
}

# Takes in what has ended. False when there is nothing left to wait for.
sub reap {
  my ($flags) = @_;
  while ((my $pid = waitpid(-1, $flags)) > 0) {
    my $id = delete $running{$pid} // next;   # else an orphan of a container or daemon
    delete $logged{$id};
    my ($how, $number) = POSIX::WIFSIGNALED($?) ? ('signal', POSIX::WTERMSIG($?)) : ('code', POSIX::WEXITSTATUS($?));
    # The directory may be gone by now. Renamed, so that no reader sees half of it.
    eval { write_file("$dir/.$id.exit", "$pid $how $number " . time . "\n"); rename "$dir/.$id.exit", "$dir/$id.exit" };
  }
  return $! != ECHILD;
}

sub hear_from {
  my ($pid) = @_;
  my ($id, $command, $channel) = @{ $starting{$pid} }{qw(id command channel)};
  my $length = sysread($channel, my $text, 4096);
  return if !defined $length && $! == EINTR;
  delete $starting{$pid};
  # End of file: a program took its place. A responder says so itself when it listens.
  $text = !$command ? '-ended before it was ready' : '+' unless $length;
  report($id, $text =~ /\A-(.*)\z/s ? $1 : '');
}

# Starts what is in the queue and waits until all of it is ready. Some at once, for the sake of a second core.
sub start {
  my ($queue) = @_;
  while (!$stopping && @$queue || %starting) {
    launch(parse_spec(shift @$queue)) while @$queue && !$stopping && keys %starting < AT_ONCE;
    my $ready = '';
    vec($ready, fileno $_->{channel}, 1) = 1 for values %starting;
    if (%starting && select($ready, undef, undef, undef) > 0) {
      for my $pid (keys %starting) { hear_from($pid) if vec($ready, fileno $starting{$pid}{channel}, 1) }
    }
    reap(POSIX::WNOHANG());
  }
}

# Keeps logs small: /run is memory. A program holds its log open and appends, so the file cannot be replaced: what is in it
# moves to ID.log.1, but for more than a log may hold, and it begins anew. A line that is written just then may get lost.
sub trim_logs {
  for my $id (keys %logged) {
    my $size = -s "$dir/$id.log" // next;
    next if $size <= LOG_BYTES;
    eval {
      open(my $log, '<', "$dir/$id.log") or die;
      sysseek($log, $size > 2 * LOG_BYTES ? $size - 2 * LOG_BYTES : 0, 0);
      open(my $old, '>', "$dir/.$id.log.1") or die;
      while (sysread($log, my $part, 1 << 16)) { print {$old} $part or die }
      close $old or die;
      rename "$dir/.$id.log.1", "$dir/$id.log.1";
    } or unlink "$dir/.$id.log.1";   # no room for both: then only the new one is kept
    truncate("$dir/$id.log", 0);
  }
}

# --- the program ---
# Records and logs are for root alone; containers get the usual mask.
umask 077;
POSIX::setsid();
chdir '/';
$0 = "netlab-supervisor $dir";
$SIG{$_} = 'DEFAULT' for grep { !/^(?:NUM\d+|KILL|STOP|__\w+)$/ } keys %SIG;
$SIG{PIPE} = 'IGNORE';
$SIG{TERM} = sub { $stopping = 1 };   # start nothing more
POSIX::sigprocmask(POSIX::SIG_SETMASK(), POSIX::SigSet->new);
opendir(my $open, '/proc/self/fd') or die "/proc/self/fd: $!\n";
POSIX::close($_) for grep { /\A\d+\z/ && $_ > 2 && $_ != fileno $open } readdir $open;
closedir $open;
# Orphans of containers become our children: buried even where process 1 does not, and found by who stops us.
call('prctl', SET_CHILD_SUBREAPER, 1, 0, 0, 0);
require $responder;
write_file("$dir/.supervisor-$$", "$$ " . start_time($$) . "\n");
report('', 'ready');
my @queues = read_specs();
open(STDIN, '<', '/dev/null') or die "/dev/null: $!\n";
leave_namespace_files();
start($_) for @queues;
report('', 'done');
open($_, '>', '/dev/null') for \*STDOUT, \*STDERR;
# A timer that goes on by itself: perl looks after a signal when it gets round to it, and one that came just before the waiting
# would be the last.
if (%logged) {
  $SIG{ALRM} = \&trim_logs;
  call('setitimer', 0, pack('q4', LOG_SECONDS, 0, LOG_SECONDS, 0), 0);
}
1 while reap(0);
leave();
