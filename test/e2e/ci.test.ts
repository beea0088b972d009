/** `netlab ci`: several topologies, one report; and whatever happens, nothing is left. */
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'
import { candidate, tryLab } from '../../src/cli/commands/test/ci-lab.ts'
import { Watch } from '../../src/cli/cleanup-guard.ts'
import { randomName } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { root } from '../support/root.ts'
import { netlab, run, told, type Run, type RunOptions } from '../support/run.ts'
import { machineSnapshot, settledSnapshot, type Snapshot } from '../support/snapshot.ts'

ownMachine()

const WORKS = 'hosts: { node-1: {}, node-2: {} }\npods:\n  a: { host: node-1 }\n  b: { host: node-2 }\n'
/** The last line promises what does not hold. */
const BROKEN = `${WORKS}expect:\n  - { from: a, to: b, result: deny }\n`
/** What must not arrive takes a second to be believed: time to be interrupted in. */
const SLOW = `${WORKS}policies:\n  shut: { podSelector: {}, policyTypes: [Ingress] }\n`

interface CiDocument {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly errors: number
  readonly labs: readonly {
    readonly lab: string
    readonly status: string
    readonly exit: number
    readonly diagnostics: readonly { readonly code: string; readonly line: number | null }[]
    readonly test?: { readonly checks: readonly { readonly id: string; readonly status: string }[] }
    readonly traces: readonly string[]
  }[]
}

