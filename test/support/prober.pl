#!/usr/bin/perl
# Asks all its questions at once, again and again, in the network namespace it is started in: a full mesh costs one process
# a node (and one for each ping or bulk transfer), never one a pair. Everything of perl used here is in perl-base.
#
#   stdin   a question a line, fields parted by tabs:
#             ID ping ADDRESS [PAYLOAD BYTES, forbids fragmentation]     by ping(8), which says what the kernel said
#             ID icmp ADDRESS                 an echo request
#             ID tcp ADDRESS PORT
#             ID udp ADDRESS PORT [PAYLOAD BYTES]
#             ID sctp ADDRESS PORT            a lone INIT
#             ID send ADDRESS PORT            a datagram that will not be answered
#             ID bulk ADDRESS PORT BYTES      sends and then wants back that many bytes of a known pattern
#           go MILLISECONDS                   asks all questions so far and waits that long for answers
#   stdout  an answer a line: ID OUTCOME OWN-ADDRESS TEXT
#             OUTCOME: ok, refused, closed, timeout or what the kernel said
#           done
#
#   prober.pl serve ADDRESS PORT                  the other side of bulk and talk; tells other clients nothing
#   prober.pl talk ADDRESS PORT                   sends each line of stdin over one connection, prints each that comes back
#   prober.pl answer NAME TCP-PORT UDP-PORT ADDRESS ...   says "NAME PEER" as containers do, but from these addresses:
#                                   a server on 0.0.0.0 answers datagrams from whichever address is nearest
#                                   All three print "listening" and go on until they are ended.
#
# No kernel here has SCTP sockets: a node that gets an INIT says "protocol unreachable" (IPv6: "unrecognized next
# header"), and that is the answer (ok).
use strict;
use warnings;
use Errno qw(EINPROGRESS EAGAIN ECONNREFUSED EADDRINUSE);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use POSIX ();
use Socket qw(AF_INET AF_INET6 SOCK_STREAM SOCK_DGRAM SOCK_RAW SOL_SOCKET SO_ERROR SO_REUSEADDR pack_sockaddr_in pack_sockaddr_in6
  unpack_sockaddr_in unpack_sockaddr_in6 inet_pton inet_ntop);

my $TICK = 1000 / POSIX::sysconf(POSIX::_SC_CLK_TCK());
# Ports and identifiers begin anywhere: what an earlier prober of this node asked may still be tracked.
my ($LAST_ID, $PORT, @CRC) = (int rand 0xffff, 1024 + int rand 28_000);
for my $n (0 .. 255) {
  my $c = $n;
  $c = $c & 1 ? ($c >> 1) ^ 0x82f63b78 : $c >> 1 for 1 .. 8;
  push @CRC, $c;
}
# No two neighbouring kilobytes alike, so that what is lost, doubled or swapped shows.
my $PATTERN = join '', map { pack 'N', $_ * 2654435761 % 4294967296 } 1 .. 65536;
$PATTERN .= $PATTERN;


sub now { return (POSIX::times())[0] * $TICK }
sub six { return $_[0] =~ /:/ }
sub name { return (address(@_))[1] }

sub opened {
  my ($family, $type, $protocol) = @_;
  socket(my $s, $family, $type, $protocol) or die "socket: $!\n";
  fcntl($s, F_SETFL, fcntl($s, F_GETFL, 0) | O_NONBLOCK);
  return $s;
}

sub pattern {
  my ($at, $length) = @_;
  return substr $PATTERN, $at % (length($PATTERN) / 2), $length;
}

sub address {
  my ($text, $port) = @_;
  return (AF_INET6, pack_sockaddr_in6($port, inet_pton(AF_INET6, $text))) if $text =~ /:/;
  return (AF_INET, pack_sockaddr_in($port, inet_pton(AF_INET, $text)));
}

sub shown {
  my ($name) = @_;
  my $six = length $name > 16;
  my ($port, $ip) = $six ? unpack_sockaddr_in6($name) : unpack_sockaddr_in($name);
  my $text = inet_ntop($six ? AF_INET6 : AF_INET, $ip);
  return ($six ? "[$text]" : $text) . ":$port";
}

# Receives `left` bytes of the pattern. Dies with a sentence when they are others or too few.
sub receive_pattern {
  my ($socket, $bytes) = @_;
  for (my $at = 0; $at < $bytes;) {
    my $n = sysread $socket, my $chunk, 65536 < $bytes - $at ? 65536 : $bytes - $at;
    die defined $n ? "only $at of $bytes bytes came\n" : "read: $!\n" unless $n;
    $chunk eq pattern($at, $n) or die "byte $at and on are not what was sent\n";
    $at += $n;
  }
}

