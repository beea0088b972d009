/** `netlab logs` */
import { Argument, Option } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'
import { lab } from '../../options.ts'

export default defineCommand({
  name: 'logs',
  summary: "Show what a pod's container printed.",
  arguments: [new Argument('<pod>', 'pod')],
  options: [
    new Option('-c, --container <name>', 'which container, when the pod has several'),
    new Option('-f, --follow', 'go on until the container ends'),
    lab(),
  ],
  examples: ['netlab logs shop/cart', 'netlab logs shop/cart -c sidecar --follow'],
  action: async () => (await import('./logs-run.ts')).logs,
})
