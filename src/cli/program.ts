/** The command line: the program of all commands, and how it runs. */
import { Command } from '@commander-js/extra-typings'
import { outward } from '../report/formats/visible.ts'
import { VERSION } from '../version.ts'
import { addCommands, examples } from './command.ts'
import { commands } from './registry.ts'

const EXAMPLES = ['netlab init lab.yaml', 'netlab up lab.yaml', 'netlab exec pod-a -- ping -c1 pod-b-address', 'netlab down lab']

/**
 * Builds the program; also read by `netlab completion` and by the tests of the docs.
 * @param name of the only command that it needs to know; where there is no such command: all
 */
export function program(name?: string): Command {
  const netlab = new Command('netlab')
    .description('Real container networks out of Linux network namespaces, from one YAML file.')
    .version(VERSION)
    .showHelpAfterError('(--help shows how)')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(outward(text)) })
    .addHelpText('after', examples(EXAMPLES))
  // What completes words is asked about all.
  const only = commands.filter((command) => command.name === name && !command.hidden)
  addCommands(netlab, only.length > 0 ? only : commands)
  return netlab
}

/** As for everything else this machine lacks. */
const CANNOT_LOAD = 3

/** Says why the command ended, and how. Where not even what says it can be loaded, as without descriptors left, in the error's own words. */
async function exitOf(error: unknown, argv: readonly string[]): Promise<number> {
  try {
    const { report } = await import('./report-failure.ts')
    return await report(error, argv)
  } catch {
    process.stderr.write(outward(`netlab: ${error instanceof Error ? error.message : String(error)}\n`))
    return CANNOT_LOAD
  }
}

/** Runs the command line and sets the exit code. Never throws. */
export async function run(argv: readonly string[]): Promise<void> {
  // Thrown where no command waits for it, as by a socket without descriptors left: the same words and exit codes, not Node's.
  const leave = async (error: unknown): Promise<never> => process.exit(await exitOf(error, argv))
  process.on('uncaughtException', (error) => void leave(error))
  try {
    await program(argv[2]).parseAsync(argv)
  } catch (error) {
    process.exitCode = await exitOf(error, argv)
  }
}
