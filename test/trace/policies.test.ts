/** What `policy explain` says of a connection is what becomes of its packet: the verdict, and the host that makes it. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { netlab, told } from '../support/run.ts'
import { traceDocument } from './document.ts'

ownMachine()
oneProcess()

/** From, to, port; the host whose rule drops it, or none. */
const CASES = [
  // The client's own host translates: its egress is about the pod, the pod's ingress about the host.
  ['client', 'node-1', '30081/tcp', 'node-2'],
  // Another host does: egress is about that host and the node port.
  ['client', 'node-2', '30081/tcp', 'node-1'],
  ['client', 'node-3', '30081/tcp', 'node-1'],
  ['client', '192.168.50.13', '80/tcp', 'node-2'],
  ['client', 'svc/web', '80/tcp', undefined],
  ['free', 'node-2', '30082/tcp', undefined],
  ['free', 'node-2', '30081/tcp', 'node-2'],
  ['outside', 'node-2', '30081/tcp', 'node-2'],
  ['outside', 'node-3', '30081/tcp', 'node-2'],
  ['outside', 'node-1', '30082/tcp', undefined],
] as const

describe('policies and the packet', { skip: unable }, () => {
  const lab = new Lab(`
hosts: { node-1: {}, node-2: {}, node-3: {} }
pods:
  client: { host: node-1, labels: { app: client } }
  free: { host: node-1 }
  web: { host: node-2, labels: { app: web }, containers: [{ name: c, ports: [{ containerPort: 8080 }] }] }
  open: { host: node-3, labels: { app: open }, containers: [{ name: c, ports: [{ containerPort: 8080 }] }] }
externals: { outside: {} }
services:
  web: { type: NodePort, selector: { app: web }, externalIPs: [192.168.50.13], ports: [{ port: 80, targetPort: 8080, nodePort: 30081 }] }
  open: { type: NodePort, selector: { app: open }, ports: [{ port: 80, targetPort: 8080, nodePort: 30082 }] }
policies:
  out: { podSelector: { matchLabels: { app: client } }, policyTypes: [Egress], egress: [{ to: [{ podSelector: { matchLabels: { app: web } } }] }] }
  in: { podSelector: { matchLabels: { app: web } }, ingress: [{ from: [{ podSelector: { matchLabels: { app: client } } }] }] }
`)
  before(() => lab.mustUp())
  after(() => lab.remove())
  for (const [from, to, port, host] of CASES) {
    it(`${from} to ${to} on ${port}: ${host === undefined ? 'delivered' : `dropped in ${host}`}`, async () => {
      const explained = await netlab(['policy', 'explain', from, to, '--port', port, '--lab', lab.name])
      assert.equal(explained.code, host === undefined ? 0 : 1, told(explained))
      const traced = traceDocument(await netlab(['trace', from, to, '--port', port, '--lab', lab.name, '--json']))
      assert.deepEqual([traced.drop?.node, traced.drop?.cause], host === undefined ? [undefined, undefined] : [host, 'policy'])
      assert.deepEqual(
        traced.notes.filter((n) => / den(?:y|ies) this /.test(n)),
        [],
      )
    })
  }
})
