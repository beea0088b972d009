/**
 * Batches → one POSIX shell script that needs nothing but the tools. It is the same text the batches
 * feed to the same tools, so what a learner runs by hand is what `netlab up` runs.
 */
import type { Batch, Line } from './batch.ts'
import { toolArgv } from './tools.ts'
import { Stage } from './kinds/kind.ts'
import { NETNS_DIR } from '../netns/paths.ts'

const TITLES: Readonly<Record<Stage, string>> = {
  [Stage.Namespaces]: 'Namespaces: every node (host, pod, switch, router) is a network namespace of its own',
  [Stage.Settings]: 'Settings: what a namespace must have before its devices exist, because devices inherit it',
  [Stage.Devices]: 'Devices: bridges, tunnels, and veth pairs; a pair reaches from one namespace into another',
  [Stage.Config]: 'Addresses, routes, tunnel entries, rules: what makes packets find their way',
  [Stage.Settle]: 'Sets under their own names again: rules matched others while these changed',
  [Stage.Cleanup]: 'Sets that no rule matches any more',
  [Stage.Daemons]: 'Daemons: programs that change the network by themselves, with their files',
  [Stage.Learned]: 'Routes that daemons bring about',
  [Stage.Processes]: "Containers: processes inside the pods' namespaces",
}

/** How a script starts a container; supplied by the stage that runs them. */
export interface ContainerScript {
  /** Shell functions and variables the lines below rely on. */
  prelude(): string
  /** Programs that these need. */
  readonly tools: readonly string[]
  lines(object: Line['object']): string[]
}

/** One word for a POSIX shell, whatever is in it. Bare `a=b` would be an assignment where a command is expected. */
export const quote = (text: string): string =>
  /^(?!\w+=)[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`

/** One comment, whatever is in it: a file's name may hold the end of a line. */
const comment = (text: string): string => `# ${text.replaceAll(/[\r\n]+/g, ' ')}`.trimEnd()

/** Longest run of shown characters in a rule across the page. */
const RULE = '─'.repeat(78)

function heredoc(batch: Batch): string[] {
  const command = batch.tool === 'sysctl' ? 'sysctl -q -p -' : toolArgv[batch.tool as keyof typeof toolArgv].map(quote).join(' ')
  const prefix = batch.ns === undefined ? '' : `in_ns ${quote(batch.ns)} `
  const lines = [`${prefix}${command} <<'EOF'`]
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
    const text = batch.tool === 'process' ? batch.lines.flatMap((l) => containers.lines(l.object)) : heredoc(batch)
    yield `${text.join('\n')}\n`
  }
}
