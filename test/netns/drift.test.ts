/**
 * A running lab is changed by hand: `status` says what is wrong and which line of the file asked for it, `up`
 * puts it right, and all nodes still reach each other.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { changedSince } from '../../src/kernel/dumps/readings.ts'
import { NamespacePool } from '../../src/netns/namespace-pool.ts'
import { readApplied } from '../../src/state/store.ts'
import { VERSION } from '../../src/version.ts'
import { Lab, type LabDocument } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { probe } from '../support/probe.ts'
import { bin } from '../support/root.ts'
import { inside, netlab, output, refusal, run, sh } from '../support/run.ts'
import { machineSnapshot, settledSnapshot } from '../support/snapshot.ts'
import { damages } from './damages.ts'

ownMachine()
oneProcess()

/** After so many repairs pods ask each other once: asking takes longer than all the rest. */
const ASKS = 4

const TOPOLOGY = `
network:
  podCIDR: [10.244.0.0/16, "fd00:10:244::/48"]
  attach: ATTACH
hosts:
  node-1: {}
  node-2: {}
pods:
  a:
    host: node-1
    containers: [{ name: web, ports: [{ containerPort: 8080 }] }]
  shop/b:
    host: node-2
externals:
  peer: { podRoutes: true }
`

/** Number of the first line of the file that begins like this. */
const lineOf = (start: string): number => 1 + `name: x\n${TOPOLOGY}`.split('\n').findIndex((l) => l.trim().startsWith(start))

/**
 * Brings a lab up again, so that all of it is as on record: whatever is found from then on differs from that. The kernel takes up to a
 * second to tell of a new bridge that it has a carrier, which may come after the record.
 */
async function onRecord(lab: Lab): Promise<void> {
  const pool = new NamespacePool()
  try {
    for (let tries = 1; ; tries++) {
      assert.equal((await lab.mustUp()).outcome, 'unchanged')
      const { objects, readings } = readApplied(lab.name)!
      const spaces = objects.flatMap((o) => (o.kind === 'netns' ? [o.ns] : []))
      // What is bundled has another version than its sources.
      const changed = await changedSince({ ...readings!, version: VERSION }, spaces, pool)
      if (changed?.size !== 0 && tries < 10) await sleep(300)
      else return assert.deepEqual(changed, new Set())
    }
  } finally {
    pool.close()
  }
}

for (const attach of ['bridge', 'routed'] as const) {
  describe(`drift of a lab with ${attach} pods`, { skip: unable }, () => {
    let lab: Lab
    let first: LabDocument

    before(async () => {
      lab = new Lab(TOPOLOGY.replace('ATTACH', attach))
      first = await lab.mustUp()
      await onRecord(lab)
    })
    after(() => lab?.remove())

    const filled = (text: string): string =>
      text
        .replaceAll(/\{([a-z].*?)\}/g, (_, node: string) => lab.ns(node))
        .replaceAll('PREFIX6', attach === 'bridge' ? '64' : '128')
        .replaceAll('PREFIX', attach === 'bridge' ? '24' : '32')
    const damage = (at: string, by: string): Promise<string> =>
      at === 'machine' ? sh(filled(by)) : output(inside(lab.ns(at), ['sh', '-ec', filled(by)]))

    /** @param asks whether the pods are asked as well, and not the kernel alone */
    async function repair(asks = true): Promise<void> {
      assert.equal((await lab.mustUp()).outcome, 'changed')
      await lab.mustBeHealthy()
      if (!asks) return
      const addresses = first.nodes.find((n) => n.name === 'a')!.addresses!
      const toA = addresses.map((to) => ({ kind: 'tcp', to, port: 8080 }) as const)
      const answers = (await Promise.all(['shop/b', 'node-2', 'peer', 'node-1'].map((from) => probe(lab.ns(from), toA)))).flat()
      assert.deepEqual(
        answers.map((a) => a.text),
        answers.map((a) => `a ${a.self}`),
      )
      assert.ok(
        answers.every((a) => a.outcome === 'ok'),
        JSON.stringify(answers),
      )
    }

    for (const [i, { title, at, by, state, object, line, detail }] of damages[attach].entries()) {
      test(title, async () => {
        await damage(at, by)
        const { code, findings } = await lab.status()
        assert.equal(code, 1)
        const found = findings.find((f) => f.state === state && f.object === filled(object))
        assert.ok(found, `not said: ${state} ${filled(object)}\nbut: ${JSON.stringify(findings, null, 1)}`)
        if (line) assert.equal(found.source, `${lab.file}:${lineOf(line)}`)
        assert.ok(found.details.join('\n').includes(detail), `${found.details.join('\n')} does not say: ${detail}`)
        await repair(i % ASKS === 0)
      })
    }

    test('everything at once', async () => {
      // One damage may leave the next nothing to break.
      for (const { at, by } of damages[attach].filter((d) => d.at === 'node-1')) await damage(at, by).catch(() => {})
      await damage('machine', 'ip netns del {a}; ip netns del {router}')
      assert.equal((await lab.status()).code, 1)
      await repair()
    })
  })
}

