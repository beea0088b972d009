import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { interruptible } from '../../../src/cli/signals.ts'

test('much may listen for the end of a command without a warning', async () => {
  const warnings: Error[] = []
  const warned = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warned)
  await interruptible(async (signal) => {
    // Node warns of the eleventh.
    for (let i = 0; i < 50; i++) signal.addEventListener('abort', () => {})
    await turn()
  })
  process.off('warning', warned)
  expect(warnings).toEqual([])
})
