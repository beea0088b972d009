/**
 * Is what is broken noticed? In healthy labs one thing at a time is broken in the kernel by hand; `netlab test` must fail or
 * `netlab status` must name it. Neither may complain about a lab that is not broken.
 *
 * Each thing is broken once, in one of the labs that have it; `status` is asked each time, `test` of a few and where
 * `status` saw nothing. More by environment variables:
 *
 *   NETLAB_MUTATION=all         everything in every lab that has it
 *   NETLAB_MUTATION_ASK=1       both are asked each time
 *   NETLAB_MUTATION_ROUNDS=20   how often the unbroken labs are asked
 *   NETLAB_MUTATION_LOAD=4      processes that keep the machine busy meanwhile
 *   NETLAB_MUTATION_TABLE=FILE  which of the two noticed what, as Markdown
 *   NETLAB_BACKENDS=gre,ipip    only labs of these backends
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { BY_PROGRAM_TOO, COMMON_BACKENDS, inVM, lacking } from '../support/features.ts'
import { Lab, type StatusDocument } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { inside, netlab, output, sh, told } from '../support/run.ts'
import { dealt, LABS, mutationsOf, topology, type LabKind } from './labs.ts'
import type { Mutation } from './mutation.ts'

ownMachine()
oneProcess()

/** They wait a good deal, though more at once would only keep each other from answering in time. */
const LABS_AT_ONCE = 4
const ROUNDS = Number(process.env['NETLAB_MUTATION_ROUNDS'] ?? (inVM ? 0 : 2))
const BURNERS = Number(process.env['NETLAB_MUTATION_LOAD'] ?? 0)
/** Of so many mutations one is shown to `netlab test` although `status` names it; none under emulation, where that takes minutes. */
const EVERY = process.env['NETLAB_MUTATION_ASK'] !== undefined ? 1 : inVM ? Infinity : 6

interface TestResult {
  readonly failed: readonly { readonly id: string; readonly from?: string; readonly to?: string; readonly detail?: string }[]
}

interface Row {
  readonly lab: string
  readonly title: string
  readonly status: string
  readonly test: string
}

const rows: Row[] = []
const nameOf = ({ backend, attach, bridged, leased, fabric }: LabKind): string =>
  `${backend}${bridged ? ', bridged' : ''}${leased ? ', leases in etcd' : ''} × ${attach}${fabric ? ' × fabric' : ''}`

/** Failed checks; none where all hold. Anything but 0 and 1 is an error. */
async function failedChecks(lab: Lab, ...more: readonly string[]): Promise<TestResult> {
  const result = await netlab(['test', lab.name, '--json', '--sample', '6', ...(more.length > 0 ? more : inVM ? ['--timeout', '10s'] : [])])
  assert.ok(result.code === 0 || result.code === 1, told(result))
  const { checks } = JSON.parse(result.stdout) as { checks: { id: string; status: string }[] }
  const failed = checks.filter((c) => c.status === 'failed')
  assert.equal(failed.length > 0, result.code === 1, told(result))
  return { failed }
}

async function mustHold(lab: Lab): Promise<void> {
  assert.deepEqual((await failedChecks(lab)).failed, [])
}

const short = (f: StatusDocument['findings'][number], lab: string): string =>
  `${f.state} ${f.object}${f.details.length > 0 ? `: ${f.details[0]}` : ''}`.replaceAll(`${lab}.`, '')

/** Runs a command of a mutation. */
async function act(lab: Lab, at: string, by: string): Promise<void> {
  const { containers } = by.includes('{pid ') ? await lab.status() : { containers: [] }
  const filled = by
    .replaceAll(/\{pid ([^}]+)\}/g, (_, id: string) => String(containers.find((c) => c.id === id)!.pid))
    .replaceAll(/\{([a-z][^}]*)\}/g, (_, node: string) => lab.ns(node))
  await (at === 'machine' ? sh(filled) : output(inside(lab.ns(at), ['sh', '-ec', filled])))
}

