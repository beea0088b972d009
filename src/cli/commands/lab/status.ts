/** `netlab status` */
import { Option } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'
import { json, labOrOnly } from '../../options.ts'

export default defineCommand({
  name: 'status',
  summary: 'Does the kernel still hold what was asked for? Names what drifted; exit code 1 if anything did.',
  arguments: [labOrOnly()],
  options: [new Option('--watch [seconds]', 'go on, and show every change: in place on a terminal (default: every 2 seconds)'), json()],
  examples: ['netlab status', 'netlab status quickstart --json', 'netlab status quickstart --watch=5'],
  action: async () => (await import('./status-run.ts')).status,
})
