# Listens and asks inside many network namespaces at once for netlab test: one process that forks a child a
# namespace. A child is one fork and one setns(2), no exec; all of them share one copy of this program.
#
#   perl asker.pl PID          the process it serves, and with which it ends
#
# Standard input:
#   NODE <node> <file>         fork a child for the namespace of this file; the number stands for it from then on
#   TO <node> <length>         so many bytes for that child follow, lines of:
#     LISTEN <id> <protocol> <port> <any|loopback> <name>
#     ASK <id> <kind> <address> <port> <size or 0> <source port or 0> <patience in ms> <count> <speak>
#                              a count of more than 1: so many echoes, 10 ms apart, and how many came back how often;
#                              speak: 1 if who accepts a connection may wait for the client to send something first
#     GO <wave>                asks everything since the last GO at once
#     FORGET <wave>            deletes the neighbours it has learned since its first question
# Standard output, fields parted by tabs, from the children themselves (a line is one write, so lines never mix):
#   READY <node>               or: GONE <node> <why>
#   L <node> <id> <ours|busy|why not>
#   A <node> <id> <outcome> <ms> <own address> <ttl> <by> <seen> <text>
#   DONE <node> <wave>
#
# Who is asked answers `<name> <address>:<port>` as the built-in container does (responder.pl): who it is, whom it saw.
#
# An SCTP question is a lone INIT: hardly a kernel has SCTP sockets by itself. A listener answers it with an INIT ACK
# whose cookie is that line, any other port with an ABORT, as RFC 9260 has it, so that connection tracking understands.
#
# A late answer is never taken for another question's: datagrams leave from a port that is used once, echoes and INITs
# carry a number that is used once. Everything used here is in Debian's perl-base.
use strict;
use warnings;
use Errno qw(EAGAIN EINTR);
use POSIX ();
use Socket qw(AF_INET AF_INET6);

my $machine = (POSIX::uname())[4];
our ($SETNS, $PRCTL, $CLOCK_GETTIME, $RECVMSG, $SENDMSG) =
    $machine eq 'x86_64'                          ? (308, 157, 228, 47, 46)
  : $machine =~ /^(aarch64|riscv64|loongarch64)$/ ? (268, 167, 113, 212, 211)
  :                                                 die "netlab: no system call numbers for $machine\n";
our $SO_RCVBUFFORCE = 33;
our ($IP_PKTINFO, $IPV6_RECVPKTINFO, $IPV6_PKTINFO, $IPV6_HOPLIMIT) = (8, 49, 50, 52);
our ($IP_MTU_DISCOVER, $IP_MTU, $IPV6_MTU_DISCOVER, $IPV6_MTU, $IPV6_RECVHOPLIMIT, $IPV6_DONTFRAG) = (10, 14, 23, 24, 51, 62);
our $SCTP = 132;

my $MOST_OPEN = 400;        # questions under way at once
my $MOST_YOUNG = 24;        # of them so young that who is asked may not have got round to it
my $YOUNG = 150;            # ms
our $SLOW = 4;              # times the patience, for who accepted a connection to say something
our $SPACING = 10;          # of the echoes of a train, ms
our $KEPT = 256;            # connections a listener has answered and not yet closed

# PR_SET_PDEATHSIG: killed netlab, killed questions (prctl(2)).
sub end_with_parent {
    my ($parent) = @_;
    syscall($PRCTL, 1, 9);
    POSIX::_exit(1) if getppid != $parent;
}

# Milliseconds, CLOCK_MONOTONIC: perl-base has no Time::HiRes.
my $clock = pack 'q2', 0, 0;
sub now { syscall($CLOCK_GETTIME, 1, $clock); my ($s, $ns) = unpack 'q2', $clock; return $s * 1000 + $ns / 1e6 }

# --- the child of a namespace: what its parts share, the parts (files beside this one), its loop

