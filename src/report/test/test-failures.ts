/** What all reports of a test say about a failure, and how many of many they show. */
import { relative } from 'node:path'
import { quote } from '../../kernel/script.ts'
import type { Check, TestRun } from '../../verify/check.ts'
import { visible } from '../formats/visible.ts'

/** A path as people type it from `base`; what lies elsewhere keeps its whole name. */
export function shortPath(path: string, base: string): string {
  const short = relative(base, path)
  return short === '' || short.startsWith('..') ? path : short
}

/** `80/tcp`, `icmp IPv6`, `icmp 1451 bytes`: what tells a question from the same one in another family or size. */
export function portOf({ port, reproduce = [] }: Check): string {
  const value = (option: string): string | undefined => (reproduce.includes(option) ? reproduce[reproduce.indexOf(option) + 1] : undefined)
  const size = value('--size')
  return [port, value('--family') === '6' ? 'IPv6' : undefined, size === undefined ? undefined : `${size} bytes`].filter(Boolean).join(' ')
}

/** `shop/web → shop/db 5432/tcp`; empty where a check is about the lab as a whole. */
export const pairOf = (check: Check): string =>
  [[check.from, check.to].filter((end) => end !== undefined).join(' → '), portOf(check)].filter(Boolean).join(' ')

export const titleOf = (check: Check): string => [check.title, pairOf(check)].filter(Boolean).join(': ')

/** One line, without anything a terminal would act upon. */
export const oneLine = (text: string): string => visible(text.trim().replaceAll(/\s*\n\s*/g, '; '))

/** The one line that says why, with the paths in it from `base`. */
export const reasonOf = (check: Check, base: string): string =>
  oneLine(check.detail ?? `${check.title}: no reason was given`).replaceAll(`${base}/`, '')

/**
 * The command that shows a failure, for a shell. After `exec NODE --` everything is the command's own, so the lab stands before it;
 * `status` takes the lab as its argument.
 * @param lab to name it in the command, for those who may have several up
 */
export function commandOf({ reproduce }: Check, lab?: string): string | undefined {
  if (!reproduce) return undefined
  const [verb = '', ...rest] = reproduce
  const named = lab === undefined || verb === 'status' ? [] : ['--lab', lab]
  return ['netlab', verb, ...(verb === 'exec' ? [...named, ...rest] : [...rest, ...named])].map(quote).join(' ')
}

export const failuresOf = (run: TestRun): Check[] => run.checks.filter((c) => c.status === 'failed')

export interface Shown {
  readonly shown: readonly Check[]
  /** How many more there are of each check. */
  readonly hidden: readonly { readonly id: string; readonly title: string; readonly count: number }[]
}

/** At most `most`, and of every check that fails at least one: a thousand lost pairs must not hide the one leak. */
export function someOf(failures: readonly Check[], most: number): Shown {
  const byId = new Map<string, Check[]>()
  for (const f of failures) {
    const same = byId.get(f.id)
    if (same) same.push(f)
    else byId.set(f.id, [f])
  }
  const share = new Map([...byId].map(([id]) => [id, 1]))
  let left = most - byId.size
  // In turns, so that the rare ones are shown whole before the frequent ones take what is left.
  for (let grew = true; left > 0 && grew;) {
    grew = false
    for (const [id, all] of byId) {
      const has = share.get(id)!
      if (left <= 0 || has >= all.length) continue
      share.set(id, has + 1)
      left--
      grew = true
    }
  }
  const shown = [...byId].flatMap(([id, all]) => all.slice(0, share.get(id)))
  const hidden = [...byId].flatMap(([id, all]) => {
    const count = all.length - share.get(id)!
    return count > 0 ? [{ id, title: all[0]!.title, count }] : []
  })
  return { shown, hidden }
}
