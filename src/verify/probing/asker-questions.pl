# Part of asker.pl: questions by TCP and UDP, and how any question ends.
use strict;
use warnings;
use Errno qw(EINPROGRESS EAGAIN EADDRINUSE ENOBUFS EMFILE ENFILE);
use Socket qw(SOCK_STREAM SOCK_DGRAM SOL_SOCKET SO_ERROR SO_REUSEADDR SO_LINGER MSG_DONTWAIT MSG_NOSIGNAL);
our ($SLOW, $node, @queue, %pending, @again, @young, %mark, $source_port, $next_look);

sub settle {
    my ($q, $outcome, %more) = @_;
    return if $q->{settled}++;
    my $text = $more{text} // '';
    $text =~ s/[^ -~]+/ /g;
    $text =~ s/\A +| +\z//g;
    say_it('A', $node, $q->{id}, $outcome, sprintf('%.1f', now() - $q->{at}), $q->{self} // '', $more{ttl} // '', $more{by} // '', $more{seen} // '', substr $text, 0, 200);
    delete $pending{ $q->{id} };
    delete @mark{ @{ $q->{marks} } } if $q->{marks};
    if ($q->{socket}) { unwatch(fileno $q->{socket}); close delete $q->{socket} }
}

sub settle_errno { my ($q, $errno, %more) = @_; settle($q, outcome_of($errno), text => words($errno), %more) }

# What was said in answer, in the responder's words or any others.
sub settle_line {
    my ($q, $text) = @_;
    return settle($q, 'ok', by => $1, seen => $2) if $text =~ m{\A([A-Za-z0-9._/-]+) (\S+:\d+)\n\z};
    return settle($q, 'ok', text => $text);
}

sub start {
    my ($q) = @_;
    $q->{at} = now();
    $q->{deadline} = $q->{at} + $q->{patience};
    $pending{ $q->{id} } = $q;
    push @young, $q;
    if ($q->{kind} ne 'tcp') { $q->{remind} = $q->{at} + $q->{patience} / 3; push @again, $q }
    my $kind = $q->{kind};
    $kind eq 'tcp' ? start_tcp($q) : $kind eq 'udp' ? start_udp($q) : $kind eq 'icmp' ? start_icmp($q) : start_sctp($q);
    my $first = $q->{remind} // $q->{deadline};
    $next_look = $first if $first < $next_look;
}

# Descriptors may be short for a moment: the question waits.
sub socket_failed {
    my ($q, $errno) = @_;
    if (($errno == EMFILE || $errno == ENFILE) && %pending > 1) {
        delete $pending{ $q->{id} };
        @again = grep { $_ != $q } @again;
        unshift @queue, $q;
        return;
    }
    settle_errno($q, $errno);
}

sub start_tcp {
    my ($q) = @_;
    my $socket = opened($q->{family}, SOCK_STREAM, 6) // return socket_failed($q, $! + 0);
    $q->{socket} = $socket;
    # Ends with a reset: nothing of it lingers in the nodes, and conntrack forgets it soon.
    setsockopt($socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0);
    if ($q->{from}) {
        setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1);
        bind($socket, packed(six($q->{to}) ? '::' : '0.0.0.0', $q->{from})) or return settle_errno($q, $! + 0, text => "source port $q->{from}: $!");
    }
    if (connect $socket, $q->{name}) { return connected($q) }
    if ($! != EINPROGRESS) { return settle_errno($q, $! + 0) }
    watch('w', fileno $socket, sub { connected($q) });
}

sub connected {
    my ($q) = @_;
    my $socket = $q->{socket};
    my $errno = unpack 'i', getsockopt($socket, SOL_SOCKET, SO_ERROR);
    return settle_errno($q, $errno) if $errno;
    $q->{self} = shown(getsockname $socket);
    $q->{connected} = 1;
    $q->{deadline} = now() + $SLOW * $q->{patience};
    unwatch(fileno $socket);
    # Who waits for the client to speak first receives something; a server that hung up is read below.
    send($socket, "netlab\n", MSG_DONTWAIT | MSG_NOSIGNAL) if $q->{speak};
    watch('r', fileno $socket, sub { hear_tcp($q) });
}

sub hear_tcp {
    my ($q) = @_;
    my $n = sysread $q->{socket}, my $text, 4096;
    if (!defined $n) {
        return if $! == EAGAIN;
        return settle($q, 'ok', text => "connected, then: $!");
    }
    return settle($q, 'ok', text => 'connected, and it hung up') if !$n;
    settle_line($q, $text);
}

sub start_udp {
    my ($q) = @_;
    my $socket = opened($q->{family}, SOCK_DGRAM, 17) // return socket_failed($q, $! + 0);
    $q->{socket} = $socket;
    my $any = six($q->{to}) ? '::' : '0.0.0.0';
    if ($q->{from}) {
        bind($socket, packed($any, $q->{from})) or return settle_errno($q, $! + 0, text => "source port $q->{from}: $!");
    } else {
        # A port used before may still belong to a flow that conntrack knows, or get an answer that is late.
        for (1 .. 2000) {
            $source_port = 32768 + ($source_port + 1) % 28232;
            last if bind $socket, packed($any, $source_port);
            return settle_errno($q, $! + 0) if $! != EADDRINUSE;
        }
    }
    connect($socket, $q->{name}) or return settle_errno($q, $! + 0);
    $q->{self} = shown(getsockname $socket);
    watch('r', fileno $socket, sub { hear_udp($q) });
    say_udp($q);
}

sub say_udp {
    my ($q) = @_;
    return if defined send $q->{socket}, "netlab\n", MSG_DONTWAIT;
    settle_errno($q, $! + 0) if $! != ENOBUFS && $! != EAGAIN;
}

sub hear_udp {
    my ($q) = @_;
    my $from = recv $q->{socket}, my $text, 4096, MSG_DONTWAIT;
    if (!defined $from) { return $! == EAGAIN ? undef : settle_errno($q, $! + 0) }
    settle_line($q, $text);
}

1;
