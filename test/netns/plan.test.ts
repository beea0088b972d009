/** `netlab plan` prints a script that needs no netlab: it builds what `netlab up` builds, and another removes it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { partsOf, unbuildable } from '../support/features.ts'
import { settledDump } from '../support/dumps.ts'
import { Lab, type LabDocument } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { probe } from '../support/probe.ts'
import { root } from '../support/root.ts'
import { netlab, run, told } from '../support/run.ts'
import { labSnapshot, machineSnapshot, processesIn, settledSnapshot } from '../support/snapshot.ts'

ownMachine()

const noShellcheck = spawnSync('shellcheck', ['--version']).error ? 'shellcheck is not installed' : false
async function plan(file: string, ...args: string[]): Promise<string> {
  const result = await netlab(['plan', file, ...args])
  assert.equal(result.code, 0, told(result))
  return result.stdout
}

async function shell(script: string, program = 'sh'): Promise<void> {
  const result = await run([program], { input: script })
  assert.deepEqual({ code: result.code, said: result.stdout + result.stderr }, { code: 0, said: '' })
}

async function clean(script: string): Promise<void> {
  const result = await run(['shellcheck', '--shell=sh', '-'], { input: script })
  assert.equal(result.code, 0, result.stdout)
}

/** Without what differs each time something is made. */
const timeless = async (nodes: LabDocument['nodes']): Promise<unknown> =>
  JSON.parse(
    JSON.stringify(await labSnapshot(nodes), (key, value: unknown) => {
      if (key === 'processes') return (value as number[]).length
      // Of a route it is told late that its device has a carrier; of the device itself it is compared.
      if (key === 'routes') return (value as string[]).map((route) => route.replace(/,?"linkdown"/, ''))
      // A device's own link-local address comes when its link does, before or after the one it is given.
      if (key === 'addr_info') return (value as { local: string }[]).toSorted((a, b) => (a.local < b.local ? -1 : 1))
      return key === 'ifindex' || key === 'link_index' || key === 'inode' ? undefined : value
    }),
  )

/** Arguments that a careless quoting would split, expand, run or lose. */
const HOSTILE = [
  "it's",
  '"quoted"',
  '$HOME $(touch /tmp/owned) `touch /tmp/owned`',
  'two\nlines\n',
  '',
  ' ',
  '\\',
  '\\n',
  'a\tb',
  '*',
  '~',
  '-n',
  '--',
  '#',
  '!x',
  '&& touch /tmp/owned;',
  'EOF',
  '\nEOF\ntouch /tmp/owned\n',
  "'",
  "''",
  '"',
  '%s',
  'ünï ☃',
  '${PATH}',
  '\u0001',
  '|',
  '>out',
  'a=b',
  'END_OF_RESPONDER',
]

const labs = readdirSync(join(root, 'topologies'))
  .filter((f) => f.endsWith('.yaml'))
  .map((f) => basename(f, '.yaml'))

/** Every script is checked; those are run that have something the ones before them have not. */
const seen = new Set<string>()
async function nothingNew(name: string): Promise<string | false> {
  const parts = await partsOf(name)
  if ([...parts].every((part) => seen.has(part))) return 'all it has is in the scripts before it'
  for (const part of parts) seen.add(part)
  return false
}

describe('the script of', { skip: unable }, async () => {
  for (const name of labs) {
    const file = join(root, 'topologies', `${name}.yaml`)
    test(`${name} passes shellcheck`, { skip: noShellcheck || (name === 'scale' && 'too long') }, async () => {
      await clean(await plan(file))
      await clean(await plan(file, '--down'))
    })

    const skip = unbuildable(name) || (await nothingNew(name))
    test(`${name} builds what up builds, and is removed completely`, { skip }, async () => {
      const before = await machineSnapshot()
      const up = await netlab(['up', file, '--json'])
      assert.equal(up.code, 0, told(up))
      const { nodes, lab, policies } = JSON.parse(up.stdout) as LabDocument & { policies: readonly unknown[] }
      const pods = nodes.filter((n) => n.kind === 'pod')
      const outcomes = async (): Promise<readonly string[]> => {
        const pings = pods.flatMap((p) => p.addresses!.map((to) => ({ kind: 'ping', to }) as const))
        return (await probe(pods[0]!.netns, pings)).map((a, i) => `${pings[i]!.to} ${a.outcome}`)
      }
      const state = async (): Promise<unknown> => ({ dump: await settledDump(nodes), lab: await timeless(nodes) })
      const built = await state()
      const reached = await outcomes()
      // Policies may deny some; which, is the policy suite's business.
      if (policies.length === 0)
        assert.deepEqual(
          reached.filter((r) => !r.endsWith(' ok')),
          [],
        )
      assert.equal((await netlab(['down', lab])).code, 0)

      await shell(await plan(file))
      assert.deepEqual(await state(), built)
      assert.deepEqual(await outcomes(), reached)
      await shell(await plan(file, '--down'))
      assert.deepEqual(await settledSnapshot(before), before)
    })
  }
})

describe('hostile arguments of containers', { skip: unable }, () => {
  // `$0` keeps it simple to find: a program that does nothing for a while, whatever it is told.
  const command = ['sh', '-c', 'sleep 1000; true', ...HOSTILE]
  const pods = {
    victim: {
      host: 'node-1',
      containers: [
        { name: 'main', command },
        { name: 'web', ports: [{ containerPort: 8080 }, { containerPort: 53, protocol: 'UDP' }] },
      ],
    },
    'shop/client': { host: 'node-2' },
  }
  const lab = new Lab({ network: { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'] }, hosts: { 'node-1': {}, 'node-2': {} }, pods })
  after(() => lab.remove())

  const commandLines = async (): Promise<string[][]> => {
    const { stdout } = await run(['stat', '-L', '-c', '%i', `/run/netns/${lab.ns('victim')}`])
    return processesIn(Number(stdout)).map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1))
  }
  const owned = async (): Promise<boolean> => (await run(['sh', '-c', 'test -e /tmp/owned || test -e /out || test -e out'])).code === 0

  async function check(): Promise<void> {
    assert.deepEqual(
      (await commandLines()).find((argv) => argv.length === command.length),
      command,
    )
    assert.equal(await owned(), false)
    const to = ['10.244.0.2', 'fd00:10:244::2']
    const probes = to.flatMap((address) => [
      { kind: 'tcp', to: address, port: 8080 } as const,
      { kind: 'udp', to: address, port: 53 } as const,
    ])
    const answers = await probe(lab.ns('shop/client'), probes)
    assert.deepEqual(
      answers.map((a) => a.text),
      answers.map((a) => `victim ${a.self}`),
    )
  }

  test('pass shellcheck', { skip: noShellcheck }, async () => clean(await plan(lab.file)))

  for (const program of ['sh', 'bash']) {
    test(`reach the program unharmed by the script (${program})`, async () => {
      const before = await machineSnapshot()
      await shell(await plan(lab.file), program)
      // The script does not wait until a command runs, only until a responder listens.
      for (let tries = 0; tries < 200 && !(await commandLines()).some((argv) => argv.length === command.length); tries++);
      await check()
      await shell(await plan(lab.file, '--down'), program)
      assert.deepEqual(await settledSnapshot(before), before)
    })
  }

  test('reach the program unharmed by up', async () => {
    await lab.mustUp()
    await check()
  })
})
