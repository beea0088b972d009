/** `netlab plan` */
import { Option } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'
import { file, json, strict } from '../../options.ts'

export default defineCommand({
  name: 'plan',
  summary: 'Print the commands `up` would run on a fresh machine, as one POSIX shell script. Needs no root.',
  arguments: [file()],
  options: [
    new Option('--force', 'plan combinations that cannot work'),
    new Option('--down', 'the script that removes what the script made'),
    strict(),
    json(),
  ],
  examples: ['netlab plan lab.yaml | less', 'netlab plan lab.yaml | sudo sh', 'netlab plan lab.yaml --down | sudo sh'],
  action: async () => (await import('./plan-run.ts')).plan,
})
