/** Labs whose lines the interpreter ran are those that the programs make, namespace by namespace. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { dump } from '../support/dumps.ts'
import type { LabDocument } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { root } from '../support/root.ts'
import { unbuildable } from '../support/features.ts'
import { netlabOk, type RunOptions } from '../support/run.ts'
import { carriersKnown } from '../support/snapshot.ts'

ownMachine()

type State = Readonly<Record<string, readonly unknown[]>>

async function stateOf(nodes: LabDocument['nodes']): Promise<State> {
  const all: Record<string, readonly unknown[]> = {}
  for (const { netns } of nodes) all[netns] = await dump(netns)
  return all
}

/** A lab's state once nothing in it comes by itself any more. */
async function settledState(nodes: LabDocument['nodes']): Promise<State> {
  await carriersKnown(nodes)
  let before: State | undefined
  for (;;) {
    const now = await stateOf(nodes)
    if (JSON.stringify(now) === JSON.stringify(before)) return now
    before = now
    await sleep(200)
  }
}

async function built(file: string, options?: RunOptions): Promise<State> {
  const { stdout } = await netlabOk(['up', file, '--json'], options)
  const { lab, nodes } = JSON.parse(stdout) as LabDocument
  const state = await settledState(nodes)
  await netlabOk(['down', lab])
  return state
}

describe('a lab made over netlink', { skip: unable }, () => {
  for (const file of readdirSync(join(root, 'topologies')).filter((f) => f.endsWith('.yaml'))) {
    const name = basename(file, '.yaml')
    test(`${name} is what the programs make`, { skip: unbuildable(name) }, async () => {
      const path = join(root, 'topologies', file)
      assert.deepEqual(await built(path), await built(path, { env: { NETLAB_EXEC: 'commands' } }))
    })
  }
})
