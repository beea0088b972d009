/**
 * Containers on a real kernel: two pods on one wire, and a crowd of pods on none. Needs root, ip, nsenter, perl.
 * Written for node:test, so that it also runs where starting vitest would take longer than the tests.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readLog } from '../../src/process/logs.ts'
import { recordStop } from '../../src/process/records.ts'
import { shellLines, shellPrelude } from '../../src/process/shell.ts'
import type { ContainerSpec } from '../../src/process/spec.ts'
import { startProcesses } from '../../src/process/start.ts'
import { processStates, runningIn } from '../../src/process/states.ts'
import { endProcesses, pidsInNamespaces, stopProcesses } from '../../src/process/stop.ts'
import { programs } from '../../src/process/supervisor.ts'
import { isRoot } from '../../src/netns/paths.ts'

const skip = !isRoot()
  ? 'needs root, to make network namespaces'
  : (['ip', 'nsenter', 'perl'].find((tool) => spawnSync(tool, ['--version']).error !== undefined)?.concat(' is missing') ?? false)

const prefix = `nlt-${randomBytes(4).toString('hex')}`
const [a, b] = [`${prefix}.a`, `${prefix}.b`]
const pods = Number(process.env['NETLAB_TEST_PODS'] ?? 500)
const made: string[] = []
let dir = ''

function ipBatch(lines: string[]): void {
  execFileSync('ip', ['-batch', '-'], { input: lines.join('\n') + '\n' })
}

function addNamespaces(names: string[]): void {
  made.push(...names)
  ipBatch(names.map((name) => `netns add ${name}`))
}

/** Runs a program in a namespace and returns what it printed. */
function inside(ns: string, command: string[], input = ''): string {
  return execFileSync('nsenter', [`--net=/run/netns/${ns}`, ...command], { input, encoding: 'utf8', timeout: 60_000 })
}

/** Connects, says something or nothing, hears everything. Prints its address as the responder would, then what it heard. */
const clientSource = String.raw`
use strict; use IO::Socket::IP; use Socket;
my ($type, $host, $port, $say) = @ARGV;
my $s = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Type => $type eq "udp" ? SOCK_DGRAM : SOCK_STREAM)
  or die "$host $port: $@\n";
print $s->sockhost =~ /:/ ? "[" . $s->sockhost . "]" : $s->sockhost, ":", $s->sockport, "\n";
$say =~ s/\\n/\n/g; $SIG{PIPE} = "IGNORE"; $say =~ s/\\r/\r/g;
for my $part ($type eq "udp" ? $say : unpack "(a25000)*", $say) {
  defined syswrite $s, $part or die "write: $!\n"; select undef, undef, undef, 0.02 if length $part == 25000
}
$SIG{ALRM} = sub { die "no answer\n" }; alarm 10;
if ($type eq "udp") { recv $s, my $heard, 1000, 0; print $heard }
else { while (1) { my $n = sysread($s, my $heard, 1000); die "read: $!\n" unless defined $n; last unless $n; print $heard } }`

function client(ns: string, type: 'tcp' | 'udp', host: string, port: number, say = ''): { self: string; heard: string } {
  const output = inside(ns, ['perl', '-e', clientSource, '--', type, host, String(port), say])
  const cut = output.indexOf('\n')
  return { self: output.slice(0, cut), heard: output.slice(cut + 1) }
}

/** Many connections at once; prints how many were answered rightly. "idle": they are held and say nothing more. */
const crowdSource = String.raw`
use strict; use Socket; use Fcntl;
my ($mode, $host, $port, $count, $say) = @ARGV; $| = 1;
my (%s, $good, $mask); $mask = "";
for (1 .. $count) {
  socket(my $s, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
  fcntl($s, F_SETFL, O_NONBLOCK) if $mode ne "idle";
  connect($s, pack_sockaddr_in($port, inet_aton($host))) or $!{EINPROGRESS} or die "connect: $!\n";
  syswrite $s, $say if length $say;
  $s{fileno $s} = $s; vec($mask, fileno $s, 1) = 1;
}
print "held\n"; if ($mode eq "idle") { sleep 60; exit }
$SIG{ALRM} = sub { print "$good\n"; exit }; alarm 20; my %heard;
while (%s) {
  select(my $r = $mask, undef, undef, undef);
  for my $fd (grep { vec($r, $_, 1) } keys %s) {
    my $n = sysread($s{$fd}, my $text, 1000);
    if ($n) { $heard{$fd} .= $text; next }
    my ($p, $h) = unpack_sockaddr_in(getsockname $s{$fd});
    $good++ if defined $n && $heard{$fd} eq "pod-b " . inet_ntoa($h) . ":$p\n";
    vec($mask, $fd, 1) = 0; delete $s{$fd};
  }
}
print "$good\n";`

