/** However a test ends, it leaves nothing: no process, no listener, and nothing that waits for what is dead. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Lab, type NodeDocument } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { bin } from '../support/root.ts'
import { netlab, run, sh, told } from '../support/run.ts'
import { labSnapshot, machineSnapshot, settledSnapshot } from '../support/snapshot.ts'

ownMachine()
oneProcess()

/** How many of these nodes have a listener: in labs without containers, one of the test's. */
async function listening(lab: Lab, ...nodes: string[]): Promise<number> {
  const look = nodes.map((node) => `nsenter --net=/run/netns/${lab.ns(node)} ss -Hltn | grep -q . && echo ${node}; true`)
  return (await sh(look.join('\n'))).split('\n').filter((line) => line !== '').length
}

async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await look()) return
    await sleep(20)
  }
  throw new Error(`${what} never happened`)
}

describe('a test that is ended', { skip: unable }, () => {
  const lab = new Lab(`
hosts: { node-1: {}, node-2: {} }
pods: { a: { host: node-1 }, b: { host: node-2 }, c: { host: node-2 } }
`)
  const names = ['node-1', 'node-2', 'a', 'b', 'c']
  let nodes: readonly NodeDocument[] = []
  before(async () => {
    ;({ nodes } = await lab.mustUp())
    // Questions that are not answered, so that there is time to end them.
    await sh(`nsenter --net=/run/netns/${lab.ns('node-2')} iptables -I FORWARD -j DROP`)
  })
  after(() => lab.remove())

  const endings: readonly (readonly [string, (child: ChildProcess) => void, code: number | null])[] = [
    ['by Ctrl-C', (child) => void child.kill('SIGINT'), 130],
    ['by a polite kill', (child) => void child.kill('SIGTERM'), 130],
    ['by the end of its terminal', (child) => void child.kill('SIGHUP'), 130],
    ['by kill -9', (child) => void child.kill('SIGKILL'), null],
  ]
  for (const [how, end, code] of endings) {
    it(`${how} is gone at once, and the lab is as it was`, async () => {
      const [machine, own] = [await machineSnapshot(), await labSnapshot(nodes)]
      let child: ChildProcess | undefined
      const ended = netlab(['test', lab.name, '--timeout', '30s', '--json'], { onStart: (c) => (child = c) })
      await until('listening', async () => (await listening(lab, ...names)) === names.length)
      end(child!)
      const result = await ended
      assert.equal(result.code, code, told(result))
      if (code !== null)
        assert.deepEqual(
          (JSON.parse(result.stdout) as { errors: { code: string }[] }).errors.map((e) => e.code),
          ['interrupted'],
        )
      assert.equal(await listening(lab, ...names), 0)
      assert.deepEqual(await labSnapshot(nodes), own)
      assert.deepEqual(await settledSnapshot(machine), machine)
    })
  }

  it('in one node goes on in the others, and says what it does not know', async () => {
    const ended = netlab(['test', lab.name, '--json', '--only', 'model', '--timeout', '3s'])
    await until('listening', async () => (await listening(lab, 'b')) === 1)
    await sh(`ip netns delete ${lab.ns('b')}`)
    const result = await ended
    assert.equal(result.code, 1, told(result))
    const { checks } = JSON.parse(result.stdout) as { checks: { id: string; status: string; from?: string; detail?: string }[] }
    const lost = checks.filter((c) => c.from === 'b' && c.detail?.includes('it was deleted'))
    assert.ok(lost.length > 0, JSON.stringify(checks.filter((c) => c.from === 'b')))
    assert.ok(checks.some((c) => c.id === 'nodes-reach-pods' && c.status === 'failed'))
  })

  it('before it began, for want of descriptors, says how many it takes', async () => {
    const result = await run(['sh', '-c', 'ulimit -n 48; exec "$@"', 'sh', process.execPath, bin, 'test', lab.name])
    assert.equal(result.code, 3, told(result))
    assert.match(result.stderr, /testing this lab takes \d+ open files, and netlab may have 48/)
    const [, needed] = /ulimit -n (\d+)/.exec(result.stderr)!
    const enough = await run([
      'sh',
      '-c',
      `ulimit -n ${needed}; exec "$@"`,
      'sh',
      process.execPath,
      bin,
      'test',
      lab.name,
      '--timeout',
      '500ms',
    ])
    assert.equal(enough.code, 1, told(enough))
  })
})

