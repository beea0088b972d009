/**
 * netlab is killed, interrupted and started many times at once. Whatever it was doing: `down` leaves nothing, `up`
 * converges, and a command that was interrupted has cleaned up. Moments are random; NETLAB_CHAOS_SEED repeats them.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Lab, type LabDocument } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { probe } from '../support/probe.ts'
import { seeded } from '../support/random.ts'
import { bin } from '../support/root.ts'
import { netlab, told, type Run } from '../support/run.ts'
import { misbehaving } from '../support/shim.ts'
import { labSnapshot, machineSnapshot, settledSnapshot, type Snapshot } from '../support/snapshot.ts'

ownMachine()

const ROUNDS = Number(process.env['NETLAB_CHAOS_ROUNDS'] ?? 5)
const seed = Number(process.env['NETLAB_CHAOS_SEED'] ?? Date.now() % 1_000_000)

const random = seeded(seed)

const LARGE = {
  hosts: { node: { replicas: 3 } },
  pods: {
    web: { replicas: 15, containers: [{ name: 'web', ports: [{ containerPort: 8080 }] }] },
    job: { replicas: 5, containers: [{ name: 'job', command: ['sh', '-c', 'sleep 1000 & sleep 1000; wait'] }] },
  },
}

/** The same with a policy, so that there is something to prove. */
const POLICED = {
  ...LARGE,
  pods: { ...LARGE.pods, job: { ...LARGE.pods.job, labels: { app: 'job' } } },
  policies: { closed: { podSelector: { matchLabels: { app: 'job' } }, policyTypes: ['Ingress'], ingress: [] } },
}

/** Starts netlab as the leader of a process group, and signals all of it after a while, as a terminal would. */
function interrupted(args: string[], signal: NodeJS.Signals, ms: number): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bin, ...args], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code, by) => resolve({ code, signal: by, stdout, stderr }))
    void sleep(ms).then(() => child.exitCode === null && child.signalCode === null && process.kill(-child.pid!, signal))
  })
}

async function answers({ nodes }: LabDocument): Promise<void> {
  const pods = nodes.filter((n) => n.kind === 'pod' && n.name.startsWith('web'))
  const heard = await probe(
    pods[0]!.netns,
    pods.map((p) => ({ kind: 'tcp', to: p.addresses![0]!, port: 8080 })),
  )
  assert.deepEqual(
    heard.map((a) => a.text),
    pods.map((p, i) => `${p.name} ${heard[i]!.self}`),
  )
}

