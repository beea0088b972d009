/** The command line: the program of all commands, and how it runs. */
import { Command } from '@commander-js/extra-typings'
import { VERSION } from '../version.ts'
import { addCommands, examples } from './command.ts'
import { commands } from './registry.ts'

const EXAMPLES = ['netlab init lab.yaml', 'netlab up lab.yaml', 'netlab exec pod-a -- ping -c1 pod-b-address', 'netlab down lab']

/** Builds the program; also read by `netlab completion` and by the tests of the docs. */
export function program(): Command {
  const netlab = new Command('netlab')
    .description('Real container networks out of Linux network namespaces, from one YAML file.')
    .version(VERSION)
    .showHelpAfterError('(--help shows how)')
    .enablePositionalOptions()
    .exitOverride()
    .addHelpText('after', examples(EXAMPLES))
  addCommands(netlab, commands)
  return netlab
}

/** Runs the command line and sets the exit code. Never throws. */
export async function run(argv: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(argv)
  } catch (error) {
    const { report } = await import('./report-failure.ts')
    process.exitCode = await report(error, argv)
  }
}