sub send_pattern {
  my ($socket, $bytes) = @_;
  for (my $at = 0; $at < $bytes;) {
    my $n = syswrite $socket, pattern($at, 65536 < $bytes - $at ? 65536 : $bytes - $at);
    die "write: $!\n" unless $n;
    $at += $n;
  }
}

sub serve {
  my $listener = bound(@_, SOCK_STREAM);
  syswrite STDOUT, "listening\n";
  while (accept(my $socket, $listener)) {
    # The first line says how many bytes will come and are to be sent back.
    my ($line, $byte) = ('');
    $line .= $byte while sysread($socket, $byte, 1) && $byte ne "\n";
    eval { receive_pattern($socket, $line); send_pattern($socket, $line) } if $line =~ /\A\d+\z/;
    if ($line eq 'talk') { syswrite $socket, $byte while sysread($socket, $byte, 1024) }
    close $socket;
  }
}

sub bound {
  my ($address, $port, $type) = @_;
  my ($family, $name) = address($address, $port);
  socket(my $socket, $family, $type, 0) or die "socket: $!\n";
  setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1);
  bind($socket, $name) or die "bind $address: $!\n";
  if ($type == SOCK_STREAM) { listen($socket, 64) or die "listen: $!\n" }
  return $socket;
}

sub answer {
  my ($name, $tcp, $udp, @addresses) = @_;
  my %listeners = map { fileno $_ => $_ } map { bound($_, $tcp, SOCK_STREAM) } @addresses;
  my %datagrams = map { fileno $_ => $_ } map { bound($_, $udp, SOCK_DGRAM) } @addresses;
  my $watch = '';
  vec($watch, $_, 1) = 1 for keys %listeners, keys %datagrams;
  syswrite STDOUT, "listening\n";
  while (select(my $r = $watch, undef, undef, undef)) {
    for my $fd (grep { vec($r, $_, 1) } keys %listeners) {
      my $peer = accept(my $socket, $listeners{$fd}) or next;
      sysread $socket, my $word, 100;
      syswrite $socket, "$name " . shown($peer) . "\n";
    }
    for my $fd (grep { vec($r, $_, 1) } keys %datagrams) {
      my $peer = recv($datagrams{$fd}, my $word, 100, 0) or next;
      send($datagrams{$fd}, "$name " . shown($peer) . "\n", 0, $peer);
    }
  }
}

sub talk {
  my ($family, $name) = address(@_);
  socket(my $socket, $family, SOCK_STREAM, 0) or die "socket: $!\n";
  connect($socket, $name) or die "connect: $!\n";
  syswrite $socket, "talk\n";
  syswrite STDOUT, "listening\n";
  while (sysread STDIN, my $line, 1024) {
    syswrite $socket, $line;
    sysread($socket, my $echo, 1024) or die "the connection ended: $!\n";
    syswrite STDOUT, $echo;
  }
}

# A child that says everything it has to say on one file handle.
sub child {
  my ($work) = @_;
  my $pid = open(my $out, '-|') // die "fork: $!\n";
  if (!$pid) {
    open STDERR, '>&', \*STDOUT;
    $work->();
    exit 0;
  }
  return $out;
}

sub ping {
  my ($patience, $to, $size) = @_;
  my $seconds = POSIX::ceil($patience / 1000);
  my @sized = defined $size ? ('-M', 'do', '-s', $size) : ();
  return child(sub { exec('ping', '-n', '-c1', "-W$seconds", @sized, $to) or print "ping: $!\n" });
}

sub bulk {
  my ($patience, $to, $port, $bytes) = @_;
  my $seconds = POSIX::ceil($patience / 100);
  return child(sub {
    my ($family, $name) = address($to, $port);
    socket(my $socket, $family, SOCK_STREAM, 0) or die "socket: $!\n";
    $SIG{ALRM} = sub { die "not done after $seconds s\n" };
    alarm $seconds;
    connect($socket, $name) or die "connect: $!\n";
    syswrite $socket, "$bytes\n";
    send_pattern($socket, $bytes);
    receive_pattern($socket, $bytes);
    print "bulk ok\n";
  });
}

