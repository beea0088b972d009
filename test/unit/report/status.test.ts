import { Chalk } from 'chalk'
import { describe, expect, test } from 'vitest'
import type { Finding } from '../../../src/report/lab/drift.ts'
import { Screen } from '../../../src/report/formats/screen.ts'
import { isHealthy, statusText, type Health } from '../../../src/report/lab/status.ts'

const health = (...findings: Finding[]): Health => ({
  lab: 'demo',
  repair: 'netlab up /lab.yaml',
  halfDone: false,
  checked: 7,
  findings,
  containers: [],
  daemons: [],
})
const finding = (state: Finding['state'], more: Partial<Finding> = {}): Finding => ({ state, object: 'route x', details: [], ...more })
const text = (h: Health): string => statusText(h, new Chalk({ level: 0 }))

describe('health', () => {
  test('is lost by anything that drifted, stopped or ended badly, not by a container that did its work', () => {
    expect(isHealthy(health())).toBe(true)
    expect(isHealthy(health(finding('exited', { details: ['exited with code 0'] })))).toBe(true)
    for (const state of ['missing', 'changed', 'unexpected', 'stopped'] as const)
      expect(isHealthy(health(finding(state))), state).toBe(false)
    expect(isHealthy(health(finding('exited', { details: ['exited with code 1'], repair: true })))).toBe(false)
    expect(isHealthy({ ...health(), halfDone: true })).toBe(false)
  })
  test('is told with what to do about it: up mends what it asked for, and only that', () => {
    expect(text(health())).toBe('as planned  demo: 7 kernel objects read back\n')
    expect(text(health(finding('missing', { repair: true, source: 'lab.yaml:3' })))).toMatch(
      /lab\.yaml:3 .*route x\n\nnetlab up \/lab\.yaml puts back/,
    )
    expect(text(health(finding('changed')))).toMatch(/netlab up \/lab\.yaml --reset puts back settings/)
    expect(text(health(finding('changed')))).not.toMatch(/puts back what/)
    expect(text(health(finding('unexpected')))).toMatch(/netlab up \/lab\.yaml --reset takes it away/)
    expect(text(health(finding('exited', { repair: true })))).toMatch(/netlab up \/lab\.yaml starts/)
    expect(text(health(finding('exited')))).not.toMatch(/netlab up/)
    expect(text({ ...health(), containers: [{ state: 'running' }, { state: 'running', stopped: true }, { state: 'exited' }] })).toMatch(
      /1 of 3 containers running/,
    )
  })
  test('counts details beyond those shown', () => {
    const details = Array.from({ length: 9 }, (_, i) => `detail ${i}`)
    expect(text(health(finding('changed', { details })))).toMatch(/detail 5\n.*… and 3 more/)
  })
})

/** A stream that keeps what is written. */
function stream(isTTY: boolean, rows = 5): { readonly stream: NodeJS.WriteStream; readonly written: () => string } {
  let all = ''
  const fake = { isTTY, rows, write: (s: string) => ((all += s), true) }
  return { stream: fake as unknown as NodeJS.WriteStream, written: () => all }
}

describe('a screen', () => {
  test('in a pipe prints a block when it changed, whatever the title says', async () => {
    const { stream: out, written } = stream(false)
    const screen = new Screen(out, {})
    for (const [title, block] of [
      ['1', 'a\n'],
      ['2', 'a\n'],
      ['3', 'b\n'],
    ] as const)
      await screen.show(title, block)
    await screen.leave()
    expect(written()).toBe('1\na\n\n3\nb\n\n')
  })
  test('on a terminal draws in place, cuts what does not fit, and gives the terminal back with the last block', async () => {
    const { stream: out, written } = stream(true)
    const screen = new Screen(out, {})
    await screen.show('t', '1\n2\n3\n4\n')
    await screen.show('t', 'x\n')
    await screen.leave()
    const [first, second, last] = written()
      .split('\u001b[H')
      .flatMap((part) => part.split('\u001b[?7h'))
    expect(first).toBe('\u001b[?1049h\u001b[?25l\u001b[?7l')
    expect(second).toContain('… and 2 more lines')
    expect(last).toContain('x\u001b[K\u001b[J')
    expect(written().endsWith('\u001b[?7h\u001b[?25h\u001b[?1049lx\n')).toBe(true)
  })
  test('that never showed anything, or a dumb terminal, needs nothing', async () => {
    const { stream: out, written } = stream(true)
    await new Screen(out, {}).leave()
    await new Screen(out, { TERM: 'dumb' }).show('t', 'x')
    expect(written()).toBe('t\nx\n')
  })
})
