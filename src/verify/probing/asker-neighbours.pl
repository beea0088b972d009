# Part of asker.pl: neighbours. All namespaces share one small table of them, and a full mesh of a bridge's pods would fill it.
use strict;
use warnings;
use Socket qw(AF_INET AF_INET6 SOCK_RAW);

my ($RTM_DELNEIGH, $RTM_GETNEIGH, $DUMP, $MESSAGE_DONE, $MESSAGE_ERROR) = (29, 30, 0x301, 3, 2);
my $LEARNED = 0x02 | 0x04 | 0x08 | 0x10 | 0x20;    # REACHABLE STALE DELAY PROBE FAILED: neither permanent nor still asking
my ($netlink, %known_before);
my $dump = 2;               # its number; deletions have 2, and what failed of them is told in between

# Calls back with the key and the message that deletes it, of every neighbour learned.
sub each_neighbour {
    my ($do) = @_;
    for my $family (AF_INET, AF_INET6) {
        send $netlink, pack('L S S L L C x3 l S C C', 28, $RTM_GETNEIGH, $DUMP, ++$dump, 0, $family, 0, 0, 0, 0), 0;
        for (my $more = 1; $more;) {
            my $from = recv $netlink, my $bytes, 65536, 0;
            return if !defined $from || !length $bytes;
            for (my $at = 0; $at + 16 <= length $bytes;) {
                my ($length, $type, undef, $number) = unpack 'L S S L', substr $bytes, $at, 12;
                last if $length < 16;
                if ($number != $dump) { $at += ($length + 3) & ~3; next }
                if ($type == $MESSAGE_DONE || $type == $MESSAGE_ERROR) { $more = 0; last }
                my ($theirs, $index, $state) = unpack 'C x3 l S', substr $bytes, $at + 16, 10;
                for (my $attribute = $at + 28; $attribute + 4 <= $at + $length;) {
                    my ($size, $what) = unpack 'S S', substr $bytes, $attribute, 4;
                    last if $size < 4;
                    if ($what == 1 && $theirs == $family && $state & $LEARNED) {
                        my $address = substr $bytes, $attribute, $size;
                        my $message = pack('C x3 l S C C', $family, $index, 0, 0, 0) . $address;
                        $do->("$index $address", pack('L S S L L', 16 + length $message, $RTM_DELNEIGH, 1, 2, 0) . $message);
                    }
                    $attribute += ($size + 3) & ~3;
                }
                $at += ($length + 3) & ~3;
            }
        }
    }
}

sub know_neighbours {
    return if $netlink;
    socket($netlink, 16, SOCK_RAW, 0) or return;
    each_neighbour(sub { $known_before{ $_[0] } = 1 });
}

sub forget_neighbours {
    return if !$netlink;
    my @delete;
    each_neighbour(sub { push @delete, $_[1] if !$known_before{ $_[0] } });
    send $netlink, $_, 0 for @delete;
}

1;
