/**
 * Command lines that mean no good, made of the commands, options and arguments there are, of what a running lab has, and of words that
 * are none: each ends by itself or at Ctrl-C, says what is wrong without a stack trace, stays within a bound of memory, and makes
 * nothing. HOSTILE_LINES says how many (500 in a thorough run), HOSTILE_SEED which.
 */
import assert from 'node:assert/strict'
import { execFileSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import type { CommandDefinition } from '../../src/cli/command.ts'
import { commands } from '../../src/cli/registry.ts'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { netlab, told } from '../support/run.ts'
import { machineSnapshot, settledSnapshot, type Snapshot } from '../support/snapshot.ts'

ownMachine()

const RUNS = Number(process.env['HOSTILE_LINES'] ?? 15)
const SEED = Number(process.env['HOSTILE_SEED'] ?? 20_261_130)
/** Most memory, kB. */
const MAX_RSS = 300_000
/** After so many milliseconds it hangs: what takes 5 s of a processor takes longer where many tests share it. */
const PATIENCE = 60_000

const dir = mkdtempSync(join(tmpdir(), 'netlab-test-'))
const memory = join(dir, 'memory')
const hook = join(dir, 'hook.cjs')

const at = (name: string): string => join(dir, name)
/** Files that make no lab, whatever reads them. */
const BAD = [
  '/dev/zero',
  '/dev/null',
  '/proc/self/mem',
  '/',
  dir,
  at('fifo'),
  at('loop'),
  at('missing.yaml'),
  at('broken.yaml'),
  at('deep.yaml'),
]
/** A lab, for what only reads it. */
const GOOD = at('good.yaml')
const TOPOLOGY =
  'hosts: { node-1: {}, node-2: {} }\npods: { a: { host: node-1 }, b: { host: node-2, labels: { app: b } } }\n' +
  'services: { web: { selector: { app: b }, ports: [{ port: 80 }] } }\n'
/** The same, running. */
const lab = new Lab(TOPOLOGY)
const LABS = [lab.name, lab.file]
const NODES = ['a', 'b', 'node-1', 'svc/web']
const LAB = [...LABS, ...NODES, 'vxlan1', 'eth0']
const WORDS = ['', '-', '--', '---', '=', '0', '-1', '1e9', '99999999999999999999', 'NaN', '../../../etc/passwd', '*', '**/*'.repeat(50)]
const ODD = [
  'x'.repeat(5000),
  'é\u202e',
  '\u001b[2J',
  '::error::x',
  '$(reboot)',
  '{}',
  '[',
  '\n',
  'svc/',
  'svc/a/b/c',
  '10.0.0.1',
  '::1',
  '80/tcp',
  '0/tcp',
]

/** Making a lab is what these are for: they get no file that is one. */
const MAKES = new Set(['up', 'ci', 'init'])

function lines(command: CommandDefinition, above: readonly string[] = []): fc.Arbitrary<string[]> {
  const word = fc.oneof(
    fc.constantFrom(...BAD),
    fc.constantFrom(...WORDS, ...ODD),
    fc.constantFrom(...(MAKES.has(command.name) ? BAD : [GOOD, ...LAB])),
    fc.string({ maxLength: 8 }).filter((text) => !text.includes('\0')),
  )
  const options = command.options.map((o) => o.long ?? o.short ?? '--json')
  const option = fc.constantFrom('--json', '--lab', '--nonsense', ...options).chain((name) =>
    fc.oneof(
      fc.constant([name]),
      word.map((value) => [name, value]),
      word.map((value) => [`${name}=${value}`]),
    ),
  )
  const part = fc.oneof({ weight: 2, arbitrary: word.map((w) => [w]) }, { weight: 1, arbitrary: option })
  // A line that begins well gets further.
  const fitting = command.arguments.map((a) => fc.constantFrom(...(/lab|file/.test(a.name()) ? [GOOD, ...LABS] : NODES)))
  const first = MAKES.has(command.name) ? fc.constant([]) : fc.oneof(fc.constant([]), fc.tuple(...fitting))
  const own = fc.tuple(first, fc.array(part, { maxLength: 5 })).map(([begin, parts]) => [...above, command.name, ...begin, ...parts.flat()])
  return fc.oneof(own, ...(command.subcommands ?? []).map((sub) => lines(sub, [...above, command.name])))
}

/** What goes on until Ctrl-C. */
const goesOn = (args: readonly string[]): boolean => args.some((arg) => /^(capture|-f|--(follow|watch).*)$/.test(arg))
/** Milliseconds after which these get it. */
const ENOUGH = 2_000

/** The exit codes of a line: of what goes on, what runs a program of its own, and the others. */
function codesOf(args: readonly string[]): readonly number[] {
  if (goesOn(args)) return [0, 1, 2, 3, 130]
  return args[0] === 'exec' || args[0] === 'shell' ? [0, 1, 2, 3, 126, 127] : [0, 1, 2, 3]
}

/** Every command that takes a file or a lab, given what never ends. */
const ENDLESS = ['up', 'plan', 'down', 'inspect', 'status', 'test', 'ci', 'policy', 'graph'].flatMap((name) =>
  ['/dev/zero', at('fifo')].map((file) => [name, file]),
)

describe('a hostile command line', { skip: unable }, () => {
  let untouched: Snapshot
  const most = { rss: 0, ms: 0 }

  before(async () => {
    execFileSync('mkfifo', [at('fifo')])
    symlinkSync('loop', at('loop'))
    mkdirSync(at('work'))
    writeFileSync(at('broken.yaml'), 'hosts: { a: {}\n  - b\n')
    writeFileSync(at('deep.yaml'), '['.repeat(100_000))
    writeFileSync(GOOD, TOPOLOGY)
    writeFileSync(
      hook,
      `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(memory)}, String(process.resourceUsage().maxRSS)))`,
    )
    untouched = await machineSnapshot()
  })
  after(async () => {
    await lab.down()
    rmSync(lab.dir, { recursive: true, force: true })
    rmSync(dir, { recursive: true, force: true })
  })

  test(`ends, without a stack trace (${RUNS} of them)`, async () => {
    const sample = ENDLESS.concat(fc.sample(fc.oneof(...commands.map((c) => lines(c))), { numRuns: RUNS, seed: SEED }))
    for (const args of sample) {
      // A line may have removed it.
      if (!existsSync(`/run/netlab/${lab.name}`)) await lab.mustUp()
      writeFileSync(memory, '0')
      const started = performance.now()
      const onStart = (child: ChildProcess): void => {
        const timer = goesOn(args) ? setTimeout(() => child.kill('SIGINT'), ENOUGH) : undefined
        child.on('exit', () => clearTimeout(timer))
      }
      const result = await netlab(args, { cwd: at('work'), patience: PATIENCE, env: { NODE_OPTIONS: `--require ${hook}` }, onStart })
      most.ms = Math.max(most.ms, performance.now() - started)
      const about = `${JSON.stringify(args)}: ${told(result).slice(0, 4000)}`
      assert.equal(result.signal, null, about)
      assert.ok(codesOf(args).includes(result.code ?? -1), about)
      assert.doesNotMatch(result.stderr, /\n {4}at |node:internal|This is a bug/, about)
      const rss = Number(readFileSync(memory, 'utf8'))
      most.rss = Math.max(most.rss, rss)
      assert.ok(rss < MAX_RSS, `${rss} kB: ${about}`)
      if (result.code === 2 && args.includes('--json') && result.stdout !== '') JSON.parse(result.stdout)
    }
  })

  test('and makes nothing', async (t) => {
    await lab.down()
    t.diagnostic(`at most ${Math.round(most.rss / 1000)} MB and ${Math.round(most.ms)} ms`)
    assert.deepEqual(await settledSnapshot(untouched), untouched)
  })
})
