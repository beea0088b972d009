/**
 * What stands in a lab is data, whatever characters it holds: names of devices and chains, comments of rules, lines of logs, names of files
 * and processes. No command's output acts on a terminal, forges a line, or gives a CI runner a command, and every `--json` is a document.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { bin } from '../support/root.ts'
import { inside, netlab, output, run, told, type Run } from '../support/run.ts'

ownMachine()

/** Clears the screen, sets the title, forges lines, gives a runner commands, reorders the line. */
const ACTS = 'e\u001b[2J\u001b]0;evil\u0007\u009b31m\u202e\r\n::error::evil\n##[error]evil\n  ::add-mask::evil\nas planned'
/** The kernel takes no blanks, colons and slashes in the name of a device, and 15 bytes. */
const DEVICE = 'e\u001b]0;v\u0007\u202e'
const CHAIN = 'e\u001b[2J\u001b]0;evil\u0007::error'

const TOPOLOGY = {
  hosts: { 'node-1': {}, 'node-2': {} },
  pods: {
    a: { host: 'node-1', containers: [{ name: 'web', ports: [{ containerPort: 8080 }] }] },
    b: { host: 'node-2', containers: [{ name: 'web', ports: [{ containerPort: 8080 }] }] },
    noisy: { host: 'node-2', containers: [{ name: 'noise', command: ['sh', '-c', `printf '%s\\000\\n' "$0"; exec sleep 1000000`, ACTS] }] },
  },
  services: { web: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] } },
}

