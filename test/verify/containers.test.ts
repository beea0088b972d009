/** Containers that ended, or do not listen where they declare it: no listener of the test takes their place. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Lab, type LabDocument, type NodeDocument } from '../support/lab.ts'
import { probe } from '../support/probe.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { netlab, netlabJson, told } from '../support/run.ts'
import { labSnapshot } from '../support/snapshot.ts'
import { broken, tested, the } from './support.ts'

ownMachine()
oneProcess()

/** A pod whose only container runs a command and declares a port. */
const pod = (host: string, command: readonly string[], port: object = { containerPort: 80 }): object => ({
  host,
  labels: { app: 'x' },
  containers: [{ name: 'c', command, ports: [port] }],
})
const listener = (options: string): readonly string[] => [
  'perl',
  '-MIO::Socket::INET',
  '-e',
  `$s = IO::Socket::INET->new(${options}); while (1) { $c = $s->accept; close $c }`,
]
const service = (app: string, port: object = { port: 80 }): object => ({ selector: { app }, ports: [port] })
const labelled = (app: string, of: object): object => ({ ...of, labels: { app } })
const SOON = ['--timeout', '1s']

describe('a container that is not there for its Service', { skip: unable }, () => {
  const lab = new Lab({
    hosts: { 'node-1': {}, 'node-2': {} },
    pods: {
      dead: labelled('dead', pod('node-1', ['sh', '-c', 'exit 3'])),
      killed: labelled('killed', pod('node-1', ['sh', '-c', 'kill -9 $$'])),
      wrong: labelled('wrong', pod('node-2', listener('LocalPort => 81, Listen => 5'), { name: 'http', containerPort: 80 })),
      mute: labelled('mute', pod('node-2', ['sleep', 'infinity'], { containerPort: 53, protocol: 'UDP' })),
      played: labelled('played', pod('node-2', ['sleep', 'infinity'], { containerPort: 8080 })),
      done: pod('node-1', ['true']),
      job: { host: 'node-1', containers: [{ name: 'c', command: ['true'] }] },
      client: { host: 'node-1' },
    },
    services: {
      dead: service('dead'),
      wrong: service('wrong', { port: 80, targetPort: 'http' }),
      played: service('played', { port: 80, targetPort: 8080 }),
      mute: service('mute', { port: 53, protocol: 'UDP' }),
    },
    // Policies ask about its port, and so the test listens there.
    policies: { played: { podSelector: { matchLabels: { app: 'played' } }, ingress: [{ ports: [{ port: 8080 }] }] } },
    expect: [
      { from: 'client', to: 'svc/dead', port: '80/tcp' },
      { from: 'client', to: 'svc/wrong', port: '80/tcp' },
      { from: 'client', to: 'svc/played', port: '80/tcp' },
    ],
  })
  let nodes: readonly NodeDocument[] = []
  before(async () => void ({ nodes } = await lab.mustUp()))
  after(() => lab.remove())

  it('fails its Services, whatever listens in its place for others', async () => {
    const document = await tested(lab, ...SOON)
    const of = (to: string): (string | undefined)[] => [
      ...new Set(document.checks.filter((c) => c.id === 'service-answers' && c.to === to).map((c) => c.detail)),
    ]
    const dead = `container c of dead declares 80/tcp but exited with code 3 (netlab logs dead --lab ${lab.name})`
    const wrong = `container c of wrong declares 80/tcp but does not listen there (netlab logs wrong --lab ${lab.name})`
    const played = `container c of played declares 8080/tcp but does not listen there (netlab logs played --lab ${lab.name})`
    assert.deepEqual(of('svc/dead'), [`refused (Connection refused); behind it: dead; ${dead}`])
    assert.deepEqual(of('svc/wrong'), [`refused (Connection refused); behind it: wrong; ${wrong}`])
    assert.deepEqual(of('svc/played'), [played])
    const mute = of('svc/mute')
    assert.ok(mute.length > 0)
    for (const d of mute)
      assert.match(d ?? '', /; container c of mute declares 53\/udp but does not listen there \(netlab logs mute --lab \S+\)$/)
    assert.equal(the(document, 'expect-1').detail, `refused (Connection refused); ${dead}`)
    assert.equal(the(document, 'expect-2').detail, `refused (Connection refused); ${wrong}`)
    assert.equal(the(document, 'expect-3').detail, played)
  })

  it('is named by the network model, as `netlab status` names it', async () => {
    const own = await labSnapshot(nodes)
    const document = await tested(lab, '--only', 'model', ...SOON)
    assert.deepEqual(broken(document), [
      'containers-listen done →  80/tcp',
      'containers-listen mute →  53/udp',
      'containers-listen played →  8080/tcp',
      'containers-listen wrong →  80/tcp',
      'containers-run dead →  ',
      'containers-run killed →  ',
    ])
    const run = Object.fromEntries(document.checks.filter((c) => c.id === 'containers-run').map((c) => [c.from, c.detail]))
    assert.deepEqual(run, {
      dead: 'container c exited with code 3',
      killed: 'container c was ended by signal 9',
    })
    const status = await netlab(['status', lab.name, '--json'])
    const { findings } = JSON.parse(status.stdout) as { findings: { object: string; details: string[] }[] }
    for (const [name, detail] of Object.entries(run)) {
      const found = findings.find((f) => f.object === `container c of pod ${name}`)
      assert.equal(`container c ${found?.details[0]}`, detail, told(status))
    }
    assert.deepEqual(await labSnapshot(nodes), own)
  })
})

