/** `netlab init` */
import { Argument, Option } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'

export default defineCommand({
  name: 'init',
  summary: 'Write a starter topology.',
  arguments: [new Argument('[file]', 'file to write').default('lab.yaml')],
  options: [new Option('--force', 'overwrite an existing file')],
  examples: ['netlab init', 'netlab init my-lab.yaml'],
  action: async () => (await import('./init-run.ts')).init,
})
