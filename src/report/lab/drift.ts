/** Drift in words: what is wrong with each object, and which line of YAML asked for it. */
import { describe, keyOf, kindOf } from '../../kernel/kinds/index.ts'
import type { KernelObject } from '../../kernel/objects.ts'
import type { Drift } from '../../kernel/drift.ts'
import type { Obstacle } from '../../process/sessions.ts'
import type { UnmanagedObject } from '../../kernel/unmanaged/findings.ts'

export interface Finding {
  readonly state: 'missing' | 'changed' | 'unexpected' | 'exited' | 'stopped'
  readonly object: string
  /** Network namespace that holds it; absent: none of one node alone. */
  readonly netns?: string
  readonly details: readonly string[]
  /** `file:line` of what asked for it. */
  readonly source?: string
  /** `netlab up` puts it back. */
  readonly repair?: true
}

const valueAt = (o: object, field: string): unknown =>
  field.split('.').reduce<unknown>((v, key) => (v as Record<string, unknown> | undefined)?.[key], o)
const show = (value: unknown): string => (value === undefined ? 'none' : typeof value === 'string' ? value : JSON.stringify(value))

/** `rules` and `members` are lists: what is gone and what came is all that matters. */
function listChange(word: string, now: readonly string[], asked: readonly string[]): string[] {
  const gone = asked.filter((r) => !now.includes(r)).map((r) => `${word} gone: ${r}`)
  const added = now.filter((r) => !asked.includes(r)).map((r) => `${word} added: ${r}`)
  return gone.length + added.length > 0 ? [...gone, ...added] : [`${word}s stand in another order`]
}

function changes(object: KernelObject, now: KernelObject, fields: readonly string[]): string[] {
  return fields.flatMap((field) => {
    const explained = kindOf(now).explain?.(field, now)
    if (explained) return explained
    if (field === 'nonDefault') return now.nonDefault ?? []
    const [was, asked] = [valueAt(now, field), valueAt(object, field)]
    if (Array.isArray(was) && Array.isArray(asked)) return listChange(field.replace(/s$/, ''), was as string[], asked as string[])
    return [`${field} is ${show(was)}, asked for ${show(asked)}`]
  })
}

/**
 * @param file what the lab was made from, for `file:line`
 * @param ended how a daemon that does not run ended, and what it said
 * @param obstacles why daemons have not brought something about: sessions that are named there are not named once more
 */
export function driftFindings(
  { missing, changed, unexpected }: Drift,
  file: string,
  ended: (id: string) => readonly string[],
  obstacles: ReadonlyMap<KernelObject, Pick<Obstacle, 'text' | 'sessions'>> = new Map(),
): Finding[] {
  const named = new Set([...obstacles.values()].flatMap((o) => o.sessions.map(keyOf)))
  const isNamed = (o: KernelObject): boolean => o.kind === 'session' && named.has(keyOf(o))
  const absence = (o: KernelObject): readonly string[] => {
    const obstacle = obstacles.get(o)
    if (obstacle) return [obstacle.text]
    if (o.kind !== 'daemon') return kindOf(o).absence?.(o) ?? []
    const [how = '', ...said] = ended(o.id)
    return [`is not running: ${how}`, ...said]
  }
  const source = (o: KernelObject): { source?: string } => (o.from ? { source: `${o.from.file ?? file}:${o.from.line}` } : {})
  return [
    ...missing
      .filter((o) => !isNamed(o))
      .map((o): Finding => ({ state: 'missing', object: describe(o), netns: o.ns, details: absence(o), ...source(o), repair: true })),
    ...changed
      .filter(({ object }) => !isNamed(object))
      .map(({ object, observed, fields }): Finding => ({
        state: 'changed',
        object: describe(object),
        netns: object.ns,
        details: [...changes(object, observed, fields), ...(obstacles.has(object) ? [obstacles.get(object)!.text] : [])],
        ...source(object),
        repair: true,
      })),
    ...unexpected
      .filter((o) => !kindOf(o).builtin?.(o))
      .map((o): Finding => ({
        state: 'unexpected',
        object: describe(o),
        netns: o.ns,
        details: kindOf(o).details?.(o) ?? [],
      })),
  ]
}

/** What was found beside the objects. @param objects for the lines of the namespaces that it was found in */
export function unmanagedFindings(unmanaged: readonly UnmanagedObject[], objects: readonly KernelObject[], file: string): Finding[] {
  const nodes = new Map(objects.flatMap((o) => (o.kind === 'netns' ? [[o.ns, o.from] as const] : [])))
  return unmanaged.map(({ state, ns, object, details }) => {
    const from = state === 'unexpected' ? undefined : nodes.get(ns)
    return { state, object, netns: ns, details, ...(from ? { source: `${from.file ?? file}:${from.line}` } : {}) }
  })
}
