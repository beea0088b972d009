/** What `netlab policy` shows: whom policies select, who reaches whom, and why. */
import type { ChalkInstance } from 'chalk'
import { familyName, type Family } from '../topology/address.ts'
import { ruleText, WAYS, type Policy } from '../model/policies.ts'
import type { Judgement, Verdict } from '../model/verdict.ts'
import type { Reachability, Sheet } from '../model/reachability.ts'
import { table } from './table.ts'

export const placeOf = (policy: Policy, source = policy.source): string => (source ? `${policy.file}:${source.line}` : policy.file)

const types = (p: Policy): string => WAYS.filter((way) => p[way]).join(', ')

function selection(policies: readonly Policy[], chalk: ChalkInstance): string {
  const rows = policies.map((p) => {
    const pods = [...p.selected.pods].map((pod) => pod.key)
    const shown = pods.length > 6 ? `${pods.slice(0, 5).join(' ')} and ${pods.length - 5} more` : pods.join(' ')
    return [chalk.bold(p.title), types(p), shown || chalk.yellow('nobody'), chalk.dim(placeOf(p))]
  })
  return table(['policy', 'isolates for', 'selects', 'where'], rows, chalk.dim)
}

function sheetText({ titles, cells }: Sheet, { rows, columns }: Reachability, chalk: ChalkInstance): string {
  const body = rows.map((r, i) => [
    r.label,
    ...columns.map((_, j) => (cells[i]![j] === undefined ? chalk.dim('·') : cells[i]![j] ? chalk.green('yes') : chalk.red('no'))),
  ])
  return `${chalk.bold(titles.join(', '))}\n${table(['from \\ to', ...columns.map((c) => c.label)], body, chalk.dim)}`
}

/** The table of who reaches whom; `·` is a pod to itself, which no policy touches. */
export function policyText(policies: readonly Policy[], reachability: Reachability, chalk: ChalkInstance): string {
  if (policies.length === 0) return 'No NetworkPolicies: every pod reaches every pod.\n'
  const notes = [
    'What policies say, not whether anybody listens. Pods that no policy tells apart share a line.',
    'A node always reaches its own pods, and they reach it.',
  ]
  return `${[selection(policies, chalk), ...reachability.sheets.map((s) => sheetText(s, reachability, chalk))].join('\n')}\n${chalk.dim(`${notes.join('\n')}\n`)}`
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

export interface Explained {
  readonly from: string
  readonly to: string
  /** `80/tcp`, `icmp`. */
  readonly port: string
  readonly family: Family
  readonly verdict: Verdict
}

function side(way: 'egress' | 'ingress', name: string, j: Judgement, chalk: ChalkInstance): string[] {
  const mark = j.allowed ? chalk.green('yes') : chalk.red('no ')
  if (j.isolating.length === 0) return [`  ${mark}  ${way} of ${name}: not isolated, no policy selects it for ${way}`]
  const by = j.isolating.map((p) => `         policy ${chalk.bold(p.title)} ${chalk.dim(placeOf(p))}`)
  const allowing = j.allowing.map(
    ({ policy, rule }) => `         policy ${chalk.bold(policy.title)} ${ruleText(rule, way)} ${chalk.dim(placeOf(policy, rule.source))}`,
  )
  return [
    `  ${mark}  ${way} of ${name}: isolated by`,
    ...by,
    ...(allowing.length > 0
      ? ['       and allowed by', ...allowing]
      : [`       and no rule of ${j.isolating.length === 1 ? 'it' : 'theirs'} allows this`]),
  ]
}

const EXEMPT = { self: 'a pod always reaches itself', 'own-node': 'a node and its own pods always reach each other' } as const

export function explanationText({ from, to, port, family, verdict }: Explained, chalk: ChalkInstance): string {
  const result = verdict.allowed ? chalk.green.bold('allowed') : chalk.red.bold('denied')
  const head = `${from} → ${to}, ${port}, ${familyName(family)}: ${result}\n`
  if (verdict.exempt) return `${head}  ${EXEMPT[verdict.exempt]}\n`
  return `${head}${[...side('egress', from, verdict.egress, chalk), ...side('ingress', to, verdict.ingress, chalk)].join('\n')}\n`
}

export function explanationDocument({ verdict, ...asked }: Explained): object {
  const judgement = (way: 'egress' | 'ingress'): object => ({
    allowed: verdict[way].allowed,
    isolatedBy: verdict[way].isolating.map((p) => ({ policy: p.title, source: placeOf(p) })),
    allowedBy: verdict[way].allowing.map(({ policy, rule }) => ({
      policy: policy.title,
      rule: `${way}[${rule.index}]`,
      text: ruleText(rule, way),
      source: placeOf(policy, rule.source),
    })),
  })
  return {
    ...asked,
    allowed: verdict.allowed,
    ...(verdict.exempt ? { exempt: verdict.exempt } : {}),
    egress: judgement('egress'),
    ingress: judgement('ingress'),
  }
}
