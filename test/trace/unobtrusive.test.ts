/** A trace changes nothing of what it looks at, however it ends; two do not disturb each other; other traffic does not disturb it. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { bin } from '../support/root.ts'
import { inside, netlab, sh, told, type Run } from '../support/run.ts'
import { traceDocument } from './document.ts'
import { TOPOLOGY } from './faults/fault.ts'
import { closing, connections, nodeStates } from './traces.ts'

ownMachine()

/** Longest the kernel may take to close sockets, milliseconds; more where processors are busy. */
const SETTLE = 6000

/** Processes that are still left when they should be gone. */
async function settled(): Promise<string[]> {
  for (const end = Date.now() + SETTLE; closing().length > 0 && Date.now() < end;) await sleep(50)
  return closing()
}

/** How many packets each rule and chain of a node has met. */
async function ruleCounters(ns: string): Promise<Map<string, number>> {
  const text = await sh('nsenter --net="/run/netns/$1" sh -c "iptables-save -c; ip6tables-save -c"', ns)
  const lines = text.split('\n').flatMap((line) => {
    const m = /^(?:\[(\d+):\d+\] (-A .*)|:(\S+ \S+) \[(\d+):\d+\])$/.exec(line)
    return m ? [[m[2] ?? m[3]!, Number(m[1] ?? m[4])] as const] : []
  })
  // The same chain in several tables: told apart by place.
  return new Map(lines.map(([rule, count], i) => [`${i} ${rule}`, count]))
}

/** When to disturb a trace, milliseconds after its start: some moments of each of its stages, never the same. */
const moments = (): number[] => [40, 90, 140, 190, 240, 320, 400].map((from) => from + Math.floor(Math.random() * 60))

/** Packets that the machine's processors had no room for, of all namespaces: the second column of softnet_stat. */
const machineDropped = (): number =>
  readFileSync('/proc/net/softnet_stat', 'utf8')
    .trim()
    .split('\n')
    .reduce((n, line) => n + Number.parseInt(line.split(/\s+/)[1]!, 16), 0)

