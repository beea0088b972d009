#!/usr/bin/perl
# Runs probes side by side in the network namespace it is started in, so that a full mesh costs one process
# a node (and one a ping), not one after the other for every pair. Everything of perl used here is in perl-base.
#
#   stdin   a probe a line, fields parted by tabs:
#             ID ping ADDRESS [PAYLOAD BYTES, forbids fragmentation]
#             ID tcp ADDRESS PORT
#             ID udp ADDRESS PORT [PAYLOAD BYTES]
#             ID send ADDRESS PORT            a datagram nobody will answer
#             ID bulk ADDRESS PORT BYTES      sends and then wants back that many bytes of a known pattern
#   stdout  an answer a line: ID OUTCOME OWN-ADDRESS TEXT
#             OUTCOME: ok, refused, timeout or what the kernel said
#
#   prober.pl serve ADDRESS PORT                  the other side of bulk and talk; tells other clients nothing
#   prober.pl talk ADDRESS PORT                   sends each line of stdin over one connection, prints each that comes back
#   prober.pl answer NAME TCP-PORT UDP-PORT ADDRESS ...   says "NAME PEER" as containers do, but from these addresses:
#                                   a server on 0.0.0.0 answers datagrams from whichever address is nearest
#                                   Both print "listening" and go on until they are ended.
use strict;
use warnings;
use Errno qw(EINPROGRESS EAGAIN);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use Socket qw(AF_INET AF_INET6 SOCK_STREAM SOCK_DGRAM SOL_SOCKET SO_ERROR SO_REUSEADDR pack_sockaddr_in pack_sockaddr_in6
  unpack_sockaddr_in unpack_sockaddr_in6 inet_pton inet_ntop);

my $PATIENCE = $ENV{NETLAB_PROBE_SECONDS} // 5;
# No two neighbouring kilobytes alike, so that what is lost, doubled or swapped shows.
my $PATTERN = join '', map { pack 'N', $_ * 2654435761 % 4294967296 } 1 .. 65536;
$PATTERN .= $PATTERN;
$SIG{PIPE} = 'IGNORE';

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
  my ($to, $size) = @_;
  my @sized = defined $size ? ('-M', 'do', '-s', $size) : ();
  return child(sub { exec('ping', '-n', '-c1', "-W$PATIENCE", @sized, $to) or print "ping: $!\n" });
}

sub bulk {
  my ($to, $port, $bytes) = @_;
  return child(sub {
    my ($family, $name) = address($to, $port);
    socket(my $socket, $family, SOCK_STREAM, 0) or die "socket: $!\n";
    $SIG{ALRM} = sub { die "not done after " . 10 * $PATIENCE . " s\n" };
    alarm 10 * $PATIENCE;
    connect($socket, $name) or die "connect: $!\n";
    syswrite $socket, "$bytes\n";
    send_pattern($socket, $bytes);
    receive_pattern($socket, $bytes);
    print "bulk ok\n";
  });
}

sub why { return $!{ECONNREFUSED} ? 'refused' : "$!" }

sub outcome {
  my ($p) = @_;
  my ($kind, $text) = @$p{qw(kind text)};
  return $text eq "bulk ok\n" ? 'ok' : 'failed' if $kind eq 'bulk';
  return $text eq '' ? 'closed' : 'ok' if $kind ne 'ping';
  return $text =~ / bytes from / ? 'ok' : $text =~ /too long/ ? 'too long' : $text =~ /unreachable/i ? 'unreachable' : 'timeout';
}

sub main {
  my %open;
  my $settle = sub {
    my ($p, $outcome, $text) = @_;
    $text =~ s/\s*\n\s*/ | /g;
    print join("\t", $p->{id}, $outcome, $p->{self} // '', $text), "\n";
    delete $open{ fileno $p->{file} };
    close $p->{file};
  };
  my $say = sub {
    my ($p) = @_;
    $p->{self} = shown(getsockname $p->{file});
    syswrite($p->{file}, $p->{bytes} ? 'x' x $p->{bytes} : "probe\n") // return $settle->($p, why(), '');
    $p->{connecting} = 0;
    $settle->($p, 'sent', '') if $p->{kind} eq 'send';
  };
  chomp(my @lines = <STDIN>);
  for (@lines) {
    my ($id, $kind, $to, @rest) = split /\t/;
    my $p = { id => $id, kind => $kind, text => '', connecting => 0 };
    if ($kind eq 'ping' || $kind eq 'bulk') { $p->{file} = $kind eq 'ping' ? ping($to, @rest) : bulk($to, @rest) }
    else {
      my ($family, $name) = address($to, $rest[0]);
      socket($p->{file}, $family, $kind eq 'tcp' ? SOCK_STREAM : SOCK_DGRAM, 0) or die "socket: $!\n";
      fcntl($p->{file}, F_SETFL, fcntl($p->{file}, F_GETFL, 0) | O_NONBLOCK);
      $p->{bytes} = $rest[1];
      $p->{connecting} = 1;
      $open{ fileno $p->{file} } = $p;
      if (!connect($p->{file}, $name) && $! != EINPROGRESS) { $settle->($p, "$!", ''); next }
    }
    $open{ fileno $p->{file} } = $p;
  }
  my $deadline = time + $PATIENCE + 1;
  while (%open) {
    my ($r, $w) = ('', '');
    for my $p (values %open) { vec($p->{connecting} ? $w : $r, fileno $p->{file}, 1) = 1 }
    select($r, $w, undef, 0.5);
    for my $p (values %open) {
      my $fd = fileno $p->{file};
      if (vec($w, $fd, 1)) {
        my $error = unpack 'i', getsockopt($p->{file}, SOL_SOCKET, SO_ERROR);
        local $! = $error;
        $error ? $settle->($p, why(), '') : $say->($p);
      } elsif (vec($r, $fd, 1)) {
        my $n = sysread $p->{file}, my $text, 65536;
        if (!defined $n) { $settle->($p, why(), $p->{text}) unless $! == EAGAIN; next }
        $p->{text} .= $text;
        $settle->($p, outcome($p), $p->{text}) if !$n || $p->{kind} eq 'udp';
      } elsif (time > $deadline && $p->{kind} =~ /tcp|udp/) {
        $settle->($p, 'timeout', $p->{text});
      }
    }
  }
}

$| = 1;
my ($mode, @words) = (@ARGV, 'probe');
$mode eq 'serve' ? serve(@words[0, 1]) : $mode eq 'talk' ? talk(@words[0, 1]) : $mode eq 'answer' ? answer(@words[0 .. $#words - 1]) : main();
