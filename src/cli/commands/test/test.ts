/** `netlab test` */
import { Option } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'
import { asked, labOrOnly, reported, strict } from '../../options.ts'

export default defineCommand({
  name: 'test',
  summary: 'Does the running lab keep its promises: the network model, its policies and Services, its `expect:`? Exit code 1 if not.',
  arguments: [labOrOnly()],
  options: [
    ...asked(),
    new Option('--timeout <time>', 'longest wait for an answer that is expected: 5s, 800ms (default: 2.5s)'),
    strict(),
    new Option('--quiet', 'print what failed and one closing line').conflicts('matrix'),
    ...reported(),
  ],
  examples: [
    'netlab test',
    'netlab test three-tier --prove',
    'netlab test topologies/three-tier.yaml --json | jq .failed',
    'netlab test scale --sample 2000',
    'netlab test --quiet && echo fine',
  ],
  action: async () => (await import('./test-run.ts')).test,
})
