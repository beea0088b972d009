// What a benchmark is: a title and a function that measures and gives rows of a table.
import type { Summary, Unit } from './stats.ts'

/** What a row should show, by its medians. */
export interface Goal {
  readonly text: string
  readonly met: (measured: { readonly value: number; readonly ratio: number }) => boolean
}

/** A measured value, compared with another one where there is one to compare it with. */
export interface Measured {
  readonly what: string
  readonly value: Summary
  readonly unit: Unit
  readonly than?: { readonly name: string; readonly value: Summary }
  readonly ratio?: Summary
  readonly goal?: Goal
}

/** A line of a benchmark's table: a measured value, or something said in words. */
export type Row = Measured | { readonly what: string; readonly text: string }

/** Does something that measures, with the machine in a known state; may do it again, and gives one of the results. */
export type Turn = <T>(measuring: () => Promise<T>) => Promise<T>

/** What a benchmark is given. */
export interface Setting {
  /** bin/netlab.js of the build that is measured. */
  readonly netlab: string
  readonly runs: number
  readonly mininetRuns: number
  /** Reports progress. */
  readonly say: (what: string) => void
  /** Waits until the kernel has nothing left to take apart. */
  readonly drained: () => Promise<void>
  /** Measures with the machine as it is. */
  readonly turn: Turn
  /** Measures once the kernel has nothing left to take apart. */
  readonly drainedTurn: Turn
}

/** A module of this folder that measures something. */
export interface Benchmark {
  readonly title: string
  readonly needsRoot: boolean
  run(setting: Setting): Promise<Row[]>
}
