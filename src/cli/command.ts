/**
 * A command is one object: its name, what it takes, its help, and where its action is. Program, help, completion and the
 * docs are read from these objects; an action is loaded when it runs, so that start-up costs what the command needs.
 */
import type { Argument, Command, CommandUnknownOpts, InferArgument, InferOptions, Option } from '@commander-js/extra-typings'

/** What an action is given for the arguments. */
type ArgumentValues<A> = {
  -readonly [I in keyof A]: A[I] extends Argument<infer Usage, infer Default, infer Coerced, infer Required, infer Choices>
    ? InferArgument<Usage, Default, Coerced, Required, Choices>
    : never
}

/** What an action is given for the options, last. */
type OptionValues<O, Known = object> = O extends readonly [infer First, ...infer Rest]
  ? First extends Option<infer Usage, infer Preset, infer Default, infer Coerced, infer Mandatory, infer Choices>
    ? OptionValues<Rest, InferOptions<Known, Usage, Default, Coerced, Mandatory, Preset, Choices>>
    : never
  : Known

interface Description {
  readonly name: string
  /** One or two sentences: what it does, and what its exit code says. */
  readonly summary: string
  /** Command lines for the end of the help. */
  readonly examples: readonly string[]
  /** Not shown: for shells, not for people. */
  readonly hidden?: true
  /** What follows the first argument is the line of another command, options included. */
  readonly passThrough?: true
  readonly subcommands?: readonly CommandDefinition[]
}

/** A command, in a list of commands of all shapes. */
export interface CommandDefinition extends Description {
  readonly arguments: readonly Argument[]
  readonly options: readonly Option[]
  /** Loads the action and calls it with the values of the arguments, of the options, and the command itself. */
  readonly run: (values: readonly unknown[]) => Promise<void>
}

/** Defines a command; its arguments and options must be those that the action takes. */
export function defineCommand<const A extends readonly Argument[] = [], const O extends readonly Option[] = []>({
  action,
  ...definition
}: Description & {
  readonly arguments?: A
  readonly options?: O
  /** Loads the action, which is called with the command itself last. */
  readonly action: () => Promise<(...values: [...ArgumentValues<A>, OptionValues<O>, CommandUnknownOpts]) => Promise<void>>
}): CommandDefinition {
  return {
    arguments: [],
    options: [],
    ...definition,
    run: async (values) => (await action())(...(values as [...ArgumentValues<A>, OptionValues<O>, CommandUnknownOpts])),
  }
}

/** How examples look in a help text. */
export const examples = (lines: readonly string[]): string => `\nExamples:\n${lines.map((l) => `  $ ${l}`).join('\n')}\n`

/** Adds commands to a program or a command. */
export function addCommands(parent: Command, definitions: readonly CommandDefinition[]): void {
  for (const definition of definitions) {
    const { name, summary, hidden, passThrough } = definition
    const command = parent.command(name, { hidden: hidden ?? false }).description(summary)
    for (const argument of definition.arguments) command.addArgument(argument)
    for (const option of definition.options) command.addOption(option)
    if (passThrough) command.passThroughOptions()
    if (hidden) command.allowUnknownOption()
    if (definition.examples.length > 0) command.addHelpText('after', examples(definition.examples))
    command.action((...values: unknown[]) => definition.run(values))
    addCommands(command, definition.subcommands ?? [])
  }
}
