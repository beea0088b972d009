/** `netlab shell` */
import { defineCommand } from '../../command.ts'
import { lab, node } from '../../options.ts'

export default defineCommand({
  name: 'shell',
  summary: 'Open a shell in a node.',
  arguments: [node()],
  options: [lab()],
  examples: ['netlab shell node-1'],
  action: async () => (await import('./exec-run.ts')).shell,
})
