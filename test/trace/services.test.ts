/**
 * Traces through Services: there and back are predicted and captured whole, whichever host translates, and whatever its
 * rules refuse is named with the Service's own line.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { netlab, sh, type Run } from '../support/run.ts'
import { traceDocument, type TraceDocument } from './document.ts'

ownMachine()
oneProcess()

const topology = (backend: string, attach: string): string => `
network:
  backend: ${backend}
  attach: ${attach}
  podCIDR: [10.244.0.0/16, "fd00:10:244::/48"]
  serviceCIDR: [10.96.0.0/16, "fd00:10:96::/112"]
hosts: { node-1: {}, node-2: {}, node-3: {} }
pods:
  solo: { host: node-1, labels: { app: solo }, containers: [{ name: c, ports: [{ containerPort: 8080 }, { containerPort: 5353, protocol: UDP }] }] }
  web-1: { host: node-1, labels: { app: web }, containers: [{ name: c, ports: [{ containerPort: 8080 }] }] }
  web-2: { host: node-2, labels: { app: web }, containers: [{ name: c, ports: [{ containerPort: 8080 }] }] }
  slow: { host: node-2, ready: false, labels: { app: slow }, containers: [{ name: c, ports: [{ containerPort: 8080 }] }] }
  near: { host: node-1 }
  many: { replicas: 30, labels: { app: many }, containers: [{ name: c, ports: [{ containerPort: 8080 }] }] }
  far: { host: node-3 }
externals: { outside: {} }
services:
  solo: { type: NodePort, clusterIP: 10.96.0.50, ipFamilyPolicy: PreferDualStack, selector: { app: solo }, ports: [{ name: web, port: 80, targetPort: 8080, nodePort: 30080 }, { name: dns, port: 53, protocol: UDP, targetPort: 5353, nodePort: 30053 }] }
  web: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
  outside-local: { type: NodePort, externalTrafficPolicy: Local, selector: { app: solo }, ports: [{ port: 80, targetPort: 8080, nodePort: 30090 }] }
  inside-local: { internalTrafficPolicy: Local, selector: { app: solo }, ports: [{ port: 80, targetPort: 8080 }] }
  slow: { type: NodePort, selector: { app: slow }, ports: [{ port: 80, targetPort: 8080, nodePort: 30070 }] }
  many: { selector: { app: many }, ports: [{ port: 80, targetPort: 8080 }] }
  nowhere: { clusterIP: None, selector: { app: many } }
  closed: { selector: { app: solo }, ports: [{ port: 80, targetPort: 8081 }] }
  sticky: { sessionAffinity: ClientIP, selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
  by-address: { externalIPs: [192.168.50.13], selector: { app: solo }, ports: [{ port: 7000, targetPort: 8080 }] }
`

/** From, to, how, and the node it must end in. */
const DELIVERED: readonly (readonly [args: string, end: string | RegExp])[] = [
  ['near svc/solo --port 80/tcp', 'solo'],
  ['far svc/solo --port 80/tcp', 'solo'],
  ['far svc/solo --port 53/udp', 'solo'],
  ['far svc/solo --port 80/tcp --family 6', 'solo'],
  // The cluster address by itself, and the Service by its name alone: it has one port.
  ['far 10.96.0.50 --port 80/tcp', 'solo'],
  ['far svc/web', /^web-[12]$/],
  ['far svc/sticky', /^web-[12]$/],
  ['far svc/web --port 80/tcp --count 5', /^web-[12]$/],
  // Hairpin: a pod meets itself.
  ['solo svc/solo --port 80/tcp', 'solo'],
  ['solo svc/solo --port 53/udp', 'solo'],
  ['solo svc/solo --port 80/tcp --family 6', 'solo'],
  // Hosts: translated, and under another port, before it is on any device.
  ['node-1 svc/solo --port 80/tcp', 'solo'],
  ['node-3 svc/solo --port 80/tcp', 'solo'],
  ['node-3 svc/solo --port 53/udp', 'solo'],
  ['node-3 svc/solo --port 80/tcp --family 6', 'solo'],
  // Node ports of hosts with and without the pod.
  ['outside node-1 --port 30080/tcp', 'solo'],
  ['outside node-2 --port 30080/tcp', 'solo'],
  ['outside node-3 --port 30080/tcp', 'solo'],
  ['outside node-3 --port 30080/tcp --family 6', 'solo'],
  ['outside node-2 --port 30053/udp', 'solo'],
  ['near node-1 --port 30080/tcp', 'solo'],
  ['near node-3 --port 30080/tcp', 'solo'],
  ['solo node-1 --port 30080/tcp', 'solo'],
  ['node-1 node-1 --port 30080/tcp', 'solo'],
  ['node-2 node-3 --port 30080/tcp', 'solo'],
  // Policies Local, where there is a pod.
  ['outside node-1 --port 30090/tcp', 'solo'],
  ['near node-1 --port 30090/tcp', 'solo'],
  ['near svc/inside-local', 'solo'],
  ['node-1 svc/inside-local', 'solo'],
  // An address from outside the cluster.
  ['outside 192.168.50.13 --port 7000/tcp', 'solo'],
  ['near 192.168.50.13 --port 7000/tcp', 'solo'],
]

