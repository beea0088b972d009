/** On healthy labs of every backend, and of the other attach module over VXLAN: delivered, every expected hop captured, nothing lost. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { backends } from '../../src/backends/index.ts'
import { Capture } from '../support/capture.ts'
import { familiesOf, lacking } from '../support/features.ts'
import { Lab, type NodeDocument } from '../support/lab.ts'
import { netlab } from '../support/run.ts'
import { traceDocument } from './document.ts'
import { ownMachine } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'

ownMachine()
oneProcess()

const topology = (backend: string, attach: string, ipv6: boolean): string => `
network:
  backend: ${backend === 'bgp' ? '{ type: bgp, mode: tor }' : backend}
  attach: ${attach}
  podCIDR: ${ipv6 ? '[10.244.0.0/16, "fd00:10:244::/48"]' : '10.244.0.0/16'}
underlay:
${backend === 'bgp' ? '  routing: bgp\n' : ''}  segments: ${backend === 'direct' ? '{ lan: 192.168.50.0/24 }' : '{ rack-1: 192.168.1.0/24, rack-2: 192.168.2.0/24 }'}
hosts: { node-1: {}, node-2: {} }
pods:
  pod-a: { host: node-1 }
  pod-b: { host: node-2, containers: [{ name: web, ports: [{ containerPort: 8080 }, { containerPort: 5353, protocol: UDP }] }] }
  pod-c: { host: node-1 }
externals: { client: { podRoutes: true } }
`

/** From, to, and how. */
const TRACES: readonly (readonly string[])[] = [
  ['pod-a', 'pod-b'],
  ['pod-b', 'pod-a'],
  ['pod-a', 'pod-c'],
  ['pod-a', 'pod-a'],
  ['node-1', 'pod-b'],
  ['pod-b', 'node-1'],
  ['node-1', 'node-2'],
  ['pod-a', 'client'],
  ['client', 'pod-b'],
  ['pod-a', 'router'],
  ['pod-a', 'pod-b', '--port', '8080/tcp'],
  ['pod-a', 'pod-b', '--port', '5353/udp'],
  ['pod-a', 'pod-b', '--size', '1400'],
  ['pod-a', 'pod-b', '--count', '3'],
  ['pod-a', 'pod-b', '--port', '5353/udp', '--count', '3'],
]

const LABS = [...Object.keys(backends).map((backend) => ({ backend, attach: 'bridge' })), { backend: 'vxlan', attach: 'routed' }]
for (const { backend, attach } of LABS) {
  describe(`${backend} over ${attach}`, { skip: lacking(backend) }, () => {
    const ipv6 = familiesOf(backend).length > 1
    const lab = new Lab(topology(backend, attach, ipv6))
    let nodes: readonly NodeDocument[] = []
    before(async () => void ({ nodes } = await lab.mustUp()))
    after(() => lab.remove())
    const check = (args: readonly string[]): void => {
      it(args.join(' '), async () => {
        const result = await netlab(['trace', ...args, '--lab', lab.name, '--json'])
        const traced = traceDocument(result)
        const told = JSON.stringify({ drop: traced.drop, differences: traced.differences, evidence: traced.evidence })
        assert.equal(traced.outcome, 'delivered', told)
        assert.equal(result.code, 0)
        assert.deepEqual(traced.differences, [])
        assert.deepEqual([traced.evidence.captured, traced.evidence.lost], [traced.evidence.expected, 0], told)
        assert.ok(traced.evidence.expected > 0)
      })
    }
    // In a fabric the router that externals are plugged into has another name.
    for (const args of TRACES) check(args.map((word) => (word === 'router' && backend === 'bgp' ? 'border' : word)))
    if (ipv6)
      for (const args of TRACES.filter((t) => !t.includes('client') && !t.includes('router') && !t.includes('node-1')))
        check([...args, '--family', '6'])
    if (backend === 'vxlan' && attach === 'bridge')
      it('whether the probe may be fragmented is told as it is on the wire', async () => {
        const addressOf = (name: string): string => nodes.find((n) => n.name === name)!.addresses![0]!.replace(/\/.*/, '')
        const capture = await Capture.start(lab.ns('pod-b'), 'eth0', join(lab.dir, 'pod-b.pcap'))
        const told: boolean[] = []
        // Of a SYN the kernel decides; it is last because more than one packet of it goes to pod-b.
        for (const args of [[], ['--no-df'], ['--port', '5353/udp'], ['--port', '5353/udp', '--no-df'], ['--port', '8080/tcp']])
          told.push(traceDocument(await netlab(['trace', 'pod-a', 'pod-b', ...args, '--lab', lab.name, '--json'])).probe.df)
        const packets = (await capture.stop(addressOf('pod-a'))).map((frame) => frame[1])
        const sent = packets.filter((p) => p?.type === 'ipv4' && p.src === addressOf('pod-a'))
        assert.deepEqual(told.slice(0, 4), [true, false, true, false])
        assert.deepEqual(
          told,
          sent.slice(0, told.length).map((p) => p?.df),
        )
      })
    it('knows all nodes', () => assert.ok(nodes.length >= 8))
  })
}
