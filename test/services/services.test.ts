/**
 * What Services do, on real datapaths. Expectations are those of the Kubernetes documentation (Services, Virtual IPs
 * and Service Proxies, Using Source IP) and of kube-proxy's iptables mode, written down by hand.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { Lab } from '../support/lab.ts'
import { Capture } from '../support/capture.ts'
import type { Answer } from '../support/probe.ts'
import type { Frame } from '../support/pcap.ts'
import { inside, output } from '../support/run.ts'
import { ask, evaluate, type Document, type Row } from './rows.ts'

ownMachine()
oneProcess()
process.env['NETLAB_PROBE_SECONDS'] ??= '3'

const http = { name: 'http', containerPort: 8080 }
const dns = { name: 'dns', containerPort: 5353, protocol: 'UDP' }
const pod = (host: string, app: string, ports: object[] = [http, dns], more: object = {}): object => ({
  host,
  labels: { app },
  containers: [{ name: 'c', ports }],
  ...more,
})
const to = (app: string, more: object = {}, port: object = { port: 80, targetPort: 'http' }): object => ({
  selector: { app },
  ports: [port],
  ...more,
})

const PODS = {
  'web-1': pod('node-1', 'web'),
  'web-2': pod('node-1', 'web'),
  'web-3': pod('node-2', 'web'),
  'mixed-a': pod('node-1', 'mixed', [{ name: 'http', containerPort: 8081 }]),
  'mixed-b': pod('node-2', 'mixed', [{ name: 'http', containerPort: 8082 }]),
  'mixed-c': pod('node-3', 'mixed', [{ name: 'other', containerPort: 8083 }]),
  solo: pod('node-2', 'solo'),
  sleepy: pod('node-3', 'sleepy', [http], { ready: false }),
  awake: pod('node-1', 'sleepy', [http]),
  'only-sleepy': pod('node-2', 'only-sleepy', [http], { ready: false }),
  'ending-1': pod('node-1', 'ending', [http], { terminating: true }),
  'ending-2': pod('node-2', 'ending', [http], { terminating: true, ready: false }),
  'leaving-1': pod('node-1', 'leaving', [http], { terminating: true }),
  'leaving-2': pod('node-2', 'leaving', [http]),
  'shop/web': pod('node-3', 'web'),
  asker: { host: 'node-1' },
  far: { host: 'node-3' },
}
const WEB = ['web-1', 'web-2', 'web-3']

const SERVICES = {
  web: {
    selector: { app: 'web' },
    ports: [
      { name: 'http', port: 80, targetPort: 'http' },
      { name: 'dns', port: 53, targetPort: 'dns', protocol: 'UDP' },
      { name: 'plain', port: 8080 },
    ],
    ipFamilyPolicy: 'PreferDualStack',
  },
  'web-np': to('web', { type: 'NodePort', ipFamilyPolicy: 'PreferDualStack' }, { port: 80, targetPort: 'http', nodePort: 30080 }),
  'dns-np': to('web', { type: 'NodePort' }, { port: 53, targetPort: 'dns', protocol: 'UDP', nodePort: 30053 }),
  'local-ext': to('web', { type: 'NodePort', externalTrafficPolicy: 'Local' }, { port: 80, targetPort: 'http', nodePort: 30090 }),
  'local-int': to('web', { internalTrafficPolicy: 'Local' }),
  'local-both': to(
    'web',
    { type: 'NodePort', internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' },
    { port: 80, targetPort: 'http', nodePort: 30091 },
  ),
  solo: {
    selector: { app: 'solo' },
    type: 'NodePort',
    ipFamilyPolicy: 'PreferDualStack',
    ports: [
      { name: 'http', port: 80, targetPort: 'http', nodePort: 30081 },
      { name: 'dns', port: 53, protocol: 'UDP', targetPort: 'dns' },
    ],
  },
  mixed: to('mixed'),
  none: to('absent', { type: 'NodePort', externalIPs: ['198.51.100.9'] }, { port: 80, nodePort: 30099 }),
  'none-udp': to('absent', {}, { port: 53, protocol: 'UDP' }),
  selectorless: { ports: [{ port: 80 }] },
  sleepy: to('sleepy'),
  'only-sleepy': to('only-sleepy'),
  published: to('only-sleepy', { publishNotReadyAddresses: true }),
  ending: to('ending'),
  'ending-published': to('ending', { publishNotReadyAddresses: true }),
  leaving: to('leaving'),
  'leaving-local': to(
    'leaving',
    { type: 'NodePort', internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' },
    { port: 80, targetPort: 'http', nodePort: 30092 },
  ),
  headless: to('web', { clusterIP: 'None' }),
  'shop/web': to('web'),
  pinned: to('solo', { clusterIP: '10.96.0.10' }),
  balanced: to('solo', { type: 'LoadBalancer' }, { port: 80, targetPort: 'http', nodePort: 30082 }),
  outside: to('web', { externalIPs: ['198.51.100.7', '192.168.50.13'] }, { port: 8888, targetPort: 'http' }),
  'outside-local': to('web', { externalIPs: ['192.168.50.12'], externalTrafficPolicy: 'Local' }, { port: 8889, targetPort: 'http' }),
  six: to('web', { ipFamilies: ['IPv6'] }),
}

const ROWS: Row[] = [
  // Pods that are about to end (KEP-1669).
  {
    teaches: 'while others are ready, a pod that is about to end gets nothing',
    from: 'asker',
    to: 'svc/leaving',
    port: '80/tcp',
    by: ['leaving-2'],
  },
  { teaches: 'when all are about to end, those that still serve answer', from: 'far', to: 'svc/ending', port: '80/tcp', by: ['ending-1'] },
  {
    teaches: 'who publishes unready pods means these as well',
    from: 'asker',
    to: 'svc/ending-published',
    port: '80/tcp',
    by: ['ending-1', 'ending-2'],
  },
  {
    teaches: 'policy Local, inside: the last pod of a host answers until it ends, though others are ready elsewhere',
    from: 'asker',
    to: 'svc/leaving-local',
    port: '80/tcp',
    by: ['leaving-1'],
  },
  { teaches: 'policy Local, inside: a host without any drops', from: 'far', to: 'svc/leaving-local', port: '80/tcp', by: 'dropped' },
  {
    teaches: 'policy Local, outside: the same, with the own address of who comes',
    from: 'client',
    to: 'node-1',
    port: '30092/tcp',
    by: ['leaving-1'],
  },
  {
    teaches: 'policy Local, outside: a ready pod of the host comes first',
    from: 'client',
    to: 'node-2',
    port: '30092/tcp',
    by: ['leaving-2'],
  },
  // Cluster addresses.
  { teaches: 'a pod reaches every pod behind a Service, near and far, as itself', from: 'asker', to: 'svc/web', port: '80/tcp', by: WEB },
  { teaches: 'also from a host where none of them runs', from: 'far', to: 'svc/web', port: '80/tcp', by: WEB },
  { teaches: 'UDP goes the same way', from: 'asker', to: 'svc/web', port: '53/udp', by: WEB },
  { teaches: 'UDP from a host where none of them runs', from: 'far', to: 'svc/web', port: '53/udp', by: WEB },
  { teaches: 'a port without targetPort is the same on both sides', from: 'asker', to: 'svc/web', port: '8080/tcp', by: WEB },
  {
    teaches: 'a port the Service does not have is refused, though the pods listen there',
    from: 'asker',
    to: 'svc/web-np',
    port: '8080/tcp',
    by: 'refused',
  },
  { teaches: 'a port is of one protocol: the UDP port is not open for TCP', from: 'asker', to: 'svc/web', port: '53/tcp', by: 'refused' },
  { teaches: 'and the TCP port not for UDP', from: 'asker', to: 'svc/web', port: '80/udp', by: 'refused' },
  {
    teaches: 'an address of the range that no Service has is refused at once',
    from: 'asker',
    to: '10.96.200.200',
    port: '80/tcp',
    by: 'refused',
  },
  { teaches: 'also from a host itself', from: 'node-1', to: '10.96.200.200', port: '80/tcp', by: 'refused' },
  { teaches: 'a pinned address answers', from: 'asker', to: '10.96.0.10', port: '80/tcp', by: ['solo'] },
  {
    teaches: 'a pod of the Service reaches the others and itself: others see it as it is',
    from: 'far',
    to: 'svc/solo',
    port: '80/tcp',
    by: ['solo'],
  },
  {
    teaches: 'hairpin: a pod reaches itself through its Service, seen as its host',
    from: 'solo',
    to: 'svc/solo',
    port: '80/tcp',
    by: ['solo'],
    seen: 'node-2',
  },
  { teaches: 'hairpin over UDP', from: 'solo', to: 'svc/solo', port: '53/udp', by: ['solo'], seen: 'node-2' },
  { teaches: 'hairpin over IPv6', from: 'solo', to: 'svc/solo!6', port: '80/tcp', by: ['solo'], seen: 'node-2' },
  { teaches: 'hairpin through the node port of its own host', from: 'solo', to: 'node-2', port: '30081/tcp', by: ['solo'], seen: 'node-2' },
  { teaches: 'hairpin through the node port of another host', from: 'solo', to: 'node-1', port: '30081/tcp', by: ['solo'], seen: 'node-1' },
  { teaches: 'a Service selects pods of its own namespace only', from: 'asker', to: 'svc/shop/web', port: '80/tcp', by: ['shop/web'] },
  { teaches: 'a Service of one namespace answers clients of all', from: 'shop/web', to: 'svc/solo', port: '80/tcp', by: ['solo'] },
  {
    teaches: 'a named target port is what each pod calls so; a pod without it gets nothing',
    from: 'asker',
    to: 'svc/mixed',
    port: '80/tcp',
    by: ['mixed-a', 'mixed-b'],
  },
  {
    teaches: 'a host reaches pods through a Service, near ones seen from an address of its own',
    from: 'node-2',
    to: 'svc/solo',
    port: '80/tcp',
    by: ['solo'],
    seen: 'node-2',
  },
  { teaches: 'and far ones likewise', from: 'node-1', to: 'svc/solo', port: '80/tcp', by: ['solo'], seen: 'node-1' },
  {
    teaches: 'a host without pods of the Service reaches all of them',
    from: 'node-3',
    to: 'svc/web',
    port: '80/tcp',
    by: WEB,
    seen: 'node-3',
  },
  { teaches: 'a host over UDP', from: 'node-3', to: 'svc/web', port: '53/udp', by: WEB, seen: 'node-3' },
  { teaches: 'a cluster address means nothing outside the cluster', from: 'client', to: 'svc/web', port: '80/tcp', by: 'no way' },

  // No endpoints.
  { teaches: 'a Service without endpoints refuses, it does not hang', from: 'asker', to: 'svc/none', port: '80/tcp', by: 'refused' },
  { teaches: 'also from a host', from: 'node-1', to: 'svc/none', port: '80/tcp', by: 'refused' },
  { teaches: 'also over UDP', from: 'asker', to: 'svc/none-udp', port: '53/udp', by: 'refused' },
  { teaches: 'its node port refuses those outside', from: 'client', to: 'node-1', port: '30099/tcp', by: 'refused' },
  { teaches: 'its node port refuses pods', from: 'asker', to: 'node-2', port: '30099/tcp', by: 'refused' },
  { teaches: 'its external address refuses pods', from: 'asker', to: '198.51.100.9', port: '80/tcp', by: 'refused' },
  {
    teaches: 'without a selector and without EndpointSlices it has no endpoints',
    from: 'asker',
    to: 'svc/selectorless',
    port: '80/tcp',
    by: 'refused',
  },

  // Readiness.
  { teaches: 'a pod that is not ready gets nothing', from: 'asker', to: 'svc/sleepy', port: '80/tcp', by: ['awake'] },
  { teaches: 'if no pod is ready it has no endpoints', from: 'asker', to: 'svc/only-sleepy', port: '80/tcp', by: 'refused' },
  { teaches: 'publishNotReadyAddresses counts it all the same', from: 'asker', to: 'svc/published', port: '80/tcp', by: ['only-sleepy'] },

  // Node ports.
  {
    teaches: 'a node port of a host with pods reaches all pods, seen from that host',
    from: 'client',
    to: 'node-1',
    port: '30080/tcp',
    by: WEB,
    seen: 'node-1',
  },
  { teaches: 'a node port of a host without pods too', from: 'client', to: 'node-3', port: '30080/tcp', by: WEB, seen: 'node-3' },
  { teaches: 'a node port over UDP', from: 'client', to: 'node-3', port: '30053/udp', by: WEB, seen: 'node-3' },
  { teaches: 'a node port over IPv6', from: 'client', to: 'node-3!6', port: '30080/tcp', by: WEB, seen: 'node-3' },
  {
    teaches: 'a pod uses the node port of its own host, seen as that host',
    from: 'asker',
    to: 'node-1',
    port: '30080/tcp',
    by: WEB,
    seen: 'node-1',
  },
  {
    teaches: 'a pod uses the node port of another host, seen as that host',
    from: 'asker',
    to: 'node-3',
    port: '30080/tcp',
    by: WEB,
    seen: 'node-3',
  },
  { teaches: 'a host uses its own node port', from: 'node-1', to: 'node-1', port: '30080/tcp', by: WEB, seen: 'node-1' },
  { teaches: "a host uses another host's node port", from: 'node-1', to: 'node-3', port: '30080/tcp', by: WEB, seen: 'node-3' },
  {
    teaches: 'a NodePort Service has a cluster address as well, and there the client stays itself',
    from: 'asker',
    to: 'svc/web-np',
    port: '80/tcp',
    by: WEB,
  },
  { teaches: 'node ports are on hosts, not on the cluster address', from: 'asker', to: 'svc/web-np', port: '30080/tcp', by: 'refused' },
  { teaches: 'nor on pods', from: 'asker', to: 'web-1', port: '30080/tcp', by: 'refused' },
  { teaches: 'the port of the Service is not open on hosts', from: 'client', to: 'node-1', port: '80/tcp', by: 'refused' },
  {
    teaches: 'a port of the range that was given to no Service is refused',
    from: 'client',
    to: 'node-1',
    port: '32000/tcp',
    by: 'refused',
  },
  { teaches: 'a node port is of one protocol', from: 'client', to: 'node-1', port: '30053/tcp', by: 'refused' },
  { teaches: 'a load balancer has node ports too', from: 'client', to: 'node-1', port: '30082/tcp', by: ['solo'], seen: 'node-1' },

  // externalTrafficPolicy: Local.
  {
    teaches: 'externalTrafficPolicy Local: only pods of that host, and they see the client itself',
    from: 'client',
    to: 'node-1',
    port: '30090/tcp',
    by: ['web-1', 'web-2'],
  },
  { teaches: 'on another host, its own', from: 'client', to: 'node-2', port: '30090/tcp', by: ['web-3'] },
  {
    teaches: 'a host without pods of the Service drops it: a load balancer must not send it there',
    from: 'client',
    to: 'node-3',
    port: '30090/tcp',
    by: 'dropped',
  },
  { teaches: 'the cluster address is not concerned', from: 'far', to: 'svc/local-ext', port: '80/tcp', by: WEB },
  {
    teaches: "a pod at its own host's node port counts as inside: every pod, and the client is itself",
    from: 'far',
    to: 'node-3',
    port: '30090/tcp',
    by: WEB,
  },
  {
    teaches: 'the host itself too, seen from an address of its own',
    from: 'node-3',
    to: 'node-3',
    port: '30090/tcp',
    by: WEB,
    seen: 'node-3',
  },
  {
    teaches: "another host's counts as inside as well, so answers come straight from pods the client did not ask (kube-proxy does so too)",
    from: 'asker',
    to: 'node-3',
    port: '30090/tcp',
    by: 'dropped',
  },

  // internalTrafficPolicy: Local.
  {
    teaches: 'internalTrafficPolicy Local: a pod reaches those of its host',
    from: 'asker',
    to: 'svc/local-int',
    port: '80/tcp',
    by: ['web-1', 'web-2'],
  },
  { teaches: 'a host likewise', from: 'node-2', to: 'svc/local-int', port: '80/tcp', by: ['web-3'], seen: 'node-2' },
  {
    teaches: 'without any here it is dropped, though there are some elsewhere',
    from: 'far',
    to: 'svc/local-int',
    port: '80/tcp',
    by: 'dropped',
  },
  { teaches: 'both policies: from outside only those of that host', from: 'client', to: 'node-2', port: '30091/tcp', by: ['web-3'] },
  { teaches: 'both policies: inside too', from: 'asker', to: 'svc/local-both', port: '80/tcp', by: ['web-1', 'web-2'] },
  { teaches: 'both policies: a pod at a node port still reaches every pod', from: 'far', to: 'node-3', port: '30091/tcp', by: WEB },

  // External addresses.
  { teaches: 'an external address answers pods', from: 'asker', to: '198.51.100.7', port: '8888/tcp', by: WEB, seen: 'node-1' },
  { teaches: 'and hosts', from: 'node-2', to: '198.51.100.7', port: '8888/tcp', by: WEB, seen: 'node-2' },
  {
    teaches: "an external address that is a host's is open to those outside",
    from: 'client',
    to: '192.168.50.13',
    port: '8888/tcp',
    by: WEB,
    seen: 'node-3',
  },
  { teaches: 'at other hosts that port is closed', from: 'client', to: 'node-1', port: '8888/tcp', by: 'refused' },
  {
    teaches: 'with policy Local the client is seen as it is, by pods of that host',
    from: 'client',
    to: '192.168.50.12',
    port: '8889/tcp',
    by: ['web-3'],
  },

  // Dual stack.
  { teaches: 'a dual-stack Service answers over IPv6 too', from: 'asker', to: 'svc/web!6', port: '80/tcp', by: WEB },
  { teaches: 'UDP over IPv6', from: 'far', to: 'svc/web!6', port: '53/udp', by: WEB },
  { teaches: 'a Service can be IPv6 only', from: 'asker', to: 'svc/six!6', port: '80/tcp', by: WEB },
  { teaches: 'a host over IPv6', from: 'node-3', to: 'svc/web!6', port: '80/tcp', by: WEB, seen: 'node-3' },
  { teaches: 'an IPv6 address no Service has is refused', from: 'asker', to: 'fd00:10:96::beef', port: '80/tcp', by: 'refused' },
]

/** The same ground on routed pods, bare routes, and hosts that have no default route. */
const ROUTED: Row[] = [
  { teaches: 'a pod reaches every pod behind a Service, as itself', from: 'asker', to: 'svc/web', port: '80/tcp', by: WEB },
  { teaches: 'UDP too', from: 'far', to: 'svc/web', port: '53/udp', by: WEB },
  { teaches: 'hairpin', from: 'solo', to: 'svc/solo', port: '80/tcp', by: ['solo'], seen: 'node-2' },
  { teaches: 'hairpin over IPv6', from: 'solo', to: 'svc/solo!6', port: '80/tcp', by: ['solo'], seen: 'node-2' },
  {
    teaches: 'a host without a default route reaches cluster addresses',
    from: 'node-3',
    to: 'svc/web',
    port: '80/tcp',
    by: WEB,
    seen: 'node-3',
  },
  { teaches: 'over IPv6 too', from: 'node-3', to: 'svc/web!6', port: '80/tcp', by: WEB, seen: 'node-3' },
  { teaches: 'what no Service has is refused', from: 'node-3', to: '10.96.200.200', port: '80/tcp', by: 'refused' },
  { teaches: 'without endpoints: refused', from: 'asker', to: 'svc/none', port: '80/tcp', by: 'refused' },
  { teaches: 'the node port of another host', from: 'asker', to: 'node-3', port: '30080/tcp', by: WEB, seen: 'node-3' },
  { teaches: 'no pod here: dropped', from: 'far', to: 'svc/local-int', port: '80/tcp', by: 'dropped' },
]

