/** Which topologies the words of `netlab ci` mean: files, directories (not their subdirectories) and globs. */
import { basename, dirname, join, resolve } from 'node:path'
import { lookAt, readText } from '../../../topology/files.ts'
import { glob, isPattern, namesIn } from '../../../topology/kubernetes/glob.ts'
import type { Diagnostic } from '../../../topology/diagnostics.ts'
import { quote } from '../../../topology/schema/format.ts'
import { suggest } from '../../../topology/suggest.ts'
import { Exit, Failure } from '../../failure.ts'

export interface TopologyFiles {
  /** As they are called on the command line or below its directories; each once. */
  readonly files: readonly string[]
  /** Kubernetes manifests in directories: they belong to topologies, and are none. */
  readonly passedOver: readonly string[]
}

/** Every document in it says which kind of Kubernetes object it is. What cannot be read is left to who compiles it. */
function isManifest(file: string): boolean {
  const documents = (readText(file).value ?? '').split(/^---.*$/m).filter((d) => /^\w/m.test(d))
  return documents.length > 0 && documents.every((d) => /^apiVersion:/m.test(d) && /^kind:/m.test(d))
}

/** @throws Failure (exit 2) naming every word that means nothing */
export function topologyFiles(words: readonly string[]): TopologyFiles {
  const files = new Map<string, string>()
  const passedOver: string[] = []
  const wrong: Diagnostic[] = []
  const fail = (code: string, message: string, hint: string): void => void wrong.push({ code, severity: 'error', message, hint })
  const take = (found: readonly string[]): void => {
    for (const file of found) if (!files.has(resolve(file))) files.set(resolve(file), file)
  }
  for (const word of words) {
    const at = lookAt(word)
    if (typeof at === 'object') fail(at.code, `${quote(word)}: ${at.message}`, at.hint ?? 'Name files, directories or patterns.')
    else if (at === 'directory') {
      const inside = namesIn(word)
        .filter((name) => /\.ya?ml$/.test(name))
        .map((name) => join(word, name))
      const topologies = inside.filter((file) => !isManifest(file))
      passedOver.push(...inside.filter((file) => !topologies.includes(file)))
      if (topologies.length === 0)
        fail('no-topologies', `the directory ${word} holds no topology`, 'Topologies are files called *.yaml or *.yml.')
      take(topologies)
    } else if (at === 'file') take([word])
    else if (isPattern(word)) {
      const matching = glob(word)
      if (matching.length === 0) fail('no-topologies', `nothing matches ${word}`, 'Name files, directories or patterns.')
      take(matching)
    } else {
      const near = suggest(basename(word), namesIn(dirname(word)))
      fail(
        'file-not-found',
        `there is no file ${word}`,
        near === undefined ? 'Name files, directories or patterns.' : `did you mean ${join(dirname(word), near)}?`,
      )
    }
  }
  if (wrong.length > 0) throw new Failure(Exit.Usage, wrong)
  return { files: [...files.values()], passedOver }
}
