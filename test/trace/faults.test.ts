/** Every fault the trace claims to know, injected by hand into a healthy lab: node and cause must be right each time. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { lacking } from '../support/features.ts'
import { Lab } from '../support/lab.ts'
import { bin } from '../support/root.ts'
import { netlab, output, run, sh, told } from '../support/run.ts'
import type { Fault } from './faults/fault.ts'
import { FAULT_LABS, type FaultLab } from './faults/labs.ts'
import { traceDocument, type TraceDocument } from './document.ts'
import { ownMachine } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'

ownMachine()
oneProcess()

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

/** What a node remembers of paths: MTUs it was told of, for ten minutes. */
const remembered = async (on: string): Promise<string> =>
  await output(['sh', '-c', `${on} sh -c 'ip -4 route show cache; ip -6 route show cache' | grep -w mtu; true`])

/** A hint is a line for a shell: it is run as it is, and the packet then arrives. @returns whether `up` healed the lab by it */
async function followHint(
  { name, hint = 'mends', inject, outcome }: Fault,
  args: readonly string[],
  text: string | undefined,
): Promise<boolean> {
  if (outcome === 'delivered') return false
  assert.match(text ?? '', /^(?:netlab|sysctl) /, `${name}: a hint that can be pasted`)
  const result = await run(['sh', '-c', `netlab() { "${process.execPath}" "${bin}" "$@"; }\n${text}`])
  const isMended = hint === 'mends' && inject !== 'true'
  // What shows that something is wrong may say so by its exit code.
  assert.ok(result.code === 0 || (!isMended && result.code === 1), `${text}: ${told(result)}`)
  if (!isMended) return false
  let again = traceDocument(await netlab(args))
  // A node that was asking in vain for a neighbour asks once a second, and holds back packets meanwhile.
  if (again.outcome === 'unanswered') again = traceDocument(await netlab(args))
  assert.equal(again.outcome, 'delivered', `${text}: ${JSON.stringify(again.drop)}`)
  return text!.startsWith('netlab up ')
}

function suite({ title, topology, faults, force }: FaultLab, skip: string | false): void {
  const name = title
  describe(name, { skip }, () => {
    const lab = new Lab(topology)
    const ON = `lab=${lab.name}\non() { node=$1; shift; nsenter --net="/run/netns/${lab.name}.$node" "$@"; }\n`
    before(() => lab.mustUp(...(force ? ['--force'] : [])))
    after(() => lab.remove())
    for (const fault of faults.filter((f) => only === undefined || new RegExp(only).test(f.name))) {
      it(fault.name, async (test) => {
        if (fault.needs !== undefined && !(await works(`unshare -n sh -c '${fault.needs}'`)))
          return test.skip(`not on this machine: ${fault.needs}`)
        await sh(`${ON}${fault.inject}`)
        const started = Date.now()
        const args = ['trace', ...(fault.args ?? ['pod-a', 'pod-b']), '--lab', lab.name, '--json']
        const result = await netlab(args)
        const took = Date.now() - started
        const traced = traceDocument(result)
        if (process.env['NETLAB_TABLE']) console.log(row(fault, traced, took))
        // What breaks nothing needs no healing.
        let isHealed = fault.inject === 'true'
        try {
          check(fault, result.code, traced)
          if (traced.drop?.cause === 'mtu')
            assert.equal(await remembered(`${ON}on ${args[1]}`), '', 'the MTU of a path is still remembered')
          isHealed = (await followHint(fault, args, traced.drop?.hint)) || isHealed
        } finally {
          // The hint may have done it already.
          if (fault.undo !== undefined) await works(`${ON}${fault.undo}`)
          const healed = isHealed && fault.undo === undefined ? undefined : await lab.up()
          if (healed) assert.equal(healed.code, 0, told(healed))
        }
      })
    }
  })
}

const row = (fault: Fault, { outcome, drop }: TraceDocument, took: number): string =>
  `| ${fault.name} | ${outcome} | ${drop?.node ?? ''} ${drop?.device ?? ''} | ${drop?.cause ?? ''} | ${drop?.kernelReason ?? ''} | ${drop?.evidence ?? ''} | ${took} ms |`

for (const lab of FAULT_LABS) suite({ ...lab, title: `faults: ${lab.title}` }, lacking(lab.backend))
