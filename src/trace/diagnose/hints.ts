/** Hints of a drop: command lines that can be pasted into a shell as they are. */
import { upCommand } from '../../state/up-command.ts'
import { quote } from '../../kernel/script.ts'
import type { TraceEvidence } from './evidence.ts'

/** Makes the lab again what its file asks for. */
export const upAgain = ({ parts: { lab } }: TraceEvidence): string => upCommand(lab)

/** Compares the lab with what its file asks for; names rules that netlab did not write. */
export const showStatus = ({ parts: { lab } }: TraceEvidence): string => `netlab status ${lab.name}`

/** Runs commands in a node. Several, or one that is more than words, need a shell there: here, the second would run on the machine. */
export function inNode({ parts: { lab, places } }: TraceEvidence, ns: string, ...commands: readonly string[]): string {
  const text = commands.join('; ')
  const isPlain = commands.length === 1 && !/[;|&<>$`*?()#\n]/.test(text)
  return `netlab exec ${places.name(ns)} --lab ${lab.name} -- ${isPlain ? text : `sh -c ${quote(text)}`}`
}

/** The command that takes a rule of iptables (`-A CHAIN …`) away, or a policy of a built-in chain that drops. */
export function withoutRule(rule: {
  readonly family: string
  readonly table: string
  readonly chain: string
  readonly text?: string | undefined
  readonly isLegacy?: boolean
}): string {
  const program = `${rule.family}tables${rule.isLegacy ? '-legacy' : ''}`
  const table = rule.table === 'filter' ? '' : ` -t ${rule.table}`
  return rule.text === undefined ? `${program}${table} -P ${rule.chain} ACCEPT` : `${program}${table} ${rule.text.replace(/^-A /, '-D ')}`
}

/** What policies say about the connection that is traced. */
export function explainPolicy({ parts: { lab, from, to, options } }: TraceEvidence): string {
  const port = options.protocol === 'icmp' ? [] : ['--port', `${options.port}/${options.protocol}`]
  const family = from.family === 6 ? ['--family', '6'] : []
  return ['netlab', 'policy', 'explain', from.word, to.word, ...port, ...family, '--lab', lab.name].map(quote).join(' ')
}

/** The same trace with other options: `--size 1450` for what did not fit, nothing for what was asked too much. */
export function traceAgain({ parts: { lab, from, to, options } }: TraceEvidence, ...more: readonly string[]): string {
  const port = options.protocol === 'icmp' ? [] : ['--port', `${options.port}/${options.protocol}`]
  const family = from.family === 6 ? ['--family', '6'] : []
  return ['netlab', 'trace', from.word, to.word, ...port, ...family, ...more, '--lab', lab.name].map(quote).join(' ')
}
