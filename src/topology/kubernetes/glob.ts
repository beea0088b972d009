/** Files that a pattern matches: `*`, `?` and `[…]` within a name, `**` for any number of directories. In linear time. */
import { lstatSync, readdirSync } from 'node:fs'
import { isAbsolute, join, sep } from 'node:path'
import { lookAt } from '../files.ts'

/** Directories a pattern may look into. */
const MAX_DIRECTORIES = 10_000

export const isPattern = (text: string): boolean => /[*?[]/.test(text)

export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort()
  } catch {
    return []
  }
}

/** The files, in order of their names; each once. */
export function glob(pattern: string): string[] {
  const parts = pattern.split(sep).filter((part, i, all) => part !== '**' || all[i - 1] !== '**')
  const fixed = parts.findIndex(isPattern)
  const found = new Set<string>()
  const visited = new Set<string>()
  const visit = (directory: string, at: number): void => {
    const id = `${at} ${directory}`
    const part = parts[at]
    // Several `**` lead to a directory in many ways: once is enough.
    if (part === undefined || visited.has(id) || visited.size >= MAX_DIRECTORIES) return
    visited.add(id)
    if (part === '**') {
      visit(directory, at + 1)
      for (const name of namesIn(directory))
        if (!name.startsWith('.') && isDirectory(join(directory, name))) visit(join(directory, name), at)
      return
    }
    const isLast = at === parts.length - 1
    for (const name of namesIn(directory)) {
      if (!matches(part, name) || (name.startsWith('.') && !part.startsWith('.'))) continue
      const path = join(directory, name)
      if (!isLast) visit(path, at + 1)
      else if (lookAt(path) !== 'directory') found.add(path)
    }
  }
  visit(parts.slice(0, fixed).join(sep) || (isAbsolute(pattern) ? sep : '.'), fixed)
  return [...found].sort()
}

/** Links are not followed: they may lead in circles. */
function isDirectory(path: string): boolean {
  try {
    return lstatSync(path).isDirectory()
  } catch {
    return false
  }
}

/** One sign of a pattern: any text, any character, one of a class, or the character itself. */
type Sign = '*' | '?' | { readonly isOf: (character: string) => boolean }

function signsOf(pattern: string): Sign[] {
  const signs: Sign[] = []
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!
    // A `]` that comes first is itself of the class.
    const end = c === '[' ? pattern.indexOf(']', i + (/^\[[!^]/.test(pattern.slice(i, i + 2)) ? 3 : 2)) : -1
    if (c === '*') {
      if (signs.at(-1) !== '*') signs.push('*')
    } else if (c === '?') signs.push('?')
    else if (end > 0) {
      signs.push(classOf(pattern.slice(i + 1, end)))
      i = end
    } else signs.push({ isOf: (character) => character === c })
  }
  return signs
}

/** `a-cx`, and `!a-c` or `^a-c` for any other. */
function classOf(text: string): Sign {
  const isOther = text.startsWith('!') || text.startsWith('^')
  const items = [...(isOther ? text.slice(1) : text).matchAll(/(.)-(.)|(.)/gs)].map(
    ([, first, last, single]) => [first ?? single!, last ?? single!] as const,
  )
  return { isOf: (character) => items.some(([first, last]) => character >= first && character <= last) !== isOther }
}

/** Whether a name matches a pattern; characters without a meaning above, braces among them, are themselves. */
export function matches(pattern: string, name: string): boolean {
  const signs = signsOf(pattern)
  let [sign, at] = [0, 0]
  // Where the last `*` was, and how much of the name it has so far: only that one is ever tried again.
  let [star, taken] = [-1, 0]
  while (at < name.length) {
    const now = signs[sign]
    if (now === '*') {
      star = sign++
      taken = at
    } else if (now !== undefined && (now === '?' || now.isOf(name[at]!))) {
      sign++
      at++
    } else if (star >= 0) {
      sign = star + 1
      at = ++taken
    } else return false
  }
  while (signs[sign] === '*') sign++
  return sign === signs.length
}
