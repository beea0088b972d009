/** Batches of random labs, and quoting of random words. */
import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { diff } from '../../src/kernel/diff.ts'
import { keyOf } from '../../src/kernel/kinds/index.ts'
import { render } from '../../src/kernel/render.ts'
import { quote } from '../../src/kernel/script.ts'
import { build } from '../unit/compile/build.ts'
import { topology } from '../unit/lab/arbitrary.ts'

const RUNS = { numRuns: 80 }

describe('batches', () => {
  test('are as many as namespaces and tools, whatever the number of objects', () => {
    fc.assert(
      fc.property(topology, (value) => {
        const made = build(value)
        if (!made) return
        const batches = render(diff([], made.objects))
        const keys = batches.map((b) => `${b.removes} ${b.stage} ${b.ns ?? '-'} ${b.tool}`)
        expect(new Set(keys).size).toBe(keys.length)
        const spaces = made.objects.filter((o) => o.kind === 'netns').length
        // Namespaces; settings and devices of hosts; settings, ip, bridge, iptables twice and processes: at most seven a namespace.
        expect(batches.length).toBeLessThanOrEqual(1 + 7 * spaces)
      }),
      RUNS,
    )
  })

  test('hold one line a line, every line knows its object, and namespaces come before what is in them', () => {
    fc.assert(
      fc.property(topology, (value) => {
        const made = build(value)
        if (!made) return
        const batches = render(diff([], made.objects))
        expect(new Set(batches.flatMap((b) => b.lines.map((l) => keyOf(l.object)))).size).toBe(made.objects.length)
        for (const b of batches) {
          for (const l of b.lines) expect(l.text).not.toMatch(/[\n\r\0]/)
          expect(b.lines.length).toBeGreaterThan(0)
        }
        expect(batches.map((b) => b.stage)).toEqual(batches.map((b) => b.stage).toSorted((a, b) => a - b))
      }),
      RUNS,
    )
  })
})

test('a quoted text is that text to a shell, and nothing else', () => {
  const anything = fc
    .oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', '-n', '~', '*', '$(id)', '`id`', "'", "''", '\n', '\\', 'a=b', '#', '!', '{a,b}', '%s'),
    )
    .filter((s) => !s.includes('\0') && Buffer.from(s).toString() === s)
  fc.assert(
    fc.property(fc.array(anything, { minLength: 1, maxLength: 40 }), (texts) => {
      const { stdout, stderr } = spawnSync('sh', ['-c', `printf '%s\\0' ${texts.map(quote).join(' ')}`])
      expect(stderr.toString()).toBe('')
      expect(stdout.toString().split('\0').slice(0, -1)).toEqual(texts)
    }),
    { numRuns: 60 },
  )
})
