/** What may go wrong with `up`: namespaces of others, tools that fail, a kernel that does not keep what it took. */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { after, afterEach, before, describe, test } from 'node:test'
import { Lab, type LabDocument } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { probe } from '../support/probe.ts'
import { netlab, output, sh, told, type Run } from '../support/run.ts'
import { misbehaving } from '../support/shim.ts'
import { labSnapshot, machineSnapshot, settledSnapshot } from '../support/snapshot.ts'

ownMachine()

const web = 'containers: [{ name: web, ports: [{ containerPort: 8080 }] }]'
const HOSTS = 'hosts:\n  node-1: {}\n  node-2: {}\n'
const PODS = `pods:\n  a: { host: node-1, ${web} }\n  b: { host: node-2, ${web} }\n`
const TOPOLOGY = `${HOSTS}${PODS}`

interface ErrorDocument {
  readonly code: string
  readonly message: string
  readonly file: string | null
  readonly line: number | null
  readonly column: number | null
  readonly hint: string | null
}

function errors(result: Run, code: number): ErrorDocument[] {
  assert.equal(result.code, code, told(result))
  return (JSON.parse(result.stdout) as { errors: ErrorDocument[] }).errors
}

async function meshOf({ nodes }: LabDocument): Promise<void> {
  const pods = nodes.filter((n) => n.kind === 'pod')
  for (const from of pods) {
    const answers = await probe(
      from.netns,
      pods.map((to) => ({ kind: 'tcp', to: to.addresses![0]!, port: 8080 })),
    )
    assert.deepEqual(
      answers.map((a) => a.text),
      pods.map((to, i) => `${to.name} ${answers[i]!.self}`),
    )
  }
}

describe('namespaces of others', { skip: unable }, () => {
  const lab = new Lab(TOPOLOGY)
  const foreign = lab.ns('b')
  const inode = (): number => statSync(`/run/netns/${foreign}`).ino
  after(async () => {
    await lab.remove()
    await sh('! test -e "/run/netns/$1" || ip netns delete "$1"', foreign)
  })

  test('a new lab does not touch one that has a name it wants', async () => {
    await sh('ip netns add "$1" && ip -n "$1" link add theirs type bridge', foreign)
    const [before, same] = [await machineSnapshot(), inode()]
    const [error] = errors(await lab.up('--json'), 4)
    assert.equal(error!.code, 'namespace-not-ours')
    assert.ok(error!.message.includes(foreign))
    assert.equal(inode(), same)
    await output(['ip', '-n', foreign, 'link', 'show', 'theirs'])
    assert.deepEqual(await settledSnapshot(before), before)
  })

  test('nor does `down`', async () => {
    const result = await lab.down()
    assert.equal(result.code, 0, told(result))
    await output(['ip', '-n', foreign, 'link', 'show', 'theirs'])
  })

  test('nor does a running lab that grows', async () => {
    lab.write(`${HOSTS}pods:\n  a: { host: node-1, ${web} }\n`)
    const { nodes } = await lab.mustUp()
    const state = await labSnapshot(nodes)
    lab.write(TOPOLOGY)
    const [error] = errors(await lab.up('--json'), 4)
    assert.equal(error!.code, 'namespace-not-ours')
    assert.deepEqual(await labSnapshot(nodes), state)
    await lab.mustBeHealthy()
    assert.equal((await lab.down()).code, 0)
    await output(['ip', '-n', foreign, 'link', 'show', 'theirs'])
  })
})

describe('two labs with the same addresses', { skip: unable }, () => {
  const labs = [new Lab(TOPOLOGY), new Lab(TOPOLOGY)] as const
  after(() => Promise.all(labs.map((l) => l.remove())))

  test('live side by side, and one goes without the other', async () => {
    const [one, two] = await Promise.all(labs.map((l) => l.mustUp()))
    assert.deepEqual(
      one!.nodes.map((n) => n.addresses),
      two!.nodes.map((n) => n.addresses),
    )
    await Promise.all([one!, two!].map(meshOf))
    await Promise.all(labs.map((l) => l.mustBeHealthy()))
    const listed = await netlab(['ls', '--json'])
    const names = (JSON.parse(listed.stdout) as { labs: { lab: string }[] }).labs.map((l) => l.lab)
    assert.deepEqual(names, labs.map((l) => l.name).toSorted())
    assert.equal((await labs[0].down()).code, 0)
    await meshOf(two!)
    await labs[1].mustBeHealthy()
  })
})

/** Lines of tools that fail: which input line, what is said, and the beginning of the YAML line to blame. */
const FAILURES: readonly (readonly [what: string, line: RegExp, object: RegExp, yaml: string])[] = [
  ['a namespace', /^netns add .*\.b$/, /cannot make namespace nlt-\w+\.b/, 'b:'],
  ['a bridge', /^link add (dev )?cni0 /, /cannot make bridge device cni0 in nlt-\w+\.node-/, 'node-'],
  ['a veth pair', /^link add (dev )?p1-a /, /cannot make veth p1-a in nlt-\w+\.node-1/, 'a:'],
  ['a tunnel', /^link add (dev )?vxlan1 /, /cannot make vxlan device vxlan1/, 'node-'],
  ['an address', /^address replace 10\.244\.1\.2\/24/, /cannot make address 10\.244\.1\.2\/24 on eth0 in nlt-\w+\.b/, 'b:'],
  ['a route', /^route replace 10\.244\.1\.0\/24/, /cannot make route 10\.244\.1\.0\/24 in nlt-\w+\.node-1/, 'node-2:'],
  ['a neighbour', /^neigh replace 10\.244\.0\.0/, /cannot make neighbour 10\.244\.0\.0 on vxlan1 in nlt-\w+\.node-2/, 'node-1:'],
  ['an FDB entry', /^fdb replace /, /cannot make FDB entry/, 'node-'],
  ['a rule', /leaves the cluster/, /cannot make iptables chain nat\/NETLAB-MASQ/, 'node-'],
]

