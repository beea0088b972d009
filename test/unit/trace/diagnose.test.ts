import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { diagnose } from '../../../src/trace/diagnose/diagnose.ts'
import { buildResult } from '../../../src/trace/build-result.ts'
import { traceText } from '../../../src/report/trace/trace-text.ts'
import { Chalk } from 'chalk'
import { evidenceOf, read } from './recording.ts'

const dir = join(import.meta.dirname, 'recorded')

describe('diagnose, on recorded evidence', () => {
  for (const name of readdirSync(dir)) {
    const recording = read(readFileSync(join(dir, name), 'utf8'))
    it(recording.fault, () => {
      const evidence = evidenceOf(recording).refresh(0)
      const { outcome, drop } = diagnose(evidence)
      expect({ node: drop?.node ?? '', cause: drop?.cause ?? '', outcome }).toEqual(recording.expect)
    })
    it(`${recording.fault}: fits on one screen`, () => {
      const traced = buildResult(evidenceOf(recording), { frames: 0, overflows: 0, events: 0 })
      const text = traceText(traced, { chalk: new Chalk({ level: 0 }), reply: false, columns: 120 })
      expect(text).toContain(traced.outcome)
      if (traced.drop) expect(text).toContain(traced.drop.text)
      expect(text).not.toContain('\u001b')
      expect(text.split('\n').length).toBeLessThan(70)
      for (const hop of [...traced.forward, ...traced.reply]) expect(hop.evidence === 'captured').toBe(hop.at !== null)
    })
  }

  it('names the daemon behind a route that is missing', () => {
    const recording = read(readFileSync(join(dir, 'no-route.jsonl'), 'utf8'))
    const evidence = evidenceOf(recording, (o) =>
      o.kind === 'route' && o.ns === 'demo.node-1' && o.dst === '10.244.1.0/24'
        ? { kind: 'learned', ns: o.ns, family: 4, dst: o.dst, protocol: 'bird', daemon: 'node-1.bird', by: 'bird on node-1' }
        : o,
    )
    const { drop } = diagnose(evidence.refresh(0))
    expect(drop?.text).toMatch(/^node-1 has no route to 10\.244\.1\.2; bird on node-1 has not brought about 10\.244\.1\.0\/24$/)
    expect(drop?.hint).toBe('netlab logs node-1 --lab demo')
  })
})
