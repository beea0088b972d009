/** Every command on a running lab, as a user types it: what it prints, as text and as JSON, and how it ends. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { bin, root } from '../support/root.ts'
import { netlab, netlabJson as json, netlabOk as ok, refusal, run, sh, told, type Run, type RunOptions } from '../support/run.ts'

ownMachine()

const TOPOLOGY = `
network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }
hosts: { node-1: {}, node-2: {} }
pods:
  pod-a:
    labels: { app: web }
    containers:
      - { name: web, ports: [{ containerPort: 8080 }] }
      - { name: talker, command: [sh, -c, 'echo to stdout; echo to stderr >&2; echo "as $POD_NAME of $POD_NAMESPACE at $POD_IPS"; exit 0'] }
  shop/cart: {}
externals: { client: {} }
`

describe('with one lab up', { skip: unable }, () => {
  const lab = new Lab(TOPOLOGY)
  const exec = (words: string[], options?: RunOptions): Promise<Run> => netlab(['exec', ...words], options)
  before(() => lab.mustUp())
  after(() => lab.remove())

  test('up says what is there, and again that nothing changed', async () => {
    const { stdout, stderr } = await ok(['up', lab.file])
    assert.match(stdout, new RegExp(`Lab ${lab.name} is up already, nothing to change: 2 hosts, 2 pods, vxlan over bridge`))
    for (const word of ['node-1', '192.168.50.11', '10.244.0.0/24', 'pod-a', 'shop/cart', 'client', 'netlab exec pod-a -- ping'])
      assert.ok(stdout.includes(word), word)
    assert.equal(stderr, '')
  })

  test('ls', async () => {
    const labs = [{ lab: lab.name, state: 'up', hosts: 2, pods: 2, backend: 'vxlan', file: lab.file }]
    assert.deepEqual(await json(['ls']), { labs })
    assert.match((await ok(['ls'])).stdout, new RegExp(`${lab.name} +up +2 +2 +vxlan +${lab.file}`))
  })

  test('inspect --json has the documented shape', async () => {
    const document = await json<Record<string, unknown> & { nodes: Record<string, unknown>[] }>(['inspect'])
    const { nodes, ...facts } = document
    assert.deepEqual(
      { lab: facts['lab'], file: facts['file'], backend: facts['backend'], attach: facts['attach'], podMTU: facts['podMTU'] },
      { lab: lab.name, file: lab.file, backend: 'vxlan', attach: 'bridge', podMTU: 1450 },
    )
    assert.ok(Array.isArray(facts['services']) && Array.isArray(facts['policies']))
    const node = (name: string): Record<string, unknown> => nodes.find((n) => n['name'] === name)!
    const has = (name: string, expected: Record<string, unknown>): void =>
      assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, node(name)[key]])), expected)
    has('node-1', {
      kind: 'host',
      netns: lab.ns('node-1'),
      segment: 'lan',
      addresses: ['192.168.50.11', 'fd00:192:168:50::b'],
      podCIDR: ['10.244.0.0/24', 'fd00:10:244::/64'],
    })
    has('pod-a', {
      kind: 'pod',
      namespace: 'default',
      host: 'node-1',
      netns: lab.ns('pod-a'),
      addresses: ['10.244.0.2', 'fd00:10:244::2'],
      mac: '02:01:00:00:00:01',
      labels: { app: 'web' },
      interface: 'eth0',
      hostInterface: 'p1-pod-a',
    })
    has('cart', { kind: 'pod', namespace: 'shop', host: 'node-2', netns: lab.ns('shop/cart'), hostInterface: 'p1-shop-cart' })
    has('router', { kind: 'router', netns: lab.ns('router') })
    has('client', { kind: 'external', netns: lab.ns('client'), addresses: ['203.0.113.10', '2001:db8:ffff::a'] })
    assert.deepEqual(await json(['inspect', lab.name]), document)
    assert.deepEqual(await json(['inspect', lab.file]), document)
    const text = (await ok(['inspect'])).stdout
    for (const word of ['02:01:00:00:00:01', 'p1-shop-cart', lab.ns('client')]) assert.ok(text.includes(word), word)
  })

  test('status', async () => {
    const status = await lab.status()
    assert.deepEqual([status.code, status.healthy, status.findings.filter((f) => f.state !== 'exited')], [0, true, []])
    assert.match((await ok(['status'])).stdout, /^as planned {2}nlt-/)
  })

  test('exec passes words, streams and exit codes', async () => {
    const words = ['a b', "it's", '$HOME', '', '--json', '-c', '*', 'ü\n']
    assert.equal((await exec(['pod-a', '--', 'printf', '<%s>', ...words])).stdout, words.map((w) => `<${w}>`).join(''))
    const both = await exec(['pod-a', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7'])
    assert.deepEqual([both.code, both.stdout, both.stderr], [7, 'out\n', 'err\n'])
    assert.equal((await exec(['pod-a', '--', 'wc', '-c'], { input: 'x'.repeat(1_000_000) })).stdout.trim(), '1000000')
    assert.equal((await exec(['pod-a', '--', 'head', '-c', '3000000', '/dev/zero'])).stdout.length, 3_000_000)
    assert.equal((await exec(['pod-a', '--', 'sh', '-c', 'kill -TERM $$'])).code, 143)
    assert.equal((await exec(['pod-a', '--', 'sh', '-c', 'kill -KILL $$'])).code, 137)
    assert.equal((await exec(['pod-a', '--', 'env'], { env: { MINE: 'kept' } })).stdout.includes('MINE=kept\n'), true)
  })

  test('a signal to netlab exec reaches the command', async () => {
    const result = await exec(['pod-a', '--', 'sh', '-c', 'trap "echo told; exit 9" TERM; echo ready; while :; do sleep 0.05; done'], {
      onStart: (child) => child.stdout!.once('data', () => child.kill('SIGTERM')),
    })
    assert.deepEqual([result.code, result.stdout], [9, 'ready\ntold\n'])
  })

  test('exec enters every kind of node, with its name and its devices', async () => {
    for (const [node, address] of [
      ['node-1', '192.168.50.11'],
      ['pod-a', '10.244.0.2'],
      ['shop/cart', '10.244.1.2'],
      ['default/pod-a', '10.244.0.2'],
      ['client', '203.0.113.10'],
      ['router', '192.168.50.1'],
    ]) {
      const { stdout } = await exec([node!, '--', 'sh', '-c', 'hostname; ls /sys/class/net; ip -o -4 addr'])
      assert.ok(stdout.startsWith(`${node!.split('/').pop()}\n`), stdout)
      assert.ok(stdout.includes(` ${address}/`), stdout)
    }
    assert.match((await exec(['switch-lan', '--', 'ls', '/sys/class/net'])).stdout, /^br0\nh1-node-1\nh2-node-2\nlo\nrouter\n$/)
    // The machine's own /sys and name are not touched.
    assert.equal(await sh('ls /sys/class/net'), 'lo\n')
  })

  test('exec of what is not there', async () => {
    await refusal(['exec', 'pod-b', '--', 'true'], 2, /no node "pod-b"[\s\S]*did you mean "pod-a"/)
    await refusal(['exec', 'cart', '--', 'true'], 2, /no node "cart"[\s\S]*shop\/cart/)
    await refusal(['exec', 'pod-a', '--', 'no-such-program'], 3, /no-such-program/)
    await refusal(['exec', 'pod-a', '--lab', 'nlt-nowhere', '--', 'true'], 2, /no lab "nlt-nowhere"/)
  })

  test('shell takes a script on its standard input', async () => {
    const result = await netlab(['shell', 'pod-a'], { input: 'echo $((6 * 7)); hostname; exit 5\n' })
    assert.equal(result.code, 5, told(result))
    assert.match(result.stdout, /^42\npod-a\n/)
  })

  test('logs', async () => {
    const { stdout } = await ok(['logs', 'pod-a', '-c', 'talker', '--follow'])
    assert.equal(stdout, 'to stdout\nto stderr\nas pod-a of default at 10.244.0.2,fd00:10:244::2\n')
    await refusal(['logs', 'pod-a'], 2, /web, talker/)
    await refusal(['logs', 'pod-a', '-c', 'tolker'], 2, /talker/)
    await refusal(['logs', 'shop/cart'], 2, /no container/)
    await refusal(['logs', 'node-1'], 2, /host/)
  })

  test('colours: only on a terminal or when forced, never with NO_COLOR or in JSON', async () => {
    const coloured = async (args: string[], env: Record<string, string | undefined>): Promise<boolean> => {
      const { stdout, stderr } = await netlab(args, { env: { NO_COLOR: undefined, FORCE_COLOR: undefined, ...env } })
      return `${stdout}${stderr}`.includes('\u001b[')
    }
    assert.equal(await coloured(['status'], {}), false)
    assert.equal(await coloured(['status'], { FORCE_COLOR: '1' }), true)
    assert.equal(await coloured(['status'], { FORCE_COLOR: '0' }), false)
    assert.equal(await coloured(['status'], { NO_COLOR: '1' }), false)
    assert.equal(await coloured(['status'], { NO_COLOR: '1', FORCE_COLOR: '1' }), false)
    assert.equal(await coloured(['inspect', '--json'], { FORCE_COLOR: '1' }), false)
    assert.equal(await coloured(['exec', 'no-such-node', '--', 'true'], { FORCE_COLOR: '1' }), true)
    assert.equal(await coloured(['plan', lab.file], { FORCE_COLOR: '1' }), false)
  })

  test('a reader that leaves early is no error', async () => {
    for (const command of ['plan', 'up']) {
      const file = command === 'plan' ? join(root, 'topologies/scale.yaml') : lab.file
      const result = await run(['bash', '-c', 'set -o pipefail; "$0" "$1" "$2" "$3" | head -1', process.execPath, bin, command, file])
      assert.equal(result.code, 0, told(result))
      assert.doesNotMatch(result.stderr, / at |EPIPE/)
      assert.equal(result.stdout.split('\n').length, 2)
    }
  })
})

describe('with two labs up', { skip: unable }, () => {
  const one = new Lab('hosts: { node-1: {} }\npods: { a: {} }\n')
  const two = new Lab('hosts: { node-1: {} }\npods: { b: {} }\n')
  const copy = join(one.dir, 'copy.yaml')
  before(async () => {
    await one.mustUp()
    await two.mustUp()
    await sh('cp "$1" "$2"', one.file, copy)
  })
  after(async () => {
    await one.remove()
    await two.remove()
  })

  test('NETLAB_LAB names the lab where the command line does not', async () => {
    await refusal(['status'], 2, /2 labs are up[\s\S]*NETLAB_LAB/)
    const env = { NETLAB_LAB: two.name }
    assert.match((await ok(['status'], { env })).stdout, new RegExp(`as planned  ${two.name}`))
    assert.match((await ok(['status', one.name], { env })).stdout, new RegExp(`as planned  ${one.name}`))
    assert.equal((await ok(['exec', 'b', '--', 'hostname'], { env })).stdout, 'b\n')
    assert.equal((await ok(['exec', 'a', '--lab', one.name, '--', 'hostname'], { env })).stdout, 'a\n')
    const none = await netlab(['status'], { env: { NETLAB_LAB: 'nlt-nowhere' } })
    assert.equal(none.code, 2, told(none))
  })

  test('`down FILE` removes the lab that was made from that file, and from no other', async () => {
    // The same name is written in it.
    const other = await ok(['down', copy])
    assert.match(other.stdout, /nothing to remove: no lab was made from .*copy\.yaml/)
    await refusal(['down', 'nosuch.yaml'], 2, /neither a file nosuch\.yaml nor a lab/)
    assert.deepEqual((await json<{ labs: { lab: string }[] }>(['ls'])).labs.map((l) => l.lab).toSorted(), [one.name, two.name].toSorted())
    await sh('mv "$1" "$1.aside"', one.file)
    assert.match((await ok(['down', one.file])).stdout, new RegExp(`removed lab ${one.name} `))
    await sh('mv "$1.aside" "$1"', one.file)
    assert.match((await ok(['down', one.file])).stdout, /nothing to remove/)
  })

  test('a value of NETLAB_EXEC that means nothing is refused', async () => {
    const result = await netlab(['up', two.file], { env: { NETLAB_EXEC: 'foo' } })
    assert.equal(result.code, 2, told(result))
    assert.match(result.stderr, /NETLAB_EXEC=foo/)
  })

  test('Ctrl-C after the result is no interruption', async () => {
    const result = await netlab(['up', two.file], {
      onStart: (child) =>
        child.stdout!.once('data', () => {
          const often = setInterval(() => child.kill('SIGINT'), 1)
          child.once('exit', () => clearInterval(often))
        }),
    })
    assert.deepEqual([result.code, result.signal], [0, null], told(result))
  })
})
