/** The sources as a graph of imports. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Import {
  /** `kernel/diff.ts`, or a package: `node:fs`, `yaml`. */
  readonly target: string
  /** Gone when the code runs. */
  readonly types: boolean
  /** `import('…')`, or a module of Node's with `getBuiltinModule('…')`: loaded when it is needed. */
  readonly lazy: boolean
}

export interface Source {
  /** Below src: `kernel/diff.ts`. */
  readonly path: string
  /** First folder, or `''` for what lies in src itself. */
  readonly stage: string
  readonly lines: number
  readonly text: string
  readonly imports: readonly Import[]
}

const STATIC = /^(?:import|export)\s+(type\s+)?(?:([^'";]*?)\s+from\s+)?'([^']+)'/gm
const LAZY = /\b(?:import|getBuiltinModule)\('([^']+)'\)/g

/** What a text imports. Comments and strings that look like imports at the beginning of a line would fool it; there are none. */
export function importsOf(text: string, path: string): Import[] {
  const resolve = (to: string): string => (to.startsWith('.') ? normalize(join(dirname(path), to)) : to)
  const onlyTypes = (names: string | undefined): boolean => {
    const inner = /^\{([\s\S]*)\}$/.exec(names?.trim() ?? '')?.[1]
    const each =
      inner
        ?.split(',')
        .map((n) => n.trim())
        .filter(Boolean) ?? []
    return each.length > 0 && each.every((n) => n.startsWith('type '))
  }
  return [
    ...[...text.matchAll(STATIC)].map(([, type, names, to]): Import => ({
      target: resolve(to!),
      types: type !== undefined || onlyTypes(names),
      lazy: false,
    })),
    ...[...text.matchAll(LAZY)].map(([, to]): Import => ({ target: resolve(to!), types: false, lazy: true })),
  ]
}

/** TypeScript files below a folder, which is named from here. */
export function textsBelow(folder: string): { readonly path: string; readonly text: string }[] {
  const root = fileURLToPath(new URL(`${folder}/`, import.meta.url))
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  return files.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

export const sources: readonly Source[] = textsBelow('../../../src')
  .map(({ path, text }) => {
    return {
      path,
      stage: path.includes('/') ? path.split('/')[0]! : '',
      text,
      lines: text.trimEnd().split('\n').length,
      imports: importsOf(text, path),
    }
  })
  .toSorted((a, b) => a.path.localeCompare(b.path))

/** Paths round which static imports lead back to where they began. */
export function cycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = []
  const done = new Set<string>()
  const walk = (node: string, trail: readonly string[]): void => {
    if (trail.includes(node)) return void found.push([...trail.slice(trail.indexOf(node)), node])
    if (done.has(node)) return
    for (const next of graph.get(node) ?? []) walk(next, [...trail, node])
    done.add(node)
  }
  for (const node of graph.keys()) walk(node, [])
  return found
}
