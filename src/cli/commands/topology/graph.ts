/** `netlab graph` */
import { Option } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'
import { fileOrLab } from '../../options.ts'

const FORMATS = ['text', 'mermaid', 'dot'] as const

export default defineCommand({
  name: 'graph',
  summary: 'Draw a topology file or a running lab.',
  arguments: [fileOrLab()],
  options: [new Option('--format <format>', 'how to draw it').choices(FORMATS).default('text' as const)],
  examples: ['netlab graph topologies/two-racks.yaml', 'netlab graph --format mermaid quickstart'],
  action: async () => (await import('./graph-run.ts')).graph,
})
