/** What `netlab policy` shows: whom policies select, who reaches whom, and why. */
import type { ChalkInstance } from 'chalk'
import { WAYS, type Policy } from '../../lab/policy/policies.ts'
import { matrixText, type Matrix, type MatrixStyle } from '../test/matrix.ts'
import type { Reachability } from '../../lab/policy/reachability.ts'
import { table } from '../formats/table.ts'

export const placeOf = (policy: Policy, source = policy.source): string => (source ? `${policy.file}:${source.line}` : policy.file)

const types = (p: Policy): string => WAYS.filter((way) => p[way]).join(', ')

function selection(policies: readonly Policy[], chalk: ChalkInstance): string {
  const rows = policies.map((p) => {
    const pods = [...p.selected.pods].map((pod) => pod.key)
    const shown = pods.length > 6 ? `${pods.slice(0, 5).join(' ')} and ${pods.length - 5} more` : pods.join(' ')
    return [chalk.bold(p.title), types(p), shown || chalk.yellow('no pod'), chalk.dim(placeOf(p))]
  })
  return table(['policy', 'isolates for', 'selects', 'where'], rows, chalk.dim)
}

/** Drawn as `netlab test` draws what it measured. */
const matrixOf = ({ sheets, rows, columns }: Reachability): Matrix => ({
  rows,
  columns,
  sheets: sheets.map(({ titles, cells }) => ({
    titles,
    squares: cells.map((row) => row.map((allowed) => (allowed === undefined ? undefined : allowed ? 'reached' : 'denied'))),
  })),
})

const LEGEND = { reached: 'allowed', denied: 'denied', absent: 'nothing to decide' } as const

/** The table of who reaches whom; `·` is what no policy touches: a pod and itself, a host and its own pods, nodes that are no pods. */
export function policyText(policies: readonly Policy[], reachability: Reachability, style: MatrixStyle): string {
  const { chalk } = style
  if (policies.length === 0) return 'No NetworkPolicies: every pod reaches every pod.\n'
  const notes = [
    'What policies say, not whether a port is listening. Pods that no policy tells apart share a line.',
    'A host always reaches its own pods, and they reach it: its lines are about the pods of other hosts.',
  ]
  return `${[selection(policies, chalk), matrixText(matrixOf(reachability), { ...style, legend: LEGEND })].join('\n')}\n${chalk.dim(`${notes.join('\n')}\n`)}`
}

export function policyDocument(lab: string, policies: readonly Policy[], { sheets, rows, columns }: Reachability): object {
  return {
    lab,
    policies: policies.map((p) => ({
      name: p.name,
      namespace: p.namespace,
      isolates: WAYS.filter((way) => p[way]),
      selects: [...p.selected.pods].map((pod) => pod.key),
      source: placeOf(p),
    })),
    reachability: sheets.map(({ probes, cells }) => ({
      probes,
      pairs: rows.flatMap((r, i) =>
        columns.flatMap((c, j) => (cells[i]![j] === undefined ? [] : [{ from: r.members, to: c.members, allowed: cells[i]![j] }])),
      ),
    })),
  }
}
