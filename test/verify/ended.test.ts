/** However a test ends, it leaves nothing: no process, no listener, and nothing that waits for what is dead. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Lab, type NodeDocument } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { netlab, sh, told } from '../support/run.ts'
import { labSnapshot, machineSnapshot, settledSnapshot } from '../support/snapshot.ts'

ownMachine()

/** Processes that ask in a lab, by their command line. */
function askers(lab: Lab): { readonly pid: number; readonly node: string }[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const [program, node = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', '').split(' ')
      return program === 'netlab-asker' && node.startsWith(`${lab.name}.`)
        ? [{ pid: Number(pid), node: node.slice(lab.name.length + 1) }]
        : []
    } catch {
      return []
    }
  })
}

async function until<T>(what: string, look: () => T | undefined | false): Promise<T> {
  for (let tries = 0; tries < 1000; tries++) {
    const found = look()
    if (found !== undefined && found !== false) return found
    await sleep(10)
  }
  throw new Error(`${what} never happened`)
}

describe('a test that is ended', { skip: unable }, () => {
  const lab = new Lab(`
hosts: { node-1: {}, node-2: {} }
pods: { a: { host: node-1 }, b: { host: node-2 }, c: { host: node-2 } }
`)
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
      const run = netlab(['test', lab.name, '--timeout', '30s'], { onStart: (c) => (child = c) })
      await until('asking', () => askers(lab).length >= 5)
      end(child!)
      const result = await run
      assert.equal(result.code, code, told(result))
      await until('the end of all askers', () => askers(lab).length === 0)
      assert.deepEqual(await labSnapshot(nodes), own)
      assert.deepEqual(await settledSnapshot(machine), machine)
    })
  }

  it('in one node goes on in the others, and says what it does not know', async () => {
    const run = netlab(['test', lab.name, '--json', '--only', 'model', '--timeout', '1s'])
    const { pid } = await until('asking in b', () => askers(lab).find((a) => a.node === 'b'))
    // Whether it has been asked to listen by now or not.
    process.kill(pid, 'SIGKILL')
    const result = await run
    assert.equal(result.code, 1, told(result))
    const { checks } = JSON.parse(result.stdout) as { checks: { id: string; status: string; from?: string; detail?: string }[] }
    const lost = checks.filter((c) => c.from === 'b' && c.detail?.includes('was ended by signal 9'))
    assert.ok(lost.length > 0, JSON.stringify(checks.filter((c) => c.from === 'b')))
    assert.ok(checks.some((c) => c.id === 'nodes-reach-pods' && c.status === 'failed'))
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
    await until('asking', () => askers(lab).length >= 4)
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
    await until('asking', () => askers(lab).length >= 5)
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
