/** `expect:`: what users promise, kept and broken, and what a deny stands on. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { inside, netlab, netlabOk, output, told } from '../support/run.ts'
import { tested } from './support.ts'

ownMachine()
oneProcess()

/** Entries, whether they hold, and how that is told. */
const ENTRIES: readonly (readonly [entry: object, holds: boolean, detail: RegExp])[] = [
  [{ from: 'a', to: 'c' }, true, /^answered$/],
  [{ from: 'a', to: 'b', port: '80/tcp' }, true, /^answered by b$/],
  [{ from: 'a', to: 'outside', port: '443/tcp' }, true, /^answered by outside$/],
  [{ from: 'a', to: 'server', port: '80/tcp' }, true, /^answered by server$/],
  [{ from: 'node-2', to: 'server', port: '53/udp' }, true, /^answered by server$/],
  [{ from: 'outside', to: 'server', port: '81/tcp' }, false, /^container idle of server declares 81\/tcp but does not listen there/],
  [{ from: 'a', to: 'svc/b', port: '80/tcp' }, true, /^answered by b$/],
  [{ from: 'node-2', to: 'a', port: '53/udp' }, true, /^answered by a$/],
  [{ from: 'a', to: 'lazy', wire: ['vxlan'] }, true, /^answered; seen on the underlay inside vxlan$/],
  [{ from: 'a', to: 'svc/b', port: '80/tcp', wire: ['ipv4', 'udp', 'vxlan', 'ethernet'] }, true, /^answered by b; seen on the underlay/],
  [{ from: 'node-1', to: 'b', port: '80/tcp', wire: ['vxlan'] }, true, /^answered by b; seen on the underlay inside vxlan$/],
  [{ from: 'a', to: 'outside', port: '53/udp', wire: [] }, true, /^answered by outside; seen on the underlay without encapsulation$/],
  [
    { from: 'a', to: 'lazy', wire: [] },
    false,
    /^encapsulated in ipv4 > udp 8472 > vxlan 1 > ethernet on the underlay of node-1, expected no encapsulation$/,
  ],
  [{ from: 'a', to: 'lazy', wire: ['gre'] }, false, /expected gre$/],
  [{ from: 'a', to: 'c', wire: [] }, false, /^both are on node-1: no packet between them crosses the underlay$/],
  [{ from: 'a', to: 'b', port: '81/tcp' }, false, /^silence; ingress of b is isolated by policy default\/b/],
  [{ from: 'outside', to: 'a' }, false, /^(unreachable: .*|silence); outside has no route to pods$/],
  [{ from: 'a', to: 'lazy', port: '80/tcp' }, false, /^container c of lazy declares 80\/tcp but does not listen there/],
  [{ from: 'a', to: 'svc/none', port: '80/tcp' }, false, /^refused.*; Service none has no endpoint ready$/],
  [{ from: 'a', to: '10.244.1.1', port: '80/tcp' }, true, /^answered by node-2$/],
  // At its own host a pod comes from inside the cluster: externalTrafficPolicy Local leaves out no endpoint.
  [{ from: 'a', to: 'node-1', port: '30080/tcp' }, true, /^answered by b$/],

  [
    { from: 'a', to: 'b', port: '81/tcp', result: 'deny' },
    true,
    /^dropped on node-2 by the rule "policy default\/b: nothing else comes in", which counted it$/,
  ],
  // Routers ration what they say: it may be heard or not.
  [
    { from: 'outside', to: 'b', result: 'deny' },
    true,
    /^(unreachable: .*|silence, and no refusal came back): outside has no route to pods/,
  ],
  [{ from: 'a', to: '10.244.0.99', result: 'deny' }, true, /^(silence: no node of the lab has 10\.244\.0\.99|unreachable: .*)$/],
  [{ from: 'a', to: 'svc/none', port: '80/tcp', result: 'deny' }, true, /^refused: Service none has no endpoint ready$/],
  [{ from: 'a', to: '10.96.9.9', port: '80/tcp', result: 'deny' }, true, /^refused: no Service has 10\.96\.9\.9:80\/tcp$/],
  [{ from: 'a', to: '127.0.0.1', port: '80/tcp', result: 'deny' }, true, /^refused: nothing listens on a's own loopback$/],
  [
    { from: 'outside', to: '192.168.50.11', port: '30080/tcp', result: 'deny' },
    true,
    /^dropped on node-1 by the rule "default\/local:open has no local endpoints", which counted it$/,
  ],
  [
    { from: 'a', to: 'node-1', port: '30081/tcp', result: 'deny' },
    true,
    /^dropped on node-2 by the rule "policy default\/b: nothing else comes in", which counted it$/,
  ],
  [{ from: 'a', to: 'node-1', port: '30080/tcp', result: 'deny' }, false, /^answered by b$/],
  [{ from: 'a', to: '10.244.0.1', result: 'deny' }, false, /^answered; a node and its own pods always reach each other$/],
  // Dropped by a rule of ours, not the lab's.
  [
    { from: 'a', to: '10.244.0.1', port: '4444/tcp', result: 'deny' },
    false,
    /^silence from 10\.244\.0\.1, an address of node-1, but nothing in the lab denies it: it got lost$/,
  ],
  [{ from: 'a', to: 'c', port: '80/tcp', result: 'deny' }, false, /^answered by c; no policy isolates either end for it$/],
  [{ from: 'a', to: 'svc/b', port: '80/tcp', result: 'deny' }, false, /^answered by b$/],
]

describe('expect', { skip: unable }, () => {
  const lab = new Lab({
    hosts: { 'node-1': {}, 'node-2': {} },
    pods: {
      a: { host: 'node-1' },
      b: { host: 'node-2', labels: { app: 'b' }, containers: [{ name: 'c', ports: [{ containerPort: 80 }] }] },
      c: { host: 'node-1' },
      lazy: { host: 'node-2', containers: [{ name: 'c', command: ['sleep', 'infinity'], ports: [{ containerPort: 80 }] }] },
    },
    externals: {
      outside: {},
      server: {
        containers: [
          { name: 'main', ports: [{ containerPort: 80 }, { containerPort: 53, protocol: 'UDP' }] },
          { name: 'idle', command: ['sh', '-c', 'env; exec sleep infinity'], ports: [{ containerPort: 81 }] },
        ],
      },
    },
    services: {
      b: { selector: { app: 'b' }, ports: [{ port: 80 }] },
      none: { selector: { app: 'x' }, ports: [{ port: 80 }] },
      local: {
        type: 'NodePort',
        externalTrafficPolicy: 'Local',
        selector: { app: 'b' },
        ports: [
          { name: 'open', port: 80, nodePort: 30080 },
          { name: 'denied', port: 81, nodePort: 30081 },
        ],
      },
    },
    policies: { b: { podSelector: { matchLabels: { app: 'b' } }, ingress: [{ ports: [{ port: 80 }] }] } },
    expect: ENTRIES.map(([entry]) => entry),
  })
  before(async () => {
    const result = await lab.up()
    assert.equal(result.code, 0, told(result))
    assert.doesNotMatch(result.stderr, /acted upon/)
    await output(inside(lab.ns('node-1'), ['iptables', '-I', 'INPUT', '-d', '10.244.0.1', '-p', 'tcp', '--dport', '4444', '-j', 'DROP']))
  })
  after(() => lab.remove())

  it('a container of an external: its log, its environment, a trace to it and to a port where it does not listen', async () => {
    const { stdout: log } = await netlabOk(['logs', 'server', '--container', 'idle', '--lab', lab.name])
    assert.match(log, /^EXTERNAL_IPS=203\.0\.113\.11$/m)
    assert.match(log, /^HOSTNAME=server$/m)
    assert.doesNotMatch(log, /POD_/)
    const { stdout: there } = await netlabOk(['trace', 'a', 'server', '--port', '80/tcp', '--brief', '--lab', lab.name])
    assert.match(there, /^server +eth0 +→ +delivered/m)
    const idle = await netlab(['trace', 'a', 'server', '--port', '81/tcp', '--lab', lab.name])
    assert.equal(idle.code, 1, told(idle))
    assert.match(idle.stdout, /nothing in server listens on TCP port 81, which container idle declares/)
    assert.match(idle.stdout, /netlab logs server --container idle --lab /)
    const status = await netlab(['status', lab.name, '--json'])
    const { containers } = JSON.parse(status.stdout) as { containers: readonly { id: string }[] }
    assert.ok(containers.some((c) => c.id === 'server.main') && containers.some((c) => c.id === 'server.idle'))
  })

  it('says of each entry whether it holds, why, and where it stands', async () => {
    const { checks } = await tested(lab, '--only', 'expect')
    const own = checks.filter((c) => c.id.startsWith('expect-'))
    const told = own.map((c, i) => `${i} ${c.status}: ${c.detail}`).join('\n')
    assert.equal(own.length, ENTRIES.length)
    for (const [i, [entry, holds, detail]] of ENTRIES.entries()) {
      assert.equal(own[i]!.id, `expect-${i + 1}`)
      assert.equal(own[i]!.status, holds ? 'passed' : 'failed', `${JSON.stringify(entry)}\n${told}`)
      assert.match(own[i]!.detail ?? '', detail)
      assert.match(own[i]!.source ?? '', new RegExp(`^${lab.file}:\\d+$`))
    }
    const lines = own.map((c) => Number(c.source!.split(':').at(-1)))
    assert.deepEqual(
      lines,
      lines.toSorted((x, y) => x - y),
    )
    assert.equal(new Set(lines).size, lines.length)
  })
})
