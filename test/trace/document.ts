/** `netlab trace --json` as tests read it. */
import assert from 'node:assert/strict'
import { told, type Run } from '../support/run.ts'

export interface HopDocument {
  readonly node: string
  readonly device: string
  readonly direction: 'in' | 'out'
  readonly evidence: string
  readonly layers: readonly { readonly type: string }[]
  readonly decisions: readonly { readonly kind: string; readonly text: string; readonly source?: string }[]
}

export interface TraceDocument {
  readonly outcome: string
  readonly probe: { readonly df: boolean }
  readonly rttMs: number | null
  readonly forward: readonly HopDocument[]
  readonly reply: readonly HopDocument[]
  readonly drop: {
    readonly node: string
    readonly device: string
    readonly cause: string
    readonly text: string
    readonly kernelReason?: string
    readonly rule?: string
    readonly source?: string
    readonly hint?: string
    readonly evidence: string
  } | null
  readonly differences: readonly string[]
  readonly notes: readonly string[]
  readonly counted: { readonly sent: number; readonly answered: number }
  readonly evidence: {
    readonly captured: number
    readonly expected: number
    readonly lost: number
    readonly eventsLost: number
    readonly missing: readonly string[]
  }
}

export function traceDocument(result: Run): TraceDocument {
  assert.ok(result.code === 0 || result.code === 1, told(result))
  return JSON.parse(result.stdout) as TraceDocument
}