describe('a tool that fails', { skip: unable }, () => {
  const lab = new Lab(TOPOLOGY)
  const up = (env: Record<string, string>, ...args: string[]): Promise<Run> => netlab(['up', lab.file, '--json', ...args], { env })
  const lineOf = (start: string): number[] =>
    `name: x\n${TOPOLOGY}`.split('\n').flatMap((l, i) => (l.trim().startsWith(start) ? [i + 1] : []))
  // One that succeeds against expectation must not spoil the next.
  afterEach(() => lab.down())
  after(() => lab.remove())

  for (const [what, line, object, yaml] of FAILURES) {
    test(`at ${what}: nothing is left, and the line of YAML is named`, async () => {
      const before = await machineSnapshot()
      const [error] = errors(await up(misbehaving(lab.dir, 'fails', line)), 4)
      assert.equal(error!.code, 'apply-failed')
      assert.match(error!.message, object)
      assert.match(error!.message, /No buffer space available|failed/)
      assert.equal(error!.file, lab.file)
      assert.ok(lineOf(yaml).includes(error!.line!), `line ${error!.line}, not ${lineOf(yaml).join(' or ')}`)
      assert.match(error!.hint!, /rolled back/)
      assert.deepEqual(await settledSnapshot(before), before)
    })
  }

  test('a command that cannot be started', async () => {
    const before = await machineSnapshot()
    lab.write(`${HOSTS}pods:\n  a: { containers: [{ name: bad, command: [no-such-program-anywhere] }] }\n`)
    const [error] = errors(await up({}), 4)
    assert.match(error!.message, /container bad of pod a.*no-such-program-anywhere/s)
    assert.deepEqual([error!.file, error!.line], [lab.file, 6])
    lab.write(TOPOLOGY)
    assert.deepEqual(await settledSnapshot(before), before)
  })

  test('--keep leaves it for inspection; status says so, down removes it', async () => {
    const before = await machineSnapshot()
    const [error] = errors(await up(misbehaving(lab.dir, 'fails', /^neigh replace/), '--keep'), 4)
    assert.doesNotMatch(error!.hint!, /rolled back/)
    await output(['ip', 'netns', 'exec', lab.ns('node-1'), 'ip', 'link', 'show', 'vxlan1'])
    const status = await netlab(['status', lab.name, '--json'])
    assert.deepEqual(
      errors(status, 1).map((e) => e.code),
      ['lab-incomplete'],
    )
    assert.equal((await lab.down()).code, 0)
    assert.deepEqual(await settledSnapshot(before), before)
  })

  test('after --keep the next up starts over', async () => {
    errors(await up(misbehaving(lab.dir, 'fails', /^neigh replace/), '--keep'), 4)
    await meshOf(await lab.mustUp())
    await lab.mustBeHealthy()
    assert.equal((await lab.down()).code, 0)
  })

  test('what the kernel took but does not hold is found when read back', async () => {
    const before = await machineSnapshot()
    const found = errors(await up(misbehaving(lab.dir, 'swallowed', /^neigh replace 10\.244\.0\.0/)), 4)
    assert.deepEqual(
      found.map((e) => [e.code, e.file, e.line]),
      [['diverged', lab.file, lineOf('node-1:')[0]]],
    )
    assert.match(found[0]!.message, /neighbour 10\.244\.0\.0 on vxlan1/)
    assert.deepEqual(await settledSnapshot(before), before)
  })
})

describe('a change that fails', { skip: unable }, () => {
  const lab = new Lab(TOPOLOGY)
  let document: LabDocument
  before(async () => {
    document = await lab.mustUp()
  })
  after(() => lab.remove())

  const changes = [
    ['at a new pod', `${TOPOLOGY}  c: { host: node-2, ${web} }\n`, /^address replace 10\.244\.1\.3/],
    ['at a new host', `hosts:\n  node-1: {}\n  node-2: {}\n  node-3: {}\n${PODS}`, /^route replace 10\.244\.2\.0/],
    ['at another backend', `network: { backend: direct }\n${TOPOLOGY}`, /^route replace 10\.244\.1\.0\/24 via 192/],
    ['at another vni', `network: { backend: { type: vxlan, vni: 5 } }\n${TOPOLOGY}`, /^link add (dev )?vxlan5/],
  ] as const
  for (const [what, text, line] of changes) {
    test(`${what} puts the running lab back as it was`, async () => {
      const pods = document.nodes.filter((n) => n.kind === 'pod')
      const before = await labSnapshot(pods)
      lab.write(text)
      const [error] = errors(await netlab(['up', lab.file, '--json'], { env: misbehaving(lab.dir, 'fails', line) }), 4)
      assert.equal(error!.code, 'apply-failed')
      assert.match(error!.hint!, /rolled back/)
      await lab.mustBeHealthy()
      assert.deepEqual(await labSnapshot(pods), before)
      await meshOf(document)
      lab.write(TOPOLOGY)
      assert.deepEqual(await lab.mustUp(), { ...document, outcome: 'unchanged' })
    })
  }
})
