#!/usr/bin/perl
# One process a node asks all its questions at once, again and again: the namespace it is started in is the node's.
#
#   stdin   ID KIND ADDRESS PORT        fields parted by tabs; KIND: tcp, udp, icmp, sctp
#           go MILLISECONDS             sends all questions so far and waits that long for answers
#   stdout  ID OUTCOME TEXT             ok (with what was heard), refused, timeout or the kernel's words
#           done
#
# An SCTP question is a lone INIT: nobody here has SCTP sockets, so whoever gets it says "protocol unreachable"
# (IPv6: "unrecognized next header"), and that is the answer (ok). Everything used here is in perl-base.
use strict;
use warnings;
use Errno qw(EINPROGRESS EAGAIN ECONNREFUSED EADDRINUSE);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use POSIX ();
use Socket qw(AF_INET AF_INET6 SOCK_STREAM SOCK_DGRAM SOCK_RAW SOL_SOCKET SO_ERROR pack_sockaddr_in pack_sockaddr_in6 unpack_sockaddr_in6 inet_pton);

my $TICK = 1000 / POSIX::sysconf(POSIX::_SC_CLK_TCK());
my ($LAST_ID, $PORT, @CRC) = ($$ & 0xffff, 1024);
for my $n (0 .. 255) {
  my $c = $n;
  $c = $c & 1 ? ($c >> 1) ^ 0x82f63b78 : $c >> 1 for 1 .. 8;
  push @CRC, $c;
}

sub now { return (POSIX::times())[0] * $TICK }
sub six { return $_[0] =~ /:/ }
sub name { return six($_[0]) ? pack_sockaddr_in6($_[1], inet_pton(AF_INET6, $_[0])) : pack_sockaddr_in($_[1], inet_pton(AF_INET, $_[0])) }

sub opened {
  my ($family, $type, $protocol) = @_;
  socket(my $s, $family, $type, $protocol) or die "socket: $!\n";
  fcntl($s, F_SETFL, fcntl($s, F_GETFL, 0) | O_NONBLOCK);
  return $s;
}

# Raw sockets hear everything of their protocol: one for all questions.
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

sub ask {
  my ($q) = @_;
  my ($kind, $to, $port) = @$q{qw(kind to port)};
  my $family = six($to) ? AF_INET6 : AF_INET;
  if ($kind eq 'icmp') {
    my $id = $LAST_ID = ($LAST_ID + 1) & 0xffff;
    my $body = pack('nn', $id, 1) . 'netlab probe';
    my $echo = six($to) ? pack('CCn', 128, 0, 0) . $body : pack('CCn', 8, 0, checksum(pack('CCn', 8, 0, 0) . $body)) . $body;
    $by_mark{"icmp $id"} = $q;
    send(raw(six($to) ? 'icmp6' : 'icmp', $family, six($to) ? 58 : 1)->{socket}, $echo, 0, name($to, 0)) // return "$!";
  } elsif ($kind eq 'sctp') {
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
    1 until $kind eq 'tcp' || bind($q->{file}, name(six($to) ? '::' : '0.0.0.0', $PORT = 1024 + ($PORT + 1 - 1024) % 30_000)) || !$!{EADDRINUSE};
    if (!connect($q->{file}, name($to, $port))) { return $!{ECONNREFUSED} ? 'refused' : "$!" unless $!{EINPROGRESS} }
    $q->{connecting} = $kind eq 'tcp';
    return $q->{connecting} ? '' : (defined syswrite($q->{file}, "probe\n") ? '' : "$!");
  }
  return '';
}

# The address the kernel would send from: a header of our own names it, and IPv6 does not fill it in.
sub own_address {
  my ($to) = @_;
  my $s = opened(AF_INET6, SOCK_DGRAM, 0);
  connect($s, name($to, 9)) or return "\0" x 16;
  return (unpack_sockaddr_in6(getsockname $s))[1];
}

# Errors about an INIT: from whoever has no SCTP, and from a firewall that refuses.
my %ABOUT = ('icmp 3 2' => 'ok', 'icmp 3 3' => 'refused', 'icmp6 4 1' => 'ok', 'icmp6 1 4' => 'refused');

# What a raw socket heard: the question and its outcome.
sub heard {
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

sub run {
  my ($patience, @questions) = @_;
  my (%open, $left, %settled);
  %by_mark = ();
  my $settle = sub {
    my ($q, $outcome, $text) = @_;
    return if $settled{ $q->{id} }++;
    $text =~ s/\s+$//;
    print join("\t", $q->{id}, $outcome, $text), "\n";
    $left--;
    if ($q->{file}) { delete $open{ fileno $q->{file} }; close $q->{file} }
  };
  $left = @questions;
  for my $q (@questions) {
    my $failed = ask($q);
    if ($failed ne '') { $settle->($q, $failed, ''); next }
    $open{ fileno $q->{file} } = $q if $q->{file};
  }
  my $deadline = now() + $patience;
  while ($left > 0) {
    my $wait = $deadline - now();
    last if $wait <= 0;
    my ($r, $w) = ('', '');
    for my $q (values %open) { vec($q->{connecting} ? $w : $r, fileno $q->{file}, 1) = 1 }
    vec($r, fileno $_->{socket}, 1) = 1 for values %raw;
    select($r, $w, undef, $wait / 1000) or last;
    for my $raw (values %raw) {
      next unless vec($r, fileno $raw->{socket}, 1);
      while (defined recv($raw->{socket}, my $bytes, 2048, 0)) {
        next if $raw->{mark} =~ /sctp/;
        my ($q, $outcome) = heard($raw->{mark}, $bytes);
        $settle->($q, $outcome, $q->{kind}) if $q;
      }
    }
    for my $q (values %open) {
      my $fd = fileno $q->{file};
      if (vec($w, $fd, 1)) {
        my $error = unpack 'i', getsockopt($q->{file}, SOL_SOCKET, SO_ERROR);
        if ($error) { local $! = $error; $settle->($q, $!{ECONNREFUSED} ? 'refused' : "$!", ''); next }
        $q->{connecting} = 0;
        syswrite $q->{file}, "probe\n";
      } elsif (vec($r, $fd, 1)) {
        my $n = sysread $q->{file}, my $text, 4096;
        if (!defined $n) { $settle->($q, $!{ECONNREFUSED} ? 'refused' : "$!", '') unless $!{EAGAIN} }
        else { $settle->($q, $n ? 'ok' : 'closed', $text) }
      }
    }
  }
  for my $q (@questions) { $settle->($q, 'timeout', '') }
  print "done\n";
}

$| = 1;
$SIG{PIPE} = 'IGNORE';
# "Protocol unreachable" is rationed (icmp(7)): a node that is asked by many would fall silent.
for (['ipv4/icmp_ratelimit', 0], ['ipv4/icmp_msgs_per_sec', 1_000_000], ['ipv4/icmp_msgs_burst', 1_000_000], ['ipv6/icmp/ratelimit', 0]) {
  open(my $setting, '>', "/proc/sys/net/$_->[0]") or next;
  print $setting $_->[1];
}
my @questions;
while (my $line = <STDIN>) {
  chomp $line;
  if ($line =~ /\Ago (\d+)\z/) { run($1, @questions); @questions = (); next }
  my ($id, $kind, $to, $port) = split /\t/, $line;
  push @questions, { id => $id, kind => $kind, to => $to, port => $port };
}
