/** `netlab completion`: a script that makes a shell complete netlab's command lines. */
import { writeOut } from '../report/terminal.ts'
import { Exit, failure } from './failure.ts'

const SCRIPTS: Readonly<Record<string, string>> = {
  bash: '_netlab() { mapfile -t COMPREPLY < <(netlab __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); }\ncomplete -o default -F _netlab netlab\n',
}

export async function completion(shell: string): Promise<void> {
  const script = SCRIPTS[shell]
  if (script === undefined) throw failure(Exit.Usage, 'unknown-shell', `there is no completion for ${shell}`, `Shells: ${Object.keys(SCRIPTS).join(', ')}.`)
  return writeOut([script])
}

/** Candidates for the last of the words typed so far. */
export async function complete(words: readonly string[]): Promise<void> {
  const { program } = await import('../cli.ts')
  const typed = words.at(-1) ?? ''
  if (words.length > 1) return
  return writeOut(program().commands.map((c) => c.name()).filter((n) => n.startsWith(typed) && !n.startsWith('_')).map((n) => `${n}\n`))
}
