/** `netlab graph`: draw a topology file or a running lab. */
import { existsSync } from 'node:fs'
import type { KernelObject } from '../../../kernel/objects.ts'
import type { Lab } from '../../../lab/lab.ts'
import { diagramLimits, picture, TEXT_LIMITS } from '../../../report/graph/graph.ts'
import { graphDot } from '../../../report/graph/graph-dot.ts'
import { graphMermaid } from '../../../report/graph/graph-mermaid.ts'
import { graphText } from '../../../report/graph/graph-text.ts'
import { chalkFor, writeOut } from '../../../report/formats/terminal.ts'
import { labNames } from '../../../state/store.ts'
import { compileFile } from '../../topology-file.ts'
import { Exit, failure } from '../../failure.ts'
import { theLab } from '../../labs.ts'
import { warn } from '../../warn.ts'

interface GraphOptions {
  readonly format: 'text' | 'mermaid' | 'dot'
}

/** A word is a running lab's name, or else a file; what looks like a path is never taken for a lab. */
async function subject(word: string | undefined): Promise<{ lab: Lab; objects: readonly KernelObject[] }> {
  const isFile = word !== undefined && (/[./]/.test(word) || (!labNames().includes(word) && existsSync(word)))
  if (word === undefined && labNames().length === 0)
    throw failure(Exit.Usage, 'no-lab', 'no lab is up', 'netlab graph FILE draws a topology file without building it.')
  if (!isFile) return theLab(word)
  // What cannot work can still be looked at.
  const { compiled, warnings } = await compileFile(word, { force: true })
  // Services and policies are not drawn, so nothing is promised about them.
  warn(
    warnings.filter((w) => w.code !== 'not-acted-upon'),
    word,
  )
  return compiled
}

export async function graph(word: string | undefined, { format }: GraphOptions): Promise<void> {
  const { lab, objects } = await subject(word)
  if (format === 'text') return writeOut([graphText(picture(lab, objects, TEXT_LIMITS), chalkFor(process.stdout))])
  const drawn = picture(lab, objects, diagramLimits(lab))
  return writeOut([format === 'dot' ? graphDot(drawn) : graphMermaid(drawn)])
}
