/** Hosts that encrypt for each other: what is secret stays so, and whatever is killed, the next `up` puts it right. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { lacking } from '../support/features.ts'
import { Lab } from '../support/lab.ts'
import { missing, ownMachine } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { inside, netlab, output, run, told, type Run } from '../support/run.ts'

ownMachine()
oneProcess()

const TOPOLOGY = `
network: { backend: wireguard }
hosts: { node-1: {}, node-2: {}, node-3: {} }
pods:
  a: { host: node-1 }
  b: { host: node-2 }
  c: { host: node-3 }
`
const NODES = ['node-1', 'node-2', 'node-3']
/** Where the kernel encrypts there is no program. */
const noProgram = missing('wireguard') === undefined ? 'the kernel encrypts here' : false

describe('WireGuard', { skip: lacking('wireguard') }, () => {
  const lab = new Lab(TOPOLOGY)
  const records = join('/run/netlab', lab.name, 'process')
  const pidOf = (node: string): number => Number(readFileSync(join(records, `${node}.wireguard.pid`), 'utf8').split(' ')[0])
  before(() => lab.mustUp())
  after(() => lab.remove())

  /** All pods ask all others in the same moment: nothing is sent twice. */
  async function allReachAll(): Promise<void> {
    const { nodes } = JSON.parse((await netlab(['inspect', lab.name, '--json'])).stdout) as {
      nodes: { name: string; addresses: string[] }[]
    }
    const pods = ['a', 'b', 'c'].map((name) => [name, nodes.find((n) => n.name === name)!.addresses[0]!] as const)
    const pings = pods.flatMap(([from]) => pods.flatMap(([to, address]) => (from === to ? [] : [[from, address] as const])))
    await Promise.all(pings.map(([from, address]) => output(inside(lab.ns(from), ['ping', '-c1', '-W4', address]))))
  }

  test('all hosts have sessions with each other before a packet needs one', () => allReachAll())

  test('private keys are root’s alone, and no command prints one', async () => {
    const keys = readdirSync(join(records, 'keys')).filter((file) => file.endsWith('.key'))
    assert.deepEqual(
      keys,
      NODES.map((node) => `${node}.key`),
    )
    assert.equal(statSync(join(records, 'keys')).mode & 0o777, 0o700)
    const secrets = keys.map((file) => readFileSync(join(records, 'keys', file), 'latin1').trim())
    for (const file of keys) assert.equal(statSync(join(records, 'keys', file)).mode & 0o777, 0o600, file)
    for (const secret of secrets) assert.equal(secret.length, 44)
    const shows = (what: string, text: string): void => {
      for (const secret of secrets) assert.ok(!text.includes(secret), `${what} shows a private key`)
    }
    const all = (r: Run): string => r.stdout + r.stderr
    const trace = ['trace', 'a', 'b', '--lab', lab.name]
    for (const words of [
      ['plan', lab.file],
      ['plan', lab.file, '--json'],
      ['up', lab.file, '--verbose'],
      ['status', lab.name, '--json'],
      ['inspect', lab.name, '--json'],
      ['logs', 'node-1', '--lab', lab.name],
      trace,
      [...trace, '--json'],
    ])
      shows(words.join(' '), all(await netlab(words)))
    // What other users see of processes, and what is on record of the lab besides the keys.
    shows('ps', await output(['ps', '-eo', 'args']))
    for (const entry of readdirSync(join('/run/netlab', lab.name), { recursive: true, withFileTypes: true }))
      if (entry.isFile() && !entry.parentPath.endsWith('/keys'))
        shows(entry.name, readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    // A file that others can read is named, and the message has nothing of what is in it.
    await run(['chmod', '0644', join(records, 'keys', 'node-1.key')])
    const { findings } = await lab.status()
    assert.deepEqual(
      findings.map((f) => f.details),
      [['it has a key whose file others may read']],
    )
    shows('up', all(await lab.up('--verbose')))
    assert.equal(statSync(join(records, 'keys', 'node-1.key')).mode & 0o777, 0o600)
    await lab.mustBeHealthy()
  })

  test('the program may set its device’s MTU and nothing else, and root alone reaches its control socket', { skip: noProgram }, () => {
    for (const node of NODES) {
      const status = readFileSync(`/proc/${pidOf(node)}/status`, 'utf8')
      const word = (name: string): string | undefined => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(status)?.[1]
      assert.equal(word('Name'), 'wireguard-go')
      // CAP_NET_ADMIN is 12.
      for (const set of ['CapPrm', 'CapEff', 'CapBnd']) assert.equal(word(set), (1 << 12).toString(16).padStart(16, '0'), set)
      assert.equal(word('NoNewPrivs'), '1')
      assert.equal(statSync(join(records, `${node}.wireguard.d`)).mode & 0o777, 0o700)
      assert.ok(statSync(join(records, `${node}.wireguard.d`, 'flannel-wg.sock')).isSocket())
    }
  })

  test('a program that was killed is named by status and started again by up, with its key', { skip: noProgram }, async () => {
    const key = readFileSync(join(records, 'keys', 'node-2.key'), 'latin1')
    process.kill(pidOf('node-2'), 'SIGKILL')
    const { findings } = await lab.status()
    assert.ok(
      findings.some((f) => f.object === 'wireguard-go on node-2'),
      JSON.stringify(findings),
    )
    await lab.mustUp()
    assert.equal(readFileSync(join(records, 'keys', 'node-2.key'), 'latin1'), key)
    await lab.mustBeHealthy()
    await allReachAll()
  })

  test('an `up` that was killed is finished by the next one, whenever that was', async () => {
    for (const wait of ['keys', 'node-3.wireguard.pid', 'peers']) {
      await lab.down()
      const killed = await netlab(['up', lab.file], {
        onStart: (child) => {
          const watch = setInterval(() => {
            const there = ((): string[] => {
              try {
                return [...readdirSync(records), ...readdirSync(join(records, 'keys'))]
              } catch {
                return []
              }
            })()
            const isThere = wait === 'peers' ? there.includes('flannel-wg.sock') || there.includes('node-3.pub') : there.includes(wait)
            if (!isThere) return
            clearInterval(watch)
            setTimeout(() => child.kill('SIGKILL'), wait === 'peers' ? 900 : 0)
          }, 2)
          child.on('exit', () => clearInterval(watch))
        },
      })
      // It may have been done already.
      assert.ok(killed.signal === 'SIGKILL' || killed.code === 0, told(killed))
      await lab.mustUp()
      await lab.mustBeHealthy()
      await allReachAll()
    }
  })
})
