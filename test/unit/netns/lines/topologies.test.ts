/** How much of what netlab runs the interpreter knows: every line that makes, changes or removes a shipped topology. */
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { compileFile } from '../../../../src/cli/topology-file.ts'
import { diff } from '../../../../src/kernel/diff.ts'
import type { KernelObject } from '../../../../src/kernel/objects.ts'
import { render } from '../../../../src/kernel/render.ts'
import { isInterpreted, type LineTool } from '../../../../src/netns/lines/interpret.ts'
import { root } from '../../../support/root.ts'

const TOOLS: readonly string[] = ['ip', 'ip -6', 'bridge']
const files = readdirSync(`${root}/topologies`).filter((f) => f.endsWith('.yaml'))
const compiled = new Map<string, readonly KernelObject[]>()
for (const file of files) compiled.set(file, (await compileFile(`${root}/topologies/${file}`, { force: true })).compiled.objects)
const objectsOf = (file: string): readonly KernelObject[] => compiled.get(file)!

function linesOf(current: readonly KernelObject[], desired: readonly KernelObject[]): (readonly [tool: LineTool, text: string])[] {
  const batches = render(diff(current, desired)).filter((b) => TOOLS.includes(b.tool))
  return batches.flatMap((b) => b.lines.map((l) => [b.tool as LineTool, l.text] as const))
}

/** A line without what differs from one to the next. */
const shape = (tool: string, text: string): string => `${tool} ${text.replaceAll(/\b[\da-f]*\d[\da-f.:/]*/g, 'N')}`

function summary(what: string, lines: ReturnType<typeof linesOf>): number {
  const left = lines.filter(([tool, text]) => !isInterpreted(tool, text))
  const shapes = [...new Set(left.map(([tool, text]) => shape(tool, text)))]
  const share = (lines.length - left.length) / lines.length
  console.info(`${what}: ${lines.length - left.length} of ${lines.length} lines of ip and bridge are interpreted`, ...shapes)
  return share
}

describe('of all lines of ip and bridge, at least 99 in 100 are interpreted', () => {
  test('that make the shipped topologies', () => {
    const lines = files.flatMap((f) => linesOf([], objectsOf(f)))
    expect(lines.length).toBeGreaterThan(9000)
    expect(summary('made', lines)).toBeGreaterThanOrEqual(0.99)
  })

  test('that remove them, object by object', () => {
    // Devices and what is on them go with their namespace, and are not removed by name then.
    const lines = files.flatMap((f) => {
      const objects = objectsOf(f)
      const kept = objects.filter((o) => o.kind === 'netns' || o.kind === 'veth' || o.kind === 'link')
      return [
        ...linesOf(objects, kept),
        ...linesOf(
          kept,
          kept.filter((o) => o.kind === 'netns'),
        ),
        ...linesOf(kept, []),
      ]
    })
    expect(summary('removed', lines)).toBeGreaterThanOrEqual(0.99)
  })

  test('that change every device', () => {
    const lines = files.flatMap((f) => {
      const objects = objectsOf(f)
      const changed = objects.map((o): KernelObject => {
        if (o.kind === 'veth') {
          const { port: _, ...end } = o.peer
          const nonDefault = ['guard on', 'master br0', 'mode dormant', 'arp off', 'carries no frames', 'no link-local address']
          return { ...o, mtu: o.mtu - 1, mac: '02:00:00:00:00:01', nonDefault, peer: { ...end, mtu: 1000 } }
        }
        if (o.kind !== 'link' || o.type === 'loopback') return o
        return {
          ...o,
          mtu: o.mtu - 1,
          ...(o.type === 'bridge' ? { nonDefault: ['stp_state 1', 'no_linklocal_learn 1', 'group_fwd_mask 8'] } : {}),
        }
      })
      return linesOf(changed, objects)
    })
    expect(lines.length).toBeGreaterThan(2000)
    expect(summary('changed', lines)).toBeGreaterThanOrEqual(0.99)
  })
})
