// Benchmarks one after the other, and what became of each.
import type { Benchmark, Goal, Measured, Row, Setting } from './benchmark.ts'

/** A row, and whether it meets its goal. */
export interface Result extends Partial<Omit<Measured, 'goal'>> {
  readonly bench: string
  readonly what: string
  readonly text?: string
  readonly goal?: string
  readonly met?: boolean
}

/** Whether a row's medians meet its goal. */
function finish(bench: string, row: Row): Result {
  if ('text' in row) return { bench, ...row }
  const { goal, ...rest } = row
  const evaluate = ({ text, met }: Goal) => ({ goal: text, met: met({ value: row.value.median, ratio: row.ratio?.median ?? Number.NaN }) })
  return { bench, ...rest, ...(goal ? evaluate(goal) : {}) }
}

interface Running {
  readonly setting: Omit<Setting, 'say'>
  readonly isRoot: boolean
  /** Removes what a benchmark left. */
  readonly cleanUp: () => Promise<void>
  /** Ends them, with an error as its reason. */
  readonly interruption: AbortSignal
  readonly say: (line: string) => void
}

/**
 * Measures. Where one fails, a row says so: the others still measure something, and what is measured already is worth its minutes.
 * @returns the exit code: 1 if one failed, 130 if it was interrupted
 */
export async function measureAll(
  benches: Readonly<Record<string, Benchmark>>,
  { setting, isRoot, cleanUp, interruption, say }: Running,
): Promise<{ readonly rows: readonly Result[]; readonly exit: number }> {
  const rows: Result[] = []
  let exit = 0
  for (const [name, bench] of Object.entries(benches)) {
    if (bench.needsRoot && !isRoot) {
      say(`${name}: left out, it needs root`)
      continue
    }
    try {
      rows.push(...(await bench.run({ ...setting, say: (what) => say(`${name}: ${what}`) })).map((row) => finish(name, row)))
    } catch (error) {
      if (interruption.aborted) {
        say(`bench: ${(interruption.reason as Error).message}`)
        return { rows, exit: 130 }
      }
      say(`${name}: ${(error as Error).stack}`)
      rows.push({ bench: name, what: 'failed', text: (error as Error).message })
      exit = 1
    } finally {
      await cleanUp()
    }
  }
  return { rows, exit }
}
