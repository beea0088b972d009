/** Tools that misbehave on demand: a directory to put first in PATH. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Passes everything on to the real tool, but a batch only up to the first line that matches a pattern: that line
 * `fails` with the kernel's words, or is `swallowed` as if it had been done. Or a process is sent a signal just before
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

/** The environment in which these tools misbehave where a line of their input matches, and in which they run all lines. */
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
  return { PATH: `${bin}:${process.env['PATH']}`, SHIM_HOW: how, SHIM_LINE: line.source, NETLAB_EXEC: 'commands' }
}

/** Writes down that it was started, for which namespace, and becomes the real tool. */
const TALLY = String.raw`#!/usr/bin/perl
use strict; use warnings;
my ($tool) = $0 =~ m{([^/]+)$};
my ($real) = grep { -x && $_ ne $0 } map {"$_/$tool"} qw(/usr/local/sbin /usr/sbin /sbin /usr/bin /bin);
open my $log, '>>', $ENV{SHIM_LOG} or die "$ENV{SHIM_LOG}: $!";
syswrite $log, join(' ', (stat '/proc/self/ns/net')[1], $tool, @ARGV) . "\n";
exec $real, @ARGV;
`

/** The environment in which these tools say that they were started, and what was said since the last time. */
export function counted(
  dir: string,
  tools: readonly string[],
): { readonly env: Record<string, string>; readonly started: () => { readonly inode: number; readonly command: string }[] } {
  const bin = join(dir, 'counted')
  const log = join(dir, 'started')
  mkdirSync(bin, { recursive: true })
  writeFileSync(log, '')
  for (const tool of tools) {
    writeFileSync(join(bin, tool), TALLY)
    chmodSync(join(bin, tool), 0o755)
  }
  return {
    env: { PATH: `${bin}:${process.env['PATH']}`, SHIM_LOG: log },
    started() {
      const lines = readFileSync(log, 'utf8').split('\n').filter(Boolean)
      writeFileSync(log, '')
      return lines.map((line) => {
        const at = line.indexOf(' ')
        return { inode: Number(line.slice(0, at)), command: line.slice(at + 1) }
      })
    },
  }
}
