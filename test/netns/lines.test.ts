/** Lines of every shape by the program and by the interpreter: the same words, and the kernel holds the same afterwards. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { after, afterEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { inside } from '../../src/netns/inside.ts'
import { addNamespace, deleteNamespace } from '../../src/netns/lines/named.ts'
import { runLines, type Executor, type LineBatch, type LineResult } from '../../src/netns/lines/run.ts'
import { dump } from '../support/dumps.ts'
import { SETUP, SHAPES, type Shape } from '../support/line-shapes.ts'
import { ownMachine, unable } from '../support/machine.ts'

ownMachine()

/** A namespace for lines, and one that they reach into. */
interface Place {
  readonly here: string
  readonly far: string
}
const PROGRAM: Place = { here: 'here-p', far: 'far-p' }
const INTERPRETER: Place = { here: 'here-i', far: 'far-i' }
const HERE = INTERPRETER.here

/** How often namespaces are looked at until they are the same, and how often they are made. */
const TRIES = 20
const TIMES = 3

function program({ tool, lines, force }: LineBatch): LineResult {
  const [command, ...options] = tool.split(' ') as [string, ...string[]]
  const { status, stderr } = spawnSync(command, [...options, ...(force ? ['-force'] : []), '-batch', '-'], {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
  })
  return { code: status ?? -1, stderr }
}

const ip = (...lines: string[]): LineBatch => ({ tool: 'ip', lines, force: false })

/** Makes the namespaces that lines are run in. */
function make({ here, far }: Place, before: readonly string[] = []): void {
  for (const ns of [here, far]) assert.equal(addNamespace(ns), undefined)
  assert.deepEqual(
    inside(here, () => program(ip(...SETUP, ...before))),
    { code: 0, stderr: '' },
  )
}

function unmake(): void {
  for (const ns of [PROGRAM, INTERPRETER].flatMap((p) => [p.here, p.far]))
    if (existsSync(`/run/netns/${ns}`)) assert.equal(deleteNamespace(ns), undefined)
}

interface Outcome {
  readonly words: string
  readonly failed: boolean
  readonly here: unknown[]
  readonly far: unknown[]
}

async function outcome({ here, far }: Place, result: LineResult, text: string): Promise<Outcome> {
  const isGiven = (address: string): boolean => text.includes(address)
  // Some failures end the program at once, before it names the line.
  const words = result.stderr.replace(/^Command failed.*\n/m, '').trim()
  // What names no other namespace reaches none.
  const isFar = /netns far/.test(text)
  return { words, failed: result.code !== 0, here: await dump(here, isGiven), far: isFar ? await dump(far, isGiven) : [] }
}

/** In a moment what comes by itself has come: links that are up, and addresses that they give themselves. */
async function compare(byProgram: LineResult, byInterpreter: LineResult, text: string): Promise<Record<'actual' | 'expected', Outcome>> {
  for (let tries = 0; ; tries++) {
    const expected = await outcome(PROGRAM, byProgram, text)
    const actual = await outcome(INTERPRETER, byInterpreter, text)
    if (tries >= TRIES || JSON.stringify(actual) === JSON.stringify(expected)) return { actual, expected }
    await sleep(50)
  }
}

/**
 * Runs a batch both ways in new namespaces and compares what became of them. Where a device went down before its link-local
 * address had come, as in one of two namespaces that are made on a busy machine, no time makes them the same: then others are made.
 */
async function same(batch: (place: Place) => LineBatch, before: readonly string[] = [], onLine?: (by: Executor) => void): Promise<void> {
  for (let time = 1; ; time++) {
    make(PROGRAM, before)
    make(INTERPRETER, before)
    const byProgram = inside(PROGRAM.here, () => program(batch(PROGRAM)))
    const result = inside(INTERPRETER.here, () => runLines(batch(INTERPRETER), (_, by) => time === 1 && onLine?.(by)))
    const text = [...SETUP, ...before, ...batch({ here: 'here', far: 'far' }).lines].join('\n')
    const { actual, expected } = await compare(byProgram, result, text)
    if (time === TIMES || JSON.stringify(actual) === JSON.stringify(expected)) return assert.deepEqual(actual, expected)
    unmake()
  }
}

/** Lines whose trouble only the program can put in words. */
const LEFT = new Set(['link set eth0 master nope'])

