/** The network model on healthy labs: it holds, much is asked, and the lab is the same before and after. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Lab, type NodeDocument } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { labSnapshot, machineSnapshot, settledSnapshot } from '../support/snapshot.ts'
import { tested } from './support.ts'

ownMachine()
oneProcess()

const topology = (backend: string, attach: string, podCIDR: string): string => `
network: { backend: ${backend}, attach: ${attach}, podCIDR: ${podCIDR} }
hosts: { node-1: {}, node-2: {} }
pods:
  a: { host: node-1 }
  b: { host: node-1 }
  c: { host: node-2, labels: { app: c }, containers: [{ name: web, ports: [{ containerPort: 8080 }] }] }
externals: { client: {}, partner: { podRoutes: true } }
services: { c: { selector: { app: c }, ports: [{ port: 80, targetPort: 8080 }] } }
`

const NETWORKS = { v4: '10.244.0.0/16', dual: '[10.244.0.0/16, "fd00:10:244::/48"]' } as const

/** Checks that have something to look at in such a lab, whatever the modules. */
const LOOKED_AT = [
  'something-is-reachable',
  'nodes-are-there',
  'pods-have-one-interface',
  'nodes-forward',
  'addresses-unique',
  'addresses-in-block',
  'networks-disjoint',
  'containers-run',
  'containers-listen',
  'pods-reach-pods',
  'nodes-reach-pods',
  'pods-reach-nodes',
  'no-nat-inside',
  'path-length',
  'closed-ports-refuse',
  'loopback-private',
  'containers-share-loopback',
  'containers-share-namespace',
  'egress-masqueraded',
  'edge-untranslated',
  'no-way-in',
  'mtu-everywhere',
  'full-mtu-passes',
  'beyond-mtu-fails',
  'no-loss',
  'wire-headers',
  'no-virtual-address',
  'no-fragments',
  'no-invalid',
  'no-martians',
]

/** A tunnel and none, each attach module, and one family. */
const LABS = [
  ['vxlan', 'bridge', 'dual'],
  ['direct', 'bridge', 'dual'],
  ['vxlan', 'routed', 'v4'],
] as const

for (const [backend, attach, families] of LABS) {
  describe(`${backend}, ${attach}, ${families}`, { skip: unable }, () => {
    const lab = new Lab(topology(backend, attach, NETWORKS[families]))
    let nodes: readonly NodeDocument[] = []
    before(async () => void ({ nodes } = await lab.mustUp()))
    after(() => lab.remove())

    it('keeps the model, and is the same afterwards', async () => {
      const [machine, own] = [await machineSnapshot(), await labSnapshot(nodes)]
      const run = await tested(lab, '--only', 'model')
      const failed = run.checks.filter((c) => c.status === 'failed')
      assert.deepEqual(failed, [], `not tested: ${run.untested.join('; ')}`)
      const looked = new Map(run.checks.map((c) => [c.id, c]))
      for (const id of LOOKED_AT) assert.equal(looked.get(id)?.status, 'passed', `${id}: ${JSON.stringify(looked.get(id))}`)
      assert.equal(looked.get('pods-stay-in-tunnels')?.status, backend === 'vxlan' ? 'passed' : 'skipped')
      assert.equal(looked.get('no-tentative-address')?.status, 'passed')
      // Six ordered pairs of pods, by echo and TCP, in each family, and some UDP.
      assert.ok(looked.get('pods-reach-pods')!.tested > (families === 'dual' ? 24 : 12))
      assert.deepEqual(await labSnapshot(nodes), own)
      assert.deepEqual(await settledSnapshot(machine), machine)
      await lab.mustBeHealthy()
    })
  })
}
