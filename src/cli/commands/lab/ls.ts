/** `netlab ls` */
import { defineCommand } from '../../command.ts'
import { json } from '../../options.ts'

export default defineCommand({
  name: 'ls',
  summary: 'List the labs on this machine.',
  options: [json()],
  examples: ['netlab ls'],
  action: async () => (await import('./ls-run.ts')).ls,
})
