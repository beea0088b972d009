/** Commands that are about this machine and the person in front of it, not about a lab; as in cli.ts. */
import type { Command } from '@commander-js/extra-typings'
import { example, json } from './options.ts'

/** Adds them to the program. */
export function addTools(netlab: Command): void {
  netlab
    .command('doctor')
    .description('What this machine can run: kernel features, tools, backends, and how to get the rest.')
    .addOption(json())
    .addHelpText('after', example('netlab doctor'))
    .action(async (options) => (await import('./commands/tools/doctor-run.ts')).doctor(options))

  netlab
    .command('init')
    .description('Write a starter topology.')
    .argument('[file]', 'file to write', 'lab.yaml')
    .option('--force', 'overwrite an existing file')
    .addHelpText('after', example('netlab init\nnetlab init my-lab.yaml'))
    .action(async (file, options) => (await import('./commands/topology/init-run.ts')).init(file, options))

  netlab
    .command('schema')
    .description('Print the JSON Schema of topology files, for editors.')
    .addHelpText('after', example('netlab schema > topology.schema.json'))
    .action(async () => (await import('./commands/topology/schema-run.ts')).schema())

  netlab
    .command('completion')
    .description('Print a completion script for your shell.')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText('after', example('source <(netlab completion bash)\nnetlab completion fish > ~/.config/fish/completions/netlab.fish'))
    .action(async (shell) => (await import('./commands/tools/completion-run.ts')).completion(shell))

  netlab
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (words) => (await import('./commands/tools/completion-run.ts')).complete(words))
}
