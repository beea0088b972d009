/** `netlab bench` */
import { Argument, Option } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'
import { json } from '../../options.ts'

export default defineCommand({
  name: 'bench',
  summary:
    'Measure what a pod network costs on this machine: throughput, round trips, connections and CPU from pod to pod, through a Service and under policies, each as a ratio to host to host.',
  arguments: [
    new Argument(
      '[file-or-lab...]',
      'topology files, whose networks are measured in labs of their own, or names of running labs, which are measured as they are (default: the one that is up)',
    ),
  ],
  options: [
    new Option('--quick', 'shorter samples: done within a minute a lab').conflicts('time'),
    new Option('--rounds <number>', 'rounds in which every path is measured once: 5 or more').default('5'),
    new Option('--time <time>', 'length of a sample: 500ms, 2s (default: 1s)'),
    new Option('--html <file>', 'write a page with charts, which needs no network'),
    json(),
  ],
  examples: [
    'netlab bench --quick topologies/vxlan.yaml',
    'netlab bench topologies/bench --html bench.html',
    'netlab bench quickstart',
    'netlab bench topologies/bench/*.yaml --json | jq \'.labs[].rows[] | select(.measure == "stream") | {path, ratio}\'',
  ],
  action: async () => (await import('./bench-run.ts')).bench,
})