describe(`chaos with seed ${seed}`, { skip: unable }, () => {
  const lab = new Lab(LARGE)
  let untouched: Snapshot
  /** What an `up` takes here and now, milliseconds. */
  let baseline = 0

  before(async () => {
    untouched = await machineSnapshot()
    const started = performance.now()
    await lab.mustUp()
    baseline = performance.now() - started
    assert.equal((await lab.down()).code, 0)
  })
  afterEach(async () => {
    lab.write(LARGE)
    await lab.down()
  })
  after(() => lab.remove())

  const moment = (): number => Math.floor(random() * baseline * 1.1)
  async function nothingLeft(): Promise<void> {
    assert.deepEqual(await settledSnapshot(untouched), untouched)
  }
  async function arrives(): Promise<void> {
    const document = await lab.mustUp()
    await lab.mustBeHealthy()
    await answers(document)
  }

  for (let round = 1; round <= ROUNDS; round++) {
    const thenUp = round % 2 === 0
    test(`up killed at some moment, then ${thenUp ? 'up' : 'down'} (${round})`, async (t) => {
      const ms = moment()
      const result = await interrupted(['up', lab.file], 'SIGKILL', ms)
      t.diagnostic(`after ${ms} of ${Math.round(baseline)} ms: ${result.signal ?? `exit code ${result.code}`}`)
      if (thenUp) await arrives()
      const down = await lab.down()
      assert.equal(down.code, 0, told(down))
      await nothingLeft()
    })
  }

  const steps = [/^netns add .*\.web-9$/, /^link add .*eth0/, /^link set lo up/, /^neigh replace/, /^fdb replace/, /leaves the cluster/]
  for (const step of steps) {
    test(`up killed at ${step.source}, then down and up`, async () => {
      const result = await netlab(['up', lab.file], { env: misbehaving(lab.dir, 'netlab KILL', step) })
      assert.equal(result.signal, 'SIGKILL', told(result))
      assert.ok(existsSync(`/run/netlab/${lab.name}/journal.json`), 'it was killed before it began')
      const down = await lab.down()
      assert.equal(down.code, 0, told(down))
      await nothingLeft()
    })
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    for (let round = 1; round <= Math.ceil(ROUNDS / 7); round++) {
      test(`${signal} at some moment of up (${round})`, async (t) => {
        const ms = moment()
        const result = await interrupted(['up', lab.file], signal, ms)
        t.diagnostic(`after ${ms} of ${Math.round(baseline)} ms: ${result.signal ?? `exit code ${result.code}`}`)
        // Too late: it had succeeded.
        if (result.code === 0) return lab.mustBeHealthy()
        // Too early or too late: Node itself was just starting, or had nothing left to do but to end.
        assert.ok(result.code === 130 || result.signal === signal, told(result))
        if (result.signal === signal && /is up:/.test(result.stdout)) return lab.mustBeHealthy()
        await nothingLeft()
      })
    }
    for (const step of signal === 'SIGHUP' ? [] : steps.slice(0, 4)) {
      test(`${signal} at ${step.source}`, async () => {
        const how = `netlab ${signal === 'SIGINT' ? 'INT' : 'TERM'}` as const
        const result = await netlab(['up', lab.file, '--json'], { env: misbehaving(lab.dir, how, step) })
        assert.equal(result.code, 130, told(result))
        const [error] = (JSON.parse(result.stdout) as { errors: { code: string; hint: string }[] }).errors
        assert.equal(error!.code, 'interrupted')
        assert.match(error!.hint, /rolled back/)
        await nothingLeft()
      })
    }
  }

  test('a namespace worker is killed: exit 4, nothing left', async () => {
    const result = await netlab(['up', lab.file, '--json'], { env: misbehaving(lab.dir, 'worker KILL', /^link add .*eth0/) })
    assert.equal(result.code, 4, told(result))
    await nothingLeft()
  })

  for (let round = 1; round <= Math.ceil(ROUNDS / 5); round++) {
    test(`down killed at some moment, then down (${round})`, async () => {
      await lab.mustUp()
      await interrupted(['down', lab.name], 'SIGKILL', moment() / 3)
      const down = await lab.down()
      assert.equal(down.code, 0, told(down))
      await nothingLeft()
    })

    test(`a change killed at some moment, then the change again, then the old file (${round})`, async () => {
      const first = await lab.mustUp()
      const pods = first.nodes.filter((n) => n.name.startsWith('web'))
      const before = await labSnapshot(pods)
      lab.write({ ...LARGE, network: { backend: 'direct' }, pods: { ...LARGE.pods, more: { replicas: 10 } } })
      await interrupted(['up', lab.file], 'SIGKILL', moment())
      await arrives()
      lab.write(LARGE)
      await arrives()
      assert.deepEqual(await labSnapshot(pods), before)
    })

    test(`a change interrupted at some moment leaves the lab as it was (${round})`, async () => {
      const first = await lab.mustUp()
      lab.write({ ...LARGE, network: { backend: 'direct' }, pods: { ...LARGE.pods, more: { replicas: 10 } } })
      const result = await interrupted(['up', lab.file], 'SIGINT', moment())
      await lab.mustBeHealthy()
      if (result.code === 0 || /is up:/.test(result.stdout)) return
      lab.write(LARGE)
      assert.deepEqual(await lab.mustUp(), { ...first, outcome: 'unchanged' })
    })
  }

  // NETLAB_CHAOS_KILLS=200 is what a release has to stand.
  const KILLS = Number(process.env['NETLAB_CHAOS_KILLS'] ?? 4)
  const CHANGED = { ...POLICED, network: { backend: 'direct' }, pods: { ...POLICED.pods, more: { replicas: 5 } } }
  /** `reach`: how long each takes, as a share of the baseline: what is killed later has ended. */
  const victims: readonly (readonly [what: string, reach: number, prepare: () => unknown, args: () => string[]])[] = [
    ['up', 0.9, () => lab.down(), () => ['up', lab.file]],
    ['a change', 0.4, () => lab.mustUp().then(() => lab.write(CHANGED)), () => ['up', lab.file]],
    ['down', 0.15, () => lab.mustUp(), () => ['down', lab.name]],
    ['trace', 0.25, () => lab.mustUp(), () => ['trace', 'web-1', 'web-15', '--port', '8080/tcp', '--lab', lab.name]],
    ['prove', 1.4, () => lab.mustUp(), () => ['test', lab.name, '--sample', '20', '--prove']],
    ['ci', 1.3, () => lab.down(), () => ['ci', lab.file, '--sample', '20']],
  ]
  for (let kill = 1; kill <= KILLS; kill++) {
    const [what, reach, prepare, args] = victims[(kill - 1) % victims.length]!
    const signal = (['SIGKILL', 'SIGINT', 'SIGTERM'] as const)[Math.floor(random() * 3)]!
    test(`${what} ended by ${signal} at some moment, then up and down (${kill})`, async (t) => {
      lab.write(POLICED)
      await prepare()
      const ms = Math.round(moment() * reach)
      const result = await interrupted(args(), signal, ms)
      t.diagnostic(`after ${ms} ms: ${result.signal ?? `exit code ${result.code}`}`)
      assert.doesNotMatch(`${result.stdout}${result.stderr}`, /\n {4}at |This is a bug|Uncaught/, told(result))
      // Who cleans up for a killed `ci` may be at it still, and holds the lab's lock then.
      lab.write(POLICED)
      if (random() < 0.5) await arrives()
      const down = await lab.down()
      assert.equal(down.code, 0, told(down))
      await nothingLeft()
    })
  }

  test('several up of one lab at once: one creates it, the others find it', async () => {
    const results = await Promise.all([1, 2, 3].map(() => lab.up('--json')))
    for (const r of results) assert.equal(r.code, 0, told(r))
    const outcomes = results.map((r) => (JSON.parse(r.stdout) as LabDocument).outcome)
    assert.deepEqual([outcomes.filter((o) => o === 'created').length, outcomes.filter((o) => o === 'unchanged').length], [1, 2])
    await lab.mustBeHealthy()
  })

  for (let round = 1; round <= Math.ceil(ROUNDS / 5); round++) {
    test(`up and down at once: one after the other (${round})`, async () => {
      if (round % 2) await lab.mustUp()
      // On a busy machine the three before it may take longer than the ten seconds that a command waits for others.
      const inTurn = async (command: () => Promise<Run>, times = 3): Promise<Run> => {
        const result = await command()
        return times > 1 && result.code === 4 && result.stderr.includes('[lab-busy]') ? inTurn(command, times - 1) : result
      }
      const results = await Promise.all([
        sleep(moment() / 2).then(() => inTurn(() => lab.up())),
        inTurn(() => lab.down()),
        sleep(moment() / 2).then(() => inTurn(() => lab.up())),
        sleep(moment() / 2).then(() => inTurn(() => lab.down())),
      ])
      for (const r of results) assert.equal(r.code, 0, told(r))
      const { stdout } = await netlab(['ls', '--json'])
      const up = (JSON.parse(stdout) as { labs: { lab: string; state: string }[] }).labs
      if (up.length === 0) return nothingLeft()
      assert.deepEqual(
        up.map((l) => [l.lab, l.state]),
        [[lab.name, 'up']],
      )
      await arrives()
    })
  }

  test('down ends what runs inside', async () => {
    await lab.mustUp()
    let down: Promise<Run> | undefined
    const start = (child: { stdout: NodeJS.ReadableStream | null }): void =>
      void child.stdout!.once('data', () => {
        down = lab.down()
      })
    const command = ['exec', 'web-1', '--', 'sh', '-c', 'echo ready; exec sleep 1000']
    const exec = await netlab(command, { onStart: start, patience: 60_000 })
    assert.ok(exec.code! > 128, told(exec))
    const result = await down!
    assert.equal(result.code, 0, told(result))
    assert.match(result.stdout, /ended a process that was still running inside: sleep 1000/)
    await nothingLeft()
  })

  test('up and down inside a node are refused, and nothing happens', async () => {
    await lab.mustUp()
    for (const args of [
      ['up', lab.file],
      ['down', lab.name],
      ['down', '--all'],
    ]) {
      const result = await netlab(['exec', 'web-1', '--', process.execPath, bin, ...args, '--json'])
      assert.equal(result.code, 2, told(result))
      assert.match(result.stdout, /"inside-a-node"/)
    }
    await lab.mustBeHealthy()
  })
})
