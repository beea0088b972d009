/** `netlab capture` */
import { Argument, Option } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'
import { lab } from '../../options.ts'

export default defineCommand({
  name: 'capture',
  summary: 'Show the packets of nodes as they come, or write them to one file for Wireshark. Ctrl-C ends it.',
  arguments: [new Argument('<node...>', 'NODE or NODE:DEVICE; without a device all of the node')],
  options: [
    lab(),
    new Option('--filter <expression>', 'only these: "icmp", "tcp port 80", "host pod-a and not arp"; looks into tunnels'),
    new Option('--count <packets>', 'end after so many'),
    new Option('--duration <time>', 'end after so long: 10s, 2m'),
    new Option('--ether', 'show MAC addresses, too'),
    new Option('--write <file>', 'write pcapng instead, an interface a device; - is standard output'),
    new Option('--wireshark', 'open Wireshark on it'),
  ],
  examples: [
    'netlab capture pod-a',
    'netlab capture pod-a:eth0 node-1 node-2:eth0 --filter icmp',
    'netlab capture node-1 node-2 --write lab.pcapng --duration 10s',
    'netlab capture node-1:eth0 --write - | tshark -r -',
  ],
  action: async () => (await import('./capture-run.ts')).capture,
})
