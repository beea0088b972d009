/** Which files `manifests:` means: files, directories (as `kubectl apply -f` takes them, not their subdirectories) and globs. */
import { lstatSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, sep } from 'node:path'
import type { Diagnostic } from '../diagnostics.ts'
import type { LoadedTopology } from '../loaded.ts'
import { suggest } from '../suggest.ts'
import picomatch from 'picomatch'

/** What `kubectl` takes for a manifest in a directory. */
const MANIFEST = /\.(ya?ml|json)$/
/** Directories a glob may look into. */
const MAX_DIRECTORIES = 10_000

export interface ManifestFile {
  readonly file: string
  /** Of objects that name none. */
  readonly namespace: string
}

/** Files in the order they are named, those of one entry by name, each once in a namespace. Complaints go to `found`. */
export function findManifests({ topology, file, source }: LoadedTopology, found: Diagnostic[]): ManifestFile[] {
  const files = new Map<string, ManifestFile>()
  for (const [i, { path: pattern, namespace = topology.network.namespace ?? 'default' }] of topology.manifests.entries()) {
    const add = (name: string): void => void files.set(`${namespace} ${name}`, { file: name, namespace })
    const path = isAbsolute(pattern) ? pattern : join(dirname(file), pattern)
    const { line, column } = source(['manifests', i])
    const fail = (message: string, hint?: string): void =>
      void found.push({
        code: 'file-not-found',
        severity: 'error',
        message: `manifests: ${message}`,
        file,
        line,
        column,
        ...(hint === undefined ? {} : { hint }),
      })
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats?.isDirectory()) {
      const inside = namesIn(path).filter((name) => MANIFEST.test(name))
      if (inside.length === 0) fail(`the directory ${pattern} holds no manifest`, 'Manifests are files called *.yaml, *.yml or *.json.')
      for (const name of inside) add(join(path, name))
    } else if (stats) add(path)
    else if (/[*?[]/.test(pattern)) {
      const matching = glob(path)
      if (matching.length === 0) fail(`nothing matches ${pattern}`, 'Names are relative to the topology file.')
      for (const name of matching) add(name)
    } else {
      const near = suggest(basename(path), namesIn(dirname(path)))
      fail(
        `there is no file ${pattern}`,
        near ? `did you mean \`${join(dirname(pattern), near)}\`?` : 'Names are relative to the topology file.',
      )
    }
  }
  return [...files.values()]
}

export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort()
  } catch {
    return []
  }
}

/** Files a pattern matches: `*`, `?` and `[…]` within a name, `**` for any number of directories. */
export function glob(pattern: string): string[] {
  const parts = pattern.split(sep)
  const fixed = parts.findIndex((p) => /[*?[]/.test(p))
  const found: string[] = []
  let visited = 0
  const visit = (directory: string, [part, ...rest]: readonly string[]): void => {
    if (part === undefined || ++visited > MAX_DIRECTORIES) return
    if (part === '**') {
      visit(directory, rest)
      for (const name of namesIn(directory))
        if (!name.startsWith('.') && isDirectory(join(directory, name))) visit(join(directory, name), [part, ...rest])
      return
    }
    const matches = matcher(part)
    for (const name of namesIn(directory)) {
      const path = join(directory, name)
      if (!matches(name) || (name.startsWith('.') && !part.startsWith('.'))) continue
      if (rest.length > 0) visit(path, rest)
      else if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) found.push(path)
    }
  }
  visit(parts.slice(0, fixed).join(sep) || (isAbsolute(pattern) ? sep : '.'), parts.slice(fixed))
  return [...new Set(found)].sort()
}

/** Links are not followed: they may lead in circles. */
const isDirectory = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

/** A name's pattern; braces and parentheses are characters like any other: a directory may well be called `labs (old)`. */
const matcher = (part: string): ((name: string) => boolean) =>
  picomatch(part.replaceAll(/[(){}|+@$]/g, String.raw`\$&`), { dot: true, nonegate: true, posix: true })
