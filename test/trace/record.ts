/**
 * Records the evidence of traces in a lab that is broken by hand, for test/unit/trace. Run as root, after changes to
 * what is collected:   npx tsx test/trace/record.ts
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NamespacePool } from '../../src/netns/namespace-pool.ts'
import { readApplied } from '../../src/state/store.ts'
import type { KernelEvent } from '../../src/trace/collect/events.ts'
import { startCollectors, type ProbeOptions } from '../../src/trace/collect/collectors.ts'
import { gather } from '../../src/trace/collect/gather.ts'
import { resolveTargets } from '../../src/trace/predict/targets.ts'
import { bin, root } from '../support/root.ts'
import { RECORDED_LAB, write } from '../unit/trace/recording.ts'
import { TOPOLOGY, type Fault } from './faults/fault.ts'
import { FAULTS } from './faults/labs.ts'

const CHOSEN =
  /^(iptables reject in FORWARD|chain policy|underlay firewall|no route|blackhole|rp_filter|MTU at the tunnel|MTU at the underlay|TTL|ip_forward off|FDB entry missing|FDB entry wrong|VNI mismatch|UDP port mismatch|VTEP down at the destination|bridge down|veth down in the host|pod interface down|not on its bridge|wrong neighbour in the host|wrong neighbour in the pod|neighbour missing|no such pod|no route back in the pod|the destination's own OUTPUT|asymmetric return|TCP: nobody listening|TCP: reset by a rule|UDP: nobody listening)$/

const name = `nltr-rec${process.pid}`
const dir = mkdtempSync(join(tmpdir(), 'netlab-record-'))
const file = join(dir, 'lab.yaml')
writeFileSync(file, `name: ${name}\n${TOPOLOGY}`)
const netlab = (...args: string[]): void => void execFileSync(process.execPath, [bin, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
const script = (text: string): void =>
  void execFileSync('sh', ['-c', `on() { node=$1; shift; nsenter --net="/run/netns/${name}.$node" "$@"; }\n${text}`], { stdio: 'inherit' })

function optionsOf(args: readonly string[]): ProbeOptions {
  const value = (option: string): string | undefined => (args.includes(option) ? args[args.indexOf(option) + 1] : undefined)
  const [port, protocol] = (value('--port') ?? '0/icmp').split('/') as [string, ProbeOptions['protocol']]
  return {
    protocol,
    port: Number(port),
    family: undefined,
    size: Number(value('--size') ?? 113),
    df: true,
    ttl: Number(value('--ttl') ?? 0),
    count: 1,
    timeout: 1500,
  }
}

/** The function that dropped it is looked up when it is asked for. */
const plain = (e: KernelEvent): KernelEvent =>
  e.kind === 'drop' ? { kind: e.kind, at: e.at, skb: e.skb, location: e.location, reason: e.reason, protocol: e.protocol } : e

async function record(fault: Fault): Promise<void> {
  const args = fault.args ?? ['pod-a', 'pod-b']
  const words = [args[0]!, args[1]!] as const
  const options = optionsOf(args)
  script(fault.inject)
  const applied = readApplied(name)!
  const pool = new NamespacePool()
  const collectors = startCollectors(options)
  const { from, to } = resolveTargets(applied.lab, words[0], words[1], undefined)
  const evidence = await gather(applied, from, to, options, collectors, pool, new AbortController().signal)
  await collectors.close()
  pool.close()
  script(fault.undo ?? 'true')
  netlab('up', file)
  const { liveState, identity, expected } = evidence.parts
  const snapshots = [...applied.lab.hosts, ...applied.lab.pods, ...applied.lab.segments].flatMap(({ netns }) => {
    const s = liveState.seen(netns)
    return s ? [[netns, { ...s, sysctls: [...s.sysctls], routes: [...s.routes] }] as const] : []
  })
  const text = write({
    fault: fault.name,
    expect: { node: fault.node, cause: fault.cause, outcome: fault.outcome ?? 'dropped' },
    words,
    options,
    identity,
    expected,
    snapshots,
    frames: evidence.parts.listener.frames,
    traces: evidence.parts.rules.traces,
    events: collectors.events.events.map(plain),
    outcomes: evidence.parts.prober.outcomes,
    texts: [...evidence.texts],
  })
  const out = join(root, 'test/unit/trace/recorded', `${fault.name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.jsonl`)
  // Names of the machine that recorded it say nothing.
  writeFileSync(out, text.replaceAll(file, 'lab.yaml').replaceAll(name, RECORDED_LAB))
  console.log(fault.name)
}

netlab('up', file)
try {
  for (const fault of FAULTS.filter((f) => CHOSEN.test(f.name))) await record(fault)
} finally {
  netlab('down', name)
  rmSync(dir, { recursive: true })
}
process.exit()
