/**
 * The command line: every command, its options and its help. Actions are loaded when they run, so that a
 * command costs the start-up of what it uses.
 */
import { Command, Option } from '@commander-js/extra-typings'
import { asked, example, json, lab, reported } from './options.ts'
import { addTools } from './tools.ts'
import { VERSION } from '../version.ts'

/** Builds the program; also read by `netlab completion` and by the docs. */
export function program() {
  const netlab = new Command('netlab')
    .description('Real container networks out of Linux network namespaces, from one YAML file.')
    .version(VERSION)
    .showHelpAfterError('(--help shows how)')
    .enablePositionalOptions()
    .exitOverride()
    .addHelpText('after', example('netlab init lab.yaml\nnetlab up lab.yaml\nnetlab exec pod-a -- ping -c1 pod-b-address\nnetlab down lab'))

  netlab
    .command('up')
    .description('Build the lab, or bring a running one to what the file says now.')
    .argument('<file>', 'topology file')
    .option('--force', 'build combinations that cannot work')
    .option('--keep', 'leave a failed lab as it is instead of rolling back')
    .addOption(json())
    .addHelpText('after', example('netlab up topologies/quickstart.yaml\nnetlab up lab.yaml --json | jq .nodes'))
    .action(async (file, options) => (await import('./commands/lab/up-run.ts')).up(file, options))

  netlab
    .command('plan')
    .description('Print the commands `up` would run on a fresh machine, as one POSIX shell script. Needs no root.')
    .argument('<file>', 'topology file')
    .option('--force', 'plan combinations that cannot work')
    .option('--down', 'the script that removes what the script made')
    .addOption(json().hideHelp(false))
    .addHelpText('after', example('netlab plan lab.yaml | less\nnetlab plan lab.yaml | sudo sh\nnetlab plan lab.yaml --down | sudo sh'))
    .action(async (file, options) => (await import('./commands/topology/plan-run.ts')).plan(file, options))

  netlab
    .command('down')
    .description('Remove labs, by name or file. Works without the file, after crashes, and twice.')
    .argument('[lab...]', 'names of labs, or topology files')
    .option('--all', 'every lab on this machine')
    .addOption(json())
    .addHelpText('after', example('netlab down quickstart\nnetlab down topologies/quickstart.yaml\nnetlab down --all'))
    .action(async (labs, options) => (await import('./commands/lab/down-run.ts')).down(labs, options))

  netlab
    .command('ls')
    .description('List the labs on this machine.')
    .addOption(json())
    .addHelpText('after', example('netlab ls'))
    .action(async (options) => (await import('./commands/lab/ls-run.ts')).ls(options))

  netlab
    .command('inspect')
    .description('Everything about a lab: nodes, addresses, MACs, interfaces.')
    .argument('[lab]', 'name or file; may be left out when one lab is up')
    .addOption(json())
    .addHelpText('after', example('netlab inspect\nnetlab inspect quickstart --json'))
    .action(async (name, options) => (await import('./commands/lab/inspect-run.ts')).inspect(name, options))

  netlab
    .command('status')
    .description('Does the kernel still hold what was asked for? Names what drifted; exit code 1 if anything did.')
    .argument('[lab]', 'name or file; may be left out when one lab is up')
    .option('--watch [seconds]', 'go on, and show every change: in place on a terminal (default: every 2 seconds)')
    .addOption(json())
    .addHelpText('after', example('netlab status\nnetlab status quickstart --json\nnetlab status quickstart --watch=5'))
    .action(async (name, options) => (await import('./commands/lab/status-run.ts')).status(name, options))

  netlab
    .command('exec')
    .description("Run a command in a node's network namespace. Streams and exit code pass through.")
    .argument('<node>', 'host, pod, router, switch or external')
    .argument('<command...>', 'the command, after --')
    .addOption(lab())
    .passThroughOptions()
    .addHelpText('after', example('netlab exec pod-a -- ping -c1 10.244.1.2\nnetlab exec node-1 -- ip route'))
    .action(async (node, command, options) => (await import('./commands/nodes/exec-run.ts')).exec(node, command, options))

  netlab
    .command('shell')
    .description('Open a shell in a node.')
    .argument('<node>', 'host, pod, router, switch or external')
    .addOption(lab())
    .addHelpText('after', example('netlab shell node-1'))
    .action(async (node, options) => (await import('./commands/nodes/exec-run.ts')).shell(node, options))

  netlab
    .command('logs')
    .description("Show what a pod's container printed.")
    .argument('<pod>', 'pod')
    .option('-c, --container <name>', 'which container, when the pod has several')
    .option('-f, --follow', 'go on until the container ends')
    .addOption(lab())
    .addHelpText('after', example('netlab logs shop/cart\nnetlab logs shop/cart -c sidecar --follow'))
    .action(async (pod, options) => (await import('./commands/nodes/logs-run.ts')).logs(pod, options))

  netlab
    .command('trace')
    .description('Send one real probe and tell its result: where it went, what it wore, and if it died, where and why.')
    .argument('<from>', 'pod, host, router or external')
    .argument('<to>', 'the same, an address, or svc/NAME')
    .addOption(lab())
    .option('--port <port/protocol>', 'TCP or UDP instead of an ICMP echo: 80/tcp, 53/udp (default for a Service: its only port)')
    .addOption(new Option('--family <4|6>', 'address family, when both ends have both').choices(['4', '6'] as const))
    .option('--size <bytes>', 'of the IP packet')
    .option('--no-df', 'let it be fragmented')
    .option('--ttl <hops>', 'time to live')
    .option('--count <probes>', 'send several; the first that is lost is told')
    .option('--timeout <time>', 'longest wait for an answer: 2s, 500ms (default: 1.5s)')
    .option('--reply', 'tell the answer hop by hop as well')
    .addOption(json())
    .option('--pcap <file>', 'write what was captured, for Wireshark')
    .option('--html <file>', 'write a page that shows the packet moving')
    .addHelpText(
      'after',
      example(
        'netlab trace pod-a pod-b\nnetlab trace pod-a shop/cart --port 8080/tcp\nnetlab trace pod-a svc/shop/cart\nnetlab trace client 10.244.1.2 --json\nnetlab trace pod-a pod-b --size 1500',
      ),
    )
    .action(async (from, to, options) => (await import('./commands/trace/trace-run.ts')).trace(from, to, options))

  const test = netlab
    .command('test')
    .description('Does the running lab keep its promises: the network model, its policies and Services, its `expect:`? Exit code 1 if not.')
    .argument('[lab]', 'name or file; may be left out when one lab is up')
  reported(asked(test).option('--timeout <time>', 'longest wait for an answer that is expected: 5s, 800ms (default: 2.5s)'))
    .addHelpText(
      'after',
      example(
        'netlab test\nnetlab test three-tier --prove\nnetlab test topologies/three-tier.yaml --json | jq .failed\nnetlab test scale --sample 2000',
      ),
    )
    .action(async (name, options) => (await import('./commands/test/test-run.ts')).test(name, options))

  const ci = netlab
    .command('ci')
    .description('Build, test and remove each topology; one report over all. For continuous integration, and before a commit.')
    .argument('<file...>', 'topology files, directories, patterns')
    .option('--jobs <labs>', 'how many labs at a time (default: processors + 1, as far as memory allows)')
    .option('--timeout <time>', 'longest for building and testing a lab: 90s, 10m (default: 10m)')
    .option('--keep', 'leave labs that failed')
    .option('--allow-skip', 'labs that this machine cannot run do not make it fail')
  reported(asked(ci))
    .addHelpText(
      'after',
      example(
        'netlab ci topologies --junit report.xml\nnetlab ci lab.yaml more/*.yaml --jobs 2 --trace-failures traces\nnetlab ci topologies --allow-skip --sample 1000',
      ),
    )
    .action(async (files, options) => (await import('./commands/test/ci-run.ts')).ci(files, options))

  netlab
    .command('capture')
    .description('Show the packets of nodes as they come, or write them to one file for Wireshark. Ctrl-C ends it.')
    .argument('<node...>', 'NODE or NODE:DEVICE; without a device all of the node')
    .addOption(lab())
    .option('--filter <expression>', 'only these: "icmp", "tcp port 80", "host pod-a and not arp"; looks into tunnels')
    .option('--count <packets>', 'end after so many')
    .option('--duration <time>', 'end after so long: 10s, 2m')
    .option('--ether', 'show MAC addresses, too')
    .option('--write <file>', 'write pcapng instead, an interface a device; - is standard output')
    .option('--wireshark', 'open Wireshark on it')
    .addHelpText(
      'after',
      example(
        'netlab capture pod-a\nnetlab capture pod-a:eth0 node-1 node-2:eth0 --filter icmp\nnetlab capture node-1 node-2 --write lab.pcapng --duration 10s\nnetlab capture node-1:eth0 --write - | tshark -r -',
      ),
    )
    .action(async (nodes, options) => (await import('./commands/nodes/capture-run.ts')).capture(nodes, options))

  const policy = netlab
    .command('policy')
    .description('What the NetworkPolicies add up to: whom they select, and who reaches whom. Needs no root.')
    .argument('[file-or-lab]', 'topology file, or name of a running lab')
    .option('--port <port...>', 'only these: 80/tcp, 53/udp, icmp (default: the ports that policies mention, and one more)')
    .addOption(json())
    .addHelpText('after', example('netlab policy topologies/three-tier.yaml\nnetlab policy shop --port 8080/tcp icmp'))
    .action(async (target, options) => (await import('./commands/policy/policy-run.ts')).policy(target, options))

  policy
    .command('explain')
    .description('Which rule of which policy allows it, or which policies isolate. Exit code 1 when it is denied.')
    .argument('<from>', 'pod, host, external or IP address')
    .argument('<to>', 'pod, host, external, svc/name, svc/namespace/name or IP address')
    .option('--port <port/protocol>', '80/tcp, 53/udp, 5060/sctp or icmp (default: icmp; of a Service: its only port)')
    .addOption(new Option('--family <4|6>', 'address family, when both ends have both').choices(['4', '6'] as const))
    .option('--lab <file-or-lab>', 'topology file, or name of a running lab')
    .addOption(json())
    .addHelpText(
      'after',
      example(
        'netlab policy explain shop/web shop/db --port 5432/tcp --lab topologies/three-tier.yaml\nnetlab policy explain client svc/web --lab topologies/services.yaml\nnetlab policy explain shop/web 203.0.113.10 --port 443/tcp',
      ),
    )
    .action(async (from, to, options) => (await import('./commands/policy/policy-run.ts')).explain(from, to, options))

  netlab
    .command('graph')
    .description('Draw a topology file or a running lab.')
    .argument('[file-or-lab]', 'topology file, or name of a running lab')
    .addOption(new Option('--format <format>', 'how to draw it').choices(['text', 'mermaid', 'dot'] as const).default('text' as const))
    .addHelpText('after', example('netlab graph topologies/two-racks.yaml\nnetlab graph --format mermaid quickstart'))
    .action(async (target, options) => (await import('./commands/topology/graph-run.ts')).graph(target, options))

  addTools(netlab)
  return netlab
}

/** Runs the command line and sets the exit code. Never throws. */
export async function run(argv: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(argv)
  } catch (error) {
    const { report } = await import('./report-failure.ts')
    process.exitCode = await report(error, argv)
  }
}
