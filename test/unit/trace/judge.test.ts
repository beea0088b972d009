import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { judge } from '../../../src/trace/judge.ts'
import { tell } from '../../../src/trace/tell.ts'
import { traceText } from '../../../src/report/trace-text.ts'
import { Chalk } from 'chalk'
import { parse, sceneOf } from './recording.ts'

const dir = join(import.meta.dirname, 'recorded')

describe('judge, on recorded evidence', () => {
  for (const name of readdirSync(dir)) {
    const recording = parse(readFileSync(join(dir, name), 'utf8'))
    it(recording.fault, () => {
      const scene = sceneOf(recording).refresh(0)
      const { outcome, drop } = judge(scene)
      expect({ node: drop?.node ?? '', cause: drop?.cause ?? '', outcome }).toEqual(recording.expect)
    })
    it(`${recording.fault}: told on one screen`, () => {
      const story = tell(sceneOf(recording), { frames: 0, overflows: 0, events: 0 })
      const text = traceText(story, { chalk: new Chalk({ level: 0 }), reply: false, columns: 120 })
      expect(text).toContain(story.outcome)
      if (story.drop) expect(text).toContain(story.drop.text)
      expect(text).not.toContain('\u001b')
      expect(text.split('\n').length).toBeLessThan(70)
      for (const hop of [...story.forward, ...story.reply]) expect(hop.evidence === 'captured').toBe(hop.at !== null)
    })
  }
})
