/** Daemons on a real kernel: BIRD in a host's namespace, writing routes into its table. */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { compileFile, type FromFile } from '../../src/cli/topology-file.ts'
import { wholeScript } from '../../src/cli/commands/topology/plan-run.ts'
import { settle } from '../../src/cli/commands/lab/up-run.ts'
import { Exit, type Failure } from '../../src/cli/failure.ts'
import type { Compiled } from '../../src/compile/compile.ts'
import { drift } from '../../src/kernel/drift.ts'
import { keyOf } from '../../src/kernel/kinds/index.ts'
import type { Daemon, KernelObject } from '../../src/kernel/objects.ts'
import { observe } from '../../src/kernel/observe.ts'
import { NamespacePool } from '../../src/netns/namespace-pool.ts'
import { reloadDaemons } from '../../src/process/daemon.ts'
import { shellLines, shellPrelude } from '../../src/process/shell.ts'
import { startProcesses } from '../../src/process/start.ts'
import { processStates, startedIn } from '../../src/process/states.ts'
import { endProcesses, pidsInNamespaces, stopProcesses } from '../../src/process/stop.ts'
import { processDir } from '../../src/state/store.ts'
import { bringUp, type UpOptions, type UpResult } from '../../src/state/up.ts'
import { Lab, randomName } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { netlab } from '../support/run.ts'

ownMachine()
oneProcess()

/** Set to a file: only brings up the lab in it, for a test that kills this process meanwhile. */
const UP_ALONE = 'NETLAB_TEST_UP'
const alone = process.env[UP_ALONE]
if (alone !== undefined) {
  await bringUp(JSON.parse(readFileSync(alone, 'utf8')) as Compiled, new NamespacePool())
  process.exit()
}

const skip = unable || (spawnSync('bird', ['--version']).error ? 'needs bird (scripts/setup.sh test)' : false)

const name = randomName()
const ns = `${name}.node-1`

/** BIRD's configuration: it writes static routes to these networks into the kernel's table. */
const config = (...networks: string[]): string => `log stderr all;
router id 10.0.0.1;
protocol device {}
protocol static own { ipv4; ${networks.map((network) => `route ${network} blackhole;`).join(' ')} }
protocol kernel fib { scan time 1; ipv4 { import none; export all; }; }
`

const bird = (text: string, more: Partial<Daemon> = {}): Daemon => ({
  kind: 'daemon',
  ns,
  id: 'node-1.bird',
  hostname: 'node-1',
  node: 'node-1',
  program: 'bird',
  command: ['bird', '-f', '-c', 'bird.conf', '-s', 'bird.ctl', '-P', 'bird.pid'],
  files: [{ path: 'bird.conf', content: text }],
  ready: { socket: 'bird.ctl' },
  reload: { command: ['birdc', '-s', 'bird.ctl', 'configure'] },
  owns: [{ routes: 'bird' }],
  capabilities: ['net_admin', 'net_raw', 'net_bind_service'],
  ...more,
})

const inside = (...command: string[]): string => execFileSync('nsenter', [`--net=/run/netns/${ns}`, ...command], { encoding: 'utf8' })
const routes = (): string[] =>
  (JSON.parse(inside('ip', '-j', 'route', 'show', 'proto', 'bird')) as { dst: string }[]).map(({ dst }) => dst).sort()

const processIds = (): number[] =>
  readdirSync('/proc')
    .filter((each) => /^\d+$/.test(each))
    .map(Number)
const comm = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}

async function until(what: string, check: () => boolean): Promise<void> {
  for (let tries = 0; !check(); tries++) {
    assert.ok(tries < 1000, `in vain: ${what}`)
    await sleep(10)
  }
}

const hasRoutes = (...networks: string[]): Promise<void> =>
  until(`routes to ${networks.join(', ')}`, () => routes().join() === networks.join())

