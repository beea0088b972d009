/** Batches: the input of one tool in one namespace, line by line, each line knowing the object behind it. */
import type { Stage } from './kinds/kind.ts'
import type { KernelObject } from './objects.ts'
import type { Tool } from './tools.ts'

export interface Line {
  /** What the tool reads. For `sysctl`: `key = value`. For `process` it is for messages only. */
  readonly text: string
  readonly object: KernelObject
  /** First line of an object that explains itself. */
  readonly note?: string | undefined
  /** Part of the tool's input that it belongs to: a table of iptables. */
  readonly section?: string
}

export interface Batch {
  /** Absent: the machine's own namespace, where namespaces are made and unmade. */
  readonly ns?: string
  readonly tool: Tool
  readonly stage: Stage
  /** Whether the batch takes things away; all such batches come first. */
  readonly removes: boolean
  readonly lines: readonly Line[]
}
