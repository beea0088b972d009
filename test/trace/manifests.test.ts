/** What came from a Kubernetes manifest is named by the manifest's own file and line, not by the topology's. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { root } from '../support/root.ts'
import { netlab, sh } from '../support/run.ts'
import { traceDocument, type TraceDocument } from './document.ts'

ownMachine()
oneProcess()

describe("objects out of manifests are named by the manifest's file and line", { skip: unable }, () => {
  const example = readFileSync(join(root, 'topologies/from-manifests.yaml'), 'utf8')
  const manifests = join(root, 'topologies/manifests')
  const lab = new Lab(example.replace(/^name: .*$/m, '').replace('manifests: [manifests]', `manifests: [${manifests}]`))
  const lineOf = (file: string, what: RegExp): string => {
    const at = readFileSync(join(manifests, file), 'utf8')
      .split('\n')
      .findIndex((l) => what.test(l))
    assert.ok(at >= 0)
    return `${join(manifests, file)}:${at + 1}`
  }
  const on = (node: string, command: string): Promise<string> => sh(`nsenter --net=/run/netns/${lab.ns(node)} ${command}`)
  const trace = async (...args: string[]): Promise<TraceDocument> =>
    traceDocument(await netlab(['trace', ...args, '--lab', lab.name, '--json']))
  before(() => lab.mustUp())
  after(() => lab.remove())

  it('a pod', async () => {
    await on('shop/db-0', 'ip route del default')
    const traced = await trace('shop/db-0', 'agent-node-2')
    await lab.up()
    assert.deepEqual(
      [traced.drop?.node, traced.drop?.cause, traced.drop?.source],
      ['shop/db-0', 'no-route', lineOf('database.yaml', /^ {2}name: db$/)],
    )
  })

  it("a pod's interface", async () => {
    await on('agent-node-2', 'ip link set eth0 down')
    const traced = await trace('visitor', 'agent-node-2')
    await lab.up()
    assert.deepEqual(
      [traced.drop?.node, traced.drop?.cause, traced.drop?.source],
      ['agent-node-2', 'interface-down', lineOf('legacy.yaml', /^metadata: \{ name: agent \}/)],
    )
  })

  it('a policy', async () => {
    const traced = await trace('visitor', 'svc/shop/db-any')
    assert.equal(traced.drop?.cause, 'policy')
    assert.equal(traced.drop?.source, `policy shop/db-from-frontend (${lineOf('database.yaml', /db-from-frontend/)})`)
  })

  it("a Service's rules", async () => {
    const traced = await trace('shop/frontend-1', 'svc/shop/db-any')
    assert.equal(traced.outcome, 'delivered')
    const chosen = traced.forward.flatMap((h) => h.decisions).find((d) => d.kind === 'rule' && /-j DNAT/.test(d.text))
    assert.equal(chosen?.source, lineOf('database.yaml', /name: db-any/))
  })

  it('a Service whose endpoints an EndpointSlice names', async () => {
    const text = await netlab(['trace', 'visitor', 'svc/legacy', '--lab', lab.name, '--json'])
    const traced = traceDocument(text)
    // Its endpoint is a machine outside, on which nothing listens.
    assert.deepEqual([traced.drop?.node, traced.drop?.cause, traced.outcome], ['old-machine', 'nobody-listening', 'rejected'])
    assert.deepEqual([traced.differences, traced.evidence.captured], [[], traced.evidence.expected])
  })

  it('without the folders of this machine, for people', async () => {
    const { stdout } = await netlab(['trace', 'visitor', 'svc/shop/db-any', '--lab', lab.name])
    assert.match(stdout, /policy shop\/db-from-frontend/)
    assert.ok(!stdout.includes(lab.dir), stdout)
  })
})