describe('the process of a daemon', { skip }, () => {
  let dir = ''
  const pid = (): number => processStates(dir).find(({ id }) => id === 'node-1.bird')!.pid
  const now = (daemon: Daemon) => startedIn(dir)(daemon)?.spec

  before(() => {
    execFileSync('ip', ['netns', 'add', ns])
    inside('ip', 'link', 'set', 'lo', 'up')
    dir = mkdtempSync(join(tmpdir(), 'netlab-daemons-'))
  })
  afterEach(async () => {
    await stopProcesses(dir)
    assert.deepEqual(pidsInNamespaces([ns]), [])
    assert.deepEqual(
      readdirSync(dir).filter((file) => !file.endsWith('.log')),
      [],
    )
    for (const network of routes()) inside('ip', 'route', 'delete', network)
    rmSync(join(dir, 'node-1.bird.log'), { force: true })
  })
  after(() => {
    execFileSync('ip', ['netns', 'delete', ns])
    rmSync(dir, { recursive: true })
  })

  test('runs when it is ready: in its directory, with its capabilities, and with nothing that others can read', async () => {
    const daemon = bird(config('10.99.0.0/16'))
    assert.deepEqual(await startProcesses(dir, [daemon]), [])
    assert.match(inside('cat', '/proc/net/unix'), / bird\.ctl$/m)
    assert.match(
      readFileSync(`/proc/${pid()}/status`, 'utf8'),
      /CapPrm:\t0000000000003400\nCapEff:\t0000000000003400\nCapBnd:\t0000000000003400\n/,
    )
    assert.equal(readFileSync(`/proc/${pid()}/comm`, 'utf8'), 'bird\n')
    const directory = join(dir, 'node-1.bird.d')
    assert.deepEqual(readdirSync(directory).sort(), ['bird.conf', 'bird.ctl', 'bird.pid'])
    for (const path of [directory, join(directory, 'bird.conf'), join(dir, 'node-1.bird.spec'), join(dir, 'node-1.bird.log')])
      assert.equal(statSync(path).mode & 0o077, 0, path)
    assert.deepEqual(now(daemon), daemon)
    await hasRoutes('10.99.0.0/16')
  })

  test('ended, it counts as never started, and starts again', async () => {
    const daemon = bird(config('10.99.0.0/16'))
    await startProcesses(dir, [daemon])
    const first = pid()
    process.kill(first, 'SIGKILL')
    await until('its end is on record', () => processStates(dir)[0]!.signal === 9)
    assert.equal(now(daemon), undefined)
    assert.deepEqual(await startProcesses(dir, [daemon]), [])
    assert.notEqual(pid(), first)
    assert.deepEqual(now(daemon), daemon)
  })

  test('changed files are taken in while it runs; those by hand are noticed', async () => {
    await startProcesses(dir, [bird(config('10.99.0.0/16'))])
    await hasRoutes('10.99.0.0/16')
    const first = pid()
    const changed = bird(config('10.98.0.0/16'))
    assert.deepEqual(await reloadDaemons(dir, [changed]), [])
    await hasRoutes('10.98.0.0/16')
    assert.equal(pid(), first)
    assert.deepEqual(now(changed), changed)
    const file = join(dir, 'node-1.bird.d', 'bird.conf')
    writeFileSync(file, 'by hand')
    assert.deepEqual((now(changed) as Daemon).files, [{ path: 'bird.conf', content: 'by hand' }])
    rmSync(file)
    assert.deepEqual((now(changed) as Daemon).files, [])
  })

  test('files that it refuses are told in its own words, and it is on record as not told', async () => {
    await startProcesses(dir, [bird(config('10.99.0.0/16'))])
    const broken = bird('router id 10.0.0.1;\nnonsense;\n')
    const [failure] = await reloadDaemons(dir, [broken])
    assert.match(failure!.message, /^birdc -s bird\.ctl configure ended with exit code 1\n[^]*bird\.conf:2:1 syntax error/)
    assert.equal((now(broken) as Daemon).pending, true)
    assert.deepEqual(await reloadDaemons(dir, [bird(config('10.97.0.0/16'))]), [])
    await hasRoutes('10.97.0.0/16')
  })

  test('a signal tells it as well', async () => {
    const signalled = (text: string) => bird(text, { reload: { signal: 'SIGHUP' } })
    await startProcesses(dir, [signalled(config('10.99.0.0/16'))])
    await hasRoutes('10.99.0.0/16')
    assert.deepEqual(await reloadDaemons(dir, [signalled(config('10.96.0.0/16'))]), [])
    await hasRoutes('10.96.0.0/16')
  })

  test('one that ends before it is ready, is not ready in time or cannot be started is named with the reason', async () => {
    const sleeper = (id: string, more: Partial<Daemon>) => bird('', { id, program: id, command: ['sleep', '60'], ...more })
    const { capabilities: _all, ...bare } = sleeper('bare', { command: ['no-such-program'] })
    const failures = await startProcesses(
      dir,
      [
        bird('nonsense;\n'),
        sleeper('late', { ready: { tcp: 179 }, command: ['sh', '-c', 'echo still thinking; sleep 60'] }),
        sleeper('absent', { command: ['no-such-program'] }),
        bare,
        sleeper('asked', { ready: { command: ['test', '-e', 'bird.conf'] } }),
      ],
      { patience: 1000 },
    )
    const messages = Object.fromEntries(failures.map(({ id, message }) => [id, message]))
    assert.deepEqual(Object.keys(messages).sort(), ['absent', 'bare', 'late', 'node-1.bird'])
    assert.match(messages['node-1.bird']!, /^exited with code 1\nbird: bird\.conf:1:1 syntax error/)
    assert.equal(messages['late'], 'is not ready after 1 s: TCP port 179 is not listened on\nstill thinking')
    assert.match(messages['absent']!, /^exited with code 127\nsetpriv: .*no-such-program.*No such file/)
    assert.equal(messages['bare'], 'no-such-program: No such file or directory')
    for (const { id } of failures) rmSync(join(dir, `${id}.log`), { force: true })
  })

  test('an abort while it is waited for leaves nothing', async () => {
    const abort = new AbortController()
    const started = startProcesses(dir, [bird('', { command: ['sleep', '60'] })], { signal: abort.signal })
    await until('it runs', () => existsSync(join(dir, 'node-1.bird.pid')))
    abort.abort(new Error('interrupted'))
    await assert.rejects(started, /interrupted/)
    assert.deepEqual(pidsInNamespaces([ns]), [])
  })

  test('a shell script starts the same, and says what it said when it does not', async () => {
    const script = (daemon: Daemon): string => `set -eu\n${shellPrelude([daemon])}${shellLines(daemon, dir).join('\n')}\n`
    for (const shell of ['dash', 'bash'].filter((each) => spawnSync(each, ['-c', ':']).error === undefined)) {
      execFileSync(shell, ['-s'], { input: script(bird(config('10.99.0.0/16'))) })
      await hasRoutes('10.99.0.0/16')
      const directory = join(dir, 'node-1.bird.d')
      for (const path of [directory, join(directory, 'bird.conf'), join(dir, 'node-1.bird.log')])
        assert.equal(statSync(path).mode & 0o077, 0, path)
      await endProcesses([ns])
      const { status, stderr } = spawnSync(shell, ['-s'], { input: script(bird('nonsense;\n')), encoding: 'utf8' })
      assert.equal(status, 1)
      assert.match(stderr, /bird: bird\.conf:1:1 syntax error[^]*bird on node-1 is not ready\n$/)
    }
  })
})

