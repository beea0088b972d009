/** `netlab bench`: every path and measure, in labs of its own or in one that is up; and whatever happens, nothing is left. No value is asserted. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MEASURE_IDS } from '../../src/bench/measures.ts'
import { Lab, randomName } from '../support/lab.ts'
import { missing, ownMachine, unable } from '../support/machine.ts'
import { netlab, netlabOk, refusal, sh, told, type Run } from '../support/run.ts'
import { machineSnapshot, settledSnapshot, type Snapshot } from '../support/snapshot.ts'

ownMachine()

const TWO_HOSTS = 'hosts: { node-1: {}, node-2: {} }\npods: { web: { host: node-2 } }\n'
const ONE_HOST = 'hosts: { node-1: {} }\npods: { a: {}, b: {} }\n'

interface BenchDocument {
  readonly machine: { readonly processors: number; readonly kernel: string }
  readonly labs: readonly {
    readonly lab: string
    readonly running: boolean
    readonly rounds: number
    readonly rows: readonly {
      readonly path: string
      readonly measure: string
      readonly policies: number
      readonly samples: readonly number[]
      readonly median: number
      readonly ratio: number | null
      readonly ratioMin: number | null
      readonly ratioMax: number | null
    }[]
    readonly unmeasured: readonly { readonly id: string; readonly reason: string }[]
  }[]
  readonly skipped: readonly { readonly file: string }[]
  readonly limits: readonly string[]
}

/** Starts a command, does something once it says these words on standard error, and waits for its end. */
async function during(args: readonly string[], words: RegExp, act: (pid: number) => void): Promise<Run> {
  let isDone = false
  return netlab(args, {
    onStart: (child) => {
      let said = ''
      child.stderr!.on('data', (bytes: Buffer) => {
        said += bytes.toString()
        if (isDone || !words.test(said)) return
        isDone = true
        act(child.pid!)
      })
    },
  })
}

describe('netlab bench', { skip: unable }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'netlab-test-'))
  after(() => rmSync(dir, { recursive: true, force: true }))
  let untouched: Snapshot
  const nothingLeft = async (): Promise<void> => assert.deepEqual(await settledSnapshot(untouched), untouched)
  const put = (text: string): { name: string; file: string } => {
    const name = randomName()
    const file = join(dir, `${name}.yaml`)
    writeFileSync(file, text)
    return { name, file }
  }

  test('a file: every path has every measure, and a ratio; with a page; and the labs are gone', async (t) => {
    if (missing('ipset') !== undefined) return t.skip(missing('ipset'))
    untouched = await machineSnapshot()
    const { name, file } = put(TWO_HOSTS)
    const page = join(dir, 'bench.html')
    const { stdout, stderr } = await netlabOk(['bench', file, '--time', '20ms', '--html', page, '--json'])
    const { labs, skipped, limits, machine } = JSON.parse(stdout) as BenchDocument
    assert.deepEqual([labs.length, skipped, limits.length > 0, machine.processors > 0], [1, [], true, true])
    const [lab] = labs
    assert.deepEqual([lab!.lab, lab!.running, lab!.rounds], [name, false, 5])
    const paths = ['host-host', 'same-host', 'other-host', 'service', 'policies-100', 'policies-500']
    assert.deepEqual(
      lab!.rows.map((r) => `${r.path} ${r.measure}`),
      paths.flatMap((path) => MEASURE_IDS.map((measure) => `${path} ${measure}`)),
    )
    for (const row of lab!.rows) {
      const where = `${row.path} ${row.measure}`
      assert.equal(row.samples.length, 5, where)
      assert.ok(row.samples.every((n) => n > 0 && Number.isFinite(n)) && row.median > 0, where)
      assert.ok(row.ratio !== null && row.ratioMin! <= row.ratio && row.ratio <= row.ratioMax!, where)
      if (row.path === 'host-host') assert.deepEqual([row.ratioMin, row.ratio, row.ratioMax], [1, 1, 1])
    }
    assert.deepEqual(
      lab!.unmeasured.map((u) => u.id),
      ['encrypted'],
    )
    assert.match(stderr, /building bench-/)
    assert.match(readFileSync(page, 'utf8'), /<svg [^]*policies[^]*<\/html>\n$/)
    rmSync(page)
    await nothingLeft()
  })

  test('Ctrl-C ends it and takes the labs away', async (t) => {
    if (missing('ipset') !== undefined) return t.skip(missing('ipset'))
    const result = await during(['bench', put(TWO_HOSTS).file, '--time', '1s'], /round 1 of/, (pid) => process.kill(pid, 'SIGINT'))
    assert.equal(result.code, 130, told(result))
    await nothingLeft()
  })

  test('a lab that is up is measured as it is, and stays; killed, it leaves no program that makes load', async () => {
    const lab = new Lab(ONE_HOST)
    await lab.mustUp()
    const { stdout } = await netlabOk(['bench', lab.name, '--time', '20ms', '--json'])
    const [measured] = (JSON.parse(stdout) as BenchDocument).labs
    assert.deepEqual([measured!.lab, measured!.running], [lab.name, true])
    // One host has nothing to compare with.
    assert.deepEqual([...new Set(measured!.rows.map((r) => `${r.path} ${r.ratio}`))], ['same-host null'])
    assert.deepEqual(
      measured!.unmeasured.map((u) => u.id),
      ['host-host', 'other-host', 'service', 'policies-100', 'policies-500'],
    )

    const inPods = async (): Promise<string> => (await sh(`ip netns pids "$1"; ip netns pids "$2"`, lab.ns('a'), lab.ns('b'))).trim()
    const before = await inPods()
    await during(['bench', lab.name, '--time', '10s'], /round 1 of/, (pid) => process.kill(pid, 'SIGKILL'))
    for (let i = 0; i < 50 && (await inPods()) !== before; i++) await sleep(100)
    assert.equal(await inPods(), before)
    assert.equal((await netlab(['status', lab.name])).code, 0)
    await lab.remove()
  })

  test('a path that does not answer is named, the others are measured, and the exit code is 1', async () => {
    const lab = new Lab(ONE_HOST)
    await lab.mustUp()
    await sh('ip -n "$1" link set eth0 down', lab.ns('b'))
    const result = await netlab(['bench', lab.name, '--time', '20ms'])
    assert.equal(result.code, 1, told(result))
    assert.match(result.stdout, /^same-host: not measured: (?:no answer|connect: )/m)
    await lab.remove()
    await nothingLeft()
  })

  test('what cannot be asked for', async () => {
    await refusal(['bench'], 2, /no lab is up/)
    await refusal(['bench', 'no-such-file.yaml'], 2, /there is no file no-such-file\.yaml/)
    await refusal(['bench', put(TWO_HOSTS).file, '--rounds', '4'], 2, /--rounds 4: expected a whole number from 5/)
    await refusal(['bench', put(TWO_HOSTS).file, '--time', '1ms'], 2, /--time 1ms: expected a time from 20ms/)
    await refusal(['bench', put(TWO_HOSTS).file, '--quick', '--time', '1s'], 2, /cannot be used with option/)
    await refusal(['bench', put(TWO_HOSTS).file, '--html', '/no/such/folder/x.html'], 3, /cannot write \/no\/such\/folder\/x\.html/)
    await nothingLeft()
  })
})