describe('a line does what the program does', { skip: unable }, () => {
  afterEach(unmake)

  for (const { tool, line, before = [] } of SHAPES satisfies readonly Shape[]) {
    test(`${tool} ${line}`, async () => {
      const batch = (place: Place): LineBatch => ({ tool, lines: [line.replaceAll('netns far', `netns ${place.far}`)], force: false })
      const by: Executor[] = []
      await same(batch, before, (who) => by.push(who))
      assert.deepEqual(by, [LEFT.has(line) ? 'program' : 'netlink'])
    })
  }
})

describe('a batch does what the program does', { skip: unable }, () => {
  afterEach(unmake)
  const run = (lines: string[], force = false): { result: LineResult; by: string } => {
    const by: string[] = []
    const result = inside(HERE, () => runLines({ tool: 'ip', lines, force }, (_, who) => by.push(who === 'netlink' ? 'n' : 'p')))
    return { result, by: by.join('') }
  }

  const ROUTES = ['route add 10.1.0.0/24 dev eth0', 'route add 10.1.0.0/24 dev eth0', 'route add 10.2.0.0/24 dev eth0']
  for (const force of [false, true]) {
    test(force ? 'goes on after a line that failed' : 'stops at the first line that failed', async () => {
      const batch: LineBatch = { tool: 'ip', lines: ROUTES, force }
      make(PROGRAM)
      make(INTERPRETER)
      const byProgram = inside(PROGRAM.here, () => program(batch))
      const byInterpreter = inside(INTERPRETER.here, () => runLines(batch))
      assert.deepEqual(byInterpreter, byProgram)
      unmake()
      await same(() => batch)
    })
  }

  test('lines that are not known are run in their place by the program', () => {
    make(INTERPRETER)
    const lines = [
      'link add dev x1 type bridge',
      'link set x1 up # a comment',
      'link set dev x1 alias "a b"',
      'link set dev x1 mtu 1400',
      'link delete x1',
    ]
    assert.deepEqual(run(lines), { result: { code: 0, stderr: '' }, by: 'nppnn' })
  })

  test('a line that the program refuses is counted from the first line of the batch', () => {
    make(INTERPRETER)
    const { result, by } = run(['link set eth0 up', 'link set eth0 up # fine', 'link set eth0 mtu many', 'link set eth0 down'])
    assert.equal(by, 'npp')
    assert.match(result.stderr, /"many".*Invalid "mtu" value/s)
    assert.notEqual(result.code, 0)
  })

  test('a device that was renamed or replaced is known by what it is now', () => {
    make(INTERPRETER)
    const lines = [
      'link set eth0 down',
      'link set eth0 name eth9',
      'link add dev eth0 type bridge',
      'address add 10.5.0.1/24 dev eth0',
      'link delete eth0',
    ]
    assert.deepEqual(run(lines), { result: { code: 0, stderr: '' }, by: 'nnnnn' })
    assert.ok(inside(HERE, () => spawnSync('ip', ['link', 'show', 'eth9']).status === 0))
    assert.equal(
      inside(HERE, () => spawnSync('ip', ['link', 'show', 'eth0']).status === 0),
      false,
    )
  })
})

describe('namespaces', { skip: unable }, () => {
  after(() => void spawnSync('ip', ['netns', 'delete', HERE]))
  const both = (line: string): void => {
    const batch = ip(line)
    const words = ({ code, stderr }: LineResult): object => ({ code, stderr: stderr.replaceAll('/var/run/', '/run/') })
    assert.deepEqual(words(runLines(batch)), words(program(batch)), line)
  }

  test('are made as the program makes them, and the program removes them', () => {
    assert.deepEqual(runLines(ip(`netns add ${HERE}`)), { code: 0, stderr: '' })
    const { stdout } = spawnSync('ip', ['-n', HERE, '-j', 'link'], { encoding: 'utf8' })
    assert.deepEqual(
      (JSON.parse(stdout) as { ifname: string; operstate: string }[]).map((l) => [l.ifname, l.operstate]),
      [['lo', 'DOWN']],
    )
    both(`netns add ${HERE}`)
    assert.deepEqual(program(ip(`netns delete ${HERE}`)), { code: 0, stderr: '' })
    assert.equal(existsSync(`/run/netns/${HERE}`), false)
    both(`netns delete ${HERE}`)
  })

  test('a name without a namespace can be removed', () => {
    writeFileSync(`/run/netns/${HERE}`, '')
    assert.deepEqual(runLines(ip(`netns delete ${HERE}`)), { code: 0, stderr: '' })
    assert.equal(existsSync(`/run/netns/${HERE}`), false)
  })
})
