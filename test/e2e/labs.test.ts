/** Commands where several labs are up, or none: which one is meant, what removes what, and what needs no lab. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { root } from '../support/root.ts'
import { netlab, netlabJson as json, netlabOk as ok, output, refusal, run, told } from '../support/run.ts'
import { machineSnapshot, settledSnapshot } from '../support/snapshot.ts'

ownMachine()

describe('with several labs, with none', { skip: unable }, () => {
  const small = 'hosts: { node-1: {} }\npods: { p: {} }\n'
  const [one, two] = [new Lab(small), new Lab(small)]
  after(() => Promise.all([one.remove(), two.remove()]))

  test('a command must be told which of several it means', async () => {
    const untouched = await machineSnapshot()
    await refusal(['exec', 'p', '--', 'true'], 2, /no lab is up/)
    assert.deepEqual(await json(['ls']), { labs: [] })
    await Promise.all([one.mustUp(), two.mustUp()])
    const both = new RegExp([one.name, two.name].toSorted().join(', '))
    for (const args of [['exec', 'p', '--', 'true'], ['status'], ['inspect'], ['down'], ['logs', 'p']]) await refusal(args, 2, both)
    for (const l of [one, two]) {
      const where = await ok(['exec', '--lab', l.name, 'p', '--', 'ip', 'netns', 'identify'])
      assert.equal(where.stdout, `${l.ns('p')}\n`)
    }
    const all = await json<{ labs: { lab: string; removed: boolean; namespaces: number }[] }>(['down', '--all'])
    const gone = [one, two].map((l) => ({ lab: l.name, removed: true, namespaces: 3 }))
    assert.deepEqual(
      all.labs.toSorted((a, b) => (a.lab < b.lab ? -1 : 1)),
      gone.toSorted((a, b) => (a.lab < b.lab ? -1 : 1)),
    )
    assert.deepEqual(await settledSnapshot(untouched), untouched)
  })

  test('down twice, down by file, down of nothing: all fine', async () => {
    await one.mustUp()
    assert.match((await ok(['down', one.name])).stdout, new RegExp(`removed lab ${one.name} \\(3 namespaces\\)`))
    assert.match((await ok(['down', one.name])).stdout, /nothing to remove/)
    await one.mustUp()
    assert.match((await ok(['down', one.file])).stdout, /removed lab/)
    await one.mustUp()
    assert.match((await ok(['down'])).stdout, /removed lab/)
    assert.match((await ok(['down'])).stdout, /nothing to remove/)
    assert.match((await ok(['down', '--all'])).stdout, /nothing to remove/)
    await one.mustUp()
    // The file may be gone or broken by then.
    rmSync(one.file)
    assert.match((await ok(['down', one.file])).stdout, /removed lab/)
    one.write(small)
  })

  test('ls says so when the namespaces are gone and only the records are left, as after a restart', async () => {
    const { nodes } = await one.mustUp()
    const state = async (): Promise<unknown> => (await json<{ labs: { state: string }[] }>(['ls'])).labs.map((l) => l.state)
    const [first, ...others] = nodes.map((n) => n.netns)
    for (const ns of others) await output(['ip', 'netns', 'delete', ns])
    // What of it is missing, netlab status says.
    assert.deepEqual(await state(), ['up'])
    await output(['ip', 'netns', 'delete', first!])
    assert.deepEqual(await state(), ['gone'])
    // Where /run survives a restart, the files that namespaces were mounted on are left.
    for (const ns of [first!, ...others]) writeFileSync(`/run/netns/${ns}`, '')
    assert.deepEqual(await state(), ['gone'])
    assert.match((await ok(['ls'])).stdout, new RegExp(`${one.name} +gone +1 +1 +vxlan +${one.file}`))
    await one.mustUp()
    assert.deepEqual(await state(), ['up'])
    await one.mustBeHealthy()
    await ok(['down', one.name])
  })

  test('a lab without a name is called after its file', async () => {
    writeFileSync(join(two.dir, 'nlt-by-file.yaml'), small)
    const file = join(two.dir, 'nlt-by-file.yaml')
    assert.equal((await json<{ lab: string }>(['up', file])).lab, 'nlt-by-file')
    // From elsewhere, and under another spelling of its path.
    const result = await netlab(['down', './nlt-by-file.yaml'], { cwd: two.dir })
    assert.match(result.stdout, /removed lab nlt-by-file/)
  })
})

describe('without a lab', { skip: unable }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'netlab-test-'))
  after(() => rmSync(dir, { recursive: true, force: true }))

  test('init writes a file that works, and never over another', async () => {
    const file = join(dir, 'mine.yaml')
    await ok(['init', file])
    await ok(['plan', file])
    const text = readFileSync(file, 'utf8')
    await refusal(['init', file], 2, /exists/)
    assert.equal(readFileSync(file, 'utf8'), text)
    await ok(['init', file, '--force'])
    assert.equal((await json<{ outcome: string }>(['up', file])).outcome, 'created')
    await ok(['down', '--all'])
  })

  test('--force builds what cannot work, and it does not', async () => {
    const text =
      'network: { backend: direct }\nunderlay: { segments: { x: 10.1.0.0/24, y: 10.2.0.0/24 } }\nhosts: { h1: {}, h2: {} }\npods: { a: {}, b: {} }\n'
    const lab = new Lab(text)
    try {
      assert.equal((await lab.up()).code, 2)
      const { outcome } = await json<{ outcome: string }>(['up', lab.file, '--force'])
      assert.equal(outcome, 'created')
      await lab.mustBeHealthy()
      assert.equal((await netlab(['exec', 'a', '--', 'ping', '-c1', '-W1', '10.244.1.2'])).code, 1)
      assert.equal((await netlab(['exec', 'a', '--', 'ping', '-c1', '-W1', '10.244.0.1'])).code, 0)
    } finally {
      await lab.remove()
    }
  })

  test('doctor, schema, graph, completion, help', async () => {
    const doctor = await netlab(['doctor', '--json'])
    assert.ok([0, 3].includes(doctor.code!), told(doctor))
    JSON.parse(doctor.stdout)
    assert.equal((JSON.parse((await ok(['schema'])).stdout) as { type: string }).type, 'object')
    for (const format of ['text', 'mermaid', 'dot'])
      assert.match((await ok(['graph', '--format', format, join(root, 'topologies/quickstart.yaml')])).stdout, /pod-a/)
    const { stdout } = await ok(['completion', 'bash'])
    assert.equal((await run(['bash', '-n'], { input: stdout })).code, 0)
    const help = (await ok(['--help'])).stdout
    const commands = [...help.matchAll(/^ {2}([a-z]+)(?: |\n)/gm)].map((m) => m[1]!)
    assert.ok(commands.length >= 12, help)
    for (const command of commands) assert.match((await ok([...(command === 'help' ? [] : [command]), '--help'])).stdout, /Usage: netlab/)
    assert.match((await ok(['--version'])).stdout, /^\d+\.\d+\.\d+/)
    assert.equal(existsSync('/run/netlab'), false)
  })
})
