/**
 * Batches → one POSIX shell script that needs nothing but the tools. It is the same text the batches
 * feed to the same tools, so what a learner runs by hand is what `netlab up` runs.
 */
import type { Batch, Line } from './batch.ts'
import { inDirectory, toolArgv } from './tools.ts'
import { Stage } from './kinds/kind.ts'
import { NETNS_DIR } from '../netns/paths.ts'

const TITLES: Readonly<Record<Stage, string>> = {
  [Stage.Namespaces]: 'Namespaces: every node (host, pod, switch, router) is a network namespace of its own',
  [Stage.Keys]: 'Keys: made once, kept in a directory that only root can read, and never shown',
  [Stage.Settings]: 'Settings: what a namespace must have before its devices exist, because devices inherit it',
  [Stage.Devices]: 'Devices: bridges, tunnels, and veth pairs; a pair reaches from one namespace into another',
  [Stage.Config]: 'Addresses, routes, tunnel entries, rules: what makes packets find their way',
  [Stage.Settle]: 'Sets under their own names again: rules matched others while these changed',
  [Stage.Cleanup]: 'Sets that no rule matches any more',
  [Stage.Daemons]: 'Daemons: programs that change the network by themselves, with their files',
  [Stage.Peers]: 'Peers: whose packets are taken, and where theirs are sent',
  [Stage.Learned]: 'Routes that daemons bring about',
  [Stage.Processes]: "Containers: processes inside the pods' namespaces",
}

/** How a script starts a container; supplied by the stage that runs them. */
export interface ContainerScript {
  /** Where files of daemons are, and keys. */
  readonly directory: string
  /** Shell functions and variables the lines below rely on. */
  prelude(): string
  /** Programs that these need. */
  readonly tools: readonly string[]
  lines(object: Line['object']): string[]
}

/** Characters that a terminal acts upon instead of showing them, and the beginning of a line that a CI runner takes for a command. */
const ACTING = /[^\P{C}\n\t]|[\u2028\u2029]|^\s*(?:::|##\[)/gmu

/** Octal escapes of `printf '%b'`. */
const octal = (text: string): string => Array.from(Buffer.from(text), (byte) => `\\0${byte.toString(8).padStart(3, '0')}`).join('')

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`

/**
 * One word for a POSIX shell, whatever is in it. Bare `a=b` would be an assignment where a command is expected. What acts on who reads
 * the script is written so that it shows.
 */
export function quote(text: string): string {
  if (/^(?!\w+=)[\w@%+=:,./-]+$/.test(text)) return text
  return text.search(ACTING) === -1 ? quoted(text) : printed(text, ACTING)
}

/** The same on one line, as what is pasted must be. */
export const quoteLine = (text: string): string => (text.includes('\n') ? printed(text, /[^\P{C}\t]|[\u2028\u2029]/gu) : quote(text))

/** What printf writes, as a word; a command substitution loses the ends of lines at its end, so they stand behind it. */
function printed(text: string, acting: RegExp): string {
  const end = /\n*$/.exec(text)![0]
  const escaped = text.slice(0, text.length - end.length).replaceAll('\\', String.raw`\\`)
  return `"$(printf '%b' ${quoted(escaped.replaceAll(acting, octal))})"${end === '' ? '' : `'${end}'`}`
}

/** One comment, whatever is in it: a file's name may hold the end of a line. */
const comment = (text: string): string => `# ${text.replaceAll(/[\r\n]+/g, ' ')}`.trimEnd()

/** Longest run of shown characters in a rule across the page. */
const RULE = '─'.repeat(78)

function heredoc(batch: Batch, directory: string): string[] {
  const command = batch.tool === 'sysctl' ? 'sysctl -q -p -' : toolArgv[batch.tool as keyof typeof toolArgv].map(quote).join(' ')
  const prefix = batch.ns === undefined ? '' : `in_ns ${quote(batch.ns)} `
  const lines = [`${prefix}${command} <<'EOF'`, ...inDirectory(batch.tool, directory)]
  for (const line of batch.lines) {
    if (line.note !== undefined) lines.push(comment(line.note))
    lines.push(line.text)
  }
  lines.push('EOF')
  return lines
}

/** The script, as chunks: a lab of ten thousand pods makes megabytes of it. */
export function* script(batches: readonly Batch[], header: readonly string[], containers: ContainerScript): Generator<string> {
  const tools = new Set(batches.flatMap((b) => (b.tool === 'process' ? containers.tools : [b.tool.split(' ')[0]!])))
  yield `#!/bin/sh\n${header.map(comment).join('\n')}\n#\n# Run it as root. It needs: ${['nsenter', ...tools].join(', ')}.\nset -eu\n\n`
  yield `# Runs a command in the network namespace of a node.\nin_ns() {\n  ns=$1\n  shift\n  nsenter --net="${NETNS_DIR}/$ns" "$@"\n}\n`
  if (batches.some((b) => b.tool === 'process')) yield `${containers.prelude()}\n`
  let heading = ''
  let ns: string | undefined
  let step = 0
  for (const batch of batches) {
    const title = batch.removes ? `Remove: ${TITLES[batch.stage]}` : TITLES[batch.stage]
    if (title !== heading) {
      heading = title
      ns = undefined
      yield `\n# ${RULE}\n# ${++step}. ${title}\n# ${RULE}\n`
    }
    if (batch.ns !== ns && batch.ns !== undefined) yield `\n# ── ${batch.ns}\n`
    ns = batch.ns
    const text = batch.tool === 'process' ? batch.lines.flatMap((l) => containers.lines(l.object)) : heredoc(batch, containers.directory)
    yield `${text.join('\n')}\n`
  }
}