describe('what `up` leaves alone, and `up --reset` does not', { skip: unable }, () => {
  let lab: Lab
  before(async () => {
    lab = new Lab(TOPOLOGY.replace('ATTACH', 'bridge'))
    await lab.mustUp()
    await onRecord(lab)
  })
  after(() => lab?.remove())

  const additions = [
    ['node-1', 'ip route add 198.51.100.0/24 via 192.168.50.12', 'route 198.51.100.0/24'],
    ['node-1', 'ip -6 route add fd00:10:244:1::/64 via fd00:192:168:50::c metric 1', 'route fd00:10:244:1::/64 (metric 1)'],
    ['node-1', 'ip route add local 10.96.0.0/16 dev lo', 'route 10.96.0.0/16 (local)'],
    ['a', 'ip addr add 10.9.9.9/32 dev eth0', 'address 10.9.9.9/32 on eth0'],
    ['node-2', 'ip link add mine type bridge', 'bridge device mine'],
    ['a', 'ip tuntap add mine mode tap', 'tun device mine'],
    ['node-2', 'ip neigh add 192.168.50.9 lladdr 02:00:00:00:00:99 dev eth0', 'neighbour 192.168.50.9 on eth0'],
    ['a', 'ip neigh add 10.244.0.9 lladdr 02:00:00:00:00:99 dev eth0', 'neighbour 10.244.0.9 on eth0'],
    ['a', 'ip neigh add 10.244.0.9 lladdr 02:00:00:00:00:99 nud noarp dev eth0', 'neighbour 10.244.0.9 on eth0'],
    ['node-1', 'ip neigh add proxy 10.244.1.2 dev cni0', 'proxied neighbour 10.244.1.2 on cni0'],
    ['node-1', 'bridge fdb add 02:00:00:00:00:99 dev p1-a master static', 'FDB entry 02:00:00:00:00:99 on p1-a'],
    ['node-1', 'iptables -N MINE', 'iptables chain filter/MINE'],
    ['a', 'iptables -A INPUT -j DROP', 'iptables chain filter/INPUT'],
    ['switch-lan', 'ip6tables -P FORWARD DROP', 'ip6tables chain filter/FORWARD'],
    ['shop/b', 'nft add table inet mine', 'nftables table inet mine'],
    ['peer', 'tc qdisc add dev eth0 clsact', 'qdisc clsact on eth0'],
    ['router', 'ip rule add from 198.51.100.9 table 77 priority 77', 'routing rule 77'],
    ['node-1', 'ip rule add to 10.244.1.0/24 prohibit priority 5', 'routing rule 5 (from all to 10.244.1.0/24 prohibit)'],
    ['peer', 'ip addr add 198.51.100.7/24 dev eth0', 'address 198.51.100.7/24 on eth0'],
    ['a', 'tc qdisc add dev eth0 root pfifo limit 7', 'qdisc pfifo on eth0'],
    ['shop/b', 'ip route add default via 10.244.1.1 table 77', 'route default'],
  ] as const
  const told = async (): Promise<unknown[]> => {
    const { code, findings } = await lab.status()
    return [code, ...findings.map((f) => `${f.state} ${f.object}`)]
  }
  /** `up` says in one line that it leaves something alone, and `up --reset` does not. */
  async function mustStayUntilReset(): Promise<void> {
    const plain = await lab.up('--json')
    assert.equal((JSON.parse(plain.stdout) as LabDocument).outcome, 'unchanged')
    const line = `1 object that was added or changed by others was left alone: netlab status ${lab.name} lists them, netlab up ${lab.file} --reset undoes them`
    assert.ok(plain.stderr.split('\n').includes(line), plain.stderr)
    // It was still there.
    assert.equal((await lab.mustUp('--reset')).outcome, 'changed')
    await lab.mustBeHealthy()
  }
  for (const [at, by, object] of additions) {
    test(`what was added by hand is reported, stays, and goes with --reset: ${object} of ${at}`, async () => {
      await output(inside(lab.ns(at), ['sh', '-c', by]))
      assert.deepEqual(await told(), [1, `unexpected ${object} in ${lab.ns(at)}`])
      await mustStayUntilReset()
    })
  }

  const changes = [
    ['a', 'sysctl -q net.ipv4.icmp_echo_ignore_all=1', 'changed sysctl net/ipv4/icmp_echo_ignore_all', 'a:'],
    ['node-2', 'sysctl -q net.ipv4.conf.eth0.forwarding=0', 'changed sysctl net/ipv4/conf/eth0/forwarding', 'node-2:'],
    ...(['shop/b', 'node-1', 'router', 'switch-lan'] as const).map(
      (at) => [at, 'sysctl -q net.ipv4.conf.all.arp_ignore=8', 'changed sysctl net/ipv4/conf/all/arp_ignore', undefined] as const,
    ),
    // The kernel hands it on to `default` and every device.
    ['peer', 'sysctl -q net.ipv6.conf.all.forwarding=1', 'changed sysctl net/ipv6/conf/all/forwarding', 'peer:'],
    ['node-2', 'ip rule del priority 32766', 'missing IPv4 routing rule 32766', 'node-2:'],
  ] as const
  for (const [at, by, object, line] of changes) {
    test(`what every namespace has is missed, and the line that asked for the node is told: ${object} of ${at}`, async () => {
      await output(inside(lab.ns(at), ['sh', '-c', by]))
      const { code, findings } = await lab.status()
      assert.deepEqual([code, ...findings.map((f) => `${f.state} ${f.object}`)], [1, `${object} in ${lab.ns(at)}`])
      if (line !== undefined) assert.equal(findings[0]!.source, `${lab.file}:${lineOf(line)}`)
      await mustStayUntilReset()
    })
  }

  test('--reset undoes everything at once, and nothing outside the lab', async () => {
    const outside = await machineSnapshot()
    const all = [...additions, ...changes].filter(([, by]) => !/^ip neigh add 10.244.0.9 lladdr \S+ nud/.test(by))
    for (const [at, by] of all) await output(inside(lab.ns(at), ['sh', '-c', by]))
    // A rule that others stand on, in a chain that another one jumps to.
    await output(
      inside(lab.ns('a'), [
        'sh',
        '-ec',
        'iptables -N FIRST; iptables -N SECOND; iptables -A INPUT -j FIRST; iptables -A FIRST -j SECOND; iptables -P FORWARD DROP',
      ]),
    )
    await output(
      inside(lab.ns('node-2'), [
        'sh',
        '-ec',
        'ip link add one type veth peer name two; ip link set one up; ip addr add 203.0.113.9/24 dev one',
      ]),
    )
    const plain = await lab.up()
    assert.match(plain.stderr, /^\d\d objects that were added or changed by others were left alone/m)
    assert.equal((await lab.mustUp('--reset')).outcome, 'changed')
    await lab.mustBeHealthy()
    assert.deepEqual(await settledSnapshot(outside), outside)
    assert.equal((await lab.mustUp('--reset')).outcome, 'unchanged')
  })

  test('a device whose default was changed along with it is named, and the default', async () => {
    const set = (value: string): Promise<string> =>
      output(inside(lab.ns('a'), ['sysctl', '-q', '-w', ...['default', 'eth0'].map((d) => `net.ipv4.conf.${d}.arp_ignore=${value}`)]))
    await set('8')
    const named = ['default', 'eth0'].map((d) => `changed sysctl net/ipv4/conf/${d}/arp_ignore in ${lab.ns('a')}`)
    assert.deepEqual(await told(), [1, ...named])
    await set('0')
    await lab.mustBeHealthy()
  })

  test('--watch prints a block a change, and ends with the code of the last state', async () => {
    const rule = (verb: string): Promise<string> => output(inside(lab.ns('shop/b'), ['iptables', verb, 'OUTPUT', '-j', 'DROP']))
    for (const [last, code] of [
      ['drifted', 1],
      ['as planned', 0],
    ] as const) {
      let text = ''
      const blocks = (): string[] => [...text.matchAll(/^(as planned|drifted) /gm)].map((m) => m[1]!)
      const watching = run([process.execPath, bin, 'status', lab.name, '--watch=0.2'], {
        onStart: (child) => {
          const next = [
            (): unknown => rule('-A'),
            () => (last === 'drifted' ? child.kill('SIGINT') : rule('-D')),
            () => child.kill('SIGINT'),
          ]
          let told = 0
          child.stdout!.on('data', (data: Buffer) => {
            text += data.toString()
            while (told < blocks().length) void next[told++]?.()
          })
        },
      })
      const result = await watching
      assert.equal(result.code, code, result.stdout)
      assert.deepEqual(blocks(), last === 'drifted' ? ['as planned', 'drifted'] : ['as planned', 'drifted', 'as planned'])
      assert.ok(!result.stdout.includes('\u001b['), result.stdout)
      assert.match(result.stdout, /rule added: -j DROP/)
      if (last === 'drifted') await rule('-D')
    }
    const both = await netlab(['status', lab.name, '--watch', '--json'])
    assert.equal(both.code, 2)
    assert.match(both.stdout, /exactly one document/)
    await refusal(['status', lab.name, '--watch=0'], 2, /expected seconds/)
  })

  test('--watch gives the terminal back when it is told that it is gone, and told again', async () => {
    const pid = join(lab.dir, 'pid')
    const watch = `echo $$ >${pid}; exec ${process.execPath} ${bin} status ${lab.name} --watch=0.2`
    const result = await run(['script', '-qec', watch, '/dev/null'], {
      env: { TERM: 'xterm' },
      onStart: (terminal) => {
        let text = ''
        let told = false
        terminal.stdout!.on('data', (data: Buffer) => {
          text += data.toString()
          if (told || !text.includes('as planned')) return
          told = true
          // The second may come when there is no process any more.
          void run(['sh', '-c', 'kill -HUP $(cat "$1"); kill -HUP $(cat "$1")', 'sh', pid])
        })
      },
    })
    // The second may come while Node takes itself apart, and then ends it by the signal.
    assert.ok(result.code === 0 || result.code === 129, `${result.code} ${result.stdout}`)
    const [entered, left] = ['\u001b[?1049h', '\u001b[?1049l'].map((code) => result.stdout.lastIndexOf(code))
    assert.ok(entered! >= 0 && left! > entered!, JSON.stringify(result.stdout))
    assert.match(result.stdout.slice(left), /as planned/)
  })

  test('a container that was stopped is told', async () => {
    const { containers } = await lab.status()
    const { pid } = containers.find((c) => c.id === 'a.web')!
    process.kill(pid, 'SIGSTOP')
    // A process stops when it is next let run.
    while (!/^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) await sleep(5)
    assert.deepEqual(await told(), [1, 'stopped container web of pod a'])
    process.kill(pid, 'SIGCONT')
    await lab.mustBeHealthy()
  })

  const container = async (): Promise<number> => (await lab.status()).containers.find((c) => c.id === 'a.web')!.pid
  const parentOf = (pid: number): number => Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])

  test('of a supervisor that was killed the containers are named, and `up` starts them anew', async () => {
    const pid = await container()
    process.kill(parentOf(pid), 'SIGKILL')
    let now = await told()
    for (let tries = 0; now[0] === 0 && tries < 50; tries++) now = await told()
    assert.deepEqual(now, [1, 'exited supervisor of a.web'])
    assert.equal((await lab.mustUp()).outcome, 'changed')
    await lab.mustBeHealthy()
    assert.notEqual(await container(), pid)
    assert.equal(existsSync(`/proc/${pid}`), false)
  })

  for (const signal of ['SIGKILL', 'SIGTERM'] as const)
    test(`a container that was ended by ${signal} is named, and \`up\` starts it again`, async () => {
      process.kill(await container(), signal)
      const how = `was ended by signal ${constants.signals[signal]}`
      let now = await lab.status()
      for (let tries = 0; now.findings[0]?.details[0] !== how && tries < 50; tries++) now = await lab.status()
      assert.equal(now.code, 1)
      const finding = { state: 'exited', object: 'container web of pod a', netns: lab.ns('a'), details: [how] }
      assert.deepEqual(now.findings, [{ ...finding, source: `${lab.file}:${lineOf('a:')}`, repair: true }])
      assert.equal((await lab.mustUp()).outcome, 'changed')
      await lab.mustBeHealthy()
    })

  test('a container and its supervisor that were killed together are missed and started again', async () => {
    const pid = await container()
    const parent = parentOf(pid)
    process.kill(parent, 'SIGKILL')
    process.kill(pid, 'SIGKILL')
    let now = await told()
    for (let tries = 0; now[0] === 0 && tries < 50; tries++) now = await told()
    assert.deepEqual(now, [1, 'exited container web of pod a'])
    assert.equal((await lab.mustUp()).outcome, 'changed')
    await lab.mustBeHealthy()
  })
})

describe('settings that stay when they are no longer asked for', { skip: unable }, () => {
  const file = (hosts: object, externals: object, podCIDR: readonly string[]): object => ({
    network: { podCIDR },
    hosts: { one: {}, ...hosts },
    pods: { a: { host: 'one' } },
    externals,
  })
  const both = ['10.244.0.0/16', 'fd00:10:244::/48']
  let lab: Lab
  before(async () => {
    lab = new Lab(file({ two: {} }, {}, both))
    await lab.mustUp()
  })
  after(() => lab?.remove())

  for (const [what, changed] of [
    ['a host that became an external', file({}, { two: {} }, both)],
    ['a lab that lost IPv6', file({ two: {} }, {}, both.slice(0, 1))],
  ] as const) {
    test(`are no drift: ${what}, and back`, async () => {
      for (const topology of [changed, file({ two: {} }, {}, both)]) {
        lab.write(topology)
        await lab.mustUp()
        await lab.mustBeHealthy()
      }
    })
  }
})
