/** On healthy labs of every backend and attach this kernel has: delivered, every expected hop captured, nothing lost. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Lab, type NodeDocument } from '../support/lab.ts'
import { unable } from '../support/machine.ts'
import { netlab, sh } from '../support/run.ts'
import { traceDocument } from './document.ts'

const TUNNELS: Readonly<Record<string, string>> = {
  vxlan: 'ip link add np0 type vxlan id 1 dstport 8472 local 127.0.0.1',
  gre: 'ip link add np0 type gre local 127.0.0.1',
  ipip: 'ip link add np0 type ipip local 127.0.0.1',
  direct: 'true',
}

async function lacks(backend: string): Promise<string | false> {
  try {
    await sh(`unshare -n sh -c '${TUNNELS[backend]}'`)
    return false
  } catch {
    return `this kernel has no ${backend}`
  }
}

const topology = (backend: string, attach: string, ipv6: boolean): string => `
network:
  backend: ${backend}
  attach: ${attach}
  podCIDR: ${ipv6 ? '[10.244.0.0/16, "fd00:10:244::/48"]' : '10.244.0.0/16'}
underlay:
  segments: ${backend === 'direct' ? '{ lan: 192.168.50.0/24 }' : '{ rack-1: 192.168.1.0/24, rack-2: 192.168.2.0/24 }'}
hosts: { node-1: {}, node-2: {} }
pods:
  pod-a: { host: node-1 }
  pod-b: { host: node-2, containers: [{ name: web, ports: [{ containerPort: 8080 }, { containerPort: 5353, protocol: UDP }] }] }
  pod-c: { host: node-1 }
externals: { client: { podRoutes: true } }
`

/** Reaches whom and how. */
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

const only = process.env['NETLAB_BACKENDS']?.split(',')
for (const backend of ['vxlan', 'direct', 'gre', 'ipip'].filter((b) => only?.includes(b) ?? true)) {
  for (const attach of ['bridge', 'routed']) {
    const skip = unable || (await lacks(backend))
    describe(`${backend} over ${attach}`, { skip }, () => {
      const ipv6 = backend !== 'ipip'
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
      for (const args of TRACES) check(args)
      if (ipv6)
        for (const args of TRACES.filter((t) => !t.includes('client') && !t.includes('router') && !t.includes('node-1')))
          check([...args, '--family', '6'])
      it('knows all nodes', () => assert.ok(nodes.length >= 8))
    })
  }
}
