/** `netlab down` */
import { Argument, Option } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'
import { json } from '../../options.ts'

export default defineCommand({
  name: 'down',
  summary: 'Remove labs, by name or file. Works without the file, after crashes, and twice.',
  arguments: [new Argument('[lab...]', 'names of labs, or topology files')],
  options: [new Option('--all', 'every lab on this machine'), json()],
  examples: ['netlab down quickstart', 'netlab down topologies/quickstart.yaml', 'netlab down --all'],
  action: async () => (await import('./down-run.ts')).down,
})