describe('a test of a lab whose node is gone', { skip: unable }, () => {
  const lab = new Lab('hosts: { node-1: {} }\npods: { a: {}, b: {} }\n')
  before(() => lab.mustUp())
  after(() => lab.remove())

  it('names the node', async () => {
    await sh(`ip netns delete ${lab.ns('b')}`)
    const result = await netlab(['test', lab.name, '--json', '--only', 'model', '--timeout', '500ms'])
    assert.equal(result.code, 1, told(result))
    const { checks } = JSON.parse(result.stdout) as { checks: { id: string; status: string; from?: string; detail?: string }[] }
    assert.deepEqual(
      checks.filter((c) => c.id === 'nodes-are-there').map((c) => [c.status, c.from]),
      [['failed', 'b']],
    )
    assert.ok(checks.some((c) => c.from === 'b' && c.detail?.includes('No such file or directory')))
  })
})

describe('a test of a lab with policies whose host is gone', { skip: unable }, () => {
  const lab = new Lab(`
hosts: { node-1: {}, node-2: {} }
pods: { a: { host: node-1 }, b: { host: node-2, labels: { app: b } } }
policies: { b: { podSelector: { matchLabels: { app: b } } } }
`)
  before(() => lab.mustUp())
  after(() => lab.remove())

  it('names the host, and takes no silence for a deny', async () => {
    await sh(`ip netns delete ${lab.ns('node-2')}`)
    const result = await netlab(['test', lab.name, '--json', '--timeout', '500ms'])
    assert.equal(result.code, 1, told(result))
    const { checks } = JSON.parse(result.stdout) as {
      checks: { id: string; status: string; from?: string; to?: string; detail?: string }[]
    }
    assert.deepEqual(
      checks.filter((c) => c.id === 'nodes-are-there').map((c) => [c.status, c.from]),
      [['failed', 'node-2']],
    )
    const denied = checks.filter((c) => c.from === 'a' && c.to === 'b')
    assert.ok(denied.length > 0, result.stdout)
    for (const c of denied) assert.equal(c.status, 'failed', JSON.stringify(c))
    assert.ok(!checks.some((c) => c.id === 'policy:default/b' && c.status === 'passed'))
  })
})

describe('a test of a lab that others change meanwhile', { skip: unable }, () => {
  const topology = 'hosts: { node-1: {}, node-2: {} }\npods: { a: { host: node-1 }, b: { host: node-2 } }\n'
  const lab = new Lab(topology)
  before(async () => {
    await lab.mustUp()
    // A question must wait for an answer while the lab is changed.
    await sh(`nsenter --net=/run/netns/${lab.ns('node-2')} iptables -I FORWARD -j DROP`)
  })
  after(() => lab.remove())

  it('says so', async () => {
    const test = netlab(['test', lab.name, '--json', '--only', 'model', '--timeout', '2s'])
    await until('listening', async () => (await listening(lab, 'a', 'b')) === 2)
    writeFileSync(lab.file, readFileSync(lab.file, 'utf8').replace('pods: {', 'pods: { c: { host: node-1 },'))
    const up = await netlab(['up', lab.file])
    assert.equal(up.code, 0, told(up))
    const result = await test
    assert.equal(result.code, 1, told(result))
    assert.match((JSON.parse(result.stdout) as { untested: string[] }).untested[0]!, /another netlab changed it meanwhile/)
    const again = await netlab(['test', lab.name, '--json', '--only', 'model', '--timeout', '500ms'])
    assert.doesNotMatch(again.stdout, /changed it meanwhile/)
  })

  it('says when it was removed, not that its own helpers failed', async () => {
    const test = netlab(['test', lab.name, '--json', '--timeout', '10s'])
    await until('listening', async () => (await listening(lab, 'a', 'b')) === 2)
    const down = await netlab(['down', lab.name])
    assert.equal(down.code, 0, told(down))
    const result = await test
    assert.equal(result.code, 1, told(result))
    const { errors } = JSON.parse(result.stdout) as { errors: { code: string }[] }
    assert.deepEqual(
      errors.map((e) => e.code),
      ['lab-removed'],
    )
  })
})

describe('a test of a lab without pods', { skip: unable }, () => {
  const lab = new Lab('hosts: { node-1: {}, node-2: {} }\npods: {}\n')
  before(() => lab.mustUp())
  after(() => lab.remove())

  it('has nothing to hold against it', async () => {
    const result = await netlab(['test', lab.name, '--json'])
    assert.equal(result.code, 0, told(result))
    const { checks } = JSON.parse(result.stdout) as { checks: { id: string; status: string; detail?: string }[] }
    assert.equal(checks.find((c) => c.id === 'something-is-reachable')?.status, 'skipped')
    assert.equal(checks.find((c) => c.id === 'nodes-forward')?.status, 'passed')
    // There are no policies to blame.
    for (const id of ['pods-reach-pods', 'full-mtu-passes', 'no-loss', 'closed-ports-refuse'])
      assert.equal(checks.find((c) => c.id === id)?.detail, 'there are no pods', id)
  })
})
