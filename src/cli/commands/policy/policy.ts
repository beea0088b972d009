/** `netlab policy` */
import { Option } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'
import { fileOrLab, json } from '../../options.ts'
import explain from './explain.ts'

export default defineCommand({
  name: 'policy',
  summary: 'What the NetworkPolicies add up to: whom they select, and who reaches whom. Needs no root.',
  arguments: [fileOrLab()],
  options: [
    new Option('--port <port...>', 'only these: 80/tcp, 53/udp, icmp (default: the ports that policies mention, and one more)'),
    json(),
  ],
  examples: ['netlab policy topologies/three-tier.yaml', 'netlab policy shop --port 8080/tcp icmp'],
  subcommands: [explain],
  action: async () => (await import('./policy-run.ts')).policy,
})