/** Where the bird of these topologies comes from. */
const FROM = { line: 2, column: 1, path: 'hosts.node-1' }

/** What BIRD must bring about. */
const learnt = (...networks: string[]): KernelObject[] =>
  networks.map((dst) => ({
    kind: 'learned',
    ns,
    family: 4,
    dst,
    protocol: 'bird',
    daemon: 'node-1.bird',
    by: 'bird on node-1',
    from: FROM,
  }))

describe('a lab with a daemon', { skip }, () => {
  const lab = new Lab('hosts: { node-1: {} }\npods: {}\n')
  const ns = lab.ns('node-1')
  const pool = new NamespacePool()
  let base: FromFile
  /** The lab, with BIRD and what it must bring about. */
  const withBird = (daemon: Daemon, ...networks: string[]): Compiled => {
    const { compiled } = base
    const own = [{ ...daemon, ns, from: FROM }, ...learnt(...networks).map((o) => ({ ...o, ns }))]
    return { ...compiled, objects: [...compiled.objects, ...own] }
  }
  const up = (compiled: Compiled, options: UpOptions = {}): Promise<UpResult> =>
    bringUp(compiled, pool, { signal: new AbortController().signal, ...options })
  const daemonPid = (): number => processStates(processDir(lab.name)).find(({ id }) => id === 'node-1.bird')!.pid
  const route = (...words: string[]): string => execFileSync('ip', ['-n', ns, 'route', ...words], { encoding: 'utf8' })
  const inLab = (): string[] => readdirSync('/run/netns').filter((each) => each.startsWith(`${lab.name}.`))
  const nothingLeft = (): void => {
    assert.deepEqual(inLab(), [])
    assert.equal(existsSync(`/run/netlab/${lab.name}`), false)
    const birds = processIds().filter((pid) => comm(pid) === 'bird')
    assert.deepEqual(birds, [])
  }
  const mustUp = async (compiled: Compiled, outcome: UpResult['outcome']): Promise<void> => {
    const result = await up(compiled)
    assert.equal(result.outcome, outcome, JSON.stringify(result))
    await lab.mustBeHealthy()
  }

  before(async () => void (base = await compileFile(lab.file)))
  afterEach(async () => {
    await lab.down()
    nothingLeft()
  })
  after(async () => {
    pool.close()
    await lab.remove()
  })

  test('comes up when its routes are there, and stays as it is', async () => {
    const phases: string[] = []
    const compiled = withBird(bird(config('10.99.0.0/16', '10.98.0.0/16')), '10.99.0.0/16')
    assert.equal((await up(compiled, { onPhase: (phase) => phases.push(phase) })).outcome, 'created')
    assert.ok(phases.includes('waiting for daemons of') && phases.includes('waiting for learned routes of'), phases.join())
    // The other route is its own doing too, and not unexpected.
    assert.match(route(), /blackhole 10\.98\.0\.0\/16 proto bird/)
    await mustUp(compiled, 'unchanged')
    for (const file of ['applied.json', 'process/node-1.bird.log'])
      assert.equal(statSync(`/run/netlab/${lab.name}/${file}`).mode & 0o077, 0)
    route('add', 'blackhole', '10.50.0.0/16', 'proto', '99')
    const { findings } = await lab.status()
    assert.deepEqual(
      findings.map(({ state, object }) => [state, object]),
      [['unexpected', `route 10.50.0.0/16 in ${ns}`]],
    )
  })

  test('shows it and what it said', async () => {
    await mustUp(withBird(bird(config('10.99.0.0/16')), '10.99.0.0/16'), 'created')
    const { daemons } = JSON.parse((await netlab(['inspect', lab.name, '--json'])).stdout) as {
      daemons: { node: string; program: string }[]
    }
    assert.deepEqual(
      daemons.map(({ node, program }) => [node, program]),
      [['node-1', 'bird']],
    )
    assert.match((await netlab(['inspect', lab.name])).stdout, /node-1 +bird +bird -f -c bird\.conf/)
    assert.match((await netlab(['status', lab.name])).stdout, /1 of 1 daemon running/)
    assert.match((await netlab(['logs', 'node-1', '--lab', lab.name])).stdout, /Started/)
    assert.equal((await netlab(['logs', 'node-1', '-c', 'none', '--lab', lab.name])).code, 2)
  })

  test('names one that was killed, and starts it again', async () => {
    const compiled = withBird({ ...bird(config('10.99.0.0/16')), keeps: 'data' }, '10.99.0.0/16')
    await mustUp(compiled, 'created')
    const first = daemonPid()
    const kept = join(processDir(lab.name), 'node-1.bird.d/data')
    writeFileSync(kept, 'what it knows')
    process.kill(first, 'SIGSTOP')
    assert.deepEqual(
      (await lab.status()).findings.map(({ state, object }) => [state, object]),
      [['stopped', 'bird on node-1']],
    )
    process.kill(first, 'SIGKILL')
    await until('its end is on record', () => processStates(processDir(lab.name))[0]!.signal === 9)
    const [finding, ...others] = (await lab.status()).findings
    assert.deepEqual(
      [finding?.state, finding?.object, finding?.details[0], others],
      ['missing', 'bird on node-1', 'is not running: was ended by signal 9', []],
    )
    assert.match(finding?.source ?? '', /:2$/)
    await mustUp(compiled, 'changed')
    assert.notEqual(daemonPid(), first)
    assert.equal(readFileSync(kept, 'utf8'), 'what it knows')
  })

  test('has it take in changed files in place, and starts it anew when its command changed', async () => {
    await mustUp(withBird(bird(config('10.99.0.0/16')), '10.99.0.0/16'), 'created')
    const first = daemonPid()
    await mustUp(withBird(bird(config('10.97.0.0/16')), '10.97.0.0/16'), 'changed')
    assert.equal(daemonPid(), first)
    assert.doesNotMatch(route(), /10\.99/)
    const more = bird(config('10.97.0.0/16'))
    await mustUp(withBird({ ...more, command: [...more.command, '-R'] }, '10.97.0.0/16'), 'changed')
    assert.notEqual(daemonPid(), first)
    await mustUp(base.compiled, 'changed')
    assert.deepEqual(pidsInNamespaces([ns]), [])
  })

  test('takes away what one that was killed left, once nothing asks for it', async () => {
    await mustUp(withBird(bird(config('10.99.0.0/16')), '10.99.0.0/16'), 'created')
    process.kill(daemonPid(), 'SIGKILL')
    await until('its end is on record', () => processStates(processDir(lab.name))[0]!.signal === 9)
    assert.match(route(), /10\.99\.0\.0\/16 proto bird/)
    await mustUp(base.compiled, 'changed')
    assert.doesNotMatch(route(), /10\.99/)
  })

  test('waits for a route that went away', async () => {
    const compiled = withBird(bird(config('10.99.0.0/16')), '10.99.0.0/16')
    await mustUp(compiled, 'created')
    const before = daemonPid()
    process.kill(before, 'SIGSTOP')
    route('delete', '10.99.0.0/16')
    const finding = (await lab.status()).findings.find(({ state }) => state === 'missing')
    assert.deepEqual([finding?.object, finding?.details], [`route 10.99.0.0/16 in ${ns}`, ['bird on node-1 has not brought it about']])
    process.kill(before, 'SIGCONT')
    assert.notEqual((await up(compiled)).outcome, 'diverged')
    await lab.mustBeHealthy()
    assert.equal(daemonPid(), before)
  })

  test('says which routes did not come, and is put back as it was', async () => {
    const good = withBird(bird(config('10.99.0.0/16')), '10.99.0.0/16')
    await mustUp(good, 'created')
    const bad = withBird(bird(config('10.99.0.0/16')), '10.99.0.0/16', '10.96.0.0/16')
    const result = await up(bad, { patience: 500 })
    assert.ok(result.outcome === 'diverged' && result.rolledBack, JSON.stringify(result))
    assert.deepEqual(
      result.drift.missing.map((o) => keyOf(o)),
      [`learned ${ns} 4 10.96.0.0/16 main`],
    )
    assert.throws(
      () => settle(result, lab.file, base, {}),
      (error: Failure) =>
        error.exit === Exit.Apply &&
        error.diagnostics[0]!.line === 2 &&
        /10\.96\.0\.0\/16 .*bird on node-1 has not brought it about/.test(error.diagnostics[0]!.message),
    )
    await lab.mustBeHealthy()
  })

  test('fails in the words of BIRD: when it starts, when its files change', async () => {
    const words = /bird\.conf:1:1 syntax error/
    const broken = withBird(bird('nonsense;\n'))
    const first = await up(broken)
    assert.ok(first.outcome === 'failed' && first.rolledBack, JSON.stringify(first))
    assert.match(first.failure.stderr, words)
    assert.throws(
      () => settle(first, lab.file, base, {}),
      (error: Failure) =>
        error.exit === Exit.Apply &&
        error.diagnostics[0]!.line === 2 &&
        error.diagnostics[0]!.message.startsWith('cannot make bird on node-1: exited with code 1\n'),
    )
    nothingLeft()
    await mustUp(withBird(bird(config('10.99.0.0/16')), '10.99.0.0/16'), 'created')
    const before = daemonPid()
    const second = await up(broken)
    assert.ok(second.outcome === 'failed' && second.rolledBack, JSON.stringify(second))
    assert.match(second.failure.stderr, words)
    assert.equal(daemonPid(), before)
    await lab.mustBeHealthy()
  })

  test('fails when it does not keep running, with what it said last', async () => {
    const { reload: _reload, ...rest } = bird('', {
      command: ['sh', '-c', 'touch begun; sleep 0.2; echo giving up; exit 3'],
      ready: { file: 'begun' },
    })
    const result = await up(withBird(rest, '10.99.0.0/16'), { patience: 5000 })
    assert.equal(result.outcome, 'failed')
    assert.match((result as { failure: { stderr: string } }).failure.stderr, /^exited with code 3\n(giving up\n?)+$/)
  })

  test('killed at any moment: down removes what is there, and so does the next up', async () => {
    const compiled = withBird(bird(config('10.99.0.0/16')), '10.99.0.0/16')
    const input = join(lab.dir, 'compiled.json')
    writeFileSync(input, JSON.stringify(compiled))
    for (let delay = 0; delay <= 600; delay += 50) {
      const child = spawn(process.execPath, process.argv.slice(1), { env: { ...process.env, [UP_ALONE]: input }, stdio: 'ignore' })
      const ended = new Promise((resolve) => child.once('exit', resolve))
      await until('it has begun', () => existsSync(`/run/netlab/${lab.name}/journal.json`))
      await sleep(delay)
      child.kill('SIGKILL')
      await ended
      if (delay % 100 === 0) await mustUp(compiled, existsSync(`/run/netlab/${lab.name}/applied.json`) ? 'unchanged' : 'created')
      assert.equal((await lab.down()).code, 0)
      nothingLeft()
    }
  })

  test('is built by its script as well', async () => {
    const compiled = withBird(bird(config('10.99.0.0/16')), '10.99.0.0/16')
    const script = [...wholeScript(compiled.objects, ['test'], lab.name)].join('')
    assert.ok(script.endsWith(`\nnetlab_learned 'bird on node-1' -n ${ns} -4 route show 10.99.0.0/16 proto bird\n`), script.slice(-300))
    try {
      execFileSync('sh', ['-s'], { input: script, stdio: ['pipe', 'ignore', 'inherit'] })
      await until('the route', () => route().includes('10.99.0.0/16'))
      const { missing, changed } = drift(compiled.objects, await observe(compiled.objects, pool))
      // The script keeps no record of what it starts.
      assert.deepEqual([missing.map((o) => keyOf(o)), changed], [['daemon node-1.bird'], []])
    } finally {
      await endProcesses(inLab())
      for (const each of inLab()) execFileSync('ip', ['netns', 'delete', each])
      rmSync(`/run/netlab-script-${lab.name}`, { recursive: true, force: true })
    }
  })
})
