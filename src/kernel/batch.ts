/** Batches: the input of one tool in one namespace, line by line, each line knowing the object behind it. */
import type { Stage } from './diff.ts'
import type { KernelObject } from './objects.ts'

export type Tool = 'ip' | 'ip -6' | 'bridge' | 'sysctl' | 'ipset' | 'iptables-restore' | 'ip6tables-restore' | 'process'

export interface Line {
  /** What the tool reads. For `sysctl`: `key = value`. Empty for `process`. */
  readonly text: string
  readonly object: KernelObject
  /** First line of an object that explains itself. */
  readonly note?: string
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

/**
 * The command that reads the batch on standard input. `--wait`: iptables-legacy has one lock for the whole machine.
 * `sysctl` and `process` have none: see apply and script.
 */
export const toolArgv: Readonly<Record<Exclude<Tool, 'sysctl' | 'process'>, readonly string[]>> = {
  ip: ['ip', '-batch', '-'],
  'ip -6': ['ip', '-6', '-batch', '-'],
  bridge: ['bridge', '-batch', '-'],
  ipset: ['ipset', 'restore'],
  'iptables-restore': ['iptables-restore', '--noflush', '--wait=10'],
  'ip6tables-restore': ['ip6tables-restore', '--noflush', '--wait=10'],
}

/** One line of one tool in one namespace, and when it is due. */
export interface Piece {
  readonly ns?: string
  readonly tool: Tool
  readonly stage: Stage
  readonly text: string
  /** Lines that follow it in the same place: a set may have thousands of members. */
  readonly more?: readonly string[]
  /** Whether it belongs to the batches that take things away before anything is made. */
  readonly removes?: boolean
}
