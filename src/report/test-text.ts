/** What `netlab test` says to people: failures first. */
import type { ChalkInstance } from 'chalk'
import type { Check, TestRun } from '../verify/check.ts'
import { count, sourceText } from './test-json.ts'

const ORDER = ['failed', 'skipped', 'passed'] as const

export function testText(run: TestRun, chalk: ChalkInstance, _columns: number): string {
  const color = { failed: chalk.red, skipped: chalk.yellow, passed: chalk.green }
  const line = (c: Check): string => {
    const pair = c.from === undefined ? '' : ` ${c.from} → ${c.to ?? ''}${c.port === undefined ? '' : ` ${c.port}`}`
    const source = sourceText(c, run.file)
    const detail = c.detail === undefined ? '' : `: ${c.detail}`
    const again = c.status === 'failed' && c.reproduce ? chalk.dim(`  netlab ${c.reproduce.join(' ')}`) : ''
    return `${color[c.status](c.status.padEnd(7))} ${c.title}${pair}${detail}${source === undefined ? '' : chalk.dim(` (${source})`)}${again}\n`
  }
  const lines = ORDER.flatMap((status) => run.checks.filter((c) => c.status === status).map(line))
  const failed = count(run, 'failed')
  const sum = `${count(run, 'passed')} passed, ${failed} failed, ${count(run, 'skipped')} skipped in ${(run.tookMs / 1000).toFixed(1)} s`
  return [
    ...lines,
    ...run.untested.map((u) => `${chalk.yellow('not tested')}: ${u}\n`),
    `${(failed > 0 ? chalk.red : chalk.green)(sum)}\n`,
  ].join('')
}
