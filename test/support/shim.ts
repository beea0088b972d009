/** Tools that misbehave on demand: a directory to put first in PATH. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Passes everything on to the real tool, but a batch only up to the first line that matches a pattern: that line
 * `fails` with the kernel's words, or is `swallowed` as if it had been done. Or somebody is sent a signal just before
 * it, and all goes on: `netlab SIGNAL` or `worker SIGNAL`, the process that started this one.
 */
const SHIM = String.raw`#!/usr/bin/perl
use strict; use warnings;
my ($tool) = $0 =~ m{([^/]+)$};
my ($real) = grep { -x && $_ ne $0 } map {"$_/$tool"} qw(/usr/local/sbin /usr/sbin /sbin /usr/bin /bin);
my ($how, $pattern) = ($ENV{SHIM_HOW}, $ENV{SHIM_LINE});
exec $real, @ARGV unless grep { $_ eq '-batch' || $_ eq '--noflush' } @ARGV;
my @lines = <STDIN>;
my ($n) = grep { $lines[$_] =~ /$pattern/ } 0 .. $#lines;
if (defined $n && $how =~ /^(\w+) ([A-Z]+)$/) {
  my ($who, $signal, $pid) = ($1, $2, getppid);
  while ($who eq 'netlab' && $pid > 1) {
    open my $file, '<', "/proc/$pid/cmdline" or last;
    last if <$file> =~ /netlab\.js/;
    open my $stat, '<', "/proc/$pid/stat" or last;
    $pid = (split ' ', <$stat> =~ s/.*\)//sr)[1];
  }
  kill $signal, $pid if $pid > 1;
  select undef, undef, undef, 0.3;
  undef $n;
}
@lines = @lines[0 .. $n - 1] if defined $n && $how eq 'fails' && "@ARGV" =~ /batch/;
splice @lines, $n, 1 if defined $n && $how eq 'swallowed';
if (!defined $n || $how eq 'swallowed' || "@ARGV" =~ /batch/) {
  open(my $pipe, '|-', $real, @ARGV) or die "$real: $!";
  print {$pipe} @lines;
  close $pipe or exit($? >> 8);
}
exit 0 if !defined $n || $how eq 'swallowed';
print STDERR "@ARGV" =~ /batch/ ? "RTNETLINK answers: No buffer space available\nCommand failed -:" . ($n + 1) . "\n"
  : "$tool: line " . ($n + 1) . " failed\n";
exit 1;
`

/** The environment in which these tools misbehave where a line of their input matches. */
export function misbehaving(
  dir: string,
  how: 'fails' | 'swallowed' | `${'netlab' | 'worker'} ${'KILL' | 'INT' | 'TERM'}`,
  line: RegExp,
): Record<string, string> {
  const bin = join(dir, 'shim')
  mkdirSync(bin, { recursive: true })
  for (const tool of ['ip', 'bridge', 'iptables-restore', 'ip6tables-restore']) {
    writeFileSync(join(bin, tool), SHIM)
    chmodSync(join(bin, tool), 0o755)
  }
  return { PATH: `${bin}:${process.env['PATH']}`, SHIM_HOW: how, SHIM_LINE: line.source }
}
