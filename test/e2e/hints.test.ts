/** What a message tells the reader to run is run, pasted into a shell as it stands: it does what the message says. */
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { bin } from '../support/root.ts'
import { inside, netlab, output, run, told, type Run } from '../support/run.ts'

ownMachine()
oneProcess()

/** Two segments, which `direct` cannot join: built with --force alone. */
const FORCED = {
  network: { backend: 'direct' },
  underlay: { segments: { one: '192.168.50.0/24', two: '192.168.51.0/24' } },
  hosts: { 'node-1': { segment: 'one' }, 'node-2': { segment: 'two' } },
  pods: { a: { host: 'node-1', containers: [{ name: 'web', ports: [{ containerPort: 8080 }] }] }, b: { host: 'node-2' } },
}

describe('hints of a lab that was forced, from a file whose name a shell would split', { skip: unable }, () => {
  let lab: Lab
  let other: Lab
  let file: string
  before(async () => {
    lab = new Lab(FORCED)
    const dir = join(lab.dir, "it's $(reboot)\n; a lab")
    mkdirSync(dir)
    file = join(dir, 'lab.yaml')
    renameSync(lab.file, file)
    // A `netlab` that a pasted line finds.
    writeFileSync(join(lab.dir, 'netlab'), `#!/bin/sh\nexec ${process.execPath} ${bin} "$@"\n`, { mode: 0o755 })
    const refused = await netlab(['up', file])
    assert.equal(refused.code, 2, told(refused))
    const made = await netlab(['up', file, '--force'])
    assert.equal(made.code, 0, told(made))
    // With a second lab every command must say which one it means.
    other = new Lab({ hosts: { 'node-1': {} }, pods: { a: {} } })
    await other.mustUp()
  })
  after(async () => {
    await other?.remove()
    await lab?.remove()
  })

  const paste = (line: string): Promise<Run> => run(['sh', '-c', line], { env: { PATH: `${lab.dir}:${process.env['PATH']}` }, cwd: '/' })

  /** The command line of a message, up to the words that go on with its sentence. */
  function hintIn(result: Run, words: RegExp): string {
    const found = words.exec(`${result.stdout}\n${result.stderr}`)
    assert.ok(found, `${words} is not said: ${told(result)}`)
    return found[1]!
  }

  async function mustHelp(line: string): Promise<void> {
    const result = await paste(line)
    assert.equal(result.code, 0, `${line}: ${told(result)}`)
    assert.equal((await lab.status()).code, 0)
  }

  test('status says how to put back what is missing', async () => {
    await output(inside(lab.ns('a'), ['ip', 'route', 'del', 'default']))
    await mustHelp(hintIn(await netlab(['status', lab.name]), /^(netlab up .*) puts back what is missing or changed\.$/m))
  })

  test('so does a test, and the commands that it shows failures with are commands', async () => {
    await output(inside(lab.ns('a'), ['ip', 'addr', 'flush', 'dev', 'eth0']))
    const result = await netlab(['test', lab.name])
    for (const [, line] of result.stdout.matchAll(/^ *\$ (netlab .*)$/gm)) assert.ok([0, 1].includes((await paste(line!)).code ?? -1), line)
    await mustHelp(hintIn(result, /^(netlab up .*) puts back what is missing or changed\.$/m))
  })

  for (const args of [
    ['exec', 'a', '--', 'true'],
    ['capture', 'a', '--duration', '100ms'],
    ['trace', 'a', 'node-1'],
  ])
    test(`${args[0]} says how to make a namespace again that is gone`, async () => {
      await output(['ip', 'netns', 'del', lab.ns('a')])
      const [verb, ...rest] = args
      await mustHelp(hintIn(await netlab([verb!, '--lab', lab.name, ...rest]), /hint: (netlab up .*) makes it again\.$/m))
    })

  test('a container that does not run: its log', async () => {
    const pid = (await lab.status()).containers.find((c) => c.id === 'a.web')!.pid
    process.kill(pid, 'SIGKILL')
    const result = await netlab(['test', lab.name, '--only', 'model'])
    await paste(hintIn(result, /^ *\$ (netlab logs a .*)$/m)).then((shown) => assert.equal(shown.code, 0, told(shown)))
    await mustHelp(hintIn(await netlab(['status', lab.name]), /^(netlab up .*) starts what exited again/m))
  })

  test('a lab that is not up whole: start over, or remove it', async () => {
    rmSync(`/run/netlab/${lab.name}/applied.json`)
    const result = await netlab(['status', lab.name])
    const start = hintIn(result, /hint: (netlab up .*) starts over/)
    const remove = hintIn(result, /starts over, (netlab down \S+) removes/)
    assert.equal((await paste(remove)).code, 0)
    // What is not on record any more cannot be remembered: it was forced.
    assert.equal((await paste(`${start} --force`)).code, 0)
    assert.equal((await lab.status()).code, 0)
  })

  test('a file that no lab was made from', async () => {
    assert.equal((await lab.down()).code, 0)
    const line = hintIn(await netlab(['status', file]), /hint: (netlab up .*) builds it\.$/m)
    const result = await paste(line)
    // Read, and refused for what is in it.
    assert.match(told(result), /cross-segment|--force/)
    assert.equal((await paste(`${line} --force`)).code, 0)
  })
})
