/**
 * The file of a running lab changes: only what changed is touched, every other node keeps address, device, process and
 * open connections; and going back to the old file gives the old lab.
 */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Lab, type LabDocument } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { Conversation, end, probe, serve } from '../support/probe.ts'
import { netlab, output, told } from '../support/run.ts'
import { labSnapshot } from '../support/snapshot.ts'

ownMachine()
oneProcess()

const web = { containers: [{ name: 'web', ports: [{ containerPort: 8080 }] }] }
const BASE = {
  network: { podCIDR: '10.244.0.0/16', backend: 'vxlan', attach: 'bridge', masquerade: true },
  hosts: { 'node-1': {}, 'node-2': {} },
  pods: { a: { host: 'node-1', ...web }, b: { host: 'node-2', ...web }, idle: { host: 'node-2' } },
}
const network = (change: object): object => ({ ...BASE, network: { ...BASE.network, ...change } })

type LabState = Awaited<ReturnType<typeof labSnapshot>>

/** Without what a device or container gets anew when it is made anew. */
const timeless = (state: LabState): LabState =>
  JSON.parse(
    JSON.stringify(state, (key, value: unknown) => (['ifindex', 'link_index', 'processes', 'inode'].includes(key) ? undefined : value)),
  ) as LabState

describe('a changed file', { skip: unable }, () => {
  let lab: Lab
  let first: LabDocument
  let state: LabState
  let listener: ChildProcess
  let conversation: Conversation

  before(async () => {
    lab = new Lab(BASE)
    first = await lab.mustUp()
    const b = first.nodes.find((n) => n.name === 'b')!
    listener = await serve(b.netns, '0.0.0.0', 7000)
    conversation = await Conversation.start(lab.ns('a'), b.addresses![0]!, 7000)
    await conversation.goesOn()
    state = await labSnapshot(first.nodes)
  })
  after(async () => {
    await conversation?.end()
    if (listener) await end(listener)
    await lab?.remove()
  })

  async function mesh({ nodes }: LabDocument): Promise<void> {
    const pods = nodes.filter((n) => n.kind === 'pod')
    const servers = pods.filter((p) => p.name !== 'idle')
    const all = await Promise.all(
      pods.map(async (from) => {
        const to = servers.flatMap((s) => s.addresses!.map((address) => ({ name: s.name, address })))
        const answers = await probe(
          from.netns,
          to.map(({ address }) => ({ kind: 'tcp', to: address, port: 8080 })),
        )
        return answers.map(
          (a, i) => `${from.name} → ${to[i]!.name}: ${a.outcome} ${a.text === `${to[i]!.name} ${a.self}` ? 'right' : a.text}`,
        )
      }),
    )
    assert.deepEqual(
      all.flat().filter((line) => !line.endsWith('ok right')),
      [],
    )
  }

  async function change(topology: object | string): Promise<{ now: LabDocument; state: LabState; said: string }> {
    lab.write(topology)
    const result = await lab.up('--json')
    assert.equal(result.code, 0, result.stdout)
    const now = JSON.parse(result.stdout) as LabDocument
    await lab.mustBeHealthy()
    await mesh(now)
    return { now, state: await labSnapshot(now.nodes), said: result.stderr }
  }

  async function revert(): Promise<LabState> {
    const back = await change(BASE)
    assert.deepEqual({ ...back.now, outcome: '' }, { ...first, outcome: '' })
    return back.state
  }

  const podsOf = (s: LabState): unknown => Object.fromEntries(['a', 'b', 'idle'].map((p) => [p, s[lab.ns(p)]]))

  test('a new pod: every other node stays exactly as it was, connections included', async () => {
    const { now, state: after, said } = await change({ ...BASE, pods: { first: { host: 'node-2', ...web }, ...BASE.pods } })
    assert.equal(now.outcome, 'changed')
    assert.match(said, /0 to change, 0 to remove/)
    assert.deepEqual(podsOf(after), podsOf(state))
    assert.deepEqual(after[lab.ns('node-1')], state[lab.ns('node-1')])
    await conversation.goesOn()
    assert.deepEqual(
      now.nodes.filter((n) => n.name !== 'first'),
      first.nodes,
    )
    assert.deepEqual(await revert(), state)
    await conversation.goesOn()
  })

  test('a pod removed and back again', async () => {
    const { idle: _, ...rest } = BASE.pods
    const { state: after } = await change({ ...BASE, pods: rest })
    assert.deepEqual(after[lab.ns('a')], state[lab.ns('a')])
    assert.equal(await output(['sh', '-c', 'ls /run/netns | grep -c idle || true']), '0\n')
    assert.deepEqual(timeless(await revert()), timeless(state))
    await conversation.goesOn()
    state = await labSnapshot(first.nodes)
  })

  test('a new host with a pod', async () => {
    const {
      now,
      state: after,
      said,
    } = await change({
      ...BASE,
      hosts: { ...BASE.hosts, 'node-3': {} },
      pods: { ...BASE.pods, c: { host: 'node-3', ...web } },
    })
    assert.match(said, /0 to change, 0 to remove/)
    assert.equal(now.nodes.length, first.nodes.length + 2)
    assert.deepEqual(podsOf(after), podsOf(state))
    assert.deepEqual(await revert(), state)
    await conversation.goesOn()
  })

  test('labels and comments: nothing in the kernel, but the lab knows them', async () => {
    const labelled = await change({ ...BASE, pods: { ...BASE.pods, a: { ...BASE.pods.a, labels: { app: 'web' } } } })
    assert.equal(labelled.now.outcome, 'unchanged')
    assert.deepEqual(labelled.state, state)
    assert.deepEqual((labelled.now.nodes.find((n) => n.name === 'a') as { labels?: unknown }).labels, { app: 'web' })
    // Lines moved: what drifts is told by its new line.
    lab.write(
      `\n\n# a comment\n${JSON.stringify(BASE)
        .slice(1, -1)
        .replaceAll(/"(network|hosts|pods)":/g, '\n$1: ')
        .replaceAll(/,(?=\n)/g, '')}`,
    )
    assert.equal((await lab.mustUp()).outcome, 'unchanged')
    const line =
      1 +
      readFileSync(lab.file, 'utf8')
        .split('\n')
        .findIndex((l) => l.startsWith('pods:'))
    await output(['ip', '-n', lab.ns('a'), 'route', 'del', 'default'])
    assert.equal((await lab.status()).findings[0]!.source, `${lab.file}:${line}`)
    await revert()
    assert.deepEqual(await labSnapshot(first.nodes), state)
  })

  const inPlace: readonly (readonly [what: string, topology: object])[] = [
    ['another vni', network({ backend: { type: 'vxlan', vni: 77 } })],
    ['another VXLAN port', network({ backend: { type: 'vxlan', port: 4789 } })],
    ['another backend', network({ backend: 'direct' })],
    ['no masquerade', network({ masquerade: false })],
    ['a smaller MTU', { ...BASE, underlay: { mtu: 1400 } }],
    ['an external, and with it a router', { ...BASE, externals: { client: {} } }],
  ]
  for (const [what, topology] of inPlace) {
    test(`${what}: no pod is made anew, and connections go on`, async () => {
      const links = (s: LabState): unknown =>
        ['a', 'b', 'idle'].map((p) =>
          Object.values((s[lab.ns(p)] as { links: Record<string, { ifindex: number; ifname: string }> }).links).map((l) => [
            l.ifname,
            l.ifindex,
          ]),
        )
      const { now, state: after } = await change(topology)
      assert.equal(now.outcome, 'changed')
      assert.deepEqual(links(after), links(state))
      await conversation.goesOn()
      const back = await revert()
      assert.deepEqual(links(back), links(state))
      assert.deepEqual(timeless(back), timeless(state))
      await conversation.goesOn()
    })
  }

  const anew: readonly (readonly [what: string, topology: object])[] = [
    ['the other attach module', network({ attach: 'routed' })],
    ['a second family', network({ podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'] })],
    ['a pod on another host', { ...BASE, pods: { ...BASE.pods, b: { ...BASE.pods.b, host: 'node-1' } } }],
    ['other pod networks', network({ podCIDR: '10.100.0.0/16' })],
    ['another segment network', { ...BASE, underlay: { segments: { lan: '172.30.0.0/24' } } }],
    [
      'two segments',
      {
        ...BASE,
        underlay: { segments: { lan: '192.168.50.0/24', wan: '192.168.51.0/24' } },
        hosts: { 'node-1': {}, 'node-2': { segment: 'wan' } },
      },
    ],
  ]
  for (const [what, topology] of anew) {
    test(`${what}: arrives, and goes again`, async () => {
      assert.equal((await change(topology)).now.outcome, 'changed')
      assert.deepEqual(timeless(await revert()), timeless(state))
    })
  }

  test('pinned addresses: their owners keep them until they are asked for others', async () => {
    const pin = (pod: string, host: string): object => ({
      ...BASE,
      hosts: { ...BASE.hosts, 'node-1': { address: host } },
      pods: { ...BASE.pods, a: { ...BASE.pods.a, ip: pod } },
    })
    const pinned = await change(pin('10.244.0.99', '192.168.50.77'))
    const addressesOf = (d: LabDocument): unknown => ['a', 'node-1'].map((name) => d.nodes.find((n) => n.name === name)!.addresses)
    assert.deepEqual(addressesOf(pinned.now), [['10.244.0.99'], ['192.168.50.77']])
    assert.deepEqual(addressesOf((await change(BASE)).now), [['10.244.0.99'], ['192.168.50.77']])
    await change(pin('10.244.0.2', '192.168.50.11'))
    assert.deepEqual(timeless(await revert()), timeless(state))
  })

  test('another container: only it is replaced', async () => {
    const pidsOf = async (): Promise<Record<string, number>> =>
      Object.fromEntries((await lab.status()).containers.map((c) => [c.id, c.pid]))
    const container = async (containers: object[]): Promise<Record<string, number>> => {
      lab.write({ ...BASE, pods: { ...BASE.pods, idle: { host: 'node-2', containers } } })
      assert.equal((await lab.mustUp()).outcome, 'changed')
      await lab.mustBeHealthy()
      return pidsOf()
    }
    const commandOf = (pid: number): Promise<string> => output(['sh', '-c', 'tr "\\0" " " <"/proc/$1/cmdline"', 'sh', String(pid)])
    const before = await pidsOf()
    const one = await container([{ name: 'job', command: ['sleep', '1111'] }])
    assert.equal(await commandOf(one['idle.job']!), 'sleep 1111 ')
    const other = await container([{ name: 'job', command: ['sleep', '2222'] }])
    assert.equal(await commandOf(other['idle.job']!), 'sleep 2222 ')
    const ports = await container([{ name: 'job', ports: [{ containerPort: 9000 }] }])
    assert.match(await commandOf(ports['idle.job']!), /^netlab-responder idle/)
    lab.write(BASE)
    assert.equal((await lab.mustUp()).outcome, 'changed')
    assert.deepEqual(await pidsOf(), before)
    assert.deepEqual(timeless(await labSnapshot(first.nodes)), timeless(state))
  })
})

describe('a change that is killed while it replaces containers', { skip: unable }, () => {
  const programs = (...words: string[]): object => ({
    hosts: { 'node-1': {} },
    pods: {
      // It ends well when it is asked to.
      polite: { containers: [{ name: 'c', command: ['sh', '-c', `trap 'exit 0' TERM; while sleep 0.05; do :; done`, ...words] }] },
      stubborn: { containers: [{ name: 'c', command: ['sh', '-c', `trap '' TERM; while sleep 1; do :; done`, ...words] }] },
      built: { containers: [{ name: 'c', ports: [{ containerPort: 80 + words.length }] }] },
    },
  })
  const lab = new Lab(programs())
  const records = join('/run/netlab', lab.name, 'process')
  before(() => lab.mustUp())
  after(() => lab.remove())

  for (const [file, earlier, changed] of [
    ['new', programs(), programs('new')],
    ['old', programs('new'), programs('even', 'newer')],
  ] as const)
    test(`is finished or put back by the next \`up\` with the ${file} file`, async () => {
      lab.write(changed)
      const result = await netlab(['up', lab.file], {
        onStart: (child) => {
          // The stubborn one keeps it waiting for 200 ms after the first signal.
          const watch = setInterval(() => {
            if (!existsSync(records) || !readdirSync(records).some((name) => name.endsWith('.stop'))) return
            clearInterval(watch)
            child.kill('SIGKILL')
          }, 5)
          child.on('exit', () => clearInterval(watch))
        },
      })
      assert.equal(result.signal, 'SIGKILL', told(result))
      const status = await lab.status()
      assert.equal(status.code, 1)
      if (file === 'old') lab.write(earlier)
      assert.equal((await lab.mustUp()).outcome, 'changed')
      await lab.mustBeHealthy()
      const { containers } = await lab.status()
      assert.deepEqual(containers.map(({ id, state }) => [id, state]).toSorted(), [
        ['built.c', 'running'],
        ['polite.c', 'running'],
        ['stubborn.c', 'running'],
      ])
      assert.deepEqual(
        readdirSync(records).filter((name) => name.endsWith('.stop')),
        [],
      )
    })
})
