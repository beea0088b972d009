/** `netlab init`: a starter topology. */
import { existsSync, writeFileSync } from 'node:fs'
import { Exit, failure } from './failure.ts'
import { writeOut } from '../report/terminal.ts'

const STARTER = 'hosts:\n  node-1: {}\n  node-2: {}\npods:\n  pod-a: { host: node-1 }\n  pod-b: { host: node-2 }\n'

export async function init(file: string, options: { readonly force?: true }): Promise<void> {
  if (existsSync(file) && !options.force) throw failure(Exit.Usage, 'file-exists', `${file} exists already`, 'Overwrite it with --force.')
  writeFileSync(file, STARTER)
  return writeOut([`wrote ${file}: sudo netlab up ${file}\n`])
}