describe('unobtrusive', { skip: unable }, () => {
  const lab = new Lab(TOPOLOGY)
  let namespaces: string[] = []
  const trace = (...args: string[]): Promise<Run> => netlab(['trace', 'pod-a', 'pod-b', '--lab', lab.name, '--json', ...args])
  before(async () => {
    namespaces = (await lab.mustUp()).nodes.map((n) => n.netns)
    // The first trace resolves addresses; that is traffic, not a setting.
    await trace()
  })
  after(() => lab.remove())

  const untouched = async (what: string, act: () => Promise<unknown>): Promise<void> => {
    const was = await nodeStates(namespaces)
    await act()
    assert.deepEqual(await settled(), [], what)
    assert.deepEqual(await nodeStates(namespaces), was, what)
  }

  it('leaves rules, settings and routes as they were', () =>
    untouched('a trace', async () => assert.equal(traceDocument(await trace()).outcome, 'delivered')))

  it('tracks no connections but the probe, and none where there were none', async () => {
    const was = new Map<string, string[]>()
    for (const ns of namespaces) was.set(ns, await connections(ns))
    await trace('--port', '8080/tcp')
    for (const ns of namespaces) {
      const now = await connections(ns)
      assert.ok(now.length - was.get(ns)!.length <= 3, `${ns}: ${now.join('\n')}`)
      if (/pod-|switch/.test(ns)) assert.deepEqual(now, [], ns)
    }
  })

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const) {
    it(`leaves nothing after ${signal}, whenever it comes`, () =>
      untouched(signal, async () => {
        for (const wait of moments()) {
          const result = await netlab(['trace', 'pod-a', '10.244.1.99', '--lab', lab.name], {
            onStart: (child) => void setTimeout(() => child.kill(signal), wait),
          })
          const when = `after ${wait} ms: ${told(result)}`
          if (signal === 'SIGKILL') assert.ok(result.signal === 'SIGKILL' || result.code === 1, when)
          else assert.ok(result.code === 130 || result.code === 1 || result.signal === signal, when)
        }
      }))
  }

  it('leaves nothing after Ctrl-C, which all of a terminal get', () =>
    untouched('Ctrl-C', async () => {
      for (const wait of moments()) {
        const child = spawn(process.execPath, [bin, 'trace', 'pod-a', '10.244.1.99', '--lab', lab.name], {
          detached: true,
          stdio: 'ignore',
        })
        const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? signal)))
        await sleep(wait)
        try {
          process.kill(-child.pid!, 'SIGINT')
        } catch {
          // It has just ended.
        }
        assert.ok([130, 1, 'SIGINT'].includes((await ended) as number), `after ${wait} ms: ${String(await ended)}`)
      }
    }))

  it('no rule meets more than the probe and its answer', async () => {
    const was = new Map<string, Map<string, number>>()
    for (const ns of namespaces) was.set(ns, await ruleCounters(ns))
    assert.equal(traceDocument(await trace()).outcome, 'delivered')
    let met = 0
    for (const ns of namespaces) {
      for (const [rule, count] of await ruleCounters(ns)) {
        const more = count - (was.get(ns)!.get(rule) ?? 0)
        // There and back, each once bare and once inside the tunnel.
        assert.ok(more <= 4, `${ns}: ${rule} met ${more} packets`)
        met += more
      }
    }
    assert.ok(met > 0, 'no rule met the probe')
  })

  it('five at once each report their own probe, completely', async () => {
    const ways = [
      ['pod-a', 'pod-b'],
      ['pod-b', 'pod-a'],
      ['pod-a', 'pod-b', '--port', '8080/tcp'],
      ['pod-c', 'pod-b', '--port', '5353/udp'],
      ['pod-c', 'pod-a'],
    ]
    const results = await Promise.all(ways.map(async (way) => traceDocument(await netlab(['trace', ...way, '--lab', lab.name, '--json']))))
    for (const [i, { outcome, evidence, differences }] of results.entries()) {
      const said = [outcome, evidence.captured - evidence.expected, evidence.lost, differences, evidence.missing]
      assert.deepEqual(said, ['delivered', 0, 0, [], []], ways[i]!.join(' '))
    }
  })

  it('several at once each report their own probe', async () => {
    const forward = ['iptables', '-I', 'FORWARD', '-d', '10.244.1.2', '-p', 'tcp', '-j', 'DROP']
    await netlab(['exec', 'node-1', '--lab', lab.name, '--', ...forward])
    const [a, b, c] = await Promise.all([trace(), trace('--port', '8080/tcp'), trace('--port', '5353/udp')])
    await netlab(['exec', 'node-1', '--lab', lab.name, '--', 'iptables', '-D', ...forward.slice(2)])
    assert.equal(traceDocument(a).outcome, 'delivered')
    assert.deepEqual([traceDocument(b).outcome, traceDocument(b).drop?.cause], ['dropped', 'firewall'])
    assert.equal(traceDocument(c).outcome, 'delivered')
  })

  it('is right beside a flood', async () => {
    const floods: ChildProcess[] = [lab.ns('pod-a'), lab.ns('pod-c')].map((ns) => {
      const argv = inside(ns, ['ping', '-f', '-q', '10.244.1.2'])
      return spawn(argv[0]!, argv.slice(1), { stdio: 'ignore' })
    })
    try {
      let odd = 0
      for (let i = 0; i < 5; i++) {
        const before = machineDropped()
        const traced = traceDocument(await trace())
        // A machine that is too busy drops packets between two devices: so it may have dropped the probe, and says so.
        if (traced.outcome === 'unanswered' && machineDropped() > before && odd++ < 3) continue
        assert.equal(traced.outcome, 'delivered', JSON.stringify(traced.drop))
        assert.equal(traced.evidence.captured, traced.evidence.expected, JSON.stringify(traced.differences))
        assert.equal(traced.evidence.lost, 0)
      }
      await netlab([
        'exec',
        'node-2',
        '--lab',
        lab.name,
        '--',
        'iptables',
        '-I',
        'FORWARD',
        '-s',
        '10.244.0.2',
        '-m',
        'length',
        '--length',
        '96:144',
        '-j',
        'DROP',
      ])
      const traced = traceDocument(await trace())
      assert.deepEqual(
        [traced.outcome, traced.drop?.node, traced.drop?.cause],
        ['dropped', 'node-2', 'firewall'],
        JSON.stringify(traced.drop),
      )
    } finally {
      for (const f of floods) f.kill('SIGINT')
      await netlab(['exec', 'node-2', '--lab', lab.name, '--', 'iptables', '-D', 'FORWARD', '1'])
    }
  })
})
