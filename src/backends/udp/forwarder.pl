#!/usr/bin/perl
# Carries the packets of a TUN device to other hosts in UDP, and theirs to the device: a bare IPv4 packet a datagram.
#
#   perl forwarder.pl DEVICE ADDRESS PORT OWN PEERS      # tun1 192.168.50.11 8285 10.244.0.0 peers
#
# PEERS is a file: a network and the address of its host a line, `10.244.1.0/24 192.168.50.12`. SIGHUP reads it again.
# The device must be there; a program attached to it is what makes it carry packets. ADDRESS and PORT are the socket's,
# and PORT is everyone's. OWN is the sender of errors. A packet loses one from its TTL on either side.
use strict;
use warnings;
use Errno qw(EAGAIN EINTR EINVAL EIO);
use Fcntl qw(F_SETFL O_NONBLOCK O_RDWR);
use Socket qw(AF_INET SOCK_DGRAM inet_aton inet_ntoa pack_sockaddr_in);

use constant { TUNSETIFF => 0x400454ca, IFF_TUN_NO_PI => 0x1001 };    # linux/if_tun.h
use constant { LARGEST => 65_535, AT_ONCE => 64 };

my ($device, $address, $port, $own, $peers) = @ARGV;
die "usage: forwarder.pl DEVICE ADDRESS PORT OWN PEERS\n" unless @ARGV == 5;
my ($table, @lengths, $reload);

# Networks by the length of their prefix, the longest first: a lookup takes as many steps as there are lengths.
sub read_peers {
  open(my $file, '<', $peers) or die "$peers: $!\n";
  my %by_length;
  while (my $line = <$file>) {
    next if $line =~ /\A\s*(?:#.*)?\Z/;
    my ($network, $length, $host) = $line =~ m{\A([\d.]+)/(\d+)\s+([\d.]+)\s*\Z};
    my ($base, $to) = map { defined && inet_aton($_) } $network, $host;
    die "$peers:$.: not a network and the address of its host: $line" unless $base && $to && $length <= 32;
    $by_length{$length}{ unpack('N', $base) & mask($length) } = pack_sockaddr_in($port, $to);
  }
  return ($table = \%by_length, @lengths = sort { $b <=> $a } keys %by_length);
}

sub mask { my ($length) = @_; return $length == 0 ? 0 : 0xffffffff << (32 - $length) & 0xffffffff }

sub peer_of {
  my ($destination) = @_;
  for my $length (@lengths) {
    my $peer = $table->{$length}{ $destination & mask($length) };
    return $peer if $peer;
  }
  return undef;
}

sub open_device {
  sysopen(my $tun, '/dev/net/tun', O_RDWR | O_NONBLOCK) or die "/dev/net/tun: $!\n";
  my $request = pack('a16sx22', $device, IFF_TUN_NO_PI);
  ioctl($tun, TUNSETIFF, $request) or die "$device: $!\n";
  return $tun;
}

sub open_socket {
  my $from = inet_aton($address) // die "not an address: $address\n";
  socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
  bind($socket, pack_sockaddr_in($port, $from)) or die "UDP port $port of $address: $!\n";
  fcntl($socket, F_SETFL, O_NONBLOCK) or die "socket: $!\n";
  return $socket;
}

# Whether it may go on; takes one from its TTL and mends the checksum of the header (RFC 1624).
sub passes {
  return 0 if length $_[0] < 20 || vec($_[0], 0, 8) >> 4 != 4;
  my $ttl = vec($_[0], 8, 8);
  return 0 if $ttl <= 1;
  vec($_[0], 8, 8) = $ttl - 1;
  my $sum = vec($_[0], 5, 16);
  vec($_[0], 5, 16) = $sum + ($sum >= 0xfeff ? 0x101 : 0x100) & 0xffff;
  return 1;
}

# Internet checksum (RFC 1071).
sub checksum {
  my $sum = unpack('%32n*', $_[0]);
  $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
  return ~$sum & 0xffff;
}

# "Network unreachable" about a packet, from this host: never about ICMP, nor about a fragment but the first (RFC 1122).
sub unreachable {
  my ($packet) = @_;
  return undef if vec($packet, 9, 8) == 1 || vec($packet, 3, 16) & 0x1fff;
  my $header = 4 * (vec($packet, 0, 8) & 15);
  return undef if $header < 20 || length $packet < $header + 8;
  my $icmp = pack('CCnN', 3, 0, 0, 0) . substr($packet, 0, $header + 8);
  vec($icmp, 1, 16) = checksum($icmp);
  my $ip = pack('CCnnnCCn', 0x45, 0, 20 + length $icmp, 0, 0, 8, 1, 0) . inet_aton($own) . substr($packet, 12, 4);
  vec($ip, 5, 16) = checksum($ip);
  return $ip . $icmp;
}

# Packets that the kernel routed into the device.
sub to_peers {
  my ($tun, $socket) = @_;
  for (1 .. AT_ONCE) {
    my $count = sysread($tun, my $packet, LARGEST);
    if (!defined $count) { return 0 if $! == EAGAIN || $! == EINTR; die "$device: $!\n" }
    next if $count < 20 || vec($packet, 0, 8) >> 4 != 4;
    my $peer = peer_of(unpack('N', substr($packet, 16, 4)));
    if (!$peer) { my $error = unreachable($packet); to_kernel($tun, $error) if $error; next }
    # What a full socket or a missing route refuses is lost, as on any link.
    send($socket, $packet, 0, $peer) if passes($packet);
  }
  return 1;
}

# Datagrams of other hosts: packets that come in by the device.
sub from_peers {
  my ($tun, $socket) = @_;
  for (1 .. AT_ONCE) {
    defined recv($socket, my $packet, LARGEST, 0) or return 0;
    to_kernel($tun, $packet) if passes($packet);
  }
  return 1;
}

# A device that is down takes nothing, and one that is gone ends this program.
sub to_kernel {
  my ($tun, $packet) = @_;
  defined syswrite($tun, $packet) || $! == EAGAIN || $! == EIO || $! == EINVAL || die "$device: $!\n";
  return;
}

$SIG{HUP} = sub { $reload = 1 };
read_peers();
my $tun = open_device();
# Last: a port that is bound says that all else is done.
my $socket = open_socket();
my $watched = '';
vec($watched, fileno $_, 1) = 1 for $tun, $socket;
while (1) {
  if ($reload) {
    $reload = 0;
    eval { read_peers(); 1 } or print STDERR "kept what was read before: $@";
  }
  # Perl looks after a signal when it gets round to it: one that came just before the waiting is seen a second later.
  my $count = select(my $ready = $watched, undef, undef, 1);
  next if $count <= 0;
  my $more = 1;
  $more = to_peers($tun, $socket) | from_peers($tun, $socket) while $more && !$reload;
}
