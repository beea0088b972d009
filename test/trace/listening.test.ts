/** Nothing listens: because no container declares the port, or because the one that does is gone. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { netlab, sh } from '../support/run.ts'
import { traceDocument } from './document.ts'

ownMachine()

describe('a trace to a port nothing listens on', { skip: unable }, () => {
  const lab = new Lab(`
hosts: { node-1: {} }
pods:
  a: {}
  b: { containers: [{ name: web, ports: [{ containerPort: 80 }, { containerPort: 53, protocol: UDP }] }] }
`)
  const said = async (port: string): Promise<{ readonly text: string | undefined; readonly hint: string | undefined }> => {
    const { outcome, drop } = traceDocument(await netlab(['trace', 'a', 'b', '--port', port, '--lab', lab.name, '--json']))
    assert.deepEqual([outcome, drop?.cause], ['rejected', 'nobody-listening'])
    return { text: drop?.text, hint: drop?.hint }
  }
  before(async () => {
    await lab.mustUp()
    await sh(`kill -9 $(ip netns pids ${lab.ns('b')})`)
  })
  after(() => lab.remove())

  it('names the container that declares it, and its log', async () => {
    const hint = `netlab logs b --lab ${lab.name}`
    assert.deepEqual(await said('80/tcp'), { text: 'nothing in b listens on TCP port 80, which container web declares', hint })
    assert.deepEqual(await said('53/udp'), { text: 'nothing in b listens on UDP port 53, which container web declares', hint })
  })

  it('says how to see what listens, where no container declares it', async () => {
    const hint = `netlab exec b --lab ${lab.name} -- ss -lnptu`
    for (const [port, protocol, number] of [
      ['53/tcp', 'TCP', 53],
      ['81/tcp', 'TCP', 81],
      ['80/udp', 'UDP', 80],
    ] as const)
      assert.deepEqual(await said(port), { text: `nothing in b listens on ${protocol} port ${number}`, hint })
  })
})
