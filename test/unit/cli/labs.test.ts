import { expect, test } from 'vitest'
import { Failure } from '../../../src/cli/failure.ts'
import { theLab } from '../../../src/cli/labs.ts'

function hintFor(word: string): string | undefined {
  try {
    theLab(word)
  } catch (error) {
    if (error instanceof Failure) return error.diagnostics[0]!.hint
  }
  throw new Error(`${word} is up`)
}

test('a file whose lab is not up can be brought up, a file that is not there cannot', () => {
  expect(hintFor('topologies/mtu.yaml')).toBe('netlab up topologies/mtu.yaml builds it.')
  expect(hintFor('topologies/none-of-that-name.yaml')).not.toContain('none-of-that-name')
})