const responder = (id: string, ns: string, ...listen: [number, 'TCP' | 'UDP' | 'SCTP'][]): ContainerSpec => ({
  id,
  ns,
  hostname: id,
  pod: id,
  container: 'main',
  listen: listen.map(([port, protocol]) => ({ port, protocol })),
})
const command = (id: string, ns: string, ...words: string[]): ContainerSpec => ({
  id,
  ns,
  hostname: id,
  pod: `shop/${id}`,
  container: 'main',
  listen: [],
  command: words,
  addresses: ['10.0.0.1', 'fd00::1'],
})

async function log(id: string, follow = true): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of readLog(dir, id, { follow })) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

const fileOf = (pid: number, name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8')
const pidOf = (id: string) => processStates(dir).find((state) => state.id === id)!.pid
const stateLetter = (pid: number) => (existsSync(`/proc/${pid}/stat`) ? /\) (\w)/.exec(fileOf(pid, 'stat'))![1] : 'gone')
const commandLines = (ns: string) =>
  pidsInNamespaces([ns]).map((pid) => {
    try {
      return fileOf(pid, 'cmdline').replaceAll('\0', ' ').trim()
    } catch {
      return 'ended meanwhile'
    }
  })
const supervisors = () =>
  readdirSync(dir)
    .filter((name) => name.startsWith('.supervisor-'))
    .map((name) => Number(name.slice(12)))

async function until(what: string, check: () => boolean): Promise<void> {
  for (let tries = 0; !check(); tries++) {
    assert.ok(tries < 500, `in vain: ${what}`)
    await sleep(10)
  }
}

