/**
 * `netlab completion` prints what a shell has to load; `netlab __complete -- WORD…` is what the shell then
 * asks at every Tab. The words are those after `netlab`, the last is the one being typed.
 *
 * Each line of the answer is a candidate, with its description after a tab, or tells what the shell knows
 * better: `:yaml` (topology files), `:files` (any file), `:command N` (from word N on it is another command's line).
 */
import type { CommandUnknownOpts, Option } from '@commander-js/extra-typings'
import { containersOf, type Node, nodeName, nodesOf } from '../../../lab/lab.ts'
import { writeExact } from '../../../report/formats/terminal.ts'
import { labNames, readApplied } from '../../../state/store.ts'
import { Exit, failure } from '../../failure.ts'
import { labOf } from '../../labs.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

export async function completion(shell: string): Promise<void> {
  const { scripts } = await import('./completion-scripts.ts')
  const known = SHELLS.find((s) => s === shell)
  if (known) return writeExact([scripts[known]])
  throw failure(Exit.Usage, 'unknown-shell', `there is no completion for "${shell}"`, `Shells: ${SHELLS.join(', ')}.`)
}

/** What runs on this machine; asked only when it matters, for reading a large lab takes a while. */
export interface Running {
  labs(): string[]
  /** Nodes of a lab, or of all labs when none is named. */
  nodes(lab: string | undefined): Node[]
}

const running: Running = {
  labs: labNames,
  nodes: (lab) => (lab === undefined ? labNames() : [labOf(lab)]).flatMap(nodesIn),
}

/** One lab that cannot be read does not hide the others. */
function nodesIn(lab: string): Node[] {
  try {
    const applied = readApplied(lab)
    return applied ? nodesOf(applied.lab) : []
  } catch {
    return []
  }
}

/** What the typed words say about the one that is being typed. */
interface Line {
  readonly command: CommandUnknownOpts
  /** Option whose value is being typed. */
  readonly option?: Option
  /** Operands before the word, without `--`. */
  readonly operands: readonly string[]
  readonly values: ReadonlyMap<string, string>
  /** True after `--`: nothing is an option any more. */
  readonly ended: boolean
  /** Index of the first word after the first operand and a `--` that follows it. */
  readonly rest: number
}

const takesValue = (option: Option): boolean => option.required || option.optional

function read(words: readonly string[], program: CommandUnknownOpts): Line {
  let command = program
  const operands: string[] = []
  const values = new Map<string, string>()
  let option: Option | undefined
  let ended = false
  let rest = 0
  for (const [i, word] of words.slice(0, -1).entries()) {
    if (option) {
      values.set(option.attributeName(), word)
      option = undefined
    } else if (!ended && word === '--') {
      ended = true
      if (operands.length === 1) rest = i + 1
    } else if (!ended && word.startsWith('-')) {
      const [flag, value] = word.startsWith('--') ? splitAt(word, '=') : [word, undefined]
      const found = command.options.find((o) => o.long === flag || o.short === flag)
      if (found && value !== undefined) values.set(found.attributeName(), value)
      else if (found && takesValue(found)) option = found
    } else if (command === program) {
      command = program.commands.find((c) => c.name() === word) ?? program
      if (command === program) operands.push(word)
    } else {
      operands.push(word)
      if (operands.length === 1) rest = i + 1
    }
  }
  return { command, operands, values, ended, rest, ...(option ? { option } : {}) }
}

function splitAt(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)]
}

const described = (name: string, description: string): string => `${name}\t${description}`

function describeNode(node: Node): string {
  return described(nodeName(node), 'addresses' in node ? `${node.kind} ${node.addresses[0]?.ip ?? ''}`.trim() : node.kind)
}

/** Candidates for the value of an argument or option, by what it is called in the help. */
function valuesFor(name: string, choices: readonly string[] | undefined, line: Line, now: Running): string[] {
  if (choices) return [...choices]
  const lab = line.values.get('lab')
  switch (name) {
    case 'file':
      return line.option ? [':files'] : [':yaml']
    case 'dir':
      return [':files']
    case 'lab':
      // As an option's value it is a name alone.
      return [...now.labs(), ...(line.option ? [] : [':yaml'])]
    case 'seconds':
      // `status --watch` needs no value: what comes next is the lab.
      return now.labs()
    case 'file-or-lab':
      return [...now.labs(), ':yaml']
    case 'node':
    case 'from':
    case 'to':
      return now.nodes(lab).map(describeNode)
    case 'pod':
      return now
        .nodes(lab)
        .filter((n) => containersOf(n).length > 0)
        .map(describeNode)
    case 'container':
      return now
        .nodes(lab)
        .flatMap((n) => (line.operands.length === 0 || line.operands.includes(nodeName(n)) ? containersOf(n).map((c) => c.name) : []))
    case 'shell':
      return [...SHELLS]
    default:
      return []
  }
}

const optionsOf = (command: CommandUnknownOpts): Option[] => [...command.createHelp().visibleOptions(command)]

/** What can stand for the last word. Pure but for `now`. */
export function candidates(words: readonly string[], program: CommandUnknownOpts, now: Running): string[] {
  const typed = words.at(-1) ?? ''
  const line = read(words, program)
  const { command, option, operands, ended } = line
  const matching = (list: readonly string[]): string[] => [...new Set(list)].filter((c) => c.startsWith(':') || c.startsWith(typed))
  const valueOf = (o: Option): string[] =>
    valuesFor(
      o.long === '--lab' || o.long === '--container' ? o.long.slice(2) : (/[<[]([\w-]+)/.exec(o.flags)?.[1] ?? ''),
      o.argChoices,
      { ...line, option: o },
      now,
    )
  if (option) return matching(valueOf(option))

  const argument = command.registeredArguments[Math.min(operands.length, command.registeredArguments.length - 1)]
  const isCommandLine = argument?.name() === 'command'
  if (isCommandLine && (ended || operands.length > 1)) return [`:command ${line.rest}`]
  if (typed.startsWith('-') && !ended && !isCommandLine) {
    const [flag, value] = splitAt(typed, '=')
    const assigned = value === undefined ? undefined : command.options.find((o) => o.long === flag && takesValue(o))
    // Files are the shell's part, and it would have to cut the option off first.
    if (assigned)
      return matching(
        valueOf(assigned)
          .filter((v) => !v.startsWith(':'))
          .map((v) => `${flag}=${v}`),
      )
    return matching(
      optionsOf(command)
        .filter((o) => o.long && !words.slice(0, -1).includes(o.long))
        .map((o) => described(o.long!, o.description)),
    )
  }
  // `help` is commander's own: it takes a command's name.
  if (command === program)
    return operands.length > (operands[0] === 'help' ? 1 : 0)
      ? []
      : matching(
          program
            .createHelp()
            .visibleCommands(program)
            .map((c) => described(c.name(), c.description())),
        )
  if (isCommandLine) return typed === '' || typed.startsWith('-') ? matching(['--']) : [`:command ${line.rest}`]
  if (!argument || (operands.length >= command.registeredArguments.length && !argument.variadic)) return []
  const taken = argument.variadic ? operands : []
  return matching(valuesFor(argument.name(), argument.argChoices, line, now)).filter((c) => !taken.includes(c.split('\t')[0]!))
}

/** Answers a shell. A half-typed line is no place for messages: when something goes wrong there are no candidates. */
export async function complete(words: readonly string[], _options: object, command: CommandUnknownOpts): Promise<void> {
  try {
    await writeExact(candidates(words, command.parent ?? command, running).map((c) => `${c}\n`))
  } catch {
    // No candidates.
  }
}
