/** `netlab completion`, and what the shell then asks. */
import { Argument } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'

export default defineCommand({
  name: 'completion',
  summary: 'Print a completion script for your shell.',
  arguments: [new Argument('<shell>', 'bash, zsh or fish')],
  examples: ['source <(netlab completion bash)', 'netlab completion fish > ~/.config/fish/completions/netlab.fish'],
  action: async () => (await import('./completion-run.ts')).completion,
})

export const complete = defineCommand({
  name: '__complete',
  summary: '',
  arguments: [new Argument('[words...]')],
  passThrough: true,
  hidden: true,
  examples: [],
  action: async () => (await import('./completion-run.ts')).complete,
})
