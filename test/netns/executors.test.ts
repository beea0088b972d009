/** Labs whose lines the interpreter ran are those that the programs make, namespace by namespace. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { settledDump } from '../support/dumps.ts'
import type { LabDocument } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { root } from '../support/root.ts'
import { unbuildable } from '../support/features.ts'
import { netlabOk, type RunOptions } from '../support/run.ts'

ownMachine()

async function built(file: string, options?: RunOptions): ReturnType<typeof settledDump> {
  const { stdout } = await netlabOk(['up', file, '--json'], options)
  const { lab, nodes } = JSON.parse(stdout) as LabDocument
  const state = await settledDump(nodes)
  await netlabOk(['down', lab])
  return state
}

/** They have every kind of object and of link that this kernel makes. That scripts build what netlink does is shown of all. */
const LABS = ['dual-stack', 'host-ports', 'routed', 'three-tier', 'two-racks', 'bgp', 'udp']

describe('a lab made over netlink', { skip: unable }, () => {
  for (const name of LABS)
    test(`${name} is what the programs make`, { skip: unbuildable(name) }, async () => {
      const path = join(root, 'topologies', `${name}.yaml`)
      assert.deepEqual(await built(path), await built(path, { env: { NETLAB_EXEC: 'commands' } }))
    })
})
