/** A trace changes nothing of what it looks at, however it ends; two do not disturb each other; other traffic does not disturb it. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Lab } from '../support/lab.ts'
import { unable } from '../support/machine.ts'
import { inside, netlab, told, type Run } from '../support/run.ts'
import { traceDocument } from './document.ts'
import { TOPOLOGY } from './faults.ts'
import { connections, instances, nodeStates } from './traces.ts'

/** Until nothing of ours is left, or for as long as the kernel may take to close sockets. */
async function settled(before: readonly string[]): Promise<string[]> {
  let left: string[] = []
  for (let i = 0; i < 60; i++) {
    left = (await instances()).filter((x) => !before.includes(x))
    if (left.length === 0) return []
    await sleep(50)
  }
  return left
}

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
    const present = await instances()
    const was = await nodeStates(namespaces)
    await act()
    const left = await settled(present)
    assert.deepEqual(await nodeStates(namespaces), was, what)
    assert.deepEqual(left, [], `tracing instances after ${what}`)
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

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    it(`leaves nothing after ${signal}, whenever it comes`, () =>
      untouched(signal, async () => {
        for (const wait of [60, 120, 180, 240, 320]) {
          const result = await netlab(['trace', 'pod-a', '10.244.1.99', '--lab', lab.name], {
            onStart: (child) => void setTimeout(() => child.kill(signal), wait),
          })
          if (signal === 'SIGKILL') assert.ok(result.signal === 'SIGKILL' || result.code === 1, told(result))
          else assert.ok(result.code === 130 || result.code === 1 || result.signal === signal, told(result))
        }
        await sleep(300)
      }))
  }

  it('two at once tell their own stories', async () => {
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
      for (let i = 0; i < 5; i++) {
        const story = traceDocument(await trace())
        assert.equal(story.outcome, 'delivered')
        assert.equal(story.evidence.captured, story.evidence.expected, JSON.stringify(story.differences))
        assert.equal(story.evidence.lost, 0)
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
      const story = traceDocument(await trace())
      assert.deepEqual([story.outcome, story.drop?.node, story.drop?.cause], ['dropped', 'node-2', 'firewall'], JSON.stringify(story.drop))
    } finally {
      for (const f of floods) f.kill('SIGINT')
      await netlab(['exec', 'node-2', '--lab', lab.name, '--', 'iptables', '-D', 'FORWARD', '1'])
    }
  })
})
