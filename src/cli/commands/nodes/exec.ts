/** `netlab exec` */
import { Argument } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'
import { lab, node } from '../../options.ts'

export default defineCommand({
  name: 'exec',
  summary: "Run a command in a node's network namespace. Streams and exit code pass through.",
  arguments: [node(), new Argument('<command...>', 'the command, after --')],
  options: [lab()],
  passThrough: true,
  examples: ['netlab exec pod-a -- ping -c1 10.244.1.2', 'netlab exec node-1 -- ip route'],
  action: async () => (await import('./exec-run.ts')).exec,
})
