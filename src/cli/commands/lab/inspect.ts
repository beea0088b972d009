/** `netlab inspect` */
import { defineCommand } from '../../command.ts'
import { json, labOrOnly } from '../../options.ts'

export default defineCommand({
  name: 'inspect',
  summary: 'Everything about a lab: nodes, addresses, MACs, interfaces.',
  arguments: [labOrOnly()],
  options: [json()],
  examples: ['netlab inspect', 'netlab inspect quickstart --json'],
  action: async () => (await import('./inspect-run.ts')).inspect,
})
