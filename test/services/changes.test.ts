/** Services of a running lab that changes: where clients are sent afterwards, and that connections which need not change are left alone. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { Conversation, end, probe, serve } from '../support/probe.ts'
import { inside, output } from '../support/run.ts'
import { addressOf, type Document } from './rows.ts'

ownMachine()
oneProcess()
process.env['NETLAB_PROBE_SECONDS'] ??= '3'

const PORTS = [
  { name: 'http', containerPort: 8080 },
  { name: 'dns', containerPort: 5353, protocol: 'UDP' },
]
const web = (host: string, more: object = {}): object => ({
  host,
  labels: { app: 'web' },
  containers: [{ name: 'c', ports: PORTS }],
  ...more,
})
const ports = [
  { name: 'http', port: 80, targetPort: 'http' },
  { name: 'dns', port: 53, targetPort: 'dns', protocol: 'UDP' },
  { name: 'talk', port: 7000 },
]
const BASE = {
  network: { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'] },
  hosts: { 'node-1': {}, 'node-2': {} },
  externals: { outside: {} },
}
const SERVICES = {
  web: { type: 'NodePort', selector: { app: 'web' }, ports: [ports[0], { ...ports[1], nodePort: 30053 }, ports[2]] },
  sticky: { selector: { app: 'web' }, sessionAffinity: 'ClientIP', ports, ipFamilyPolicy: 'PreferDualStack' },
  brief: { selector: { app: 'web' }, sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } }, ports },
}
const topology = (ready: readonly boolean[], more: object = {}): object => ({
  ...BASE,
  pods: Object.fromEntries([
    ...ready.map((r, i): [string, object] => [`web-${i + 1}`, web(`node-${(i % 2) + 1}`, { ready: r })]),
    ['asker', { host: 'node-1' }],
  ]),
  services: { ...SERVICES, ...more },
})

/** One UDP socket for all questions, so that the connection tracker knows it. */
class Datagrams {
  readonly #child: ChildProcess
  #heard = ''

  constructor(ns: string, address: string, port: number) {
    const script = `use IO::Socket::IP; $|=1; my $s = IO::Socket::IP->new(PeerHost=>$ARGV[0],PeerPort=>$ARGV[1],Proto=>'udp') or die; while (<STDIN>) { $s->send("q\\n"); my $r=''; eval { local $SIG{ALRM}=sub{die}; alarm 2; $s->recv($r, 200); alarm 0 }; chomp $r; print "[$r]\\n" }`
    const argv = inside(ns, ['perl', '-e', script, address, String(port)])
    this.#child = spawn(argv[0]!, argv.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.stdout!.on('data', (chunk: Buffer) => (this.#heard += chunk.toString()))
  }