// oxlint-disable-next-line no-control-regex -- those are the ones that act
const ACTING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/
const FORGED = /^\s*(?:::error::evil|##\[error\]evil|::add-mask::evil|as planned\/lab)/m

function mustBeHarmless(result: Run, of: string): void {
  for (const text of [result.stdout, result.stderr]) {
    const at = text.search(ACTING)
    assert.equal(at, -1, `${of}: a character acts: ${JSON.stringify(text.slice(Math.max(0, at - 80), at + 40))}`)
    const line = FORGED.exec(text)
    assert.equal(
      line,
      null,
      `${of}: a line is forged: ${JSON.stringify(text.slice(Math.max(0, (line?.index ?? 0) - 200), (line?.index ?? 0) + 80))}`,
    )
  }
  assert.doesNotMatch(result.stderr, /This is a bug/, told(result))
  assert.notEqual(result.code, 70, told(result))
}

describe('a lab with hostile names', { skip: unable }, () => {
  let lab: Lab
  let file: string
  const stray = { pid: 0 }

  before(async () => {
    lab = new Lab({ ...TOPOLOGY, pods: { ...TOPOLOGY.pods, b: { ...TOPOLOGY.pods.b, labels: { app: 'web' } } } })
    // A path has no slashes in a name, and everything else.
    const dir = join(lab.dir, ACTS.replaceAll('/', ''))
    mkdirSync(dir)
    file = join(dir, 'lab.yaml')
    copyFileSync(lab.file, file)
  })
  after(() => lab?.remove())

  /** As a step of a workflow, where most acts. */
  async function each(args: readonly string[], codes: readonly number[]): Promise<Run> {
    const result = await netlab(args, { env: { GITHUB_ACTIONS: 'true' }, cwd: lab.dir })
    assert.ok(codes.includes(result.code ?? -1), `${args.join(' ')}: ${told(result)}`)
    mustBeHarmless(result, args.join(' '))
    if (args.includes('--json')) JSON.parse(result.stdout)
    return result
  }

  test('comes up from a file whose name acts', async () => {
    await each(['up', file], [0])
    for (const args of [
      ['plan', file],
      ['plan', file, '--json'],
      ['graph', file],
      ['up', file, '--verbose'],
    ])
      await each(args, [0])
  })

  test('can be damaged with names that act', async () => {
    const at = (node: string, ...argv: string[]): Promise<string> => output(inside(lab.ns(node), argv))
    await at('node-1', 'ip', 'link', 'add', DEVICE, 'type', 'bridge')
    await at('node-1', 'ip', 'link', 'set', DEVICE, 'up')
    await at('node-1', 'ip', 'route', 'add', '198.51.100.0/24', 'dev', DEVICE)
    await at('node-1', 'iptables', '-N', CHAIN)
    await at('node-1', 'iptables', '-A', CHAIN, '-m', 'comment', '--comment', ACTS, '-j', 'RETURN')
    await at('node-2', 'iptables', '-I', 'FORWARD', '-p', 'tcp', '--dport', '8080', '-m', 'comment', '--comment', ACTS, '-j', 'DROP')
    await at('node-2', 'iptables', '-t', 'mangle', '-A', 'PREROUTING', '-j', 'NFLOG', '--nflog-prefix', 'e\u001b[2J\u202e')
    const child = spawn('nsenter', [`--net=/run/netns/${lab.ns('a')}`, 'sh', '-c', 'exec sleep 1000000', ACTS], {
      stdio: 'ignore',
      argv0: ACTS,
    })
    stray.pid = child.pid!
    child.unref()
  })

  for (const [args, codes] of [
    [['status', 'LAB'], [1]],
    [['inspect'], [0]],
    [['ls'], [0]],
    [['graph', 'LAB'], [0]],
    [['policy'], [0]],
    [['policy', 'explain', 'a', 'b'], [0]],
    [['trace', 'a', 'b', '--port', '8080'], [1]],
    [
      ['trace', 'a', 'node-2'],
      [0, 1],
    ],
    [['test', 'LAB'], [1]],
    [['doctor'], [0, 1, 3]],
  ] as const)
    test(`${args.join(' ')}, and as JSON`, async () => {
      const named = args.map((a) => (a === 'LAB' ? lab.name : a))
      const text = await each(named, codes)
      if (args[0] === 'status') assert.match(text.stdout, /\\x1b\]0;v\\x07/)
      if (args[0] !== 'graph') await each([...named, '--json'], codes)
    })

  test('other forms of a graph, a trace and a test', async () => {
    for (const format of ['dot', 'mermaid']) await each(['graph', lab.name, '--format', format], [0])
    const page = join(lab.dir, 'trace.html')
    await each(['trace', 'a', 'b', '--port', '8080', '--html', page], [1])
    assert.equal(ACTING.exec(readFileSync(page, 'utf8')), null)
    const [junit, summary] = [join(lab.dir, 'junit.xml'), join(lab.dir, 'summary.md')]
    const result = await netlab(['test', lab.name, '--junit', junit, '--matrix'], {
      env: { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary },
    })
    mustBeHarmless(result, 'test --matrix')
    for (const report of [junit, summary]) {
      const text = readFileSync(report, 'utf8')
      assert.equal(ACTING.exec(text), null, report)
    }
  })

  test('capture names a device that acts, and shows packets through it', async () => {
    const result = await netlab(['capture', 'node-1', '--duration', '300ms'], { cwd: lab.dir })
    mustBeHarmless(result, 'capture')
    mustBeHarmless(await netlab(['capture', `node-1/${DEVICE}`, '--duration', '100ms']), 'capture of it')
  })

  test('logs are bytes for a program, and a text for a terminal and a runner', async () => {
    const log = (env = {}): Promise<Run> => netlab(['logs', 'noisy'], { env: { GITHUB_ACTIONS: undefined, ...env } })
    const raw = await log()
    assert.equal(raw.stdout, `${ACTS}\u0000\n`)
    mustBeHarmless({ ...(await log({ GITHUB_ACTIONS: 'true' })), stderr: '' }, 'logs in a workflow')
    const saved = join(lab.dir, 'log')
    await new Promise((resolve) =>
      spawn(process.execPath, [bin, 'logs', 'noisy'], {
        stdio: ['ignore', openSync(saved, 'w'), 'ignore'],
        env: { ...process.env, GITHUB_ACTIONS: 'true' },
      }).on('close', resolve),
    )
    assert.equal(readFileSync(saved, 'utf8'), `${ACTS}\u0000\n`)
    const shown = await run(['script', '-qec', `${process.execPath} ${bin} logs noisy`, '/dev/null'], { env: { TERM: 'xterm' } })
    assert.doesNotMatch(shown.stdout.replaceAll('\r\n', '\n'), ACTING)
    assert.match(shown.stdout, /e\\x1b\[2J\\x1b\]0;evil\\x07/)
  })

  test('words of the command line that act', async () => {
    for (const args of [
      ['status', ACTS],
      ['exec', ACTS, '--', 'true'],
      ['exec', 'a', '--', ACTS],
      ['trace', ACTS, 'b'],
      ['trace', 'a', 'b', '--port', ACTS],
      ['policy', 'explain', 'a', ACTS],
      ['logs', ACTS],
      ['logs', 'noisy', '-c', ACTS],
      ['capture', ACTS],
      ['capture', 'a', '--filter', ACTS],
      ['inspect', ACTS],
      ['graph', ACTS],
      ['plan', ACTS],
      ['up', ACTS],
      ['ci', ACTS],
      ['test', '--only', ACTS],
      [ACTS],
      [`--${ACTS}`],
    ]) {
      const result = await netlab(args, { env: { GITHUB_ACTIONS: 'true' } })
      assert.notEqual(result.code, 0, args.join(' '))
      mustBeHarmless(result, args.join(' '))
    }
    const none = await netlab(['down', ACTS])
    mustBeHarmless(none, 'down')
  })

  test('down names what still ran', async () => {
    const result = await netlab(['down', file], { env: { GITHUB_ACTIONS: 'true' } })
    assert.equal(result.code, 0, told(result))
    mustBeHarmless(result, 'down')
    assert.match(result.stdout, /ended a process that was still running inside/)
  })

  test('a container that ends with words that act: up, and ci with its annotations', async () => {
    const ends = { name: 'ends', command: ['sh', '-c', 'printf "%s\\n" "$0"; exit 3', ACTS], ports: [{ containerPort: 80 }] }
    const text = { ...TOPOLOGY, pods: { ...TOPOLOGY.pods, noisy: { host: 'node-2', containers: [ends] } } }
    lab.write(text)
    rmSync(file)
    copyFileSync(lab.file, file)
    await each(['up', file], [0])
    await each(['status', lab.name], [1])
    await netlab(['down', lab.name])
    const result = await netlab(['ci', file], { env: { GITHUB_ACTIONS: 'true' }, cwd: lab.dir })
    assert.equal(result.code, 1, told(result))
    mustBeHarmless(result, 'ci')
    assert.match(result.stderr, /^::error file=/m)
    await each(['ci', file, '--json'], [1])
  })
})
