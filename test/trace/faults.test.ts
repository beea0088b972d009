/** Every fault the trace claims to know, injected by hand into a healthy lab: node and cause must be right each time. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { lacking } from '../support/features.ts'
import { Lab } from '../support/lab.ts'
import { netlab, sh, told } from '../support/run.ts'
import type { Fault } from './faults/fault.ts'
import { FAULT_LABS } from './faults/labs.ts'
import { traceDocument, type TraceDocument } from './document.ts'

/** Only some, while working on one: a pattern. */
const only = process.env['NETLAB_FAULT']

function check(fault: Fault, code: number | null, traced: TraceDocument): void {
  const { outcome = 'dropped' } = fault
  const got = { node: traced.drop?.node ?? '', cause: traced.drop?.cause ?? '', outcome: traced.outcome }
  assert.deepEqual(got, { node: fault.node, cause: fault.cause, outcome }, JSON.stringify([traced.drop, traced.evidence]))
  if (fault.device) assert.equal(traced.drop?.device, fault.device, JSON.stringify(traced.drop))
  if (fault.says) assert.match(JSON.stringify([traced.drop, traced.notes]), fault.says)
  assert.equal(code, outcome === 'delivered' ? 0 : 1)
}

const works = (command: string): Promise<boolean> =>
  sh(command).then(
    () => true,
    () => false,
  )

function suite(name: string, topology: string, faults: readonly Fault[], skip: string | false): void {
  describe(name, { skip }, () => {
    const lab = new Lab(topology)
    const script = (text: string): Promise<string> =>
      sh(`on() { node=$1; shift; nsenter --net="/run/netns/${lab.name}.$node" "$@"; }\n${text}`)
    before(() => lab.mustUp())
    after(() => lab.remove())
    for (const fault of faults.filter((f) => only === undefined || new RegExp(only).test(f.name))) {
      it(fault.name, async (test) => {
        if (fault.needs !== undefined && !(await works(`unshare -n sh -c '${fault.needs}'`)))
          return test.skip(`not on this machine: ${fault.needs}`)
        await script(fault.inject)
        const started = Date.now()
        const result = await netlab(['trace', ...(fault.args ?? ['pod-a', 'pod-b']), '--lab', lab.name, '--json'])
        const took = Date.now() - started
        await script(fault.undo ?? 'true')
        // What breaks nothing needs no healing.
        const healed = fault.inject === 'true' ? undefined : await lab.up()
        if (healed) assert.equal(healed.code, 0, told(healed))
        const traced = traceDocument(result)
        if (process.env['NETLAB_TABLE']) console.log(row(fault, traced, took))
        check(fault, result.code, traced)
      })
    }
  })
}

const row = (fault: Fault, { outcome, drop }: TraceDocument, took: number): string =>
  `| ${fault.name} | ${outcome} | ${drop?.node ?? ''} ${drop?.device ?? ''} | ${drop?.cause ?? ''} | ${drop?.kernelReason ?? ''} | ${drop?.evidence ?? ''} | ${took} ms |`

for (const { title, backend, topology, faults } of FAULT_LABS) suite(`faults: ${title}`, topology, faults, lacking(backend))