interface Refused {
  readonly args: string
  readonly node: string
  readonly cause: string
  readonly outcome: 'dropped' | 'rejected'
  /** Name of the Service whose line must be given. */
  readonly service?: string
}

const REFUSED: readonly Refused[] = [
  { args: 'outside node-3 --port 30090/tcp', node: 'node-3', cause: 'no-endpoints', outcome: 'dropped', service: 'outside-local' },
  { args: 'far svc/inside-local', node: 'node-3', cause: 'no-endpoints', outcome: 'dropped', service: 'inside-local' },
  { args: 'node-3 svc/inside-local', node: 'node-3', cause: 'no-endpoints', outcome: 'dropped', service: 'inside-local' },
  { args: 'near svc/slow', node: 'node-1', cause: 'no-endpoints', outcome: 'rejected', service: 'slow' },
  { args: 'node-2 svc/slow', node: 'node-2', cause: 'no-endpoints', outcome: 'rejected', service: 'slow' },
  { args: 'outside node-1 --port 30070/tcp', node: 'node-1', cause: 'no-endpoints', outcome: 'rejected', service: 'slow' },
  { args: 'near 10.96.0.50 --port 81/tcp', node: 'node-1', cause: 'firewall', outcome: 'rejected' },
  { args: 'near svc/closed', node: 'solo', cause: 'nobody-listening', outcome: 'rejected' },
  { args: 'outside svc/solo --port 80/tcp', node: 'router', cause: 'no-route', outcome: 'dropped' },
]

const told = ({ drop, differences, evidence }: TraceDocument): string => JSON.stringify({ drop, differences, evidence }, null, 1)