# Raw sockets receive everything of their protocol: one for all questions.
my (%raw, %by_mark);
sub raw { return $raw{ $_[0] } //= { socket => opened($_[1], SOCK_RAW, $_[2]), mark => $_[0] } }

sub checksum {
  my ($bytes) = @_;
  my $sum = 0;
  $sum += $_ for unpack 'n*', $bytes;
  $sum = ($sum & 0xffff) + ($sum >> 16) for 1, 2;
  return ~$sum & 0xffff;
}

sub crc32c {
  my $c = 0xffffffff;
  $c = $CRC[($c ^ $_) & 255] ^ ($c >> 8) for unpack 'C*', $_[0];
  return ~$c & 0xffffffff;
}

# Asks one question; returns why that failed at once, or nothing.
sub ask {
  my ($q, $patience) = @_;
  my ($kind, $to, $port, $bytes) = @$q{qw(kind to port bytes)};
  my $family = six($to) ? AF_INET6 : AF_INET;
  if ($kind eq 'ping') {
    $q->{file} = ping($patience, $to, $port);
  } elsif ($kind eq 'bulk') {
    $q->{file} = bulk($patience, $to, $port, $bytes);
  } elsif ($kind eq 'icmp') {
    my $id = $LAST_ID = ($LAST_ID + 1) & 0xffff;
    my $body = pack('nn', $id, 1) . 'netlab probe';
    my $echo = six($to) ? pack('CCn', 128, 0, 0) . $body : pack('CCn', 8, 0, checksum(pack('CCn', 8, 0, 0) . $body)) . $body;
    $by_mark{"icmp $id"} = $q;
    send(raw(six($to) ? 'icmp6' : 'icmp', $family, six($to) ? 58 : 1)->{socket}, $echo, 0, name($to, 0)) // return "$!";
  } elsif ($kind eq 'sctp') {
    answer_every_init();
    my $from = $LAST_ID = ($LAST_ID + 1) & 0x7fff | 0x8000;
    my $init = pack('CCnNNnnN', 1, 0, 20, 1 + $from, 65536, 1, 1, 1);
    my $packet = pack('nnNV', $from, $port, 0, crc32c(pack('nnNV', $from, $port, 0, 0) . $init)) . $init;
    raw(six($to) ? ('icmp6', AF_INET6, 58) : ('icmp', AF_INET, 1));
    $by_mark{"sctp $from"} = $q;
    # With a header of our own (IPPROTO_RAW): a socket of protocol 132 would itself be a receiver.
    my $ip = six($to)
      ? pack('NnCCa16a16', 6 << 28, length $packet, 132, 64, own_address($to), inet_pton(AF_INET6, $to))
      : pack('CCnnnCCna4a4', 0x45, 0, 20 + length $packet, 0, 0, 64, 132, 0, "\0" x 4, inet_pton(AF_INET, $to));
    send(raw(six($to) ? 'sctp6' : 'sctp', $family, 255)->{socket}, $ip . $packet, 0, name($to, 0)) // return "$!";
  } else {
    $q->{file} = opened($family, $kind eq 'tcp' ? SOCK_STREAM : SOCK_DGRAM, 0);
    # Each datagram from a port of its own: a port used before would belong to a connection that was allowed then.
    1 until $kind eq 'tcp' || bind($q->{file}, name(six($to) ? '::' : '0.0.0.0', $PORT = 1024 + ($PORT - 1023) % 28_000)) || !$!{EADDRINUSE};
    if (!connect($q->{file}, name($to, $port))) { return why() unless $!{EINPROGRESS} }
    $q->{connecting} = $kind eq 'tcp';
    return $q->{connecting} ? '' : say_probe($q);
  }
  return '';
}

sub why { return $!{ECONNREFUSED} ? 'refused' : "$!" }

sub say_probe {
  my ($q) = @_;
  $q->{self} = shown(getsockname $q->{file});
  return defined syswrite($q->{file}, $q->{bytes} ? 'x' x $q->{bytes} : "probe\n") ? '' : why();
}

# "Protocol unreachable" is rationed (icmp(7)): a node that is asked by many would fall silent.
my $is_unlimited;
sub answer_every_init {
  return if $is_unlimited++;
  for (['ipv4/icmp_ratelimit', 0], ['ipv4/icmp_msgs_per_sec', 1_000_000], ['ipv4/icmp_msgs_burst', 1_000_000], ['ipv6/icmp/ratelimit', 0]) {
    open(my $setting, '>', "/proc/sys/net/$_->[0]") or next;
    print $setting $_->[1];
  }
}

# The address the kernel would send from: a header of our own names it, and IPv6 does not fill it in.
sub own_address {
  my ($to) = @_;
  my $s = opened(AF_INET6, SOCK_DGRAM, 0);
  connect($s, name($to, 9)) or return "\0" x 16;
  return (unpack_sockaddr_in6(getsockname $s))[1];
}

# Errors about an INIT: from a node without SCTP, and from a firewall that refuses.
my %ABOUT = ('icmp 3 2' => 'ok', 'icmp 3 3' => 'refused', 'icmp6 4 1' => 'ok', 'icmp6 1 4' => 'refused');

# What a raw socket received: the question and its outcome.
sub received {
  my ($mark, $bytes) = @_;
  my $is_six = $mark eq 'icmp6';
  my $at = $is_six ? 0 : 4 * (ord($bytes) & 15);
  my ($type, $code) = unpack 'CC', substr $bytes, $at;
  return unless defined $code;
  return ($by_mark{ 'icmp ' . unpack 'n', substr $bytes, $at + 4 }, 'ok') if $type == ($is_six ? 129 : 0);
  my $outcome = $ABOUT{"$mark $type $code"} or return;
  my $quoted = substr $bytes, $at + 8;
  return unless length $quoted >= ($is_six ? 42 : 22) && ord(substr $quoted, $is_six ? 6 : 9, 1) == 132;
  return ($by_mark{ 'sctp ' . unpack 'n', substr $quoted, $is_six ? 40 : 4 * (ord($quoted) & 15) }, $outcome);
}

sub outcome {
  my ($q, $text) = @_;
  return $text eq '' ? 'closed' : 'ok' if $q->{kind} !~ /ping|bulk/;
  return $text eq "bulk ok\n" ? 'ok' : 'failed' if $q->{kind} eq 'bulk';
  return $text =~ / bytes from / ? 'ok' : $text =~ /too long/ ? 'too long' : $text =~ /unreachable/i ? 'unreachable' : 'timeout';
}

sub run {
  my ($patience, @questions) = @_;
  my (%open, %settled);
  %by_mark = ();
  my $left = @questions;
  my $settle = sub {
    my ($q, $outcome, $text) = @_;
    return if $settled{ $q->{id} }++;
    $text =~ s/\s*\n\s*/ | /g;
    print join("\t", $q->{id}, $outcome, $q->{self} // '', $text), "\n";
    $left--;
    if ($q->{file}) { delete $open{ fileno $q->{file} }; close $q->{file} }
  };
  for my $q (@questions) {
    my $failed = ask($q, $patience);
    if ($failed ne '') { $settle->($q, $failed, ''); next }
    if ($q->{kind} eq 'send') { $settle->($q, 'sent', ''); next }
    $open{ fileno $q->{file} } = $q if $q->{file};
  }
  my $deadline = now() + $patience;
  while ($left > 0) {
    my $wait = $deadline - now();
    if ($wait <= 0) {
      # Programs have a patience of their own, which they are about to lose.
      for my $q (@questions) { $settle->($q, 'timeout', '') unless $q->{kind} =~ /ping|bulk/ }
      last if $left == 0;
      $wait = 500;
    }
    my ($r, $w) = ('', '');
    for my $q (values %open) { vec($q->{connecting} ? $w : $r, fileno $q->{file}, 1) = 1 }
    vec($r, fileno $_->{socket}, 1) = 1 for values %raw;
    select($r, $w, undef, $wait / 1000) or next;
    for my $raw (values %raw) {
      next unless vec($r, fileno $raw->{socket}, 1);
      while (defined recv($raw->{socket}, my $bytes, 2048, 0)) {
        next if $raw->{mark} =~ /sctp/;
        my ($q, $outcome) = received($raw->{mark}, $bytes);
        $settle->($q, $outcome, $q->{kind}) if $q;
      }
    }
    for my $q (values %open) {
      my $fd = fileno $q->{file};
      if (vec($w, $fd, 1)) {
        local $! = unpack 'i', getsockopt($q->{file}, SOL_SOCKET, SO_ERROR);
        if ($! + 0) { $settle->($q, why(), ''); next }
        $q->{connecting} = 0;
        my $failed = say_probe($q);
        $settle->($q, $failed, '') if $failed ne '';
      } elsif (vec($r, $fd, 1)) {
        my $n = sysread $q->{file}, my $text, 65536;
        if (!defined $n) { $settle->($q, why(), $q->{text}) unless $!{EAGAIN}; next }
        $q->{text} .= $text;
        $settle->($q, outcome($q, $q->{text}), $q->{text}) if !$n || $q->{kind} !~ /ping|bulk/;
      }
    }
  }
  print "done\n";
}

sub main {
  my @questions;
  while (my $line = <STDIN>) {
    chomp $line;
    if ($line =~ /\Ago (\d+)\z/) { run($1, @questions); @questions = (); next }
    my ($id, $kind, $to, $port, $bytes) = split /\t/, $line;
    # The payload of a datagram, and how much a bulk transfer is.
    push @questions, { id => $id, kind => $kind, to => $to, port => $port, bytes => $bytes, text => '' };
  }
}

$| = 1;
my ($mode, @words) = (@ARGV, 'probe');
$mode eq 'serve' ? serve(@words[0, 1]) : $mode eq 'talk' ? talk(@words[0, 1]) : $mode eq 'answer' ? answer(@words[0 .. $#words - 1]) : main();