our ($node, $nonce, $out) = (0, 0, '');
our ($rin, $win) = ('', '');
our (%reader, %writer);     # by file descriptor: what to do
our (@queue, %pending, $wave, @kept, @again, @young);
our (%raw, %mark);          # raw sockets; questions by what their answer carries
our ($sequence, $echo_id, $source_port) = (0, 0, 0);
our $next_look = 0;         # when silence may have lasted long enough

my ($here) = $0 =~ m{\A(.*)/}s;
require "$here/asker-$_.pl" for qw(sockets questions icmp sctp listen neighbours);

my $buffer = '';
sub obey_all {
    my $n = sysread STDIN, $buffer, 1 << 16, length $buffer;
    if (!defined $n) { return if $! == EINTR || $! == EAGAIN; POSIX::_exit(0) }
    POSIX::_exit(0) if !$n;
    my $at = 0;
    while ((my $end = index $buffer, "\n", $at) >= 0) { obey(substr $buffer, $at, $end - $at); $at = $end + 1 }
    substr $buffer, 0, $at, '';
}

sub obey {
    my ($verb, $id, @words) = split ' ', $_[0];
    if ($verb eq 'ASK') {
        my ($kind, $to, $port, $size, $from, $patience, $count, $speak) = @words;
        push @queue, { id => $id, kind => $kind, to => $to, port => $port, size => $size, from => $from, patience => $patience, count => $count, speak => $speak,
            family => six($to) ? AF_INET6 : AF_INET, name => packed($to, $port), peer => without_port(shown(packed($to, $port))) };
    } elsif ($verb eq 'LISTEN') { listen_on($id, @words) }
    elsif ($verb eq 'GO') { $wave = $id }
    elsif ($verb eq 'FORGET') { forget_neighbours(); say_it('DONE', $node, $id) }
}

# Datagrams and echoes get lost where a full queue or a busy neighbour table drops them: they are said twice.
sub remind {
    my ($now) = @_;
    my @later;
    for my $q (@again) {
        if ($q->{settled}) { next }
        if ($now < $q->{remind}) { push @later, $q; next }
        if ($q->{count} > 1) { push @later, $q if say_next($q, $now) }
        else { $q->{kind} eq 'udp' ? say_udp($q) : say_icmp($q) }
    }
    @again = @later;
}

sub child {
    # Who only answers at first learns as well.
    know_neighbours();
    watch('r', 0, \&obey_all);
    say_it('READY', $node);
    while (1) {
        if (defined $wave && @queue) {
            # All ask and answer at once: one that only asked at first would leave all others waiting.
            my $old = now() - $YOUNG;
            @young = grep { !$_->{settled} && $_->{at} > $old } @young;
            for (my $n = 0; $n < 8 && @queue && %pending < $MOST_OPEN && @young < $MOST_YOUNG; $n++) { start(shift @queue) }
        }
        if (defined $wave && !@queue && !%pending) {
            say_it('DONE', $node, $wave);
            undef $wave;
            @again = ();
        }
        flush_out();
        my $before = now();
        my $timeout;
        if (defined $wave && (%pending || @queue)) {
            # More may be asked at once, or when those under way are no longer young.
            my $pause = !@queue || %pending >= $MOST_OPEN ? 60_000 : @young < $MOST_YOUNG ? 0 : $young[0]{at} + $YOUNG - $before;
            $pause = $next_look - $before if %pending && $next_look - $before < $pause;
            $timeout = $pause > 0 ? $pause / 1000 : 0;
        } elsif (defined $wave && @queue) { $timeout = 0 }    # those just asked were refused by this node itself
        elsif (@kept) { $timeout = 1 }
        my ($r, $w) = ($rin, $win);
        my $n = select $r, $w, undef, $timeout;
        if ($n > 0) {
            for my $set ([\$r, \%reader], [\$w, \%writer]) {
                my $bits = unpack 'b*', ${ $set->[0] };
                for (my $fd = index $bits, '1'; $fd >= 0; $fd = index $bits, '1', $fd + 1) { my $do = $set->[1]{$fd}; $do->() if $do }
            }
        }
        # Whatever had come before this round began has been read by now: only then is silence silence.
        if ($before >= $next_look && %pending) {
            remind($before);
            for my $q (values %pending) {
                next if $q->{deadline} > $before;
                if ($q->{connected}) { settle($q, 'ok', text => 'connected, and it said nothing') }
                elsif ($q->{received}) { settle_train($q) }
                else { settle($q, 'timeout') }
            }
            $next_look = $before + 60_000;
            for my $q (values %pending) { $next_look = $q->{deadline} if $q->{deadline} < $next_look }
            for my $q (@again) { $next_look = $q->{remind} if !$q->{settled} && $q->{remind} < $next_look }
        }
        while (@kept && $kept[0][0] < $before - 1000) { close +(shift @kept)->[1] }
    }
}

