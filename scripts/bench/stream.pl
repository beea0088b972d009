#!/usr/bin/perl
# Both ends of a measurement, each in the namespace it is started in. Everything used here is in perl-base.
#
#   stream.pl serve PORT                   reads the first connection that sends anything, to its end; prints "BYTES SECONDS"
#   stream.pl send ADDRESS PORT SECONDS    sends as much as it can
#   stream.pl probe ADDRESS PORT SECONDS   opens and closes connections, then sends a byte; prints "COUNT SECONDS"
use strict;
use warnings;
use Socket;
use POSIX ();

my ($what, @args) = @ARGV;
my $TICKS = POSIX::sysconf(POSIX::_SC_CLK_TCK());

# Seconds from no particular moment, a hundredth the least of them.
sub now { return (POSIX::times())[0] / $TICKS }

sub opened {
  socket(my $s, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
  return $s;
}

# The other end may not be there yet.
sub connected {
  my ($address, $port) = @_;
  for (1 .. 200) {
    my $s = opened();
    return $s if connect $s, pack_sockaddr_in($port, inet_aton($address));
    select undef, undef, undef, 0.01;
  }
  die "connect: $!\n";
}

if ($what eq 'serve') {
  my $listener = opened();
  setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1);
  bind($listener, pack_sockaddr_in($args[0], INADDR_ANY)) or die "bind: $!\n";
  listen($listener, 4096) or die "listen: $!\n";
  while (accept(my $s, $listener)) {
    my ($bytes, $from, $n) = (0, now());
    $bytes += $n while $n = sysread $s, my $buffer, 1 << 17;
    next if $bytes == 0;
    printf "%d %.2f\n", $bytes, now() - $from if $bytes > 1;
    last;
  }
} elsif ($what eq 'send') {
  my $s = connected(@args);
  my ($block, $end) = ("\0" x (1 << 17), now() + $args[2]);
  while (now() < $end) { defined syswrite $s, $block or die "write: $!\n" }
} elsif ($what eq 'probe') {
  connected(@args);
  my ($count, $from) = (0, now());
  my $end = $from + $args[2];
  for (; now() < $end; $count++) {
    my $s = connected(@args);
    # A reset at the end: ports are free again at once.
    setsockopt($s, SOL_SOCKET, SO_LINGER, pack 'II', 1, 0);
    close $s;
  }
  printf "%d %.2f\n", $count, now() - $from;
  syswrite connected(@args), '.';
}
