/** `netlab test --prove`: a policy that is lifted is missed, and the lab is the same before and after, whatever ends it. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChildProcess } from 'node:child_process'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { root } from '../support/root.ts'
import { inside, netlab, output, told, type Run } from '../support/run.ts'
import { broken, damaged, foreignRule, tested, the } from './support.ts'

ownMachine()
oneProcess()

const topology = readFileSync(join(root, 'topologies/three-tier.yaml'), 'utf8').replace(/^name: .*\n/m, '')

describe('netlab test --prove', { skip: unable }, () => {
  const lab = new Lab(topology)
  const attempt = `/run/netlab/${lab.name}/attempt.json`
  /** Rules and sets of both hosts, without counters and what is drawn by lot. */
  const rules = async (): Promise<string[]> =>
    Promise.all(
      ['node-1', 'node-2'].map(async (node) => {
        const text = await output(inside(lab.ns(node), ['sh', '-c', 'iptables-save; ip6tables-save; ipset save -sorted']))
        return text.replaceAll(/^#.*\n/gm, '').replaceAll(/\[\d+:\d+\]| initval \w+/g, '')
      }),
    )
  let asItWas: string[]
  before(async () => {
    await lab.mustUp()
    asItWas = await rules()
  })
  after(() => lab.remove())

  /** Starts proving and waits until a policy is lifted. */
  async function lifted(then: (child: ChildProcess) => Promise<void> | void): Promise<Run> {
    const running: { child?: ChildProcess } = {}
    const done = netlab(['test', lab.name, '--only', 'policy', '--prove', '--json'], { onStart: (child) => (running.child = child) })
    while (!existsSync(attempt) && running.child?.exitCode === null) await sleep(10)
    await then(running.child!)
    return done
  }

  it('shows for each policy what its absence changes, or why it changes nothing', async () => {
    const document = await tested(lab, '--only', 'policy', '--prove')
    assert.deepEqual(broken(document), [])
    const of = (name: string): string => `${the(document, `prove:shop/${name}`).status}: ${the(document, `prove:shop/${name}`).detail}`
    // Every pod that default-deny isolates has a policy of its own.
    assert.match(of('default-deny'), /^skipped: covered by policies .*shop\/web/)
    // Besides node-1, which web is a neighbour of: api, db, visitor and node-2.
    assert.equal(of('web'), 'passed: lifted: 4 that only it allowed fell silent')
    assert.equal(of('api'), 'passed: lifted: 1 that only it allowed fell silent')
    assert.equal(of('db'), 'passed: lifted: 1 that only it allowed fell silent')
    assert.equal(the(document, 'prove-restores').status, 'passed')
    assert.deepEqual(await rules(), asItWas)
    assert.ok(!existsSync(attempt))
    await lab.mustBeHealthy()
  })

  it('touches nothing where the rules are not those that were asked for', async () => {
    const leak = { breaks: 'iptables -N LEAK; iptables -A LEAK -j ACCEPT', mends: 'iptables -F LEAK; iptables -X LEAK' }
    await damaged(lab, 'node-2', leak, async () => {
      const restores = the(await tested(lab, '--only', 'policy', '--prove'), 'prove-restores')
      assert.equal(restores.status, 'failed')
      assert.match(restores.detail ?? '', /^nothing was lifted: the rules are not those that were asked for/)
    })
  })

  it('keeps others from changing the lab meanwhile, and puts it back when it is interrupted', async () => {
    let other: Promise<Run> | undefined
    const proof = await lifted(async (child) => {
      await new Promise<void>((resolve) => {
        other = netlab(['up', lab.file], { onStart: (up) => void up.stderr!.once('data', () => resolve()) })
        child.once('exit', () => resolve())
      })
      child.kill('SIGINT')
    })
    const up = await other!
    assert.match(up.stderr, /waiting for another netlab/)
    assert.equal(up.code, 0, told(up))
    assert.equal(proof.code, 130, told(proof))
    assert.deepEqual(await rules(), asItWas)
    await lab.mustBeHealthy()
  })

  it('killed, it leaves a record: status says so, and up puts the lab back', async () => {
    await lifted(async (child) => {
      await sleep(200)
      child.kill('SIGKILL')
    })
    assert.ok(existsSync(attempt))
    assert.equal((await lab.status()).code, 1)
    const refused = await netlab(['test', lab.name, '--only', 'service', '--prove', '--json', '--timeout', '500ms'])
    assert.match(refused.stdout, /nothing was lifted: a change of this lab is under way or was interrupted: netlab up \S+ puts it back/)
    assert.match((JSON.parse(refused.stdout) as { untested: string[] }).untested[0]!, /^the lab as asked for: a change of it is under way/)
    await lab.mustUp()
    assert.deepEqual(await rules(), asItWas)
    await lab.mustBeHealthy()
  })

  it('interrupted where it cannot put the lab back, it says so', async () => {
    const proof = await lifted(async (child) => {
      await output(['ip', 'netns', 'delete', lab.ns('node-2')])
      child.kill('SIGINT')
    })
    assert.equal(proof.code, 1, told(proof))
    const restores = the(JSON.parse(proof.stdout) as Parameters<typeof the>[0], 'prove-restores')
    assert.equal(restores.status, 'failed')
    assert.match(restores.detail ?? '', /^interrupted; the lab is not as it was: netlab up \S+ puts it back$/)
    await lab.mustUp()
    assert.deepEqual(await rules(), asItWas)
    await lab.mustBeHealthy()
  })
})

describe('netlab test --prove, where policies deny alone', { skip: unable }, () => {
  const lab = new Lab({
    hosts: { 'node-1': {}, 'node-2': {} },
    pods: { a: { host: 'node-1' }, b: { host: 'node-2', labels: { app: 'b' } } },
    policies: { b: { podSelector: { matchLabels: { app: 'b' } } }, none: { podSelector: { matchLabels: { app: 'none' } } } },
  })
  before(() => lab.mustUp())
  after(() => lab.remove())

  it('what it denied is answered without it', async () => {
    const document = await tested(lab, '--only', 'policy', '--prove')
    assert.deepEqual(broken(document), [])
    // a and node-1, on the control port and by ICMP.
    assert.equal(the(document, 'prove:default/b').detail, 'lifted: 4 that it denied were answered')
    assert.deepEqual(
      [the(document, 'prove:default/none').status, the(document, 'prove:default/none').detail],
      ['skipped', 'it selects no pod'],
    )
  })

  it('a deny that another rule makes as well does not count', async () => {
    await damaged(lab, 'a', foreignRule('OUTPUT -d 10.244.1.2 -p tcp -j DROP'), async () => {
      const document = await tested(lab, '--only', 'policy', '--prove', '--timeout', '800ms')
      assert.match(
        the(document, 'prove:default/b', 'a').detail ?? '',
        /also without the policy: something else than this policy keeps them apart$/,
      )
    })
    await lab.mustBeHealthy()
  })
})
