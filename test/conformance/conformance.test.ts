/**
 * The network model, asked of every backend with every attach module on a real kernel: who reaches whom, as whom,
 * in what headers, up to what size, and that nothing is left behind.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { carriages, podMTU } from '../../src/backends/index.ts'
import { readApplied } from '../../src/state/store.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { labSnapshot, machineSnapshot, ruleCounters, settledSnapshot, type Snapshot } from '../support/snapshot.ts'
import { told } from '../support/run.ts'
import type { Lab } from '../support/lab.ts'
import * as judge from './judge.ts'
import { forEachCombination } from './table.ts'
import { wire } from './wire.ts'
import { World } from './world.ts'

ownMachine()

forEachCombination((c, lacking) => {
  describe(c.title, { skip: unable || lacking }, () => {
    let lab: Lab
    let world: World
    let untouched: Snapshot

    before(async () => {
      untouched = await machineSnapshot()
      lab = World.lab(c)
      world = await World.ask(c, lab)
    })
    after(() => lab?.remove())

    test('the backend declares what the RFCs say', () => {
      const model = readApplied(lab.name)!.lab
      assert.equal(model.hosts[0]!.mtu - podMTU(model, model.hosts[0]!), c.overhead)
      const [most] = [...carriages(model)].toSorted((a, b) => b.headers.length - a.headers.length)
      assert.equal(most!.overhead, c.overhead)
      assert.deepEqual(most!.headers, c.wire)
    })

    test('every pod reaches every pod by ping, TCP and UDP: the right one answers and sees the own address', () => {
      judge.reachable(world, 'pod', 'pod')
    })

    test('nodes and pods reach each other, and neither is translated', () => {
      judge.reachable(world, 'host', 'pod')
      judge.reachable(world, 'pod', 'host')
      judge.hopCounts(world)
    })

    test('on the underlay every pod packet wears the declared headers and no others', () => {
      wire(world)
    })

    test('the MTU is the link MTU less the overhead, on every device of the path', async () => {
      await judge.mtus(world)
    })

    test('a packet of the full MTU passes, one byte more fails locally', () => {
      judge.sizes(world)
    })

    test('bulk transfers come through both ways, and nothing is fragmented on the way', () => {
      judge.bulk(world)
    })

    test('a closed port refuses at once, and loopback is private', () => {
      judge.closed(world)
    })

    test(
      "what leaves the cluster gets the node's address, what has a way back does not",
      { skip: c.externals ? false : 'this lab has nobody outside' },
      () => {
        judge.leaving(world)
      },
    )

    test('a second up changes nothing', async () => {
      const { nodes } = world.document
      const host = world.hosts()[0]!.netns
      const [first, counted] = [await labSnapshot(nodes), await ruleCounters(host)]
      const again = await lab.mustUp()
      assert.deepEqual(again, { ...world.document, outcome: 'unchanged' })
      assert.deepEqual(await labSnapshot(nodes), first)
      // Rules that were made again would count from zero.
      assert.equal(
        Object.values(counted).some((n) => n > 0),
        c.masquerade,
      )
      for (const [rule, n] of Object.entries(await ruleCounters(host))) assert.ok(n >= counted[rule]!, rule)
      await lab.mustBeHealthy()
    })

    test('down leaves the machine exactly as it was', async () => {
      const result = await lab.down()
      assert.equal(result.code, 0, told(result))
      // Containers end as containers, not as strays that somebody left running.
      assert.equal(result.stdout, `removed lab ${lab.name} (${world.document.nodes.length} namespaces)\n`)
      assert.deepEqual(await settledSnapshot(untouched), untouched)
    })
  })
})
