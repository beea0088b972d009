/**
 * Label selectors (meta/v1 LabelSelector): `matchLabels` and `matchExpressions` must all hold, and an empty
 * selector selects everything. NotIn also holds where the label is missing
 * (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements).
 */
import type { LabelSelector } from '../../topology/kubernetes/kubernetes.ts'

export type Labels = Readonly<Record<string, string>>
export type Requirement = NonNullable<LabelSelector['matchExpressions']>[number]

const valueOf = (labels: Labels, key: string): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined)

/** Whether labels meet a requirement. */
export function holds({ key, operator, values = [] }: Requirement, labels: Labels): boolean {
  const value = valueOf(labels, key)
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
  }
}

/** All requirements of a selector, `matchLabels` among them. */
export const requirementsOf = ({ matchLabels = {}, matchExpressions = [] }: LabelSelector): Requirement[] => [
  ...Object.entries(matchLabels).map(([key, value]): Requirement => ({ key, operator: 'In', values: [value] })),
  ...matchExpressions,
]

export function selects(selector: LabelSelector, labels: Labels): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (valueOf(labels, key) !== value) return false
  return (selector.matchExpressions ?? []).every((r) => holds(r, labels))
}

function requirementText({ key, operator, values = [] }: Requirement): string {
  switch (operator) {
    case 'In':
      return `${key} in (${values.join(',')})`
    case 'NotIn':
      return `${key} notin (${values.join(',')})`
    case 'Exists':
      return key
    case 'DoesNotExist':
      return `!${key}`
  }
}

/**
 * The selector in kubectl's notation: `app=web,tier in (a,b),!old`. Equal selectors have equal texts, however
 * they were written; empty for the one that selects everything.
 */
export function selectorText(selector: LabelSelector): string {
  const parts = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`)
  for (const r of selector.matchExpressions ?? [])
    parts.push(requirementText({ ...r, ...(r.values ? { values: [...new Set(r.values)].sort() } : {}) }))
  return [...new Set(parts)].sort().join(',')
}
