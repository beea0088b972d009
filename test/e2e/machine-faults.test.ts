/**
 * A machine that is full, read-only, short of descriptors or programs, or whose records were damaged: every command ends with an
 * exit code of its own and words, never with a stack trace, and what a failed `up` had made is gone.
 */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { Lab } from '../support/lab.ts'
import { alone, ownMachine, unable } from '../support/machine.ts'
import { bin } from '../support/root.ts'
import { netlab, run, sh, told, type Run, type RunOptions } from '../support/run.ts'
import { machineSnapshot, settledSnapshot, type Snapshot } from '../support/snapshot.ts'

ownMachine()

/** Mounts are the machine's own affair: only on one of the test's own. */
const skip = unable || (!alone && 'needs a /tmp that is not below the sources')

const POD = { containers: [{ name: 'c', ports: [{ containerPort: 80 }] }] }
const TOPOLOGY = { hosts: { 'node-1': {}, 'node-2': {} }, pods: { a: { host: 'node-1', ...POD }, b: { host: 'node-2', ...POD } } }

/** A netlab command that ends with one of these codes, in words. */
async function ends(args: readonly string[], codes: readonly number[], options?: RunOptions): Promise<Run> {
  return inWords(await netlab(args, options), codes, args)
}

function inWords(result: Run, codes: readonly number[], args: readonly string[]): Run {
  assert.ok(codes.includes(result.code!), `${args.join(' ')}: ${told(result)}`)
  assert.doesNotMatch(`${result.stdout}${result.stderr}`, /\n {4}at |node:internal|This is a bug|Uncaught/, told(result))
  return result
}

describe('/run/netlab', { skip }, () => {
  const lab = new Lab(TOPOLOGY)
  let untouched: Snapshot
  before(async () => {
    await sh('mkdir -p /run/netlab')
    untouched = await machineSnapshot()
  })
  afterEach(() => sh('mount -o remount,rw /run/netlab 2>/dev/null; umount -l /run/netlab 2>/dev/null; true'))
  after(() => lab.remove())

  const left = (): string[] => readdirSync('/run/netlab', { recursive: true, encoding: 'utf8' })

  for (const pages of [1, 3, 5])
    test(`of ${4 * pages} KiB: \`up\` ends with words, and nothing is left of it`, async () => {
      await sh(`mount -t tmpfs -o size=${4 * pages}k netlab /run/netlab`)
      const result = await ends(['up', lab.file], [0, 3, 4])
      if (result.code !== 0) {
        assert.match(result.stderr, /no space left on device|No space left on device/)
        assert.deepEqual(left(), [])
      }
      await ends(['down', lab.name], [0])
      assert.deepEqual(left(), [])
      await sh('umount /run/netlab')
      assert.deepEqual(await settledSnapshot(untouched), untouched)
    })

  test('that fills up leaves a running lab as it was, and `down` needs no room', async () => {
    await sh('mount -t tmpfs -o size=64k netlab /run/netlab')
    await lab.mustUp()
    await sh('dd if=/dev/zero of=/run/netlab/filling bs=4k 2>/dev/null || true')
    lab.write({ ...TOPOLOGY, pods: { ...TOPOLOGY.pods, c: { host: 'node-1', ...POD } } })
    const result = await ends(['up', lab.file], [3, 4])
    assert.match(result.stderr, /space left on device/)
    assert.deepEqual(
      left().filter((name) => name.endsWith('.new')),
      [],
    )
    lab.write(TOPOLOGY)
    await lab.mustBeHealthy()
    await ends(['down', lab.name], [0])
    assert.deepEqual(left(), ['filling'])
  })

  test('that is read-only: nothing begins', async () => {
    await sh('mount -t tmpfs -o size=64k netlab /run/netlab && mount -o remount,ro /run/netlab')
    const result = await ends(['up', lab.file], [3])
    assert.match(result.stderr, /read-only file system/)
    await sh('umount /run/netlab')
    assert.deepEqual(await settledSnapshot(untouched), untouched)
  })
})

