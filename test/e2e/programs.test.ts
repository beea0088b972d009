/** Which programs a command starts, each counted where it is started: of a lab that is as it should be, none. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { netlabOk } from '../support/run.ts'
import { counted } from '../support/shim.ts'

ownMachine()

const TOOLS = ['ip', 'bridge', 'nsenter', 'unshare', 'sysctl', 'tc', 'nft', 'iptables-restore', 'iptables-save', 'ip6tables-save', 'ipset']

describe('programs that are started', { skip: unable }, () => {
  const lab = new Lab({ hosts: { node: { replicas: 2 } }, pods: { pod: { replicas: 3 } } })
  const tally = counted(lab.dir, TOOLS)
  const started = async (...words: string[]): Promise<string[]> => {
    await netlabOk(words, { env: tally.env })
    return tally.started().map(({ command }) => command)
  }
  before(() => lab.mustUp())
  after(() => lab.remove())

  test('by a second up: none, as all reads as on record', async () => {
    assert.deepEqual(await started('up', lab.file), [])
  })
  test('by status: none', async () => {
    assert.deepEqual(await started('status', lab.name), [])
  })
  test('by a pod more: one for the rules of each host that changes, and what asks the kernel what it can do is not started again', async () => {
    lab.write({ hosts: { node: { replicas: 2 } }, pods: { pod: { replicas: 4 } } })
    assert.deepEqual(new Set(await started('up', lab.file)), new Set(['iptables-save']))
  })
  test('by down: none', async () => {
    assert.deepEqual(await started('down', lab.name), [])
  })
})