  /** Who answers: the pod's name, or nothing. */
  async ask(): Promise<string> {
    this.#heard = ''
    this.#child.stdin!.write('\n')
    while (!this.#heard.includes('\n')) await once(this.#child.stdout!, 'data')
    return this.#heard.replace(/^\[/, '').split(/[ \]]/)[0]!
  }

  end(): Promise<void> {
    return end(this.#child)
  }
}

/**
 * Connects again and again, one after the other, until it is told to stop. With a breath between: without one it takes a
 * processor away from the changes it is there to watch.
 */
class Stream {
  readonly #child: ChildProcess
  #heard = ''

  constructor(ns: string, address: string, port: number) {
    const script = `use IO::Socket::IP; my ($ok, %bad); $SIG{TERM} = sub { print "$ok ", join(',', map {"$_ x$bad{$_}"} keys %bad), "\n"; exit 0 };
      while (1) { select undef, undef, undef, 0.005; my $s = IO::Socket::IP->new(PeerHost=>$ARGV[0],PeerPort=>$ARGV[1],Timeout=>3); if (!$s) { $bad{"$!"}++; next } print $s "q\n"; $s->flush; my $l = <$s>; defined $l ? $ok++ : $bad{"no answer"}++ }`
    const argv = inside(ns, ['perl', '-e', script, address, String(port)])
    this.#child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child.stdout!.on('data', (chunk: Buffer) => (this.#heard += chunk.toString()))
  }

  /** How many connections were answered, and what became of the others. */
  async stop(): Promise<{ answered: number; others: string }> {
    const closed = once(this.#child, 'close')
    this.#child.kill('SIGTERM')
    await closed
    const [answered, ...others] = this.#heard.trim().split(' ')
    return { answered: Number(answered), others: others.join(' ') }
  }
}

/** Times the lab changes under a stream of connections. */
const CHANGES = Number(process.env['NETLAB_CHANGES'] ?? 50)

describe('a Service whose pods come and go', { skip: unable }, () => {
  let lab: Lab
  let document: Document
  const names = async (from: string, to: string, port: number, count: number): Promise<string[]> => {
    const answers = await probe(
      lab.ns(from),
      Array.from({ length: count }, () => ({ kind: 'tcp' as const, to: addressOf(document, to), port })),
    )
    return answers.map((a) => (a.outcome === 'ok' ? a.text.split(' ')[0]! : a.outcome))
  }
  const change = async (ready: readonly boolean[], more: object = {}): Promise<void> => {
    lab.write(topology(ready, more))
    document = (await lab.mustUp()) as Document
    assert.equal(document.outcome, 'changed')
  }

  before(async () => {
    lab = new Lab(topology([true, true, true]))
    document = (await lab.mustUp()) as Document
  })
  after(() => lab?.remove())

  test('ClientIP affinity: a client keeps the pod it got, another may get another', async () => {
    const [first] = await names('asker', 'svc/sticky', 80, 1)
    assert.deepEqual([...new Set(await names('asker', 'svc/sticky', 80, 30))], [first])
    const [six] = await names('asker', 'svc/sticky!6', 80, 1)
    assert.deepEqual([...new Set(await names('asker', 'svc/sticky!6', 80, 20))], [six])
  })

  test('a timeout of a second forgets', async () => {
    const heard = new Set<string>()
    for (let i = 0; i < 12 && heard.size < 2; i++) {
      for (const name of await names('asker', 'svc/brief', 80, 1)) heard.add(name)
      await sleep(2100)
    }
    assert.ok(heard.size > 1, `always ${[...heard].join()}`)
  })

  test('a pod that is no longer ready gets no new connections, and UDP clients are taken from it', async () => {
    const inside_ = new Datagrams(lab.ns('asker'), addressOf(document, 'svc/web'), 53)
    const outside = new Datagrams(lab.ns('outside'), addressOf(document, 'node-1'), 30053)
    try {
      const had = [await inside_.ask(), await outside.ask()]
      assert.deepEqual([await inside_.ask(), await outside.ask()], had, 'a client stays with its pod')
      const ready = [1, 2, 3].map((n) => !had.includes(`web-${n}`))
      await change(ready)
      const left = ready.flatMap((r, i) => (r ? [`web-${i + 1}`] : []))
      for (const client of [inside_, outside])
        assert.ok(left.includes(await client.ask()), 'asked by the same socket, one of those that are left answers')
      assert.deepEqual([...new Set(await names('asker', 'svc/web', 80, 40))].sort(), left)
    } finally {
      await inside_.end()
      await outside.end()
    }
  })

  test('when the last one leaves clients are refused, when the first one comes it answers, also those who kept asking', async () => {
    const client = new Datagrams(lab.ns('asker'), addressOf(document, 'svc/web'), 53)
    try {
      await change([false, false, false])
      assert.deepEqual([...new Set(await names('asker', 'svc/web', 80, 2))], ['refused'])
      assert.equal(await client.ask(), '')
      await change([false, true, false])
      assert.equal(await client.ask(), 'web-2')
      assert.deepEqual([...new Set(await names('asker', 'svc/web', 80, 4))], ['web-2'])
    } finally {
      await client.end()
    }
  })

  test('when a node port or an external address comes, it answers those who kept asking', async () => {
    const late = { selector: { app: 'web' }, ports: [{ ...ports[1] }] }
    await change([true, true, true], { late })
    const clients = [
      new Datagrams(lab.ns('outside'), addressOf(document, 'node-1'), 30_054),
      new Datagrams(lab.ns('asker'), '192.0.2.53', 53),
    ]
    try {
      for (const client of clients) assert.equal(await client.ask(), '')
      await change([true, true, true], {
        late: { ...late, type: 'NodePort', externalIPs: ['192.0.2.53'], ports: [{ ...ports[1], nodePort: 30_054 }] },
      })
      for (const client of clients) assert.match(await client.ask(), /^web-[123]$/)
    } finally {
      for (const client of clients) await client.end()
    }
  })

  test('connections live on while Services come, change and go, and no address moves', async () => {
    // The only one that listens on the port of the connection.
    await change([false, true, false])
    const before_ = document.services.map((s) => [s.name, s.clusterIP, s.ports.map((p) => p.nodePort)])
    const server = await serve(lab.ns('web-2'), '0.0.0.0', 7000)
    const talk = await Conversation.start(lab.ns('asker'), addressOf(document, 'svc/web'), 7000)
    try {
      await talk.goesOn()
      const more = { another: { type: 'NodePort', selector: { app: 'web' }, ports } }
      for (const [ready, services] of [
        [[true, true, true], more],
        [[true, false, true], more],
        [[true, true, true], {}],
      ] as const) {
        await change(ready, services)
        await talk.goesOn()
        assert.deepEqual(
          document.services.slice(0, 3).map((s) => [s.name, s.clusterIP, s.ports.map((p) => p.nodePort)]),
          before_,
        )
      }
    } finally {
      await talk.end()
      await end(server)
    }
  })

  test(`${CHANGES} changes of Services under a stream of connections: every one is answered`, async () => {
    await change([true, true, true], { more0: { selector: { app: 'web' }, ports } })
    const streams = [
      new Stream(lab.ns('asker'), addressOf(document, 'svc/web'), 80),
      new Stream(lab.ns('node-2'), addressOf(document, 'svc/sticky!6'), 80),
    ]
    for (let i = 1; i <= CHANGES; i++) await change([true, i % 2 === 0, i % 3 !== 0], { [`more${i}`]: { selector: { app: 'web' }, ports } })
    for (const stream of streams) {
      const { answered, others } = await stream.stop()
      assert.equal(others, '')
      assert.ok(answered > CHANGES * 5, `only ${answered}`)
    }
  })

  test('without Services nothing of them is left', async () => {
    lab.write({ ...(topology([true, true, true]) as { services: object }), services: {} })
    await lab.mustUp()
    await lab.mustBeHealthy()
    for (const save of ['iptables-save', 'ip6tables-save']) {
      const rules = await output(inside(lab.ns('node-1'), [save]))
      assert.doesNotMatch(rules, /default\//)
    }
  })
})

describe('a port of a host that comes and goes', { skip: unable }, () => {
  const at = (hostPort: object): object => ({
    ...BASE,
    pods: { web: { host: 'node-1', containers: [{ name: 'c', ports: [{ containerPort: 5353, protocol: 'UDP', ...hostPort }] }] } },
  })
  const lab = new Lab(at({}))
  let document: Document
  before(async () => (document = (await lab.mustUp()) as Document))
  after(() => lab.remove())

  test('UDP clients that keep asking are answered when it comes, and refused when it has gone', async () => {
    const change = async (hostPort: object): Promise<void> => {
      lab.write(at(hostPort))
      await lab.mustUp()
    }
    const clients = [new Datagrams(lab.ns('outside'), addressOf(document, 'node-1'), 53), new Datagrams(lab.ns('node-1'), '127.0.0.1', 53)]
    const answers = async (): Promise<string[]> => [await clients[0]!.ask(), await clients[1]!.ask()]
    try {
      assert.deepEqual(await answers(), ['', ''])
      await change({ hostPort: 53 })
      assert.deepEqual(await answers(), ['web', 'web'])
      await change({})
      // An error that a socket was told of meanwhile is told with its next datagram.
      await answers()
      assert.deepEqual(await answers(), ['', ''])
    } finally {
      for (const client of clients) await client.end()
    }
  })
})
