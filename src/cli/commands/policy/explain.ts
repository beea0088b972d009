/** `netlab policy explain` */
import { Argument, Option } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'
import { family, json } from '../../options.ts'

export default defineCommand({
  name: 'explain',
  summary: 'Which rule of which policy allows it, or which policies isolate. Exit code 1 when it is denied.',
  arguments: [
    new Argument('<from>', 'pod, host, external or IP address'),
    new Argument('<to>', 'pod, host, external, svc/name, svc/namespace/name or IP address'),
  ],
  options: [
    new Option('--port <port/protocol>', '80/tcp, 53/udp, 5060/sctp or icmp (default: icmp; of a Service: its only port)'),
    family(),
    new Option('--lab <file-or-lab>', 'topology file, or name of a running lab'),
    json(),
  ],
  examples: [
    'netlab policy explain shop/web shop/db --port 5432/tcp --lab topologies/three-tier.yaml',
    'netlab policy explain client svc/web --lab topologies/services.yaml',
    'netlab policy explain shop/web 203.0.113.10 --port 443/tcp',
  ],
  action: async () => (await import('./policy-run.ts')).explain,
})
