/** `netlab doctor` */
import { defineCommand } from '../../command.ts'
import { json } from '../../options.ts'

export default defineCommand({
  name: 'doctor',
  summary: 'What this machine can run: kernel features, tools, backends, and how to get the rest.',
  options: [json()],
  examples: ['netlab doctor'],
  action: async () => (await import('./doctor-run.ts')).doctor,
})
