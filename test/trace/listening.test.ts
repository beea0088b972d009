/** Nothing listens: because no container declares the port, or because the one that does is gone. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Lab } from '../support/lab.ts'
import { unable } from '../support/machine.ts'
import { netlab, sh } from '../support/run.ts'
import { traceDocument } from './document.ts'

describe('a trace to a port nothing listens on', { skip: unable }, () => {
  const lab = new Lab(`
hosts: { node-1: {} }
pods:
  a: {}
  b: { containers: [{ name: web, ports: [{ containerPort: 80 }, { containerPort: 53, protocol: UDP }] }] }
`)
  const hint = async (port: string): Promise<string | undefined> => {
    const { outcome, drop } = traceDocument(await netlab(['trace', 'a', 'b', '--port', port, '--lab', lab.name, '--json']))
    assert.deepEqual([outcome, drop?.cause], ['rejected', 'nobody-listening'])
    return drop?.hint
  }
  before(async () => {
    await lab.mustUp()
    await sh(`kill -9 $(ip netns pids ${lab.ns('b')})`)
  })
  after(() => lab.remove())

  it('names the container that declares it', async () => {
    const web = `Container web declares that port: netlab status ${lab.name} says whether it runs, netlab logs b what it printed.`
    assert.equal(await hint('80/tcp'), web)
    assert.equal(await hint('53/udp'), web)
  })

  it('says how to have one, where no container does', async () => {
    for (const port of ['53/tcp', '81/tcp', '80/udp']) assert.match((await hint(port)) ?? '', /^Declare it under containers\.ports of b/)
  })
})
