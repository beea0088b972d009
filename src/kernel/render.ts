/**
 * Changes → batches, grouped by namespace and tool so that a lab costs processes in proportion to its
 * namespaces, never to its objects.
 */
import { detours } from './atomic.ts'
import type { Batch, Line } from './batch.ts'
import { kindOf, type Change } from './kinds/index.ts'
import { Stage, type Piece } from './kinds/kind.ts'
import { arranged, TOOLS } from './tools.ts'

interface Group extends Batch {
  readonly lines: Line[]
}

/** In no text. */
const NOTHING = /^\0/

/**
 * The same text, in one piece. What has been put together V8 keeps as its parts, which take four times as much, until
 * something reads it; a match does.
 */
function inOnePiece(text: string): string {
  NOTHING.test(text)
  return text
}

/** Batches in the order they must run; batches of one stage may run side by side, namespace by namespace. */
export function render(changes: readonly Change[]): Batch[] {
  const groups = new Map<string, Group>()
  const detoured = detours(changes)
  const settled = new Set(detoured.back.map((o): Change => ({ action: 'replace', object: o, before: o })))
  for (const change of [...detoured.changes, ...settled]) {
    const { object } = change
    let { note } = object
    let group: Group | undefined
    let like: Piece | undefined
    for (const p of kindOf(object).render(change)) {
      // Most pieces of a large object go where the one before went.
      if (!group || !like || p.stage !== like.stage || p.tool !== like.tool || p.ns !== like.ns || p.removes !== like.removes) {
        const stage = settled.has(change) ? Stage.Settle : p.stage
        const removes = p.removes ?? change.action === 'delete'
        const key = `${removes ? 0 : 1} ${stage} ${p.ns ?? ''} ${p.tool}`
        group = groups.get(key)
        if (!group) groups.set(key, (group = { ...(p.ns === undefined ? {} : { ns: p.ns }), tool: p.tool, stage, removes, lines: [] }))
        like = p
      }
      const section = p.section === undefined ? {} : { section: p.section }
      group.lines.push({ text: inOnePiece(p.text), object, ...(note === undefined ? {} : { note }), ...section })
      note = undefined
      for (const text of p.more ?? []) group.lines.push({ text: inOnePiece(text), object, ...section })
    }
  }
  const batches = [...groups.values()].map((g): Batch => ({ ...g, lines: arranged(g.tool, g.lines) }))
  const when = (b: Batch): number => (b.removes ? -b.stage : 100 + b.stage)
  // Namespace by namespace, as a reader follows it and as one job of a worker does it.
  const place = new Map<string | undefined, number>()
  for (const b of batches) if (!place.has(b.ns)) place.set(b.ns, place.size)
  return batches.sort((a, b) => when(a) - when(b) || place.get(a.ns)! - place.get(b.ns)! || TOOLS.indexOf(a.tool) - TOOLS.indexOf(b.tool))
}
