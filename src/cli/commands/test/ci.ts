/** `netlab ci` */
import { Argument, Option } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'
import { asked, reported, strict } from '../../options.ts'

export default defineCommand({
  name: 'ci',
  summary: 'Build, test and remove each topology; one report over all. For continuous integration, and before a commit.',
  arguments: [new Argument('<file...>', 'topology files, directories, patterns')],
  options: [
    new Option('--jobs <labs>', 'how many labs at a time (default: processors + 1, as far as memory allows)'),
    new Option('--timeout <time>', 'longest for building and testing a lab: 90s, 10m (default: 10m)'),
    new Option('--keep', 'leave labs that failed'),
    new Option('--allow-skip', 'labs that this machine cannot run do not make it fail'),
    strict(),
    ...asked(),
    ...reported(),
  ],
  examples: [
    'netlab ci topologies --junit report.xml',
    'netlab ci lab.yaml more/*.yaml --jobs 2 --trace-failures traces',
    'netlab ci topologies --allow-skip --sample 1000',
  ],
  action: async () => (await import('./ci-run.ts')).ci,
})
