/** Which files `manifests:` means: files, directories (as `kubectl apply -f` takes them, not their subdirectories) and globs. */
import { basename, dirname, isAbsolute, join } from 'node:path'
import type { Diagnostic } from '../diagnostics.ts'
import type { LoadedTopology } from '../loaded.ts'
import { lookAt } from '../files.ts'
import { quote } from '../schema/format.ts'
import { suggest } from '../suggest.ts'
import { glob, isPattern, namesIn } from './glob.ts'

/** What `kubectl` takes for a manifest in a directory. */
const MANIFEST = /\.(ya?ml|json)$/

export interface ManifestFile {
  readonly file: string
  /** Of objects that name none. */
  readonly namespace: string
  /** Where the topology names it. */
  readonly named: { readonly file: string; readonly line: number; readonly column: number }
}

/** Files in the order they are named, those of one entry by name, each once in a namespace. Complaints go to `found`. */
export function findManifests({ topology, file, source }: LoadedTopology, found: Diagnostic[]): ManifestFile[] {
  const files = new Map<string, ManifestFile>()
  for (const [i, { path: pattern, namespace = topology.network.namespace ?? 'default' }] of topology.manifests.entries()) {
    const { line, column } = source(['manifests', i])
    const named = { file, line, column }
    const add = (name: string): void => void files.set(`${namespace} ${name}`, { file: name, namespace, named })
    const path = isAbsolute(pattern) ? pattern : join(dirname(file), pattern)
    const fail = (message: string, hint?: string, code = 'file-not-found'): void =>
      void found.push({ code, severity: 'error', message: `manifests: ${message}`, ...named, ...(hint === undefined ? {} : { hint }) })
    const at = lookAt(path)
    if (typeof at === 'object') fail(`${quote(pattern)}: ${at.message}`, at.hint, at.code)
    else if (at === 'directory') {
      const inside = namesIn(path).filter((name) => MANIFEST.test(name))
      if (inside.length === 0) fail(`the directory ${pattern} holds no manifest`, 'Manifests are files called *.yaml, *.yml or *.json.')
      for (const name of inside) add(join(path, name))
    } else if (at === 'file') add(path)
    else if (isPattern(pattern)) {
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
