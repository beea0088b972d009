/**
 * The network model, asked of every backend on a real kernel: which node reaches which, under which address, in what
 * headers, up to what size, and that nothing is left behind.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { carriages, podMTU } from '../../src/backends/index.ts'
import { readApplied } from '../../src/state/store.ts'
import { inVM, isChosen, isQuick, lacking } from '../support/features.ts'
import { ownMachine } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { labSnapshot, machineSnapshot, ruleCounters, settledSnapshot, type Snapshot } from '../support/snapshot.ts'
import { told } from '../support/run.ts'
import type { Lab } from '../support/lab.ts'
import * as checks from './checks.ts'
import { combination, type Combination, type Declaration } from './declaration.ts'
import { headers, sealed } from './headers.ts'
import { MeasuredLab } from './measured-lab.ts'

/** The backend whose variants are tested in the virtual machine, where a lab takes minutes: what they vary is common to all tunnels. */
const VARIED_IN_VM = 'gre'

/**
 * Tests a backend, or what a declaration changes of one, in a lab of its own; and each variant in another. The one call
 * of a test file.
 */
export function conformance(declared: Declaration, variants: Readonly<Record<string, Partial<Declaration>>> = {}): void {
  if (isChosen(declared.backend)) ownMachine()
  oneProcess()
  suite(combination(declared))
  const varies = !isQuick && (!inVM || declared.backend === VARIED_IN_VM || process.env['NETLAB_BACKENDS'] !== undefined)
  if (varies) for (const [title, variant] of Object.entries(variants)) suite(combination(declared, title, variant))
}

function suite(c: Combination): void {
  describe(c.title, { skip: lacking(c.backend) }, () => {
    let lab: Lab
    let measured: MeasuredLab
    let untouched: Snapshot

    before(async () => {
      untouched = await machineSnapshot()
      lab = MeasuredLab.lab(c)
      measured = await MeasuredLab.ask(c, lab)
    })
    after(() => lab?.remove())

    test('the backend declares what the RFCs say', () => {
      const model = readApplied(lab.name)!.lab
      assert.equal(model.hosts[0]!.mtu - podMTU(model, model.hosts[0]!), c.overhead)
      const [most] = [...carriages(model)].toSorted((a, b) => b.headers.length - a.headers.length)
      assert.equal(most!.overhead, c.overhead)
      assert.deepEqual(most!.headers, c.headers)
    })

    test("every pod reaches every pod by ping, TCP and UDP: the right one answers and sees the prober's own address", () => {
      checks.reachable(measured, 'pod', 'pod')
    })

    test('nodes and pods reach each other, and neither is translated', () => {
      checks.reachable(measured, 'host', 'pod')
      checks.reachable(measured, 'pod', 'host')
      checks.hopCounts(measured)
    })

    test('on the underlay every pod packet is in the declared headers and no others', () => {
      headers(measured)
    })

    test('on the underlay nothing shows of what is encrypted', { skip: c.sealed ? false : 'nothing is encrypted' }, () => {
      sealed(measured)
    })

    test('the MTU is the link MTU less the overhead, on every device of the path', async () => {
      await checks.mtus(measured)
    })

    test('a packet of the full MTU passes, one byte more fails locally', () => {
      checks.sizes(measured)
    })

    test('bulk transfers come through both ways, and nothing is fragmented on the way', () => {
      checks.bulk(measured)
    })

    test('a closed port refuses at once, and loopback is private', () => {
      checks.closed(measured)
    })

    test(
      "what leaves the cluster gets the node's address, what has a way back does not",
      { skip: c.externals ? false : 'this lab has no externals' },
      () => {
        checks.leaving(measured)
      },
    )

    test('a second up changes nothing', async () => {
      const { nodes } = measured.document
      const host = measured.hosts()[0]!.netns
      const [first, counted] = [await labSnapshot(nodes), await ruleCounters(host)]
      const again = await lab.mustUp()
      assert.deepEqual(again, { ...measured.document, outcome: 'unchanged' })
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
      // Containers are ended as containers, not as processes that were left running.
      assert.equal(result.stdout, `removed lab ${lab.name} (${measured.document.nodes.length} namespaces)\n`)
      assert.deepEqual(await settledSnapshot(untouched), untouched)
    })
  })
}
