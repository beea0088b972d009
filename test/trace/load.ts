/** What makes a machine hard to trace on: processors that are never free, and a lab full of other people's packets. */
import { spawn, type ChildProcess } from 'node:child_process'
import { availableParallelism } from 'node:os'
import type { Lab } from '../support/lab.ts'
import { inside } from '../support/run.ts'

export interface Load {
  stop(): void
}

function start(commands: readonly (readonly string[])[]): Load {
  // Process 1 of the test's machine ends what this leaves behind, should it be killed.
  const children = commands.map((argv): ChildProcess => spawn(argv[0]!, argv.slice(1), { stdio: 'ignore' }))
  return {
    stop: () => {
      for (const child of children) child.kill('SIGKILL')
    },
  }
}

/** One process a processor that never sleeps. */
export const busy = (): Load => start(Array.from({ length: availableParallelism() }, () => ['perl', '-e', '1 while 1']))

/** Datagrams of every length a probe can have, in bursts, without waiting for answers: about 4000 a second on an idle machine. */
const DATAGRAMS = `
use Socket;
my ($to, $port) = @ARGV;
socket my $socket, AF_INET, SOCK_DGRAM, 0 or die $!;
my $there = pack_sockaddr_in $port, inet_aton $to;
while (1) {
    send $socket, 'x' x (69 + int rand 40), 0, $there for 1 .. 20;
    select undef, undef, undef, 0.005;
}`

/** Connections to a port, opened and closed one after the other. */
const CONNECTIONS = `
use Socket;
my ($to, $port) = @ARGV;
while (1) {
    socket my $socket, AF_INET, SOCK_STREAM, 0 or die $!;
    $SIG{ALRM} = sub { };
    alarm 1;
    connect $socket, pack_sockaddr_in $port, inet_aton $to;
    close $socket;
    select undef, undef, undef, 0.002;
}`

/**
 * Floods the way the traces take and the ways beside it: echo requests as fast as they are answered, of lengths a probe
 * may have; datagrams and connections to the very ports that are traced.
 * @param to address of pod-b
 */
export function flood(lab: Lab, to: string): Load {
  const perl = (script: string, port: number): string[] => ['perl', '-e', script, to, String(port)]
  return start([
    inside(lab.ns('pod-a'), ['ping', '-f', '-q', '-s', '80', to]),
    inside(lab.ns('pod-c'), ['ping', '-f', '-q', '-s', '95', to]),
    inside(lab.ns('pod-a'), perl(DATAGRAMS, 5353)),
    inside(lab.ns('pod-c'), perl(CONNECTIONS, 8080)),
    inside(lab.ns('pod-a'), perl(CONNECTIONS, 8080)),
  ])
}
