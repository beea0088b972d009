#!/bin/sh
# Builds the lab "etcd" of topologies/etcd.yaml: 3 hosts, 3 pods, backend vxlan, attach bridge.
# The same commands that `netlab up` runs, in the same order. Lines under `ip -batch` are iproute2 commands
# without the leading "ip", so each can be tried by hand: ip netns exec NAMESPACE ip LINE.
#
# To remove it again: netlab plan topologies/etcd.yaml --down | sudo sh
#
# Run it as root. It needs: nsenter, ip, sysctl, iptables-restore, setsid, unshare, awk, tail, setpriv, etcd, perl.
set -eu

# Runs a command in the network namespace of a node.
in_ns() {
  ns=$1
  shift
  nsenter --net="/run/netns/$ns" "$@"
}
# netlab_container NETNS HOSTNAME LOG [NAME=VALUE ...] COMMAND ...: starts a program in the network of its pod, with
# a host name, mounts and a session of its own. A fresh /sys, because /sys/class/net shows where it was mounted from.
# Mounts are slaves, lest a copy of /run/netns keeps namespaces alive after they were deleted.
netlab_container() (
  netns=$1 hostname=$2 log=$3
  shift 3
  # shellcheck disable=SC2016 # the inner shell expands it
  setsid nsenter --net="/run/netns/$netns" unshare --mount --propagation slave --uts sh -c '
    hostname "$1" && shift && mount -t sysfs sysfs /sys && cd / &&
    exec env -i PATH="${PATH-}" HOME="${HOME-}" LANG="${LANG-}" TERM="${TERM-}" "$@"
  ' sh "$hostname" "$@" >>"$log" 2>&1 </dev/null &
)
# netlab_daemon NAME NETNS HOSTNAME DIRECTORY LOG TEST [NAME=VALUE ...] COMMAND ...: starts a program in the network of
# its node and in a directory that only root can read, and returns when TEST succeeds there twice, 0.1 s
# apart. Says what the program said if it ends before that, or takes longer than 15 seconds.
netlab_daemon() {
  name=$1 netns=$2 hostname=$3 directory=$4 log=$5 test=$6
  shift 6
  (umask 077 && : >>"$log")
  rm -f "$directory/.pid"
  # shellcheck disable=SC2016 # the inner shell expands it
  netlab_container "$netns" "$hostname" "$log" "HOSTNAME=$hostname" sh -c '
    umask 077 && cd "$1" && shift && echo $$ >.pid && exec "$@"
  ' sh "$directory" "$@"
  tries=0 ready=0
  while [ $ready -lt 2 ]; do
    pid=$(cat "$directory/.pid" 2>/dev/null || :)
    if [ $tries -gt 150 ] || { [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null; }; then
      tail -n 6 "$log" >&2
      echo "$name is not ready" >&2
      exit 1
    fi
    # shellcheck disable=SC2016 # the inner shell expands it
    if nsenter --net="/run/netns/$netns" sh -c 'cd "$1" && eval "$2"' sh "$directory" "$test" >/dev/null 2>&1; then
      ready=$((ready + 1))
    else
      ready=0
    fi
    tries=$((tries + 1))
    sleep 0.1
  done
}
# netlab_file_1: a file that several daemons have.
netlab_file_1() {
  cat <<'END_OF_FILE'
#!/usr/bin/perl
# Leases the host's block in etcd, and sets routes, neighbours and FDB entries from the leases of other hosts, as flanneld does.
#
#   perl agent.pl agent.conf
#
# It speaks HTTP with etcd (the JSON gateway of version 3), and ip and bridge set what follows from leases. SIGHUP starts it anew in
# place: nothing is forgotten, because all is in etcd and in the kernel. While etcd is away the kernel's tables stay as they are.
# What is changed in them by hand is put back.
use strict;
use warnings;
use Errno qw(EAGAIN EINTR);
use Fcntl qw(F_SETFL O_NONBLOCK);
use POSIX ();
use Socket qw(AF_INET IPPROTO_TCP SOCK_RAW SOCK_STREAM SOL_SOCKET SO_KEEPALIVE SO_RCVTIMEO SO_SNDTIMEO inet_aton pack_sockaddr_in);

# Where Flannel keeps them (pkg/subnet/etcd/registry.go).
use constant { CONFIG => '/coreos.com/network/config', SUBNETS => '/coreos.com/network/subnets/' };
# Seconds: how long an answer may take, between attempts to reach etcd, and for which events are collected before anything is set.
use constant { PATIENCE => 3, RETRY => 0.5, TOGETHER => 0.1, REPAIR => 5 };
# linux/netlink.h, linux/rtnetlink.h: groups as bits, messages, and what tells entries from what ARP finds.
use constant { AF_NETLINK => 16, GROUPS => 1 | 1 << 2 | 1 << 6 | 1 << 10 };
use constant { RTM_NEWLINK => 16, RTM_NEWROUTE => 24, RTM_NEWNEIGH => 28, AF_BRIDGE => 7, NUD_PERMANENT => 0x80 };
# Seconds of silence after which a connection is probed, and between probes (linux/tcp.h).
use constant { TCP_KEEPIDLE => 4, TCP_KEEPINTVL => 5, TCP_KEEPCNT => 6, SILENCE => 5 };

my ($file) = @ARGV;
die "usage: agent.pl CONF\n" unless @ARGV == 1;
my ($again, $complaint) = (0, '');
$SIG{HUP} = sub { $again = 1 };
$SIG{PIPE} = 'IGNORE';
$| = 1;
unlink 'subnet.env';
my %conf = read_conf();
# Blocks of other hosts, by key: addresses and the MAC of the VTEP. Undefined until etcd has told them once.
my $leases;
my ($watch, $unread, $renew_at, $due, $is_tidy) = (undef, '', 0, undef, 0);
my $monitor = open_monitor();
run();

# Seconds, in hundredths, of a clock that nothing sets (times(2)).
sub now { return (POSIX::times())[0] / 100 }
sub say_line { print "@_\n"; return }

sub read_conf {
  open(my $handle, '<', $file) or die "$file: $!\n";
  my %read = (lease => {});
  while (my $line = <$handle>) {
    next unless $line =~ /\A([a-z]+) (.+)\Z/;
    if ($1 eq 'lease') { $read{lease}{$2} = 1 } else { $read{$1} = $2 }
  }
  return %read;
}

# JSON (RFC 8259), as far as etcd and leases have it: objects, lists and scalars.
sub parse {
  my ($text) = @_;
  my $value;
  my %named = (b => "\b", f => "\f", n => "\n", r => "\r", t => "\t");
  my $string = sub {
    $text =~ /\G"((?:[^"\\]|\\.)*)"/gcs or die "not JSON\n";
    my $raw = $1;
    $raw =~ s/\\(?:u([0-9a-fA-F]{4})|(.))/defined $1 ? chr hex $1 : $named{$2} \/\/ $2/ges;
    return $raw;
  };
  my $list = sub {
    my ($end, $item) = @_;
    return if $text =~ /\G\s*\Q$end\E/gc;
    do { $item->() } while $text =~ /\G\s*,/gc;
    $text =~ /\G\s*\Q$end\E/gc or die "not JSON\n";
    return;
  };
  $value = sub {
    $text =~ /\G\s+/gc;
    if ($text =~ /\G\{/gc) {
      my %object;
      $list->('}', sub { $text =~ /\G\s+/gc; my $name = $string->(); $text =~ /\G\s*:/gc or die "not JSON\n"; $object{$name} = $value->() });
      return \%object;
    }
    if ($text =~ /\G\[/gc) { my @items; $list->(']', sub { push @items, $value->() }); return \@items }
    return $string->() if $text =~ /\G(?=")/gc;
    $text =~ /\G(true|false|null|-?[\d.eE+-]+)/gc or die "not JSON\n";
    return $1 eq 'null' || $1 eq 'false' ? undef : $1;
  };
  my $result = $value->();
  undef $value;
  return $result;
}

# RFC 4648, section 4: keys and values of etcd in JSON.
sub encode {
  my ($bytes) = @_;
  my $text = join '', map { my $line = substr pack('u', $_), 1; chomp $line; $line } $bytes =~ /(.{1,45})/gs;
  $text =~ tr|` -_|AA-Za-z0-9+/|;
  substr $text, -$_, $_, '=' x $_ for (3 - length($bytes) % 3) % 3;
  return $text;
}

sub decode {
  my ($text) = @_;
  $text =~ tr|A-Za-z0-9+/||cd;
  $text =~ tr|A-Za-z0-9+/| -_|;
  return join '', map { unpack 'u', chr(32 + int(length($_) * 3 / 4)) . $_ } $text =~ /(.{1,60})/gs;
}

sub connected {
  my ($address, $port) = split ' ', $conf{etcd};
  socket(my $socket, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
  setsockopt($socket, SOL_SOCKET, $_, pack('l!l!', PATIENCE, 0)) for SO_RCVTIMEO, SO_SNDTIMEO;
  setsockopt($socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  setsockopt($socket, IPPROTO_TCP, $_->[0], $_->[1]) for [TCP_KEEPIDLE, SILENCE], [TCP_KEEPINTVL, SILENCE], [TCP_KEEPCNT, 3];
  connect($socket, pack_sockaddr_in($port, inet_aton($address))) or die "cannot reach etcd at $address:$port: $!\n";
  return $socket;
}

# One that is 1.0: its answer ends with the connection and comes as it is, not in chunks.
sub send_request {
  my ($socket, $path, $body) = @_;
  my $request = "POST $path HTTP/1.0\r\nHost: etcd\r\nContent-Type: application/json\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
  (syswrite($socket, $request) // 0) == length $request or die "cannot send to etcd: $!\n";
  return;
}

sub call {
  my ($path, $body) = @_;
  my $socket = connected();
  send_request($socket, $path, $body);
  my $answer = '';
  while (1) {
    my $count = sysread($socket, $answer, 65_536, length $answer);
    next if !defined $count && $! == EINTR && !$again;
    die "etcd does not answer: $!\n" unless defined $count;
    last if $count == 0;
  }
  my ($status, $text) = $answer =~ /\AHTTP\S+ (\d+).*?\r\n\r\n(.*)\z/s or die "etcd does not answer\n";
  my $result = parse($text);
  die "etcd: " . ($result->{error} // "status $status") . "\n" unless $status == 200;
  return $result;
}

# The end of a range that holds all keys with a prefix: its last byte one higher.
sub beyond { my ($prefix) = @_; substr($prefix, -1) = chr(1 + ord substr $prefix, -1); return $prefix }

sub get {
  my ($key) = @_;
  my ($found) = @{ call('/v3/kv/range', '{"key":"' . encode($key) . '"}')->{kvs} // [] };
  return $found && decode($found->{value} // '');
}

sub put {
  my ($key, $value, $lease) = @_;
  my $held = defined $lease ? ",\"lease\":\"$lease\"" : '';
  return call('/v3/kv/put', '{"key":"' . encode($key) . '","value":"' . encode($value) . "\"$held}")->{header}{revision};
}

# What the administrator of a real cluster does by hand: the network, and which leases are none any more.
sub tidy {
  my (@keys) = @_;
  if ((get(CONFIG) // '') ne $conf{config}) { put(CONFIG, $conf{config}); say_line('put ' . CONFIG . " $conf{config}") }
  for my $key (grep { !$conf{lease}{$_} } @keys) {
    call('/v3/kv/deleterange', '{"key":"' . encode(SUBNETS . $key) . '"}');
    say_line("no host of the lab has $key: removed its lease");
  }
  $is_tidy = 1;
  return;
}

# Its own lease, for so long.
sub acquire {
  my $lease = call('/v3/lease/grant', "{\"TTL\":$conf{seconds}}")->{ID};
  my $revision = put(SUBNETS . $conf{key}, $conf{value}, $lease);
  $renew_at = now() + $conf{seconds} - ($conf{seconds} > 7200 ? 3600 : $conf{seconds} / 2);
  return $revision;
}

# What a lease says of a host: undefined where it is another backend's, or none at all.
sub lease_of {
  my ($key, $value) = @_;
  my @blocks = $key =~ m{\A([\d.]+)-(\d+)(?:&([a-f\d:]+)-(\d+))?\z};
  my $said = @blocks ? eval { parse($value) } : undef;
  return undef unless ref $said eq 'HASH' && ($said->{BackendType} // '') eq $conf{type} && ($said->{PublicIP} // '') =~ /\A[\d.]+\z/;
  my $mac = ref $said->{BackendData} eq 'HASH' ? $said->{BackendData}{VtepMAC} : undef;
  return undef if $conf{device} && ($mac // '') !~ /\A[\da-f]{2}(?::[\da-f]{2}){5}\z/;
  return { address => $said->{PublicIP}, address6 => $said->{PublicIPv6}, mac => $mac, blocks => [[@blocks[0, 1]], defined $blocks[2] ? [@blocks[2, 3]] : ()] };
}

sub note {
  my ($key, $value) = @_;
  return if $key eq $conf{key};
  my $lease = defined $value ? lease_of($key, $value) : undef;
  say_line("ignored the lease of $key: $value") if defined $value && !$lease;
  if ($lease) { $leases->{$key} = $lease } else { delete $leases->{$key} }
  soon();
  return;
}

# Has the tables compared once what comes together has come; sooner than a repair that is due later.
sub soon {
  my $at = now() + TOGETHER;
  $due = $at if !defined $due || $due > $at;
  return;
}

# Says what it has, reads what others have, and is told of every change from there on.
sub join_cluster {
  my $all = '"key":"' . encode(SUBNETS) . '","range_end":"' . encode(beyond(SUBNETS)) . '"';
  my $read = call('/v3/kv/range', "{$all}");
  my %found = map { substr(decode($_->{key}), length SUBNETS) => decode($_->{value} // '') } @{ $read->{kvs} // [] };
  if (exists $conf{config} && !$is_tidy) { tidy(keys %found); delete $found{$_} for grep { !$conf{lease}{$_} } keys %found }
  defined get(CONFIG) or die 'there is no ' . CONFIG . " in etcd\n";
  $conf{revision} = acquire() if ($found{ $conf{key} } // '') ne $conf{value} || now() >= $renew_at;
  my $socket = connected();
  send_request($socket, '/v3/watch', "{\"create_request\":{$all,\"start_revision\":\"" . (1 + $read->{header}{revision}) . '"}}');
  fcntl($socket, F_SETFL, O_NONBLOCK) or die "socket: $!\n";
  ($watch, $unread, $leases) = ($socket, '', {});
  note($_, $found{$_}) for sort keys %found;
  $due //= now();
  say_line('watching leases in etcd: ' . keys(%found) . ' so far');
  $complaint = '';
  return;
}

# An event a line; the first lines are HTTP's.
sub read_events {
  my $count = sysread($watch, $unread, 65_536, length $unread);
  return if !defined $count && ($! == EAGAIN || $! == EINTR);
  die 'lost etcd' . (defined $count ? '' : ": $!") . ": routes stay as they are\n" unless $count;
  while ($unread =~ s/\A([^\n]*)\n//) {
    my $line = $1;
    next unless $line =~ /\A\{/;
    my $said = parse($line);
    die "etcd ended the watch\n" if $said->{error} || $said->{result}{canceled};
    for my $event (@{ $said->{result}{events} // [] }) {
      my $key = substr decode($event->{kv}{key}), length SUBNETS;
      my $is_gone = ($event->{type} // '') eq 'DELETE';
      if ($key eq $conf{key}) {
        next if $event->{kv}{mod_revision} <= ($conf{revision} // 0);
        if (!$is_gone) {
          # It insists on its own.
          $renew_at = 0 if decode($event->{kv}{value} // '') ne $conf{value};
          next;
        }
        # As Flannel: a host without a lease has no business in the network.
        print STDERR "the lease of $key was revoked\n";
        exit 1;
      }
      note($key, $is_gone ? undef : decode($event->{kv}{value} // ''));
    }
  }
  return;
}

sub is_on_link {
  my ($address) = @_;
  my ($network, $length) = $conf{segment} =~ m{(.+)/(\d+)};
  my $mask = $length == 0 ? 0 : 0xffffffff << (32 - $length) & 0xffffffff;
  return !((unpack('N', inet_aton($address)) ^ unpack('N', inet_aton($network))) & $mask);
}

# What the kernel must hold by all leases: words of ip and bridge, what identifies an entry apart from the rest.
sub wanted {
  my %entries;
  for my $lease (values %$leases) {
    my $is_direct = !$conf{device} || ($conf{direct} && is_on_link($lease->{address}));
    for my $block (@{ $lease->{blocks} }) {
      my ($network, $length) = @$block;
      if ($is_direct) {
        my $via = $network =~ /:/ ? $lease->{address6} // $lease->{address} : $lease->{address};
        $entries{"route $network/$length"} = "via $via dev $conf{uplink}" . (is_on_link($lease->{address}) ? '' : ' onlink');
        next;
      }
      $entries{"route $network/$length"} = "via $network dev $conf{device} onlink";
      $entries{"neigh $network"} = "lladdr $lease->{mac}";
      $entries{"fdb $lease->{mac}"} = "dst $lease->{address}";
    }
  }
  return \%entries;
}

sub lines { open(my $from, '-|', @_) or return; my @lines = <$from>; close $from; return @lines }

sub has_device {
  my ($name) = @_;
  open(my $devices, '<', '/proc/net/dev') or return 0;
  return scalar grep { /\A\s*\Q$name\E:/ } <$devices>;
}

# What it holds, in the same words.
sub held {
  my %entries;
  for my $line (map { lines('ip', $_, 'route', 'show', 'proto', $conf{protocol}) } $conf{key} =~ /&/ ? ('-4', '-6') : '-4') {
    my ($dst) = $line =~ /\A(\S+)/ or next;
    my ($rest) = $line =~ /( via \S+ dev \S+)/;
    $entries{ 'route ' . ($dst =~ m{/} ? $dst : $dst . ($dst =~ /:/ ? '/128' : '/32')) } =
      substr($rest // ' ', 1) . ($line =~ / onlink\b/ ? ' onlink' : '');
  }
  # A host that needs no tunnel has no such device.
  return \%entries unless $conf{device} && has_device($conf{device});
  for my $line (lines('ip', 'neigh', 'show', 'dev', $conf{device}, 'nud', 'permanent')) {
    $entries{"neigh $1"} = "lladdr $2" if $line =~ /\A(\S+).* lladdr (\S+)/;
  }
  for my $line (lines('bridge', 'fdb', 'show', 'dev', $conf{device})) {
    $entries{"fdb $1"} = "dst $2" if $line =~ /\A(\S+) .*\bdst (\S+).* permanent/;
  }
  return \%entries;
}

sub batch {
  my ($tool, @lines) = @_;
  return 1 unless @lines;
  say_line("$tool $_") for @lines;
  open(my $to, '|-', $tool, '-force', '-batch', '-') or return 0;
  print $to map { "$_\n" } @lines;
  return close $to;
}

# Makes the kernel hold what follows from leases, and nothing else of its own: an entry before the route that needs it.
sub settle {
  my ($wanted, $held) = (wanted(), held());
  my %lines = map { $_ => [] } qw(gone routes neigh fdb);
  for my $entry (sort keys %$held) {
    next if exists $wanted->{$entry};
    my ($kind, $what) = split ' ', $entry, 2;
    if ($kind eq 'route') { unshift @{ $lines{gone} }, "route delete $what proto $conf{protocol}" }
    elsif ($kind eq 'neigh') { push @{ $lines{gone} }, "neigh delete $what dev $conf{device}" }
    else { push @{ $lines{fdb} }, "fdb delete $what dev $conf{device} $held->{$entry} self" }
  }
  for my $entry (sort keys %$wanted) {
    next if ($held->{$entry} // '') eq $wanted->{$entry};
    my ($kind, $what) = split ' ', $entry, 2;
    if ($kind eq 'route') { push @{ $lines{routes} }, "route replace $what $wanted->{$entry} proto $conf{protocol}" }
    elsif ($kind eq 'neigh') { push @{ $lines{neigh} }, "neigh replace $what $wanted->{$entry} dev $conf{device} nud permanent" }
    else { push @{ $lines{fdb} }, "fdb replace $what dev $conf{device} $wanted->{$entry} self permanent" }
  }
  my $is_done = batch('ip', @{ $lines{gone} });
  $is_done = batch('bridge', @{ $lines{fdb} }) && $is_done;
  $is_done = batch('ip', @{ $lines{neigh} }, @{ $lines{routes} }) && $is_done;
  $due = $is_done ? undef : now() + REPAIR;
  return;
}

# The kernel says what changes in its tables, whoever does it.
sub open_monitor {
  socket(my $socket, AF_NETLINK, SOCK_RAW, 0) or die "netlink: $!\n";
  bind($socket, pack('S x2 L L', AF_NETLINK, 0, GROUPS)) or die "netlink: $!\n";
  fcntl($socket, F_SETFL, O_NONBLOCK) or die "netlink: $!\n";
  return $socket;
}

sub read_monitor {
  while (1) {
    my $count = sysread($monitor, my $messages, 65_536);
    # More than fitted: what was lost may have mattered.
    if (!defined $count) { soon() unless $! == EAGAIN || $! == EINTR; return }
    while (length $messages >= 20) {
      my ($length, $type) = unpack 'L S', $messages;
      last if $length < 20 || $length > length $messages;
      my $family = unpack 'x16 C', $messages;
      my $state = $length >= 28 ? unpack 'x24 S', $messages : 0;
      my $is_ours = $type >= RTM_NEWNEIGH ? $family == AF_BRIDGE || $state & NUD_PERMANENT : $type >= RTM_NEWLINK;
      soon() if $is_ours;
      substr $messages, 0, $length + 3 & ~3, '';
    }
  }
}

sub start_again {
  # What is sent before the new one listens is not needed: it reads its configuration after that.
  $SIG{HUP} = 'IGNORE';
  exec $^X, $0, @ARGV or die "cannot start again: $!\n";
}

# After it has its own lease: what Flannel tells the container runtime.
sub write_environment {
  return if -e 'subnet.env';
  open(my $out, '>', 'subnet.new') or die "subnet.env: $!\n";
  print $out map { "$_\n" } split ' ', $conf{environment};
  close $out;
  rename 'subnet.new', 'subnet.env' or die "subnet.env: $!\n";
  return;
}

sub run {
  my $retry_at = 0;
  while (1) {
    start_again() if $again;
    if (!$watch && now() >= $retry_at) {
      eval { join_cluster(); 1 } or complain($@);
      $retry_at = now() + RETRY;
    }
    if ($leases && defined $due && now() >= $due) {
      settle();
      write_environment() if $watch;
    }
    if ($watch && now() >= $renew_at) {
      eval { $conf{revision} = acquire(); say_line('put its lease'); 1 } or complain($@);
    }
    my $ready = '';
    vec($ready, fileno $_, 1) = 1 for grep { defined } $monitor, $watch;
    # Perl looks after a signal when it gets round to it: one that came just before the waiting is seen a second later.
    my $until = now() + 1;
    for my $other ($leases ? $due : undef, $watch ? $renew_at : $retry_at) { $until = $other if defined $other && $other < $until }
    my $left = $until - now();
    next if select($ready, undef, undef, $left > 0 ? $left : 0) <= 0;
    read_monitor();
    next unless $watch;
    eval { read_events(); 1 } or complain($@);
  }
}

# Says why it is without etcd, once.
sub complain {
  my ($why) = @_;
  print STDERR $why if $why ne $complaint;
  ($complaint, $watch) = ($why, undef);
  return;
}
END_OF_FILE
}

mkdir -p /run/netlab-script-etcd


# ──────────────────────────────────────────────────────────────────────────────
# 1. Namespaces: every node (host, pod, switch, router) is a network namespace of its own
# ──────────────────────────────────────────────────────────────────────────────
ip -batch - <<'EOF'
netns add etcd.switch-lan
netns add etcd.node-1
netns add etcd.pod-a
netns add etcd.node-2
netns add etcd.pod-b
netns add etcd.node-3
netns add etcd.pod-c
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 2. Settings: what a namespace must have before its devices exist, because devices inherit it
# ──────────────────────────────────────────────────────────────────────────────

# ── etcd.switch-lan
in_ns etcd.switch-lan sysctl -q -p - <<'EOF'
# a switch forwards frames and has no addresses
net/ipv6/conf/default/disable_ipv6 = 1
# a real switch has no iptables
net/bridge/bridge-nf-call-iptables = 0
net/bridge/bridge-nf-call-ip6tables = 0
EOF

# ── etcd.node-1
in_ns etcd.node-1 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# loose: replies may take another way than requests
net/ipv4/conf/all/rp_filter = 2
net/ipv4/conf/default/rp_filter = 2
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
# bridged packets pass iptables: Services and policies act between pods of one host
net/bridge/bridge-nf-call-iptables = 1
net/bridge/bridge-nf-call-ip6tables = 1
EOF

# ── etcd.node-2
in_ns etcd.node-2 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# loose: replies may take another way than requests
net/ipv4/conf/all/rp_filter = 2
net/ipv4/conf/default/rp_filter = 2
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
# bridged packets pass iptables: Services and policies act between pods of one host
net/bridge/bridge-nf-call-iptables = 1
net/bridge/bridge-nf-call-ip6tables = 1
EOF

# ── etcd.node-3
in_ns etcd.node-3 sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 1
# loose: replies may take another way than requests
net/ipv4/conf/all/rp_filter = 2
net/ipv4/conf/default/rp_filter = 2
# a lab without IPv6 has no link-local addresses either
net/ipv6/conf/all/disable_ipv6 = 1
net/ipv6/conf/default/disable_ipv6 = 1
# bridged packets pass iptables: Services and policies act between pods of one host
net/bridge/bridge-nf-call-iptables = 1
net/bridge/bridge-nf-call-ip6tables = 1
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 3. Devices: bridges, tunnels, and veth pairs; a pair reaches from one namespace into another
# ──────────────────────────────────────────────────────────────────────────────

# ── etcd.switch-lan
in_ns etcd.switch-lan ip -batch - <<'EOF'
link add dev br0 address 02:0b:00:00:00:00 mtu 1500 up type bridge
EOF

# ── etcd.node-1
in_ns etcd.node-1 ip -batch - <<'EOF'
# node-1 is plugged into switch-lan
link add eth0 address 02:03:00:00:00:00 mtu 1500 up type veth peer name h1-node-1 address 02:04:00:00:00:00 mtu 1500 netns etcd.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:00:00:00 mtu 1450 up type bridge
link add p1-pod-a address 02:02:00:00:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:00:00:01 mtu 1450 netns etcd.pod-a
link set p1-pod-a type bridge_slave hairpin on
# the VTEP of node-1: entries instead of learning
link add vxlan1 address 02:06:00:00:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.50.11 dstport 8472 nolearning
EOF

# ── etcd.node-2
in_ns etcd.node-2 ip -batch - <<'EOF'
# node-2 is plugged into switch-lan
link add eth0 address 02:03:00:01:00:00 mtu 1500 up type veth peer name h2-node-2 address 02:04:00:01:00:00 mtu 1500 netns etcd.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:01:00:00 mtu 1450 up type bridge
link add p1-pod-b address 02:02:00:01:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:01:00:01 mtu 1450 netns etcd.pod-b
link set p1-pod-b type bridge_slave hairpin on
# the VTEP of node-2: entries instead of learning
link add vxlan1 address 02:06:00:01:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.50.12 dstport 8472 nolearning
EOF

# ── etcd.node-3
in_ns etcd.node-3 ip -batch - <<'EOF'
# node-3 is plugged into switch-lan
link add eth0 address 02:03:00:02:00:00 mtu 1500 up type veth peer name h3-node-3 address 02:04:00:02:00:00 mtu 1500 netns etcd.switch-lan
# the pods' bridge; its address is their gateway
link add dev cni0 address 02:05:00:02:00:00 mtu 1450 up type bridge
link add p1-pod-c address 02:02:00:02:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:01:00:02:00:01 mtu 1450 netns etcd.pod-c
link set p1-pod-c type bridge_slave hairpin on
# the VTEP of node-3: entries instead of learning
link add vxlan1 address 02:06:00:02:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.50.13 dstport 8472 nolearning
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 4. Addresses, routes, tunnel entries, rules: what makes packets find their way
# ──────────────────────────────────────────────────────────────────────────────

# ── etcd.switch-lan
in_ns etcd.switch-lan ip -batch - <<'EOF'
link set h1-node-1 master br0 up
link set h2-node-2 master br0 up
link set h3-node-3 master br0 up
EOF

# ── etcd.node-1
in_ns etcd.node-1 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.11/24 dev eth0
address replace 10.244.0.1/24 dev cni0
address replace 10.244.0.0/32 dev vxlan1
EOF
in_ns etcd.node-1 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.50.0/24 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── etcd.node-2
in_ns etcd.node-2 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.12/24 dev eth0
address replace 10.244.1.1/24 dev cni0
address replace 10.244.1.0/32 dev vxlan1
EOF
in_ns etcd.node-2 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.50.0/24 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── etcd.node-3
in_ns etcd.node-3 ip -batch - <<'EOF'
link set lo up
address replace 192.168.50.13/24 dev eth0
address replace 10.244.2.1/24 dev cni0
address replace 10.244.2.0/32 dev vxlan1
EOF
in_ns etcd.node-3 iptables-restore --noflush --wait=10 <<'EOF'
*nat
# SNAT for what leaves the cluster, and only for that
:NETLAB-MASQ - [0:0]
-F POSTROUTING
-A NETLAB-MASQ -d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN
-A NETLAB-MASQ -d 10.96.0.0/16 -m comment --comment "to Services: no NAT" -j RETURN
-A NETLAB-MASQ -d 192.168.50.0/24 -m comment --comment "to hosts on lan: no NAT" -j RETURN
-A NETLAB-MASQ -d 224.0.0.0/4 -m comment --comment "multicast: no NAT" -j RETURN
-A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully
-A POSTROUTING -s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ
COMMIT
EOF

# ── etcd.pod-a
in_ns etcd.pod-a sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns etcd.pod-a ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.0.2/24 dev eth0
route replace default via 10.244.0.1 dev eth0
EOF

# ── etcd.pod-b
in_ns etcd.pod-b sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns etcd.pod-b ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.1.2/24 dev eth0
route replace default via 10.244.1.1 dev eth0
EOF

# ── etcd.pod-c
in_ns etcd.pod-c sysctl -q -p - <<'EOF'
net/ipv4/ip_forward = 0
net/ipv6/conf/eth0/disable_ipv6 = 1
EOF
in_ns etcd.pod-c ip -batch - <<'EOF'
link set eth0 up
link set lo up
address replace 10.244.2.2/24 dev eth0
route replace default via 10.244.2.1 dev eth0
EOF

# ──────────────────────────────────────────────────────────────────────────────
# 5. Daemons: programs that change the network by themselves, with their files
# ──────────────────────────────────────────────────────────────────────────────

# ── etcd.node-1
(umask 077 && mkdir -p /run/netlab-script-etcd/node-1.etcd.d)
# shellcheck disable=SC2016 # meant for the program
netlab_daemon 'etcd on node-1' etcd.node-1 node-1 /run/netlab-script-etcd/node-1.etcd.d /run/netlab-script-etcd/node-1.etcd.log 'cat /proc/net/tcp* | awk '\''$4 == "0A" && $2 ~ /:094B$/ { f = 1 } END { exit !f }'\''' setpriv --bounding-set=-all --no-new-privs -- etcd --name node-1 --data-dir data --listen-client-urls http://192.168.50.11:2379,http://127.0.0.1:2379 --advertise-client-urls http://192.168.50.11:2379 --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 --initial-cluster node-1=http://127.0.0.1:2380 --heartbeat-interval 20 --election-timeout 200 --logger zap --log-level warn
(umask 077 && mkdir -p /run/netlab-script-etcd/node-1.agent.d)
netlab_file_1 >/run/netlab-script-etcd/node-1.agent.d/agent.pl
chmod 0600 /run/netlab-script-etcd/node-1.agent.d/agent.pl
cat >/run/netlab-script-etcd/node-1.agent.d/agent.conf <<'END_OF_FILE'
# What this host leases, and how it reaches the hosts of other leases.
etcd 192.168.50.11 2379
key 10.244.0.0-24
value {"PublicIP":"192.168.50.11","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:06:00:00:00:00"}}
seconds 86400
type vxlan
device vxlan1
uplink eth0
segment 192.168.50.0/24
protocol 81
environment FLANNEL_NETWORK=10.244.0.0/16 FLANNEL_SUBNET=10.244.0.1/24 FLANNEL_MTU=1450 FLANNEL_IPMASQ=true
# What the administrator of a cluster sees to: the network, and that hosts which are gone have no lease.
config {"Network":"10.244.0.0/16","SubnetLen":24,"Backend":{"Type":"vxlan","VNI":1,"Port":8472,"DirectRouting":false}}
lease 10.244.0.0-24
lease 10.244.1.0-24
lease 10.244.2.0-24
END_OF_FILE
chmod 0600 /run/netlab-script-etcd/node-1.agent.d/agent.conf
netlab_daemon 'agent on node-1' etcd.node-1 node-1 /run/netlab-script-etcd/node-1.agent.d /run/netlab-script-etcd/node-1.agent.log 'test -e subnet.env' setpriv --bounding-set=-all,+net_admin --no-new-privs -- perl agent.pl agent.conf

# ── etcd.node-2
(umask 077 && mkdir -p /run/netlab-script-etcd/node-2.agent.d)
netlab_file_1 >/run/netlab-script-etcd/node-2.agent.d/agent.pl
chmod 0600 /run/netlab-script-etcd/node-2.agent.d/agent.pl
cat >/run/netlab-script-etcd/node-2.agent.d/agent.conf <<'END_OF_FILE'
# What this host leases, and how it reaches the hosts of other leases.
etcd 192.168.50.11 2379
key 10.244.1.0-24
value {"PublicIP":"192.168.50.12","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:06:00:01:00:00"}}
seconds 86400
type vxlan
device vxlan1
uplink eth0
segment 192.168.50.0/24
protocol 81
environment FLANNEL_NETWORK=10.244.0.0/16 FLANNEL_SUBNET=10.244.1.1/24 FLANNEL_MTU=1450 FLANNEL_IPMASQ=true
END_OF_FILE
chmod 0600 /run/netlab-script-etcd/node-2.agent.d/agent.conf
netlab_daemon 'agent on node-2' etcd.node-2 node-2 /run/netlab-script-etcd/node-2.agent.d /run/netlab-script-etcd/node-2.agent.log 'test -e subnet.env' setpriv --bounding-set=-all,+net_admin --no-new-privs -- perl agent.pl agent.conf

# ── etcd.node-3
(umask 077 && mkdir -p /run/netlab-script-etcd/node-3.agent.d)
netlab_file_1 >/run/netlab-script-etcd/node-3.agent.d/agent.pl
chmod 0600 /run/netlab-script-etcd/node-3.agent.d/agent.pl
cat >/run/netlab-script-etcd/node-3.agent.d/agent.conf <<'END_OF_FILE'
# What this host leases, and how it reaches the hosts of other leases.
etcd 192.168.50.11 2379
key 10.244.2.0-24
value {"PublicIP":"192.168.50.13","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:06:00:02:00:00"}}
seconds 86400
type vxlan
device vxlan1
uplink eth0
segment 192.168.50.0/24
protocol 81
environment FLANNEL_NETWORK=10.244.0.0/16 FLANNEL_SUBNET=10.244.2.1/24 FLANNEL_MTU=1450 FLANNEL_IPMASQ=true
END_OF_FILE
chmod 0600 /run/netlab-script-etcd/node-3.agent.d/agent.conf
netlab_daemon 'agent on node-3' etcd.node-3 node-3 /run/netlab-script-etcd/node-3.agent.d /run/netlab-script-etcd/node-3.agent.log 'test -e subnet.env' setpriv --bounding-set=-all,+net_admin --no-new-privs -- perl agent.pl agent.conf

# Learned: routes that daemons bring about. There is nothing to make; wait up to 60 s for each.
# netlab_learned DAEMON IP-ARGUMENT ...: returns when "ip IP-ARGUMENT ..." shows a route.
netlab_learned() {
  by=$1 tries=0
  shift
  while [ -z "$(ip "$@" 2>/dev/null)" ]; do
    if [ $tries -gt 600 ]; then
      echo "$by has not brought about what this shows: ip $*" >&2
      exit 1
    fi
    tries=$((tries + 1))
    sleep 0.1
  done
}
netlab_learned 'agent on node-1' -n etcd.node-1 -4 route show 10.244.1.0/24 proto 81
netlab_learned 'agent on node-1' -n etcd.node-1 -4 route show 10.244.2.0/24 proto 81
netlab_learned 'agent on node-2' -n etcd.node-2 -4 route show 10.244.0.0/24 proto 81
netlab_learned 'agent on node-2' -n etcd.node-2 -4 route show 10.244.2.0/24 proto 81
netlab_learned 'agent on node-3' -n etcd.node-3 -4 route show 10.244.0.0/24 proto 81
netlab_learned 'agent on node-3' -n etcd.node-3 -4 route show 10.244.1.0/24 proto 81