const { outside: _o, 'outside-local': _ol, none, ...plainServices } = SERVICES
const LABS = [
  {
    title: 'bridge and VXLAN, with externals',
    rows: ROWS,
    topology: {
      network: { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'] },
      hosts: { 'node-1': {}, 'node-2': {}, 'node-3': {} },
      externals: { client: {} },
      pods: PODS,
      services: SERVICES,
    },
  },
  {
    title: 'routed pods and direct routes, without externals',
    rows: ROUTED,
    topology: {
      network: { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'], attach: 'routed', backend: 'direct' },
      hosts: { 'node-1': {}, 'node-2': {}, 'node-3': {} },
      pods: PODS,
      services: { ...plainServices, none: { ...none, externalIPs: [] } },
    },
  },
]

for (const { title, rows, topology } of LABS) {
  describe(title, { skip: unable }, () => {
    let lab: Lab
    let document: Document
    let answers: Answer[][]
    const frames: Frame[] = []

    before(async () => {
      lab = new Lab(topology)
      document = (await lab.mustUp()) as Document
      const hosts = document.nodes.filter((n) => n.kind === 'host')
      // Linux refuses one client six times, then once a second: so many questions at once would go without an answer.
      for (const h of hosts) await output(inside(h.netns, ['sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0', 'net.ipv6.icmp.ratelimit=0']))
      const captures = await Promise.all(hosts.map((h) => Capture.start(h.netns, 'eth0', join(lab.dir, `${h.name}.pcap`))))
      answers = await ask(lab, document, rows)
      for (const [i, c] of captures.entries()) frames.push(...(await c.stop(hosts[(i + 1) % hosts.length]!.addresses![0]!)))
    })
    after(() => lab?.remove())

    for (const [i, row] of rows.entries())
      test(`${row.from} → ${row.to} ${row.port}: ${row.teaches}`, () => evaluate(document, row, answers[i]!))

    test('cluster addresses never appear on the underlay', () => {
      const isVip = (address: string | undefined): boolean =>
        address !== undefined && (address.startsWith('10.96.') || address.startsWith('fd00:10:96:'))
      assert.ok(frames.length > 100, 'there was traffic to see')
      assert.deepEqual(
        frames.filter((f) => f.some((l) => isVip(l.src) || isVip(l.dst))),
        [],
      )
    })

    test('a second up changes nothing, and the kernel holds what was asked for', async () => {
      const again = await lab.mustUp()
      assert.equal(again.outcome, 'unchanged')
      await lab.mustBeHealthy()
    })
  })
}
