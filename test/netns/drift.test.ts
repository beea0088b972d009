/**
 * Somebody changes a running lab by hand: `status` says what is wrong and which line of the file asked for it, `up`
 * puts it right, and everybody still reaches everybody.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Lab, type LabDocument } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { probe } from '../support/probe.ts'
import { inside, output, sh } from '../support/run.ts'
import { damages } from './damages.ts'

ownMachine()

const TOPOLOGY = `
network:
  podCIDR: [10.244.0.0/16, "fd00:10:244::/48"]
  attach: ATTACH
hosts:
  node-1: {}
  node-2: {}
pods:
  a:
    host: node-1
    containers: [{ name: web, ports: [{ containerPort: 8080 }] }]
  shop/b:
    host: node-2
externals:
  peer: { podRoutes: true }
`

/** Number of the first line of the file that begins like this. */
const lineOf = (start: string): number => 1 + `name: x\n${TOPOLOGY}`.split('\n').findIndex((l) => l.trim().startsWith(start))

for (const attach of ['bridge', 'routed'] as const) {
  describe(`drift of a lab with ${attach} pods`, { skip: unable }, () => {
    let lab: Lab
    let first: LabDocument

    before(async () => {
      lab = new Lab(TOPOLOGY.replace('ATTACH', attach))
      first = await lab.mustUp()
    })
    after(() => lab?.remove())

    const filled = (text: string): string =>
      text.replaceAll(/\{([a-z].*?)\}/g, (_, node: string) => lab.ns(node)).replace('PREFIX', attach === 'bridge' ? '24' : '32')
    const damage = (at: string, by: string): Promise<string> =>
      at === 'machine' ? sh(filled(by)) : output(inside(lab.ns(at), ['sh', '-ec', filled(by)]))

    async function repair(): Promise<void> {
      assert.equal((await lab.mustUp()).outcome, 'changed')
      await lab.mustBeHealthy()
      const addresses = first.nodes.find((n) => n.name === 'a')!.addresses!
      const toA = addresses.map((to) => ({ kind: 'tcp', to, port: 8080 }) as const)
      const answers = (await Promise.all(['shop/b', 'node-2', 'peer', 'node-1'].map((from) => probe(lab.ns(from), toA)))).flat()
      assert.deepEqual(
        answers.map((a) => a.text),
        answers.map((a) => `a ${a.self}`),
      )
      assert.ok(
        answers.every((a) => a.outcome === 'ok'),
        JSON.stringify(answers),
      )
    }

    for (const { title, at, by, state, object, line, detail } of damages[attach]) {
      test(title, async () => {
        await damage(at, by)
        const { code, findings } = await lab.status()
        assert.equal(code, 1)
        const found = findings.find((f) => f.state === state && f.object === filled(object))
        assert.ok(found, `not said: ${state} ${filled(object)}\nbut: ${JSON.stringify(findings, null, 1)}`)
        if (line) assert.equal(found.source, `${lab.file}:${lineOf(line)}`)
        assert.ok(found.details.join('\n').includes(detail), `${found.details.join('\n')} does not say: ${detail}`)
        await repair()
      })
    }

    test('everything at once', async () => {
      // One damage may leave the next nothing to break.
      for (const { at, by } of damages[attach].filter((d) => d.at === 'node-1')) await damage(at, by).catch(() => {})
      await damage('machine', 'ip netns del {a}; ip netns del {router}')
      assert.equal((await lab.status()).code, 1)
      await repair()
    })
  })
}

describe('what `up` leaves alone', { skip: unable }, () => {
  let lab: Lab
  before(async () => {
    lab = new Lab(TOPOLOGY.replace('ATTACH', 'bridge'))
    await lab.mustUp()
  })
  after(() => lab?.remove())

  const additions = [
    ['node-1', 'ip route add 198.51.100.0/24 via 192.168.50.12', 'ip route del 198.51.100.0/24', 'route 198.51.100.0/24'],
    ['a', 'ip addr add 10.9.9.9/32 dev eth0', 'ip addr del 10.9.9.9/32 dev eth0', 'address 10.9.9.9/32 on eth0'],
    ['node-2', 'ip link add mine type bridge', 'ip link del mine', 'bridge device mine'],
    [
      'node-2',
      'ip neigh add 192.168.50.9 lladdr 02:00:00:00:00:99 dev eth0',
      'ip neigh del 192.168.50.9 dev eth0',
      'neighbour 192.168.50.9 on eth0',
    ],
    ['node-1', 'iptables -N MINE', 'iptables -X MINE', 'iptables chain filter/MINE'],
    ['router', 'ip rule add from 198.51.100.9 table 77 priority 77', 'ip rule del priority 77', 'routing rule 77'],
  ] as const
  for (const [at, by, undo, object] of additions) {
    test(`what somebody added is told and stays: ${object}`, async () => {
      await output(inside(lab.ns(at), ['sh', '-c', by]))
      const { code, findings } = await lab.status()
      assert.deepEqual([code, ...findings.map((f) => `${f.state} ${f.object}`)], [1, `unexpected ${object} in ${lab.ns(at)}`])
      assert.equal((await lab.mustUp()).outcome, 'unchanged')
      // Fails if `up` removed it.
      await output(inside(lab.ns(at), ['sh', '-c', undo]))
      await lab.mustBeHealthy()
    })
  }

  test('a container that was killed is told and not started again', async () => {
    const { containers } = await lab.status()
    process.kill(containers.find((c) => c.id === 'a.web')!.pid, 'SIGKILL')
    let now = await lab.status()
    for (let tries = 0; now.findings[0]?.details[0] !== 'was ended by signal 9' && tries < 50; tries++) now = await lab.status()
    assert.equal(now.code, 1)
    const finding = { state: 'exited', object: 'container web of pod a', details: ['was ended by signal 9'] }
    assert.deepEqual(now.findings, [{ ...finding, source: `${lab.file}:${lineOf('a:')}` }])
    assert.equal((await lab.mustUp()).outcome, 'unchanged')
  })
})
