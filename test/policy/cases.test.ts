/**
 * NetworkPolicy on real datapaths: one lab whose policies are exchanged case by case, measured whole each time with
 * real connections of every pod to every pod. Expectations are written by hand (see expectation.ts). Between two
 * cases nothing is made anew but policies, so each case is also a change of a running lab.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { blocks } from './cases/blocks.ts'
import { directions } from './cases/directions.ts'
import { peers } from './cases/peers.ts'
import { ports } from './cases/ports.ts'
import { selectors } from './cases/selectors.ts'
import { unions } from './cases/unions.ts'
import { expected, type Case } from './expectation.ts'
import { isFrom, PROBES, say, PolicyLab } from './policy-lab.ts'

ownMachine()
oneProcess()

const groups: Readonly<Record<string, readonly Case[]>> = { directions, selectors, peers, ports, blocks, unions }
const SHOWN = 12

describe('NetworkPolicy, pod by pod', { skip: unable }, () => {
  const world = new PolicyLab()
  before(async () => {
    await world.up({})
    world.serve()
    // The control for every deny of every case: without policies each of these probes is answered, by whom it asks.
    for (let tries = 0; ; tries++) {
      const answers = await world.measure(PROBES, () => true)
      const silent = PROBES.filter((p, i) => !isFrom(p, answers[i]!))
      if (silent.length === 0) return
      assert.ok(tries < 5, `${silent.length} probes fail without any policy, such as ${silent.slice(0, SHOWN).map(say).join(', ')}`)
      await sleep(200)
    }
  })
  after(() => world.close())

  for (const [group, cases] of Object.entries(groups)) {
    describe(group, () => {
      for (const c of cases) {
        it(c.teaches, async () => {
          await world.up(c)
          const passes = expected(c)
          const answers = await world.measure(PROBES, passes)
          const wrong = PROBES.flatMap((p, i) => {
            const got = answers[i]!
            // Denied is silence, not a refusal; allowed is an answer of the right pod.
            const right = passes(p) ? isFrom(p, got) : got.outcome === 'timeout'
            return right ? [] : [`${say(p)}: expected ${passes(p) ? 'an answer' : 'silence'}, got ${got.outcome} ${got.text}`]
          })
          assert.deepEqual(wrong.slice(0, SHOWN), [], `${wrong.length} of ${PROBES.length} probes`)
          const other = PROBES.filter((p) => world.computed(p) !== passes(p)).map(say)
          assert.deepEqual(other.slice(0, SHOWN), [], `the model disagrees about ${other.length} probes`)
        })
      }
    })
  }
})
