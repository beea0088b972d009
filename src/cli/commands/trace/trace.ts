/** `netlab trace` */
import { Argument, Option } from '@commander-js/extra-typings'
import { defineCommand } from '../../command.ts'
import { family, json, lab } from '../../options.ts'

export default defineCommand({
  name: 'trace',
  summary: 'Send one real probe and show its way: its headers at each hop, and where and why it was dropped.',
  arguments: [new Argument('<from>', 'pod, host, router or external'), new Argument('<to>', 'the same, an address, or svc/NAME')],
  options: [
    lab(),
    new Option('--port <port/protocol>', 'TCP or UDP instead of an ICMP echo: 80/tcp, 53/udp (default for a Service: its only port)'),
    family(),
    new Option('--size <bytes>', 'of the IP packet'),
    new Option('--no-df', 'let it be fragmented'),
    new Option('--ttl <hops>', 'time to live'),
    new Option('--count <probes>', 'send several; the first that is lost is shown'),
    new Option('--timeout <time>', 'longest wait for an answer: 2s, 500ms (default: 1.5s)'),
    new Option('--reply', 'show the answer hop by hop as well'),
    new Option('--brief', 'one line a node: interface in → out, what became of the packet, and why'),
    json(),
    new Option('--pcap <file>', 'write what was captured, for Wireshark'),
    new Option('--html <file>', 'write a page that shows the packet moving'),
  ],
  examples: [
    'netlab trace pod-a pod-b',
    'netlab trace pod-a shop/cart --port 8080/tcp',
    'netlab trace pod-a svc/shop/cart',
    'netlab trace client 10.244.1.2 --json',
    'netlab trace pod-a pod-b --size 1500',
    'netlab trace pod-a pod-b --brief',
  ],
  action: async () => (await import('./trace-run.ts')).trace,
})