/** Breaks, asks, and repairs. That it is whole again is asked when all has been tried; test/netns/drift asks each time. */
async function tryOne(lab: Lab, kind: string, { title, at, by, undo }: Mutation, ask: boolean): Promise<void> {
  // In a node that the damage cuts off, the command to undo it still runs.
  const restore = async (): Promise<void> => {
    if (undo !== undefined) await act(lab, at, undo)
    await lab.mustUp()
    // Path MTUs that nodes learned from the damage outlive it by ten minutes (net.ipv4.route.mtu_expires).
    if (/MTU/.test(title))
      await sh('for f in /run/netns/"$1".*; do for v in 4 6; do nsenter --net="$f" -- ip -$v route flush cache; done; done', lab.name)
  }
  await act(lab, at, by)
  const { code, findings } = await lab.status()
  assert.equal(code === 1, findings.length > 0)
  // What is broken need not be waited for: less patience than for what must be seen to work.
  const verdict = ask || findings.length === 0 ? await failedChecks(lab, '--timeout', inVM ? '3s' : '800ms') : undefined
  rows.push({
    lab: kind,
    title,
    status: findings.length > 0 ? `${short(findings[0]!, lab.name)}${findings.length > 1 ? ` (+${findings.length - 1})` : ''}` : '-',
    test:
      verdict === undefined ? 'not asked' : verdict.failed.length === 0 ? '-' : [...new Set(verdict.failed.map((f) => f.id))].join(', '),
  })
  await restore()
  assert.ok(findings.length > 0 || verdict!.failed.length > 0, `neither status nor test noticed: ${title}`)
}

const untried = ({ backend }: LabKind): string | false =>
  inVM && BY_PROGRAM_TOO.includes(backend)
    ? `${backend} is broken outside the virtual machine, where a program carries it`
    : lacking(backend)
const isCommon = (backend: string): boolean => COMMON_BACKENDS.includes(backend)
const hands = dealt(LABS, isCommon)
const chosen = (kind: LabKind): readonly Mutation[] => (process.env['NETLAB_MUTATION'] === 'all' ? mutationsOf(kind) : hands.get(kind)!)

describe('mutations', { skip: unable, concurrency: inVM ? 1 : LABS_AT_ONCE }, () => {
  const burners = Array.from({ length: unable ? 0 : BURNERS }, () => spawn('perl', ['-e', '1 while 1'], { stdio: 'ignore' }))
  after(() => {
    for (const b of burners) b.kill()
    report()
  })

  for (const kind of LABS) {
    describe(nameOf(kind), { concurrency: false, skip: untried(kind) }, () => {
      let lab: Lab
      before(async () => {
        lab = new Lab(topology(kind))
        await lab.mustUp()
      })
      after(() => lab?.remove())

      test(`unbroken: neither complains, ${ROUNDS} times in a row`, { skip: ROUNDS === 0 && 'asked once all has been tried' }, async () => {
        for (let round = 0; round < ROUNDS; round++) {
          await lab.mustBeHealthy()
          await mustHold(lab)
        }
      })

      for (const [i, mutation] of chosen(kind).entries())
        test(mutation.title, () => tryOne(lab, nameOf(kind), mutation, (i + 1) % EVERY === 0))

      test('unbroken again', async () => {
        await lab.mustBeHealthy()
        await mustHold(lab)
      })
    })
  }
})

describe('mutations', () => {
  test('are many, and each is tried in one lab', () => {
    const titles = new Set(LABS.flatMap(mutationsOf).map((m) => m.title))
    assert.ok(titles.size >= 110, String(titles.size))
    const tried = [...hands.values()].flat().map((m) => m.title)
    assert.deepEqual(new Set(tried), titles)
    assert.equal(tried.length, titles.size)
  })
})

/** Which of the two noticed what: a Markdown table, and the counts. */
function report(): void {
  const asked = rows.filter((r) => r.test !== 'not asked')
  const counts = [
    `${rows.length} mutations (${new Set(rows.map((r) => r.title)).size} distinct)`,
    `status named ${rows.filter((r) => r.status !== '-').length}`,
    `test, asked of ${asked.length}, failed for ${asked.filter((r) => r.test !== '-').length}`,
    `neither: ${rows.filter((r) => r.status === '-' && r.test === '-').length}`,
  ].join('; ')
  const cell = (text: string): string => text.replaceAll('|', '\\|')
  const lines = rows.map((r) => `| ${r.lab} | ${cell(r.title)} | ${cell(r.status)} | ${cell(r.test)} |`)
  const table = ['| lab | broken | status | test |', '| --- | --- | --- | --- |', ...lines].join('\n')
  console.log(`${table}\n\n${counts}`)
  const file = process.env['NETLAB_MUTATION_TABLE']
  if (file !== undefined) writeFileSync(file, `${table}\n\n${counts}\n`)
}
