/** `netlab up` */
import { Option } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'
import { file, json, strict } from '../../options.ts'

export default defineCommand({
  name: 'up',
  summary: 'Build the lab, or bring a running one to what the file says now.',
  arguments: [file()],
  options: [
    new Option('--force', 'build combinations that cannot work'),
    new Option('--reset', 'take away from a running lab what its file does not ask for, and put back settings that were changed'),
    new Option('--keep', 'leave a failed lab as it is instead of rolling back'),
    new Option('--verbose', 'print each line as it is run, and whether netlink, a file or its program runs it'),
    strict(),
    json(),
  ],
  examples: ['netlab up topologies/quickstart.yaml', 'netlab up lab.yaml --reset', 'netlab up lab.yaml --json | jq .nodes'],
  action: async () => (await import('./up-run.ts')).up,
})