describe('containers', { skip }, () => {
  before(() => {
    addNamespaces([a, b])
    const wires: [string, string, number][] = [
      [a, b, 1],
      [b, a, 2],
    ]
    inside(a, ['ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', b])
    for (const [ns, , n] of wires) {
      inside(
        ns,
        ['ip', '-batch', '-'],
        `link set lo up\nlink set eth0 up\naddr add 10.9.0.${n}/24 dev eth0
addr add fd09::${n}/64 dev eth0 nodad\n`,
      )
    }
    dir = mkdtempSync(join(tmpdir(), 'netlab-process-'))
  })

  afterEach(async () => {
    await stopProcesses(dir)
    await endProcesses(made)
    assert.deepEqual(pidsInNamespaces(made), [])
    assert.deepEqual(
      readdirSync(dir).filter((name) => !/\.log(\.1)?$/.test(name)),
      [],
    )
  })

  after(async () => {
    await stopProcesses(dir)
    await endProcesses(made)
    ipBatch(made.filter((name) => existsSync(`/run/netns/${name}`)).map((name) => `netns del ${name}`))
    rmSync(dir, { recursive: true, force: true })
  })

  test('the responder says who it is and whom it sees: TCP and UDP, IPv4 and IPv6', async () => {
    assert.deepEqual(await startProcesses(dir, [responder('pod-b', b, [8080, 'TCP'], [53, 'UDP'])]), [])
    for (const [type, port] of [
      ['tcp', 8080],
      ['udp', 53],
    ] as const) {
      for (const host of ['10.9.0.2', 'fd09::2']) {
        const { self, heard } = client(a, type, host, port)
        assert.match(self, host.includes(':') ? /^\[fd09::1\]:\d+$/ : /^10\.9\.0\.1:\d+$/)
        assert.equal(heard, `pod-b ${self}\n`)
      }
    }
    assert.equal(client(a, 'udp', '10.9.0.2', 53, 'what\\nelse').heard.split(' ')[0], 'pod-b')
  })

  test('it speaks HTTP to clients that do', async () => {
    await startProcesses(dir, [responder('pod-b', b, [80, 'TCP'])])
    const get = client(a, 'tcp', '10.9.0.2', 80, 'GET / HTTP/1.1\\r\\nHost: pod-b\\r\\n\\r\\n')
    const line = `pod-b ${get.self}\n`
    const headers = ['Content-Type: text/plain', `Content-Length: ${line.length}`, 'Connection: close']
    assert.equal(get.heard, ['HTTP/1.1 200 OK', ...headers, '', line].join('\r\n'))
    const head = client(a, 'tcp', '10.9.0.2', 80, 'HEAD / HTTP/1.1\\r\\n\\r\\n')
    assert.match(head.heard, /^HTTP\/1\.1 200 OK\r\n[^]*close\r\n\r\n$/)
    const other = client(a, 'tcp', '10.9.0.2', 80, 'GETTING STARTED\\n')
    assert.equal(other.heard, `pod-b ${other.self}\n`)
    const half = client(a, 'tcp', '10.9.0.2', 80, 'GE')
    assert.equal(half.heard, `pod-b ${half.self}\n`)
  })

  test('a client that sends a lot still gets its answer and no reset', async () => {
    await startProcesses(dir, [responder('pod-b', b, [80, 'TCP'])])
    for (const first of ['POST / HTTP/1.1\\r\\n\\r\\n', 'anything']) {
      const { self, heard } = client(a, 'tcp', '10.9.0.2', 80, first + 'x'.repeat(100_000))
      assert.ok(heard.endsWith(`pod-b ${self}\n`))
    }
  })

  test('two responders do not talk to each other for ever', async () => {
    await startProcesses(dir, [responder('pod-a', a, [53, 'UDP']), responder('pod-b', b, [53, 'UDP'])])
    const socket = `use Socket; socket(my $s, AF_INET, SOCK_RAW, 17) or die;
      send($s, pack("nnnn", 53, 53, 10, 0) . "hi", 0, pack_sockaddr_in(0, inet_aton("10.9.0.2"))) or die $!`
    const datagrams = () => Number(/Udp: (\d+)/.exec(inside(b, ['cat', '/proc/self/net/snmp']))?.[1])
    const before = datagrams()
    inside(a, ['perl', '-e', socket])
    await sleep(200)
    assert.equal(datagrams(), before + 1)
  })

  test('200 connections at once, silent and HTTP-less', async () => {
    await startProcesses(dir, [responder('pod-b', b, [8080, 'TCP'])])
    for (const say of ['', '\n']) {
      const begun = performance.now()
      assert.equal(inside(a, ['perl', '-e', crowdSource, '--', 'all', '10.9.0.2', '8080', '200', say]), 'held\n200\n')
      console.log(`# 200 connections${say === '' ? ' that say nothing' : ''}: ${Math.round(performance.now() - begun)} ms`)
    }
  })

  test('idle clients, more than it takes at once, neither block others nor cost memory', async () => {
    await startProcesses(dir, [responder('pod-b', b, [8080, 'TCP'])])
    const rss = () => processStates(dir)[0]!.rssKiB!
    const before = rss()
    const idle = spawn('nsenter', [`--net=/run/netns/${a}`, 'perl', '-e', crowdSource, '--', 'idle', '10.9.0.2', '8080', '900', ''])
    try {
      await new Promise((resolve) => idle.stdout.once('data', resolve))
      const begun = performance.now()
      const { self, heard } = client(a, 'tcp', '10.9.0.2', 8080, '\\n')
      const took = Math.round(performance.now() - begun)
      assert.equal(heard, `pod-b ${self}\n`)
      console.log(`# beside 900 idle connections: answer after ${took} ms, memory ${before} -> ${rss()} KiB`)
      assert.ok(rss() < before + 8192)
      assert.ok(readdirSync(`/proc/${pidOf('pod-b')}/fd`).length < 550)
      await until('idle connections are dropped', () => readdirSync(`/proc/${pidOf('pod-b')}/fd`).length < 10)
      const cpu = () => {
        const [user, system] = fileOf(pidOf('pod-b'), 'stat').split(') ')[1]!.split(' ').slice(11, 13)
        return Number(user) + Number(system)
      }
      const used = cpu()
      await sleep(500)
      assert.ok(cpu() - used <= 2, 'it spins')
    } finally {
      idle.kill()
    }
  })

  test('what cannot start is reported with the reason; the rest runs', async () => {
    const failures = await startProcesses(dir, [
      responder('one', a, [80, 'TCP'], [53, 'UDP']),
      responder('tcp-taken', b, [80, 'TCP']),
      command('no-such', a, 'no-such-program', 'x'),
      command('no-program', a, '/etc/passwd'),
      command('nowhere', `${prefix}.none`, 'true'),
      command('nul', a, 'printf', 'a\0b'),
      command('sleeps', b, 'sleep', '60'),
    ])
    const messages = Object.fromEntries(failures.map(({ id, message }) => [id, message]))
    assert.deepEqual(messages, {
      nul: 'a NUL byte cannot be passed to a program',
      'no-such': 'no-such-program: No such file or directory',
      'no-program': '/etc/passwd: Permission denied',
      nowhere: `network namespace ${prefix}.none: No such file or directory`,
    })
    const more = await startProcesses(dir, [
      responder('tcp-taken-too', b, [80, 'TCP']),
      responder('udp-taken', a, [53, 'UDP']),
      command('sleeps', b, 'sleep', '60'),
    ])
    assert.deepEqual(Object.fromEntries(more.map(({ id, message }) => [id, message])), {
      'tcp-taken-too': 'port 80/tcp: Address already in use (another container of the pod listens there)',
      'udp-taken': 'port 53/udp: Address already in use (another container of the pod listens there)',
      sleeps: 'it is already running',
    })
    const states = Object.fromEntries(processStates(dir).map(({ id, state }) => [id, state]))
    assert.deepEqual([states['one'], states['tcp-taken'], states['sleeps'], states['no-such']], ['running', 'running', 'running', 'exited'])
    assert.equal(client(a, 'tcp', '10.9.0.2', 80).heard.split(' ')[0], 'tcp-taken')
  })

  test('SCTP, where the kernel has it; else a clear refusal', async () => {
    const failures = await startProcesses(dir, [responder('pod-b', b, [8080, 'TCP'], [99, 'SCTP'])])
    const source = String.raw`use Socket; socket(my $s, AF_INET, SOCK_STREAM, 132) or exit 9;
      connect($s, pack_sockaddr_in(99, inet_aton("10.9.0.2"))) or die "connect: $!";
      my ($p, $h) = unpack_sockaddr_in(getsockname $s); print "pod-b ", inet_ntoa($h), ":$p\n"; print while <$s>`
    const words = [`--net=/run/netns/${a}`, 'perl', '-e', source]
    const { status, stdout, stderr } = spawnSync('nsenter', words, { encoding: 'utf8', timeout: 10_000 })
    if (status === 9) {
      console.log('# this kernel has no SCTP')
      assert.deepEqual(failures, [{ id: 'pod-b', message: 'unsupported protocol sctp: this kernel has no sockets for it' }])
    } else {
      assert.deepEqual([failures, stderr], [[], ''])
      const [self, heard] = stdout.split('\n')
      assert.equal(heard, self)
    }
  })

  test('what cannot be put on record does not run', async () => {
    const [record, trace] = [join(dir, 'unwritable.pid'), join(dir, 'it-ran.log')]
    mkdirSync(record)
    try {
      const failures = await startProcesses(dir, [command('unwritable', a, 'touch', trace)])
      assert.deepEqual(failures, [{ id: 'unwritable', message: `${record}: Is a directory` }])
      await sleep(100)
      assert.ok(!existsSync(trace))
    } finally {
      rmSync(record, { recursive: true })
    }
  })

  test('exit codes and signals are recorded; a running one has neither', async () => {
    const begun = Math.floor(Date.now() / 1000)
    await startProcesses(dir, [
      command('three', a, 'sh', '-c', 'exit 3'),
      command('killed', a, 'sh', '-c', 'kill -9 $$'),
      command('runs', a, 'sleep', '60'),
    ])
    await until('both ended', () => processStates(dir).filter(({ exitedAt }) => exitedAt !== undefined).length === 2)
    const states = Object.fromEntries(processStates(dir).map((state) => [state.id, state]))
    const { exitedAt, pid } = states['three']!
    assert.ok(exitedAt! >= begun && exitedAt! <= Date.now() / 1000)
    assert.deepEqual(states['three'], { id: 'three', pid, state: 'exited', exitCode: 3, exitedAt })
    assert.equal(states['killed']?.signal, 9)
    assert.deepEqual(Object.keys(states['runs']!), ['id', 'pid', 'state', 'rssKiB'])
    assert.equal(states['runs']!.state, 'running')
    assert.equal(supervisors().length, 1)
    await stopProcesses(dir, ['runs'])
    await until('the supervisor ends with its last child', () => supervisors().length === 0)
    assert.deepEqual(
      processStates(dir)
        .map(({ id }) => id)
        .sort(),
      ['killed', 'three'],
    )
  })

  test('an old record with the pid of another process is neither shown as running nor ended', async () => {
    const other = spawn('sleep', ['60'])
    try {
      writeFileSync(join(dir, 'old.pid'), `${other.pid} 12345 1\n`)
      writeFileSync(join(dir, '.supervisor-9'), `${other.pid} 12345\n`)
      writeFileSync(join(dir, 'torn.pid'), '')
      assert.deepEqual(
        processStates(dir).map(({ id, state }) => [id, state]),
        [['old', 'exited']],
      )
      await stopProcesses(dir)
      await sleep(20)
      assert.equal(other.signalCode, null)
      assert.ok(!'Zgone'.includes(stateLetter(other.pid!)!))
    } finally {
      other.kill()
    }
  })

  test('inside: host name, environment, devices, stdin, descriptors, session, umask, directory', async () => {
    const script =
      'hostname; env; ls /sys/class/net; readlink /proc/self/fd/0; ls /proc/self/fd; umask; pwd; ' +
      'cat /proc/self/stat; grep Sig /proc/self/status'
    const spec = { ...command('pod-x', a, 'sh', '-c', script), env: { MINE: 'a\n"b\' c=d', POD_NAME: 'mine' } }
    assert.deepEqual(await startProcesses(dir, [spec]), [])
    const text = await log('pod-x')
    assert.match(text, /^pod-x\n/)
    const own = ['HOSTNAME=pod-x', 'POD_NAMESPACE=shop', 'POD_IPS=10.0.0.1,fd00::1', 'CONTAINER_NAME=main']
    for (const line of [...own, 'POD_NAME=mine', 'MINE=a\n"b\' c=d']) {
      assert.ok(text.includes(`\n${line}\n`), line)
    }
    assert.ok(!/^(LC_ALL|NODE|npm)/m.test(text), 'nothing else of ours')
    assert.match(text, /\neth0\nlo\n\/dev\/null\n0\n1\n2\n3\n0022\n\/\n/) // 3 is the listing itself
    const fields = /\n\d+ \(cat\) \w (.*)/.exec(text)![1]!.split(' ')
    const state = processStates(dir)[0]!
    assert.equal(Number(fields[2]), state.pid, 'a session of its own')
    assert.match(text, /SigBlk:\t0+\nSigIgn:\t0+\n/)
    assert.notEqual(readFileSync('/proc/sys/kernel/hostname', 'utf8').trim(), 'pod-x')
  })

  test('arguments arrive as they are', async () => {
    const words = ['two words', '', 'line\nbreak\n', `"'$HOME\`\\`, 'Grüße 🐫', '-n', '*', '\u0001\u007f']
    await startProcesses(dir, [command('args', a, 'perl', '-e', 'print map { "<$_>" } @ARGV', '--', ...words)])
    assert.equal(await log('args'), words.map((word) => `<${word}>`).join(''))
  })

  test('containers of a pod share its loopback and network namespace, and nothing is mounted outside', async () => {
    await startProcesses(dir, [
      responder('pod-b', b, [8080, 'TCP']),
      command('sidecar', b, 'perl', '-e', clientSource, '--', 'tcp', '127.0.0.1', '8080', ''),
      command('mounts', b, 'sh', '-c', `mount -t tmpfs ${prefix}-mount /mnt && touch /mnt/x && ls /mnt && sleep 60`),
    ])
    const [self, heard] = (await log('sidecar')).split('\n')
    assert.equal(heard, `pod-b ${self}`)
    assert.match(self!, /^127\.0\.0\.1:/)
    await until('it has mounted', () => readFileSync(join(dir, 'mounts.log'), 'utf8') === 'x\n')
    assert.ok(fileOf(pidOf('mounts'), 'mountinfo').includes(`${prefix}-mount`))
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(`${prefix}-mount`))
    const [one, two] = [pidOf('pod-b'), pidOf('mounts')].map((pid) => readlinkSync(`/proc/${pid}/ns/net`))
    assert.equal(one, two)
  })

  test('no container keeps a deleted namespace alive', async () => {
    const gone = `${prefix}.gone`
    addNamespaces([gone])
    inside(a, ['ip', 'link', 'add', 'doomed', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', gone])
    await startProcesses(dir, [responder('pod-a', a, [80, 'TCP']), command('other', a, 'sleep', '60')])
    for (const id of ['pod-a', 'other']) assert.ok(!fileOf(pidOf(id), 'mountinfo').includes('nsfs'))
    ipBatch([`netns del ${gone}`])
    await until('its devices are gone', () => !inside(a, ['ip', 'link']).includes('doomed'))
  })

  test('no descriptor is held that is not needed, no zombie stays', async () => {
    await startProcesses(dir, [
      responder('pod-b', b, [8080, 'TCP'], [53, 'UDP']),
      responder('idle', b),
      command('sleeps', b, 'sleep', '60'),
      command('ends', b, 'true'),
    ])
    const target = (path: string) => {
      try {
        return readlinkSync(path).replace(/\[\d+\]/, '')
      } catch {
        return 'closed meanwhile'
      }
    }
    const links = (pid: number) =>
      readdirSync(`/proc/${pid}/fd`)
        .map((fd) => target(`/proc/${pid}/fd/${fd}`))
        .sort()
    const logged = (id: string) => ['/dev/null', join(dir, `${id}.log`), join(dir, `${id}.log`)]
    assert.deepEqual(links(pidOf('pod-b')), [...logged('pod-b'), 'socket:', 'socket:', 'socket:', 'socket:'])
    assert.deepEqual(links(pidOf('idle')), logged('idle'))
    await until('sleep has loaded', () => links(pidOf('sleeps')).join() === logged('sleeps').join())
    await until('true ended', () => processStates(dir).some(({ id, exitCode }) => id === 'ends' && exitCode === 0))
    assert.equal(stateLetter(pidOf('ends')), 'gone')
    assert.match(fileOf(pidOf('pod-b'), 'cmdline'), /^netlab-responder pod-b\0?/)
    const [supervisor] = supervisors()
    const held = () =>
      links(supervisor!)
        .filter((link) => link !== '/dev/null')
        .join()
    await until('the supervisor has let go of its starter', () => held() === '/run/netns')
  })

  test('a responder never ends by itself: SIGTERM is told from work that is done', async () => {
    await startProcesses(dir, [responder('pod-b', b, [8080, 'TCP']), command('sleeps', b, 'sleep', '60')])
    process.kill(pidOf('pod-b'), 'SIGTERM')
    await until('it ended', () => processStates(dir).some(({ id, signal }) => id === 'pod-b' && signal === 15))
  })

  test('what does not run although it should is told from what has done its work, and can be started again', async () => {
    const specs = [
      command('done', b, 'true'),
      command('failed', b, 'false'),
      command('killed', b, 'sleep', '60'),
      command('runs', b, 'sleep', '61'),
      command('stopped', b, 'sleep', '62'),
    ]
    await startProcesses(dir, specs)
    process.kill(pidOf('killed'), 'SIGKILL')
    recordStop(dir, 'stopped')
    const counted = async (): Promise<string[]> => {
      const running = await runningIn(dir)
      return specs.filter((spec) => running(spec) !== undefined).map(({ id }) => id)
    }
    assert.deepEqual(await counted(), ['done', 'runs'])
    const again = specs.filter(({ id }) => ['failed', 'killed', 'stopped'].includes(id))
    assert.deepEqual(await startProcesses(dir, again), [])
    // Until it has failed again it runs.
    for (let tries = 0; tries < 100 && (await counted()).includes('failed'); tries++) await sleep(20)
    assert.deepEqual(await counted(), ['done', 'killed', 'runs', 'stopped'])
    assert.equal(commandLines(b).filter((line) => line === 'sleep 62').length, 1)
    assert.deepEqual(await startProcesses(dir, [specs[3]!]), [{ id: 'runs', message: 'it is already running' }])
    for (const pid of supervisors()) process.kill(pid, 'SIGKILL')
    await until('they are gone', () => supervisors().every((pid) => stateLetter(pid) === 'gone'))
    assert.deepEqual(await counted(), ['done'])
    assert.deepEqual(await startProcesses(dir, [specs[3]!]), [])
    assert.equal(commandLines(b).filter((line) => line === 'sleep 61').length, 1)
  })

  test('stopping ends the stubborn, their children and their daemons', async () => {
    const daemon = `perl -MPOSIX -e '$SIG{TERM} = "IGNORE"; exit if fork; POSIX::setsid(); exit if fork; sleep 60'`
    await startProcesses(dir, [
      command('stubborn', a, 'sh', '-c', `trap '' TERM; ${daemon}; sleep 61 & sleep 62`),
      command('left', a, 'sh', '-c', 'sleep 63 & exit 0'),
    ])
    const there = ['sleep 61', 'sleep 62', 'sleep 63', 'sleep 60']
    await until('all are there', () => there.every((words) => commandLines(a).some((line) => line.includes(words))))
    const pids = pidsInNamespaces([a])
    const begun = performance.now()
    await stopProcesses(dir)
    console.log(`# stopped after ${Math.round(performance.now() - begun)} ms`)
    assert.deepEqual(
      pids.filter((pid) => !'Zgone'.includes(stateLetter(pid)!)),
      [],
    )
    assert.deepEqual(processStates(dir), [])
  })

  test('only the chosen are stopped', async () => {
    await startProcesses(dir, [
      responder('pod-b', b, [80, 'TCP']),
      command('one', b, 'sh', '-c', 'sleep 61 & sleep 60'),
      command('two', b, 'sleep', '60'),
    ])
    await stopProcesses(dir, ['one'])
    assert.deepEqual(
      processStates(dir)
        .map(({ id, state }) => [id, state])
        .sort(),
      [
        ['pod-b', 'running'],
        ['two', 'running'],
      ],
    )
    assert.equal(pidsInNamespaces([b]).length, 2)
    assert.deepEqual(await startProcesses(dir, [command('one', b, 'sleep', '60')]), [])
    assert.equal(supervisors().length, 2)
  })

  test('kill -9 of the supervisor, then stop: nothing is left', async () => {
    await startProcesses(dir, [
      responder('pod-b', b, [80, 'TCP']),
      command('two', b, 'sh', '-c', 'sleep 61 & exec sleep 60'),
      command('three', b, 'sh', '-c', 'sleep 59 & exit 0'),
    ])
    await until('all are there', () => ['sleep 61', 'sleep 60', 'sleep 59'].every((words) => commandLines(b).includes(words)))
    process.kill(supervisors()[0]!, 'SIGKILL')
    await sleep(20)
    const states = processStates(dir).map(({ id, state }) => `${id} ${state}`)
    assert.deepEqual(states.sort(), ['pod-b running', 'three exited', 'two running'])
    await stopProcesses(dir)
    assert.deepEqual(pidsInNamespaces([b]), [])
  })

  test('killed at any moment of the start: stop finds everything', async () => {
    const specs = Array.from({ length: 24 }, (_, n) =>
      n % 2 === 0 ? responder(`r${n}`, a, [1000 + n, 'TCP']) : command(`c${n}`, b, 'sleep', '60'),
    )
    for (let delay = 0; delay < 60; delay += 4) {
      const started = startProcesses(dir, specs).catch((error: unknown) => error)
      await sleep(delay)
      const [supervisor] = existsSync(dir) ? supervisors() : []
      if (supervisor !== undefined) process.kill(supervisor, delay % 8 === 0 ? 'SIGKILL' : 'SIGTERM')
      await stopProcesses(dir)
      await started
      await stopProcesses(dir)
      assert.deepEqual(pidsInNamespaces([a, b]), [], `after ${delay} ms`)
    }
  })

  test('an abort rejects with its reason and leaves nothing', async () => {
    const specs = Array.from({ length: 40 }, (_, n) => responder(`r${n}`, a, [1000 + n, 'TCP']))
    for (const delay of [0, 15, 30, 45]) {
      const abort = new AbortController()
      const started = startProcesses(dir, specs, { signal: abort.signal })
      setTimeout(() => abort.abort(new Error('interrupted')), delay)
      const outcome = await started.catch((error: unknown) => error)
      if (!Array.isArray(outcome)) assert.equal((outcome as Error).message, 'interrupted')
      await (Array.isArray(outcome) ? stopProcesses(dir) : undefined)
      assert.deepEqual(pidsInNamespaces([a]), [])
      await until('the supervisor ended', () => supervisors().length === 0)
    }
  })

  test('the starter dies before it said what to start: nothing runs', async () => {
    const unfinished = ['1', 'x', a, 'x', 'x', '/', '0', '0', '1', 'true', ''].join('\0') // "end" is missing
    const words = JSON.stringify([programs.supervisor, dir, programs.responder])
    const source = `import { spawn } from 'node:child_process'
      const child = spawn('perl', ${words}, { detached: true, stdio: ['pipe', 'pipe', 'inherit'] })
      child.stdout.once('data', () => child.stdin.write(${JSON.stringify(unfinished)}, () => process.kill(process.pid, 'SIGKILL')))`
    assert.equal(spawnSync(process.execPath, ['--input-type=module', '-e', source], { stdio: 'inherit' }).signal, 'SIGKILL')
    await until('the supervisor left', () => supervisors().length === 0)
    assert.deepEqual(processStates(dir), [])
  })

  test('a namespace is emptied of all processes but the one that asks', async () => {
    const session = spawn('nsenter', [`--net=/run/netns/${b}`, 'sh', '-c', 'trap "" TERM; while :; do sleep 1; done'])
    await until('it is in', () => pidsInNamespaces([b]).includes(session.pid!))
    await endProcesses([a], [session.pid!])
    assert.equal(session.signalCode, null, 'not a member of the namespace named')
    await endProcesses([b, `${prefix}.none`])
    assert.deepEqual(pidsInNamespaces([b]), [])
    assert.deepEqual(pidsInNamespaces([]), [])
  })

  test('a log is followed to its end, and a missing one is empty', async () => {
    assert.equal(await log('missing'), '')
    await startProcesses(dir, [command('slow', a, 'sh', '-c', 'echo one; sleep 0.3; echo two >&2')])
    assert.equal(await log('slow'), 'one\ntwo\n')
    await until('it is over', () => processStates(dir)[0]!.state === 'exited')
    await startProcesses(dir, [command('slow', a, 'echo', 'again')])
    assert.equal(await log('slow'), 'one\ntwo\nagain\n')
    const abort = new AbortController()
    await startProcesses(dir, [command('long', a, 'sleep', '60')])
    setTimeout(() => abort.abort(), 50)
    for await (const _ of readLog(dir, 'long', { follow: true, signal: abort.signal })) assert.fail('it is silent')
  })

  test('records and logs are for root alone, and a log does not grow for ever', async () => {
    const line = 'one of very many lines that this container prints'
    await startProcesses(dir, [command('talks', a, 'sh', '-c', `yes '${line}' | head -c 20000000; echo the last; exec sleep 60`)])
    const sizeOf = (file: string): number => statSync(join(dir, file), { throwIfNoEntry: false })?.size ?? 0
    for (let tries = 0; tries < 300 && !(sizeOf('talks.log.1') > 0 && sizeOf('talks.log') < 5_000_000); tries++) await sleep(100)
    assert.ok(sizeOf('talks.log') < 5_000_000, `${sizeOf('talks.log')} bytes`)
    assert.ok(sizeOf('talks.log.1') <= 9_000_000, `${sizeOf('talks.log.1')} bytes`)
    assert.match(await log('talks', false), /the last\n$/)
    const modes = readdirSync(dir).map((file) => [file, (statSync(join(dir, file)).mode & 0o777).toString(8)])
    assert.deepEqual(
      modes.filter(([, mode]) => mode !== '600'),
      [],
    )
  })

  test('a shell script starts the same containers', async () => {
    const words = 'hostname; echo "$POD_NAME $POD_IPS $MINE"; ls /sys/class/net; echo "$1"; sleep 60'
    const specs = [
      responder('pod-b', b, [8080, 'TCP'], [53, 'UDP']),
      { ...command('sh', b, 'sh', '-c', words, 'sh', `it's\n"so"`), env: { MINE: '$HOME *' } },
    ]
    const script = `set -eu\n${shellPrelude(specs)}${specs.flatMap((spec) => shellLines(spec, dir)).join('\n')}\n`
    for (const shell of ['dash', 'bash'].filter((name) => spawnSync(name, ['-c', ':']).error === undefined)) {
      execFileSync(shell, ['-s'], { input: script })
      const { self, heard } = client(a, 'tcp', '10.9.0.2', 8080)
      assert.equal(heard, `pod-b ${self}\n`)
      assert.throws(() => execFileSync(shell, ['-s'], { input: script, stdio: 'pipe' }), /port 8080\/tcp: Address already in use/)
      await until('it has spoken', () => readFileSync(join(dir, 'sh.log'), 'utf8').endsWith('"so"\n'))
      assert.equal(readFileSync(join(dir, 'sh.log'), 'utf8'), `sh\nsh 10.0.0.1,fd00::1 $HOME *\neth0\nlo\nit's\n"so"\n`)
      await endProcesses([b])
      rmSync(join(dir, 'sh.log'))
    }
  })

  test(`${pods} pods with a responder each`, async () => {
    const names = Array.from({ length: pods }, (_, n) => `${prefix}.p${n}`)
    addNamespaces(names)
    const begun = performance.now()
    assert.deepEqual(
      await startProcesses(
        dir,
        names.map((ns, n) => responder(`p${n}`, ns, [8080, 'TCP'], [53, 'UDP'])),
      ),
      [],
    )
    const started = performance.now()
    const states = processStates(dir)
    const read = performance.now()
    assert.equal(states.filter(({ state }) => state === 'running').length, pods)
    const pss = states.map(({ pid }) => Number(/^Pss:\s+(\d+)/m.exec(fileOf(pid, 'smaps_rollup'))![1]))
    const mean = Math.round(pss.reduce((x, y) => x + y) / pods)
    const stopping = performance.now()
    await stopProcesses(dir)
    console.log(
      `# ${pods} responders: started in ${Math.round(started - begun)} ms, states read in ${Math.round(read - started)} ms, ` +
        `stopped in ${Math.round(performance.now() - stopping)} ms; PSS ${mean} KiB each, at most ${Math.max(...pss)}`,
    )
    assert.ok(Math.max(...pss) <= 3 * 1024)
  })
})
