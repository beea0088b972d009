import { describe, expect, it } from 'vitest'
import { brief, load, said, type BadInput } from './load.ts'

/** One test for each row of a table: exactly these findings, in these words, and no value. */
export function describeBadInputs(title: string, inputs: readonly BadInput[]): void {
  describe(`bad input: ${title}`, () => {
    it.each(inputs)('$name', ({ text, finds, says = [] }) => {
      const { value, diagnostics } = load(text)
      expect(diagnostics.map(brief)).toEqual(finds)
      for (const piece of says) expect(said(diagnostics)).toContain(piece)
      expect(value).toBeUndefined()
      expect(diagnostics.every(({ file }) => file === 'lab.yaml')).toBe(true)
      expect(diagnostics.some(({ severity }) => severity === 'error')).toBe(true)
      expect(said(diagnostics)).not.toMatch(/invalid input|undefined|\[object/i)
    })
  })
}
