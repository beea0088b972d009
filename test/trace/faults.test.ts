/** Every fault the trace claims to know, injected by hand into a healthy lab: node and cause must be right each time. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Lab } from '../support/lab.ts'
import { netlab, sh, told } from '../support/run.ts'
import { unable } from '../support/machine.ts'
import { FAULTS, TOPOLOGY, type Fault } from './faults.ts'
import { traceDocument, type TraceDocument } from './document.ts'

/** Only some, while working on one: a pattern. */
const only = process.env['NETLAB_FAULT']
const chosen = FAULTS.filter((f) => only === undefined || new RegExp(only).test(f.name))

function check(fault: Fault, code: number | null, story: TraceDocument): void {
  const { outcome = 'dropped' } = fault
  const got = { node: story.drop?.node ?? '', cause: story.drop?.cause ?? '', outcome: story.outcome }
  assert.deepEqual(got, { node: fault.node, cause: fault.cause, outcome }, JSON.stringify(story.drop ?? story.evidence, null, 2))
  if (fault.device) assert.equal(story.drop?.device, fault.device, JSON.stringify(story.drop))
  if (fault.says) assert.match(JSON.stringify([story.drop, story.notes]), fault.says)
  assert.equal(code, outcome === 'delivered' ? 0 : 1)
}

describe('faults', { skip: unable }, () => {
  const lab = new Lab(TOPOLOGY)
  const script = (text: string): Promise<string> => sh(`on() { node=$1; shift; nsenter --net="/run/netns/${lab.name}.$node" "$@"; }\n${text}`)
  before(() => lab.mustUp())
  after(() => lab.remove())
  for (const fault of chosen) {
    it(fault.name, async () => {
      await script(fault.inject)
      const started = Date.now()
      const result = await netlab(['trace', ...(fault.args ?? ['pod-a', 'pod-b']), '--lab', lab.name, '--json'])
      const took = Date.now() - started
      await script(fault.undo ?? 'true')
      const healed = await lab.up()
      assert.equal(healed.code, 0, told(healed))
      const story = traceDocument(result)
      if (process.env['NETLAB_TABLE']) console.log(`| ${fault.name} | ${story.outcome} | ${story.drop?.node ?? ''} ${story.drop?.device ?? ''} | ${story.drop?.cause ?? ''} | ${story.drop?.kernelReason ?? ''} | ${story.drop?.evidence ?? ''} | ${took} ms |`)
      check(fault, result.code, story)
    })
  }
})