describe('a running lab', { skip }, () => {
  const lab = new Lab(TOPOLOGY)
  const records = join('/run/netlab', lab.name)
  before(() => lab.mustUp())
  after(() => lab.remove())

  const COMMANDS: readonly (readonly string[])[] = [
    ['status', lab.name],
    ['test', lab.name, '--only', 'expect'],
    ['trace', 'a', 'b', '--lab', lab.name],
    ['capture', 'a', '--lab', lab.name, '--duration', '1s'],
    ['up', lab.file],
  ]

  for (const files of [32, 48])
    test(`with ${files} descriptors a process: commands end with words, and the lab stays as it is`, async () => {
      for (const args of COMMANDS) {
        const result = await run(['sh', '-c', `ulimit -n ${files}; exec "$@"`, 'sh', process.execPath, bin, ...args], { patience: 60_000 })
        inWords(result, [0, 1, 3, 4], args)
      }
      await lab.mustUp()
      await lab.mustBeHealthy()
    })

  test('and a program that may not be executed, or is gone: exit code 3 and its name', async () => {
    await sh('touch /tmp/plain && chmod 644 /tmp/plain && mount --bind /tmp/plain "$(readlink -f /usr/bin/perl)"')
    try {
      for (const args of COMMANDS) {
        // Only what starts programs in namespaces needs it.
        const result = await ends(args, args[0] === 'up' ? [3] : [0, 1, 3])
        if (result.code === 3) assert.match(result.stderr, /the program perl is not executable/)
      }
    } finally {
      await sh('umount "$(readlink -f /usr/bin/perl)"')
    }
    // Programs with alternatives are links to links.
    await sh(
      'cp -a /etc/alternatives /tmp/alternatives && rm -f /tmp/alternatives/*iptables-save && mount --bind /tmp/alternatives /etc/alternatives',
    )
    try {
      for (const args of [
        ['test', lab.name],
        ['status', lab.name],
        ['up', lab.file],
      ]) {
        // A test of this lab reads no rules.
        const result = await ends(args, args[0] === 'test' ? [0] : [3])
        if (result.code === 3) assert.match(result.stderr, /the program iptables-save is not installed/)
      }
    } finally {
      await sh('umount /etc/alternatives')
    }
    await lab.mustBeHealthy()
  })

  const ODD = ['', '\0', '{', 'null', '[]', '7', '"x"', '{"version":1}', '{"id":"a.c"}', '-1 -1 -1', '1 1 1']
  const FILES = ['journal.json', 'applied.json', 'attempt.json', 'process/a.c.spec', 'process/a.c.pid']
  for (const [n, name] of FILES.entries())
    test(`whose ${name} was damaged: every command ends with words`, async () => {
      const file = join(records, name)
      for (const content of [ODD[n % ODD.length]!, ODD[(n + 5) % ODD.length]!, 'half']) {
        await lab.mustUp()
        const was = statSync(file, { throwIfNoEntry: false }) ? readFileSync(file) : undefined
        writeFileSync(file, content === 'half' ? (was ?? Buffer.from('xy')).subarray(0, Math.floor((was?.length ?? 2) / 2)) : content)
        await ends(['status', lab.name], [0, 1, 3])
        await ends(['up', lab.file], [0, 3])
        // Without a journal there is no telling what is the lab's.
        const down = await ends(['down', lab.name], [0, 3])
        if (down.code !== 0) {
          assert.equal(name, 'journal.json')
          writeFileSync(file, was!)
          await ends(['down', lab.name], [0])
        }
      }
    })

  test('whose records are folders where files should be, and files where folders should be', async () => {
    await lab.mustUp()
    rmSync(join(records, 'process', 'a.c.spec'))
    await sh('mkdir "$1/process/a.c.spec" && mkdir "$1/attempt.json"', records)
    await ends(['status', lab.name], [1, 3])
    await ends(['up', lab.file], [3])
    await ends(['down', lab.name], [0])
    await lab.mustUp()
    await sh('mv "$1/process" /tmp/aside && echo x > "$1/process"', records)
    await ends(['status', lab.name], [1])
    await ends(['up', lab.file], [3, 4])
    await sh('rm -f "$1/process" && mv /tmp/aside "$1/process"', records)
    await ends(['down', lab.name], [0])
  })

  /** Kills what a netlab process has started, as soon as there is something. */
  const killingChildren = (child: ChildProcess): void => {
    const watch = setInterval(() => {
      try {
        const pids = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').split(' ').filter(Boolean)
        for (const pid of pids) process.kill(Number(pid), 'SIGKILL')
        if (pids.length > 0) clearInterval(watch)
      } catch {
        clearInterval(watch)
      }
    }, 10)
    child.on('exit', () => clearInterval(watch))
  }

  for (const args of [...COMMANDS, ['test', lab.name], ['down', lab.name]])
    test(`whose helpers are killed during ${args[0]}: it ends with words`, async () => {
      if (args[0] === 'up') await lab.down()
      else await lab.mustUp()
      await ends(args, [0, 1, 3, 4], { onStart: killingChildren })
      await ends(['down', lab.name], [0])
    })

  for (const args of COMMANDS.filter(([name]) => name !== 'up'))
    test(`that is removed during ${args[0]}: it says so, or had its result before`, async () => {
      await lab.mustUp()
      const down = new Promise<Run>((resolve) => setTimeout(() => resolve(lab.down()), 250))
      await ends(args, [0, 1])
      const result = await down
      assert.equal(result.code, 0, told(result))
    })
})