# --- the parent of all

my $served = shift @ARGV // die "usage: asker.pl PID\n";
end_with_parent($served);
$SIG{$_} = 'IGNORE' for qw(INT HUP PIPE);
$0 = 'netlab-asker';
binmode STDIN;
my (%pipe, %node_of, $input);
$input = '';

# The others must not wait for the answers of one that is dead.
sub bury {
    while ((my $pid = waitpid -1, 1) > 0) {
        my $number = delete $node_of{$pid} // next;
        my $how = $? & 127 ? 'by signal ' . ($? & 127) : 'with exit code ' . ($? >> 8);
        close delete $pipe{$number};
        syswrite STDOUT, "GONE\t$number\tthe process that asks there was ended $how\n";
    }
}
$SIG{CHLD} = \&bury;

sub fork_child {
    my ($number, $file) = @_;
    pipe(my $read, my $write) or die "netlab: pipe: $!\n";
    my $self = $$;
    # Its end must not be told before it is known.
    my $chld = POSIX::SigSet->new(POSIX::SIGCHLD());
    POSIX::sigprocmask(POSIX::SIG_BLOCK(), $chld);
    my $pid = fork;
    if (!defined $pid) { syswrite STDOUT, "GONE\t$number\tfork: $!\n" }
    if ($pid) { $pipe{$number} = $write; $node_of{$pid} = $number }
    else { $SIG{CHLD} = 'DEFAULT' }
    POSIX::sigprocmask(POSIX::SIG_UNBLOCK(), $chld);
    if (!defined $pid || $pid) { close $read; return }
    end_with_parent($self);
    # Or a child would never see the end of its input: those after it would hold it open.
    close $write;
    close $_ for values %pipe;
    POSIX::dup2(fileno $read, 0);
    close $read;
    $node = $number;
    $0 = "netlab-asker $file";
    $0 =~ s{/run/netns/}{};
    srand;
    $nonce = int rand 0xffffffff;
    $echo_id = $nonce & 0xffff;
    $source_port = int rand 28232;
    my $failed = open(my $ns, '<', $file) ? '' : "$!";
    $failed = "setns: $!" if $failed eq '' && syscall($SETNS, fileno $ns, 0x40000000) != 0;
    if ($failed ne '') { say_it('GONE', $node, $failed); flush_out(); POSIX::_exit(0) }
    close $ns;
    child();
}

# Whole lines and lengths: what a child inherits of our buffer is none of its business.
sub more { my $n = sysread STDIN, $input, 1 << 16, length $input; if (!$n) { POSIX::_exit(0) if defined $n || $! != EINTR } }
while (1) {
    my $end;
    more() while ($end = index $input, "\n") < 0;
    my $line = substr $input, 0, $end + 1, '';
    my ($verb, $number, $rest) = split ' ', $line;
    if ($verb eq 'NODE') { fork_child($number, $rest) }
    elsif ($verb eq 'TO') {
        more() while length $input < $rest;
        for (my $at = 0; $at < $rest && $pipe{$number};) {
            my $n = syswrite $pipe{$number}, $input, $rest - $at, $at;
            last if !defined $n && $! != EINTR;
            $at += $n // 0;
        }
        substr $input, 0, $rest, '';
    }
}