for (const [backend, attach] of [
  ['vxlan', 'bridge'],
  ['direct', 'routed'],
] as const) {
  describe(`Services: ${backend} over ${attach}`, { skip: unable }, () => {
    const text = topology(backend, attach)
    const lab = new Lab(text)
    const trace = (args: string, ...more: string[]): Promise<Run> => netlab(['trace', ...args.split(' '), '--lab', lab.name, ...more])
    before(() => lab.mustUp())
    after(() => lab.remove())

    for (const [args, end] of DELIVERED) {
      it(args, async () => {
        const traced = traceDocument(await trace(args, '--json'))
        assert.equal(traced.outcome, 'delivered', told(traced))
        assert.deepEqual(traced.differences, [])
        assert.deepEqual([traced.evidence.captured, traced.evidence.lost], [traced.evidence.expected, 0], told(traced))
        const last = traced.forward.at(-1)
        assert.match(last?.node ?? '', end instanceof RegExp ? end : new RegExp(`^${end}$`))
        assert.equal(last?.evidence, 'captured')
        // And back to where it began.
        assert.equal(traced.reply.at(-1)?.node, args.split(' ')[0])
      })
    }

    for (const { args, node, cause, outcome, service } of REFUSED) {
      it(`${args}: ${cause}`, async () => {
        const result = await trace(args, '--json')
        const traced = traceDocument(result)
        assert.deepEqual(
          { node: traced.drop?.node, cause: traced.drop?.cause, outcome: traced.outcome },
          { node, cause, outcome },
          told(traced),
        )
        assert.deepEqual(traced.differences, [])
        assert.equal(result.code, 1)
        if (service === undefined) return
        // `name:` comes before the text: a line more.
        const lines = text.split('\n')
        const own = lines.findIndex((l, i) => i > lines.indexOf('services:') && l.startsWith(`  ${service}:`))
        assert.equal(traced.drop?.source, `${lab.file}:${own + 2}`)
        assert.match(traced.drop?.text ?? '', new RegExp(`Service default/${service}\\b`))
      })
    }

    it('a Service with several ports wants to be told which', async () => {
      const result = await trace('near svc/solo', '--json')
      assert.equal(result.code, 2)
      assert.match(result.stdout + result.stderr, /2 ports.*--port 80\/tcp \(web\).*--port 53\/udp \(dns\)/s)
    })

    it('what a node decides is told in the order the packet met it', async () => {
      for (const args of ['near svc/solo --port 80/tcp', 'outside node-3 --port 30080/tcp']) {
        const traced = traceDocument(await trace(args, '--json'))
        const last = traced.forward.at(-1)
        assert.deepEqual(
          last?.decisions.filter((d) => d.kind === 'nat'),
          [],
          'nothing is translated where it arrives',
        )
        const node = args.startsWith('outside') ? 'node-3' : 'node-1'
        const decisions = traced.forward.flatMap((h) => (h.node === node ? h.decisions.map((d) => `${d.kind} ${d.text}`) : []))
        const at = (what: RegExp): number => decisions.findIndex((d) => what.test(d))
        const order = [/^rule nat .* -j DNAT/, /^nat destination/, /^route /]
        if (args.startsWith('outside')) order.push(/^nat source/)
        const places = order.map(at)
        assert.ok(!places.includes(-1), JSON.stringify(decisions))
        assert.deepEqual(
          places,
          places.toSorted((a, b) => a - b),
          JSON.stringify(decisions),
        )
      }
    })

    it('whichever of many endpoints is chosen, the whole way is expected and captured', async () => {
      for (let i = 0; i < 4; i++) {
        const traced = traceDocument(await trace('near svc/many', '--json'))
        assert.equal(traced.outcome, 'delivered', told(traced))
        assert.deepEqual([traced.differences, traced.evidence.captured], [[], traced.evidence.expected], told(traced))
        assert.match(traced.forward.at(-1)?.node ?? '', /^many-\d+$/)
      }
    })

    it('refuses what it cannot send or reach, and says why', async () => {
      for (const [args, words] of [
        ['near svc/solo --port 80/tcp --size 900', /--size is for echoes and UDP/],
        ['near svc/nowhere', /Service nowhere is headless/],
      ] as const) {
        const result = await trace(args)
        assert.equal(result.code, 2)
        assert.match(result.stderr, words)
      }
    })

    it('what a host translates before it sends it is told', async () => {
      const { stdout } = await trace('node-3 svc/solo --port 80/tcp')
      assert.match(stdout, /nat: destination 10\.96\.0\.50:80 became 10\.244\.0\.\d+:8080 before it left/)
      assert.match(stdout, /rule: .*default\/solo:web/)
    })

    it('a drop behind a Service is where it happens, not at the Service', async () => {
      const on = `nsenter --net=/run/netns/${lab.ns('node-1')} iptables`
      await sh(`${on} -I FORWARD -p tcp --dport 8080 -m comment --comment mine -j DROP`)
      const traced = traceDocument(await trace('node-3 svc/solo --port 80/tcp', '--json'))
      await sh(`${on} -D FORWARD 1`)
      assert.deepEqual([traced.drop?.node, traced.drop?.cause], ['node-1', 'firewall'], told(traced))
      assert.match(traced.drop?.rule ?? '', /mine/)
    })
  })
}
