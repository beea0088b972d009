/** `netlab graph`: draw a topology file or a running lab. */
import type { Lab } from '../model/lab.ts'
import { graphText } from '../report/graph.ts'
import { chalkFor, writeOut } from '../report/terminal.ts'
import { compileFile } from './context.ts'
import { theLab } from './labs.ts'

interface GraphOptions {
  readonly format: 'text' | 'mermaid' | 'dot'
}

function labFor(target: string | undefined): Lab {
  if (target !== undefined && /[./]/.test(target)) return compileFile(target, { force: true }).compiled.lab
  return theLab(target).lab
}

export async function graph(target: string | undefined, _options: GraphOptions): Promise<void> {
  return writeOut([graphText(labFor(target), chalkFor(process.stdout))])
}
