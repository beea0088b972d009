/** Policies that nothing enforces: everything passes, nothing fails for it, and each command says so. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { inside, netlab, output } from '../support/run.ts'
import { broken, tested, the } from './support.ts'

ownMachine()
oneProcess()

const topology = (policy: string): object => ({
  network: { policy },
  hosts: { 'node-1': {}, 'node-2': {} },
  pods: {
    web: { host: 'node-1', labels: { app: 'web' } },
    visitor: { host: 'node-1' },
    db: { host: 'node-2', labels: { app: 'db' }, containers: [{ name: 'c', ports: [{ containerPort: 5432, hostPort: 5432 }] }] },
  },
  services: { db: { selector: { app: 'db' }, ports: [{ port: 5432 }] } },
  policies: {
    db: {
      podSelector: { matchLabels: { app: 'db' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ port: 5432 }] }],
    },
  },
  expect: [
    { from: 'web', to: 'db', port: '5432/tcp', result: 'allow' },
    { from: 'visitor', to: 'db', port: '5432/tcp', result: 'deny' },
    { from: 'visitor', to: 'svc/db', port: '5432/tcp', result: 'deny' },
    { from: 'visitor', to: 'node-2', port: '5432/tcp', result: 'deny' },
    { from: 'visitor', to: 'web', port: '81/tcp', result: 'deny' },
  ],
})

describe('policies that nothing enforces', { skip: unable }, () => {
  const lab = new Lab(topology('none'))
  before(() => lab.mustUp())
  after(() => lab.remove())

  it('hosts have none of their rules', async () => {
    const rules = await output(inside(lab.ns('node-2'), ['iptables-save', '-t', 'filter']))
    assert.doesNotMatch(rules, /DROP|match-set/)
    await lab.mustBeHealthy()
  })

  it('a test expects that everything passes, and skips what rests on them', async () => {
    const document = await tested(lab)
    // No policy denies the last one: that it is answered is a broken promise with and without enforcement.
    assert.deepEqual(broken(document), ['expect-5 visitor → web 81/tcp'])
    const why = 'nothing enforces 1 policy: network.policy is none'
    assert.deepEqual([the(document, 'policies-enforced').status, the(document, 'policies-enforced').detail], ['skipped', why])
    for (const id of ['expect-2', 'expect-3', 'expect-4']) {
      assert.equal(the(document, id).status, 'skipped', id)
      assert.equal(the(document, id).detail, `policies deny it, but ${why}`)
    }
    assert.equal(the(document, 'expect-1').status, 'passed')
  })

  it('a trace arrives, and names the policy', async () => {
    const { stdout } = await netlab(['trace', 'visitor', 'db', '--port', '5432/tcp', '--lab', lab.name, '--json'])
    const { outcome, notes } = JSON.parse(stdout) as { outcome: string; notes: readonly string[] }
    assert.equal(outcome, 'delivered')
    assert.match(
      notes.join('\n'),
      /policy default\/db .*denies this \(ingress of db\), but nothing enforces 1 policy: network\.policy is none/,
    )
  })

  it('what they say is answered as ever, with a line below', async () => {
    const explained = await netlab(['policy', 'explain', 'visitor', 'db', '--port', '5432/tcp', '--lab', lab.name])
    assert.equal(explained.code, 1)
    assert.match(explained.stdout, /denied[^]*Nothing enforces 1 policy: network\.policy is none\. Everything passes\.\n$/)
    const { stdout } = await netlab(['policy', lab.name, '--json'])
    assert.equal((JSON.parse(stdout) as { enforced?: boolean }).enforced, false)
  })

  it('another module enforces them at once', async () => {
    lab.write(topology('iptables'))
    await lab.mustUp()
    const document = await tested(lab, '--only', 'policy', '--only', 'expect')
    assert.deepEqual(
      broken(document).filter((b) => !b.startsWith('expect-5')),
      [],
    )
    assert.equal(the(document, 'expect-2').status, 'passed')
  })
})
