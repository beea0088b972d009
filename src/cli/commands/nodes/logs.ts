/** `netlab logs` */
import { Argument, Option } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'
import { lab } from '../../options.ts'

export default defineCommand({
  name: 'logs',
  summary: 'Show what a container of a pod or an external, or a daemon of another node printed.',
  arguments: [new Argument('<pod>', 'pod, external, or another node that runs a daemon')],
  options: [
    new Option('-c, --container <name>', 'which container or daemon, when the node has several'),
    new Option('-f, --follow', 'go on until it ends'),
    lab(),
  ],
  examples: ['netlab logs shop/cart', 'netlab logs shop/cart -c sidecar --follow'],
  action: async () => (await import('./logs-run.ts')).logs,
})
