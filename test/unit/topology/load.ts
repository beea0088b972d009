/** Shorthands of the loader's tests. */
import { loadTopology } from '../../../src/topology/load.ts'
import type { LoadedTopology } from '../../../src/topology/loaded.ts'
import type { Diagnostic } from '../../../src/topology/diagnostics.ts'
import { modules } from './fixture.ts'

/** Two lines of a valid lab, so that what a test adds begins on line 3. */
export const LAB = 'hosts: { node-1: {} }\npods: { pod-a: {} }\n'

export const load = (text: string) => loadTopology(text, 'lab.yaml', modules)

/** The loaded topology of a text that must be fine. */
export function loaded(text: string): LoadedTopology {
  const { value, diagnostics } = load(text)
  if (!value) throw new Error(diagnostics.map(brief).join('\n'))
  return value
}

/** `3:5 unknown-key`, for the tables. */
export const brief = ({ line, column, code }: Diagnostic): string => `${line}:${column} ${code}`

/** Everything a person reads of a text's diagnostics. */
export const said = (diagnostics: readonly Diagnostic[]): string => diagnostics.map((d) => `${d.message}\n${d.hint ?? ''}`).join('\n')

export interface BadInput {
  readonly name: string
  readonly text: string
  /** All findings, in order: `line:column code`. */
  readonly finds: readonly string[]
  /** Pieces of the messages and hints. */
  readonly says?: readonly string[]
}
