/** `netlab schema` */
import { defineCommand } from '../../command.ts'

export default defineCommand({
  name: 'schema',
  summary: 'Print the JSON Schema of topology files, for editors.',
  examples: ['netlab schema > topology.schema.json'],
  action: async () => (await import('./schema-run.ts')).schema,
})