describe('`netlab ci` of a lab whose container ended', { skip: unable }, () => {
  const lab = new Lab({ hosts: { 'node-1': {} }, pods: { done: { containers: [{ name: 'c', command: ['sh', '-c', 'exit 4'] }] } } })
  after(() => lab.remove())

  it('fails', async () => {
    const result = await netlab(['ci', lab.file, '--json', ...SOON])
    assert.equal(result.code, 1, told(result))
    const [own] = (JSON.parse(result.stdout) as { labs: { test: { checks: { id: string; status: string; detail?: string }[] } }[] }).labs
    const failed = own!.test.checks.filter((c) => c.status === 'failed').map((c) => `${c.id} ${c.detail}`)
    assert.deepEqual(failed, ['containers-run container c exited with code 4'])
  })
})

describe("containers of one's own that do what they declare", { skip: unable }, () => {
  const lab = new Lab({
    hosts: { 'node-1': {} },
    pods: {
      // It starts slowly, and answers nothing but a connection.
      slow: labelled(
        'slow',
        pod('node-1', ['sh', '-c', `sleep 1; exec "$@"`, 'sh', ...listener('LocalPort => 80, Listen => 5, ReuseAddr => 1')]),
      ),
      dns: labelled(
        'dns',
        pod(
          'node-1',
          [
            'perl',
            '-MIO::Socket::INET',
            '-e',
            '$s = IO::Socket::INET->new(LocalPort => 53, Proto => "udp"); $s->send("hello") while $s->recv($x, 99)',
          ],
          { containerPort: 53, protocol: 'UDP' },
        ),
      ),
      built: {
        labels: { app: 'built' },
        containers: [{ name: 'c', ports: [{ containerPort: 80 }, { containerPort: 53, protocol: 'UDP' }] }],
      },
      idle: { containers: [{ name: 'c', command: ['sleep', 'infinity'] }] },
    },
    services: { slow: service('slow'), dns: service('dns', { port: 53, protocol: 'UDP' }), built: service('built') },
  })
  before(() => lab.mustUp())
  after(() => lab.remove())

  it('are waited for, and pass', async () => {
    const document = await tested(lab)
    assert.deepEqual(broken(document), [])
    assert.equal(the(document, 'containers-run').detail, '4 containers')
    assert.equal(the(document, 'containers-listen').detail, '4 ports')
    assert.equal(the(document, 'service:slow:80/tcp').detail, 'answered')
  })
})

describe('a built-in responder of a pod with its host network', { skip: unable }, () => {
  let lab: Lab
  before(async () => {
    lab = new Lab({
      network: { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'] },
      hosts: { 'node-1': {}, 'node-2': {} },
      pods: { near: { host: 'node-1' }, far: { host: 'node-2' } },
      manifests: ['agent.yaml'],
    })
    writeFileSync(
      join(lab.dir, 'agent.yaml'),
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'agent' },
        spec: {
          nodeName: 'node-1',
          hostNetwork: true,
          containers: [{ name: 'c', image: 'x', ports: [{ containerPort: 5353, protocol: 'UDP' }] }],
        },
      }),
    )
    await lab.mustUp()
  })
  after(() => lab.remove())

  for (const from of ['near', 'far', 'node-1', 'node-2'])
    it(`answers UDP from the address that ${from} has asked`, async () => {
      const { nodes } = await netlabJson<LabDocument>(['inspect', lab.name])
      const { addresses } = nodes.find((n) => n.name === 'node-1')!
      assert.equal(addresses!.length, 2)
      // `udp` takes an answer from the address it was sent to alone.
      const answers = await probe(
        lab.ns(from),
        addresses!.map((to) => ({ kind: 'udp', to, port: 5353 })),
      )
      assert.deepEqual(
        answers.map((a) => [a.outcome, a.text?.split(' ')[0]]),
        addresses!.map(() => ['ok', 'agent']),
        JSON.stringify(answers),
      )
    })
})
