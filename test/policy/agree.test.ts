/** What `netlab policy` computes is what the datapath does: random policies over attach modules and backends, and every example. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { addressOf, type Lab } from '../../src/lab/lab.ts'
import { hostSource } from '../../src/backends/index.ts'
import { policyModuleOf } from '../../src/policy/index.ts'
import { reachability } from '../../src/lab/policy/reachability.ts'
import type { Actor, Question as Asked } from '../../src/lab/policy/verdict.ts'
import { unbuildable } from '../support/features.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { root } from '../support/root.ts'
import { labels, policy } from '../unit/policy/arbitrary.ts'
import { keyOf, ModelLab } from '../support/model-lab.ts'
import { isFrom, PODS, PROBES, say, PolicyLab, type Setup } from './policy-lab.ts'

ownMachine()
oneProcess()

const DATAPATHS = [
  { attach: 'bridge', backend: 'vxlan' },
  { attach: 'routed', backend: 'vxlan' },
  { attach: 'bridge', backend: 'direct' },
]
/** Random sets of policies for each datapath. */
const SAMPLES = 8
const KEYS = ['x/p', 'x/q', 'x/r', 'y/p', 'y/q', 'z/p']

const setup: fc.Arbitrary<Setup> = fc.record({
  labels: fc.record(Object.fromEntries(PODS.map((p) => [p, labels]))),
  namespaces: fc.record({ x: labels, y: labels, z: labels }),
  policies: fc.dictionary(fc.constantFrom(...KEYS), policy, { minKeys: 2, maxKeys: 6 }),
})

for (const [n, network] of DATAPATHS.entries()) {
  describe(`random policies, ${network.attach} over ${network.backend}`, { skip: unable }, () => {
    const world = new PolicyLab()
    before(async () => {
      await world.up({ network })
      world.serve()
      for (let tries = 0; ; tries++) {
        const answers = await world.measure(PROBES, () => true)
        const silent = PROBES.filter((p, i) => !isFrom(p, answers[i]!))
        if (silent.length === 0) return
        assert.ok(tries < 5, `without policies: ${silent.slice(0, 9).map(say).join(', ')}`)
        await sleep(200)
      }
    })
    after(() => world.close())
    for (const [i, sample] of fc.sample(setup, { seed: 4711 + n, numRuns: SAMPLES }).entries()) {
      it(`sample ${i + 1}`, async () => {
        await world.up({ ...sample, network })
        const passes = new Map(PROBES.map((p) => [p, world.computed(p)]))
        const answers = await world.measure(PROBES, (p) => passes.get(p)!)
        const wrong = PROBES.flatMap((p, k) =>
          (passes.get(p) ? isFrom(p, answers[k]!) : answers[k]!.outcome === 'timeout')
            ? []
            : [`${say(p)}: computed ${passes.get(p)}, got ${answers[k]!.outcome}`],
        )
        assert.deepEqual(wrong.slice(0, 9), [], `${wrong.length} of ${PROBES.length}: ${JSON.stringify(sample)}`)
      })
    }
  })
}

interface Square extends Asked {
  readonly from: Actor
  readonly to: Actor
  readonly allowed: boolean
}

const examples = readdirSync(join(root, 'topologies')).filter(
  (f) => f.endsWith('.yaml') && /^policies:/m.test(readFileSync(join(root, 'topologies', f), 'utf8')),
)

/** Every square of the table that `netlab policy` prints, member by member; a host and its own pods besides. */
function squares(lab: Lab): Square[] {
  const actors = new Map([...lab.pods, ...lab.hosts, ...lab.externals].map((p): [string, Actor] => [keyOf(p), p]))
  const { rows, columns, sheets } = reachability(lab, hostSource)
  const found = sheets.flatMap(({ probes, cells }) =>
    probes.flatMap((probe) => {
      const [port, l4] = probe.port.includes('/') ? (probe.port.split('/') as [string, string]) : [undefined, probe.port]
      const protocol = l4.toUpperCase() as Square['protocol']
      return rows.flatMap((row, i) =>
        columns.flatMap((column, j) =>
          row.members.flatMap((a) =>
            column.members.flatMap((b): Square[] => {
              const [from, to] = [actors.get(a)!, actors.get(b)!]
              const isOwn =
                (from.kind === 'host' && to.kind === 'pod' && to.host === from.name) ||
                (to.kind === 'host' && from.kind === 'pod' && from.host === to.name)
              const allowed = isOwn ? true : cells[i]![j]
              if (from === to || allowed === undefined) return []
              return [{ from, to, protocol, ...(port === undefined ? {} : { port: Number(port) }), family: probe.family, allowed }]
            }),
          ),
        ),
      )
    }),
  )
  for (const kind of ['pod', 'host'] as const)
    assert.ok(
      found.some((q) => q.from.kind === kind),
      `no ${kind} has a row`,
    )
  return found
}

describe('examples', { skip: unable }, () => {
  for (const file of examples) {
    it(file, { skip: unbuildable(file.replace(/\.yaml$/, '')) }, async () => {
      const running = new ModelLab(/^name: (\S+)/m.exec(readFileSync(join(root, 'topologies', file), 'utf8'))![1])
      try {
        assert.equal(await running.upFile(join(root, 'topologies', file)), 'created')
        const { lab } = running
        const { enforces } = policyModuleOf(lab)
        await sleep(300)
        const asked = squares(lab).map(({ from, to, protocol, port, family, allowed }) => ({
          // What nothing enforces is not denied.
          allowed: allowed || !enforces,
          question: {
            from: keyOf(from),
            address: addressOf(to, family)!,
            kind: protocol.toLowerCase() as 'tcp',
            port: port ?? 0,
          },
        }))
        const answers = await running.fleet.ask(
          asked.map((a) => a.question),
          1500,
        )
        // No pod need listen: a refusal came from the pod as well, and only a policy is silent.
        const wrong = asked.flatMap(({ question, allowed }, i) =>
          allowed === (answers[i]!.outcome !== 'timeout')
            ? []
            : [`${JSON.stringify(question)}: computed ${allowed}, got ${answers[i]!.outcome}`],
        )
        assert.deepEqual(wrong, [])
        assert.ok(asked.some((a) => a.allowed) && asked.some((a) => !a.allowed) === enforces)
      } finally {
        await running.close()
      }
    })
  }
})