describe('netlab ci', { skip: unable }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'netlab-test-'))
  after(() => rmSync(dir, { recursive: true, force: true }))
  let untouched: Snapshot
  /** A topology of its own name. */
  const put = (text: string, name = randomName()): { name: string; file: string } => {
    const file = join(dir, `${name}.yaml`)
    writeFileSync(file, text)
    return { name, file }
  }
  const ci = (args: readonly string[], options?: RunOptions): Promise<Run> =>
    netlab(['ci', ...args], { env: { GITHUB_ACTIONS: undefined, GITHUB_STEP_SUMMARY: undefined }, ...options })
  const nothingLeft = async (): Promise<void> => assert.deepEqual(await settledSnapshot(untouched), untouched)

  test('labs that keep their promises: one report, and the machine as before', async () => {
    untouched = await machineSnapshot()
    const labs = [put(WORKS), put(SLOW), put(WORKS)]
    const junit = join(dir, 'reports/junit.xml')
    const result = await ci([...labs.map((l) => l.file), '--json', '--junit', junit])
    assert.equal(result.code, 0, told(result))
    const document = JSON.parse(result.stdout) as CiDocument
    assert.deepEqual(
      document.labs.map((l) => [l.lab, l.status, l.exit]),
      labs.map((l) => [l.name, 'passed', 0]),
    )
    assert.equal(document.passed, 3)
    const xml = readFileSync(junit, 'utf8')
    for (const { name } of labs) assert.match(xml, new RegExp(`<testsuite name="${name}" tests="\\d+" failures="0" errors="0"`))
    rmSync(join(dir, 'reports'), { recursive: true })
    await nothingLeft()
  })

  test('what is wrong, broken, or up already does not stop the others, and the exit code is the worst', async () => {
    const [good, broken, wrong, up] = [put(WORKS), put(BROKEN), put('hosts: { a: {} }\npodz: {}\n'), put(WORKS)]
    await netlab(['up', up.file])
    const traces = join(dir, 'traces')
    const files = [good, broken, wrong, up].map((l) => l.file)
    const result = await ci([...files, '--json', '--trace-failures', traces])
    assert.equal(result.code, 2, told(result))
    const document = JSON.parse(result.stdout) as CiDocument
    assert.deepEqual(
      document.labs.map((l) => [l.status, l.exit, l.diagnostics.map((d) => d.code)]),
      [
        ['passed', 0, []],
        ['failed', 1, []],
        ['error', 2, ['missing-key', 'unknown-key']],
        ['error', 2, ['lab-is-up']],
      ],
    )
    assert.deepEqual(
      document.labs[1]!.test!.checks.filter((c) => c.status === 'failed').map((c) => c.id),
      ['expect-1'],
    )
    // A trace of the pair: for programs, for Wireshark, for people.
    assert.deepEqual(
      readdirSync(traces).sort(),
      ['html', 'json', 'pcapng'].map((e) => `${broken.name}-01-a-to-b-icmp.${e}`),
    )
    assert.equal((JSON.parse(readFileSync(document.labs[1]!.traces[0]!, 'utf8')) as { outcome: string }).outcome, 'delivered')
    // It was not ours to touch.
    const status = await netlab(['status', up.name])
    assert.equal(status.code, 0, told(status))
    await netlab(['down', up.name])
    rmSync(traces, { recursive: true })
    await nothingLeft()
  })

  test('two runs at once try a lab one after the other', async () => {
    const { name, file } = put(WORKS)
    const results = await Promise.all([ci([file]), ci([file])])
    for (const result of results) assert.equal(result.code, 0, told(result))
    const waited = results.filter((r) => r.stderr.includes(`that tries ${name}`))
    assert.equal(waited.length, 1, results.map(told).join('\n'))
    await nothingLeft()
  })

  test('labs of one name are reported apart, each with its own traces', async () => {
    const name = randomName()
    const files = [put(`name: ${name}\n${BROKEN}`, 'iso'), put(`name: ${name}\n${BROKEN}`, 'iso2')].map((l) => l.file)
    const [traces, junit] = [join(dir, 'traces'), join(dir, 'j.xml')]
    const result = await ci([...files, '--trace-failures', traces, '--junit', junit, '--json'], { cwd: dir })
    assert.equal(result.code, 1, told(result))
    const endings = ['html', 'json', 'pcapng']
    const expected = ['iso', 'iso2'].flatMap((file) => endings.map((e) => `${name}-${file}-01-a-to-b-icmp.${e}`))
    assert.deepEqual(readdirSync(traces).sort(), expected)
    const { labs } = JSON.parse(result.stdout) as CiDocument
    assert.deepEqual(
      labs.map((l) => l.traces.map((file) => basename(file)).sort()),
      [expected.slice(0, 3), expected.slice(3)],
    )
    const suites = [...readFileSync(junit, 'utf8').matchAll(/<testsuite name="([^"]*)"/g)].map((m) => m[1])
    assert.deepEqual(
      suites,
      ['iso', 'iso2'].map((file) => `${name} (${file}.yaml)`),
    )
    for (const left of [traces, junit]) rmSync(left, { recursive: true })
    await nothingLeft()
  })

  test('as text: failures with their reason and command, a line for each lab', async () => {
    const broken = put(BROKEN)
    const result = await ci([broken.file, put(WORKS).file], { cwd: dir })
    assert.equal(result.code, 1, told(result))
    assert.match(result.stdout, new RegExp(`\\$ netlab trace a b --lab ${broken.name}\n`))
    assert.match(result.stdout, new RegExp(`asked for by ${broken.name}\\.yaml:6\n`))
    assert.match(result.stdout, new RegExp(`\n${broken.name} +failed +\\d+ +1 +\\d+ .* ${broken.name}\\.yaml\n`))
    assert.match(result.stdout, /\nFAILED {2}2 labs: 1 failed, 1 passed; \d+ probes in /)
    assert.match(result.stderr, /\[2\/2\] (?:passed|failed)/)
    assert.ok(!result.stdout.includes('\u001b') && !result.stdout.includes('::'))
  })

  test('on GitHub: annotations at the line of the topology, groups, a summary', async () => {
    const broken = put(BROKEN)
    const summary = join(dir, 'summary.md')
    writeFileSync(summary, '# Before\n')
    const env = { GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: dir, GITHUB_STEP_SUMMARY: summary }
    const good = put(WORKS)
    const result = await ci([broken.file, good.file], { env, cwd: '/' })
    assert.equal(result.code, 1, told(result))
    assert.match(result.stderr, new RegExp(`^::error file=${broken.name}\\.yaml,line=6,col=\\d+,title=${broken.name}%3A `, 'm'))
    assert.match(result.stdout, new RegExp(`^::group::${good.name}: passed\n[^]*\n::endgroup::\n`, 'm'))
    assert.match(readFileSync(summary, 'utf8'), new RegExp(`^# Before\n## netlab: 1 of 2 labs failed\n[^]*### ${broken.name}: ❌ failed`))
    rmSync(summary)
  })

  test('netlab test has the same reports of a lab that is up, and leaves it up', async () => {
    const { name, file } = put(BROKEN)
    await netlab(['up', file])
    const [junit, traces, page] = [join(dir, 'j.xml'), join(dir, 'traces'), join(dir, 'page')]
    const env = { GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: dir, GITHUB_STEP_SUMMARY: page, FORCE_COLOR: '1', NO_COLOR: undefined }
    const result = await netlab(['test', '--junit', junit, '--trace-failures', traces, '--matrix'], { env })
    assert.equal(result.code, 1, told(result))
    // With colours, and the same without.
    assert.ok(result.stdout.includes('\u001b['))
    const plain = await netlab(['test', name, '--matrix'], { env: { ...env, NO_COLOR: '1', GITHUB_STEP_SUMMARY: undefined } })
    assert.match(plain.stdout, /\nfrom \\ to {2}a {2}b {2}node-1 {2}node-2\na {13}\+ {2}\+ {7}\+\n/)
    assert.match(plain.stdout, /^FAILED +FROM +TO +PORT +WHY\nexpect-1 +a +b +icmp +/)
    assert.ok(!plain.stdout.includes('\u001b'))
    assert.match(result.stderr, new RegExp(`^::error file=${name}\\.yaml,line=6,`, 'm'))
    assert.match(readFileSync(page, 'utf8'), /^## netlab: 1 of 1 lab failed/)
    assert.equal(readdirSync(traces).length, 3)
    const xml = readFileSync(junit, 'utf8')
    assert.match(xml, /<failure message="answered[^]*netlab trace a b/)
    assert.doesNotMatch(xml, /comes up and goes away/)
    assert.equal((await netlab(['status', name])).code, 0)
    await netlab(['down', name])
    for (const left of [junit, traces, page]) rmSync(left, { recursive: true })
    await nothingLeft()
  })

  test('a JUnit file that cannot be written takes no other report with it', async () => {
    const [good, broken] = [put(WORKS), put(BROKEN)]
    // It can be opened, so it does not show before the end.
    const full = ['--junit', '/dev/full']
    const noSpace = /error {2}cannot write \/dev\/full: .*ENOSPC[^]*\[cannot-write\]/
    const all = await ci([good.file, ...full])
    assert.equal(all.code, 3, told(all))
    assert.match(all.stdout, /\npassed {2}1 lab: 1 passed; /)
    assert.match(all.stderr, noSpace)
    await netlab(['up', broken.file])
    const text = await netlab(['test', broken.name, ...full])
    // A broken promise is worse.
    assert.equal(text.code, 1, told(text))
    assert.match(text.stdout, /^FAILED +FROM +TO +PORT +WHY\nexpect-1 /)
    assert.match(text.stderr, noSpace)
    const json = await netlab(['test', broken.name, ...full, '--json', '--only', 'model'])
    assert.equal(json.code, 3, told(json))
    assert.equal((JSON.parse(json.stdout) as { failed: number }).failed, 0)
    assert.match(json.stderr, noSpace)
    await netlab(['down', broken.name])
    await nothingLeft()
  })

  test('what this machine cannot run is skipped, aloud', async (t) => {
    const doctor = JSON.parse((await netlab(['doctor', '--json'])).stdout) as { backends: { name: string; works: boolean }[] }
    const lacking = doctor.backends.find((b) => !b.works)?.name
    if (lacking === undefined) return t.skip('every backend works on this kernel')
    const [cannot, can] = [put(`network: { backend: ${lacking} }\n${WORKS}`), put(WORKS)]
    const [loud, allowed, vacuous] = [
      await ci([cannot.file, can.file]),
      await ci([cannot.file, can.file, '--allow-skip']),
      await ci([cannot.file, '--allow-skip']),
    ]
    assert.deepEqual([loud.code, allowed.code, vacuous.code], [3, 0, 3], told(loud))
    assert.match(loud.stdout, new RegExp(`── ${cannot.name} skipped[^]*this kernel cannot do ${lacking}`))
  })

  test('mistakes on the command line come before anything is built', async () => {
    for (const [args, words] of [
      [[join(dir, 'nowhere.yaml')], /there is no file/],
      [[put(WORKS).file, '--jobs', '0'], /--jobs 0/],
      [[put(WORKS).file, '--timeout', 'soon'], /--timeout soon/],
      [[put(WORKS).file, '--junit', '/proc/nowhere/x.xml'], /cannot write/],
      [[put(WORKS).file, '--trace-failures', put(WORKS).file], /cannot write to .*\.yaml: ENOTDIR[^]*takes a directory/],
      [[put(WORKS).file, '--trace-failures', '/sys/kernel'], /cannot write to \/sys\/kernel: /],
      [[put(WORKS).file, '--junit', join(dir, 'both'), '--trace-failures', join(dir, 'both')], /cannot write .*both: EISDIR/],
      [[], /missing required argument/],
    ] as const) {
      const result = await ci(args)
      assert.equal(result.code, 2, told(result))
      assert.match(result.stderr, words)
    }
    await nothingLeft()
  })

  test('a lab that takes too long fails, and goes', async () => {
    const slow = put(`${SLOW}  # and much to build\n`.replace('b: { host: node-2 }', 'b: { host: node-2, replicas: 60 }'))
    const result = await ci([slow.file, '--timeout', '1s', '--json'])
    assert.equal(result.code, 1, told(result))
    assert.equal((JSON.parse(result.stdout) as CiDocument).labs[0]!.diagnostics[0]!.code, 'timeout')
    await nothingLeft()
  })

  test('a lab whose test has a bug goes, too, and the bug is told', async () => {
    const found = await candidate(put(WORKS).file)
    assert.ok('from' in found)
    const watch = new Watch('ci')
    const outcome = await tryLab(found, watch, new AbortController().signal, {
      test: () => Promise.reject(new TypeError('not a function')),
      timeout: 60_000,
      keep: false,
    })
    watch.end()
    assert.deepEqual([outcome.status, outcome.exit, outcome.diagnostics[0]!.code], ['error', 70, 'bug'])
    assert.match(outcome.diagnostics[0]!.message, /^TypeError: not a function\n {4}at /)
    await nothingLeft()
  })

  test('--keep leaves what failed, to be looked at', async () => {
    const [broken, good] = [put(BROKEN), put(WORKS)]
    const result = await ci([broken.file, good.file, '--keep'])
    assert.equal(result.code, 1, told(result))
    assert.deepEqual(readdirSync('/run/netlab'), [broken.name])
    await netlab(['down', broken.name])
    await nothingLeft()
  })

  /** Signals it once its lab is up and being tested. */
  async function signalled(signal: NodeJS.Signals): Promise<Run> {
    const labs = [put(SLOW), put(SLOW), put(SLOW)]
    return ci([...labs.map((l) => l.file), '--jobs', '2', '--json'], {
      onStart: async (child) => {
        while (labs.every((l) => !existsSync(`/run/netlab/${l.name}/applied.json`))) await sleep(5)
        child.kill(signal)
      },
    })
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    test(`${signal}: labs are removed, what is known is reported, the rest is not tried`, async () => {
      const result = await signalled(signal)
      assert.equal(result.code, 130, told(result))
      const { labs, passed } = JSON.parse(result.stdout) as CiDocument
      assert.ok(passed + labs.filter((l) => l.diagnostics[0]?.code === 'interrupted').length === labs.length, told(result))
      assert.match(result.stderr, /interrupted: 1 lab was not tried/)
      await nothingLeft()
    })

  test('SIGKILL: the guard removes what was up', async () => {
    const result = await signalled('SIGKILL')
    assert.equal(result.signal, 'SIGKILL')
    assert.match(result.stderr, /netlab ci ended before it could remove lab /)
    await nothingLeft()
  })

  test("the action's own steps: installs, builds, tests, tells GitHub", async () => {
    // A checkout as the runner makes it, but for the packages, which are there.
    const action = join(dir, 'action')
    mkdirSync(action)
    for (const name of ['action.yml', 'bin', 'src', 'scripts', 'package.json'])
      cpSync(join(root, name), join(action, name), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(action, 'node_modules'))
    const workspace = join(dir, 'workspace')
    mkdirSync(join(workspace, 'labs'), { recursive: true })
    const name = randomName()
    writeFileSync(join(workspace, 'labs', `${name}.yaml`), BROKEN)
    const { inputs, runs } = parse(readFileSync(join(action, 'action.yml'), 'utf8')) as {
      inputs: Record<string, { default: string }>
      runs: { steps: { id?: string; run?: string; env?: Record<string, string> }[] }
    }
    const given: Record<string, string> = { files: 'labs/*.yaml\nlabs', args: '--jobs 1' }
    const value = (text: string): string =>
      text.replaceAll(/\$\{\{ ([\w.]+) \}\}/g, (_, what: string) =>
        what === 'github.action_path' ? action : (given[what.slice(7)] ?? inputs[what.slice(7)]!.default),
      )
    const output = join(dir, 'output')
    const github = { GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: workspace, GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: join(dir, 'page') }
    const perform = (step: (typeof runs.steps)[number]): Promise<Run> => {
      const env = Object.fromEntries(Object.entries(step.env ?? {}).map(([k, v]) => [k, value(v)]))
      return run(['sh', '-e', '-c', step.run!], { env: { ...env, ...github }, cwd: workspace })
    }
    const outputs = (): Record<string, string> =>
      Object.fromEntries([...readFileSync(output, 'utf8').matchAll(/^(.*?)=(.*)$/gm)].map((m) => [m[1]!, m[2]!]))
    const scripts = runs.steps.filter((s) => s.run !== undefined)
    const last = scripts.pop()!
    assert.equal(last.id, 'run')
    for (const step of scripts) {
      const result = await perform(step)
      assert.equal(result.code, 0, told(result))
    }
    const result = await perform(last)
    assert.equal(result.code, 1, told(result))
    assert.match(result.stderr, new RegExp(`^::error file=labs/${name}\\.yaml,line=6,`, 'm'))
    const { tests, ...others } = outputs()
    assert.ok(Number(tests) > 5)
    assert.deepEqual(others, { found: 'true', 'exit-code': '1', failures: '1', errors: '0' })
    assert.equal(readdirSync(join(workspace, 'netlab-traces')).length, 3)
    assert.ok(existsSync(join(workspace, 'netlab-junit.xml')) && existsSync(join(dir, 'page')))
    // A topology that cannot be read is no failed check, and a step that tested nothing does not report what an earlier one did.
    writeFileSync(join(workspace, 'labs', 'wrong.yaml'), 'hosts: { a: {} }\npodz: {}\n')
    for (const [files, code] of [
      ['labs/wrong.yaml', '2'],
      ['labs/nowhere.yaml', '2'],
    ] as const) {
      given['files'] = files
      assert.equal((await perform(last)).code, Number(code))
      const { 'exit-code': exit, failures, errors } = outputs()
      assert.deepEqual([exit, failures, errors], [code, '0', '1'], files)
    }
    assert.equal(outputs()['tests'], '0')
    assert.ok(!existsSync(join(workspace, 'netlab-junit.xml')))
    for (const left of ['action', 'workspace', 'output', 'page']) rmSync(join(dir, left), { recursive: true })
    await nothingLeft()
  })
})
