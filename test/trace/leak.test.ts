/** A packet that arrives although policies deny it has no drop to explain: the trace names the policies. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { netlab, sh } from '../support/run.ts'
import { traceDocument } from './document.ts'

ownMachine()

describe('a trace of what policies deny', { skip: unable }, () => {
  const lab = new Lab(`
hosts: { node-1: {}, node-2: {} }
pods:
  near: { host: node-1 }
  shut: { host: node-1, labels: { app: shut } }
  web: { host: node-2, labels: { app: web }, containers: [{ name: c, ports: [{ containerPort: 80 }, { containerPort: 81 }] }] }
services:
  web: { selector: { app: web }, ports: [{ name: denied, port: 81 }, { name: allowed, port: 80 }] }
policies:
  web: { podSelector: { matchLabels: { app: web } }, ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 80 }] }] }
  shut: { podSelector: { matchLabels: { app: shut } }, policyTypes: [Egress] }
`)
  const notes = async (...args: string[]): Promise<readonly string[]> => {
    const result = await netlab(['trace', ...args, '--lab', lab.name, '--json'])
    traceDocument(result)
    return (JSON.parse(result.stdout) as { notes: readonly string[] }).notes
  }
  before(() => lab.mustUp())
  after(() => lab.remove())

  it('that a rule drops says nothing else', async () => {
    assert.deepEqual(await notes('near', 'web', '--port', '81/tcp'), [])
  })

  it('names the policies whose rules are gone, and none where policies let it pass', async () => {
    for (const host of ['node-1', 'node-2']) await sh(`nsenter --net=/run/netns/${lab.ns(host)} iptables -I FORWARD -j ACCEPT`)
    const web = /^policy default\/web \(\S+:11\) denies this \(ingress of web\), but nothing dropped it: netlab status/
    const shut = /^policy default\/shut \(\S+:12\) denies this \(egress of shut\), but nothing dropped it/
    for (const [args, expected] of [
      [['near', 'web', '--port', '81/tcp'], web],
      [['near', 'web'], web],
      [['near', 'svc/web', '--port', '81/tcp'], web],
      [['node-1', 'web'], web],
      [['shut', 'near', '--port', '9/udp'], shut],
      [['shut', 'node-2'], shut],
    ] as const) {
      const [first = ''] = await notes(...args)
      assert.match(first, expected, args.join(' '))
    }
    for (const args of [
      ['near', 'web', '--port', '80/tcp'],
      ['near', 'svc/web', '--port', '80/tcp'],
      ['node-2', 'web'],
      ['shut', 'node-1'],
    ])
      assert.deepEqual(await notes(...args), [], args.join(' '))
  })
})
