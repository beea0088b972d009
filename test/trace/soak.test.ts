/**
 * Traces on a machine without a free processor, in labs full of other packets, again and again. What a trace says must
 * be right each time; that the evidence does not suffice is a right answer too, and is counted.
 *
 *   NETLAB_ROUNDS=50   that many rounds of everything; otherwise one of every third fault
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { bin } from '../support/root.ts'
import { netlab, run, sh, told } from '../support/run.ts'
import { traceDocument, type TraceDocument } from './document.ts'
import { TOPOLOGY, type Fault } from './faults/fault.ts'
import { FAULTS } from './faults/labs.ts'
import { busy, flood, type Load } from './load.ts'

ownMachine()
oneProcess()

const asked = process.env['NETLAB_ROUNDS']
const ROUNDS = Number(asked ?? 1)
/** Milliseconds a flood has to become one. */
const SWELL = 200

const TRACES: readonly (readonly string[])[] = [[], ['--port', '8080/tcp'], ['--port', '5353/udp']]

const CHOSEN = [
  'iptables drop in FORWARD',
  'no route',
  'TTL',
  'blackhole',
  'rp_filter',
  'no such pod',
  // Again: the neighbour was resolved a moment ago.
  'no such pod',
  'MTU at the tunnel',
  'ip_forward off',
  'underlay firewall',
  'VNI mismatch',
  'VTEP down at the destination',
  'TCP: nobody listening',
  'FDB entry missing',
]
const faults = CHOSEN.filter((_, i) => asked !== undefined || i % 3 === 0).map((name) => FAULTS.find((f) => f.name === name)!)

const topology = (backend: string, attach: string): string => `network: { backend: ${backend}, attach: ${attach} }\n${TOPOLOGY}`

type Assessment = 'right' | 'honest' | 'lost' | 'wrong'

/** A flood fills queues and tables: what the kernel then drops, probes among them, is no mistake of the trace. */
const FULL = /^(SOCKET_RCVBUFF|CPU_BACKLOG|FULL_RING|QDISC_DROP|NEIGH_CREATEFAIL|NEIGH_QUEUEFULL)$/
const isQueueFull = ({ drop }: TraceDocument): boolean => drop?.cause === 'kernel' && FULL.test(drop.kernelReason ?? '')

function evaluateHealthy(traced: TraceDocument): Assessment {
  const { outcome, evidence, differences } = traced
  if (outcome === 'unanswered' || traced.drop?.cause === 'no-evidence') return 'honest'
  if (outcome !== 'delivered') return isQueueFull(traced) ? 'lost' : 'wrong'
  if (evidence.captured === evidence.expected && evidence.lost === 0 && differences.length === 0) return 'right'
  return evidence.lost > 0 || evidence.missing.length > 0 ? 'honest' : 'wrong'
}

function evaluateFault(fault: Fault, traced: TraceDocument): Assessment {
  const { outcome = 'dropped' } = fault
  if (traced.outcome === outcome && traced.drop?.node === fault.node && traced.drop.cause === fault.cause) return 'right'
  if (traced.outcome === 'unanswered' || traced.drop?.cause === 'no-evidence') return 'honest'
  // None of these is a datagram to a socket: such a drop would be another packet's.
  return isQueueFull(traced) && traced.drop?.kernelReason !== 'SOCKET_RCVBUFF' ? 'lost' : 'wrong'
}

describe(`soak, rounds: ${ROUNDS}`, { skip: unable }, () => {
  const healthy = ['vxlan', 'direct'].flatMap((backend) =>
    ['bridge', 'routed'].map((attach) => ({ what: `${backend} over ${attach}`, lab: new Lab(topology(backend, attach)), podB: '' })),
  )
  const broken = new Lab(TOPOLOGY)
  const loads: Load[] = []
  const tally = new Map<string, Record<Assessment, number>>()
  const wrong: string[] = []

  const count = (what: string, assessment: Assessment, traced: TraceDocument): void => {
    const row = tally.get(what) ?? { right: 0, honest: 0, lost: 0, wrong: 0 }
    row[assessment]++
    tally.set(what, row)
    if (assessment === 'right') return
    const { outcome, differences, evidence } = traced
    const text = `${assessment}: ${what}: ${JSON.stringify({ outcome, drop: traced.drop, differences, evidence })}`
    console.log(text)
    if (assessment === 'wrong') wrong.push(text)
  }
  const trace = async (lab: Lab, args: readonly string[]): Promise<TraceDocument> =>
    traceDocument(await netlab(['trace', ...args, '--lab', lab.name, '--json']))

  before(async () => {
    for (const h of healthy) h.podB = (await h.lab.mustUp()).nodes.find((n) => n.name === 'pod-b')!.addresses![0]!
    await broken.mustUp()
    loads.push(busy())
  })
  after(async () => {
    for (const load of loads) load.stop()
    console.log(`| what | right | not enough evidence | lost to the flood | wrong |`)
    for (const [what, n] of tally) console.log(`| ${what} | ${n.right} | ${n.honest} | ${n.lost} | ${n.wrong} |`)
    for (const { lab } of [...healthy, { lab: broken }]) await lab.remove()
  })

  for (let round = 1; round <= ROUNDS; round++) {
    it(`round ${round}`, async () => {
      const before = wrong.length
      for (const [i, { what, lab, podB }] of healthy.entries()) {
        const load = flood(lab, podB)
        await sh(`sleep ${SWELL / 1000}`)
        for (const args of asked === undefined ? [TRACES[i % 3]!] : [TRACES[0]!, TRACES[1 + (round % 2)]!]) {
          const traced = await trace(lab, ['pod-a', 'pod-b', ...args])
          count(`healthy, ${what}`, evaluateHealthy(traced), traced)
        }
        load.stop()
      }
      const load = flood(broken, '10.244.1.2')
      const script = (text: string): Promise<string> =>
        sh(`on() { node=$1; shift; nsenter --net="/run/netns/${broken.name}.$node" "$@"; }\n${text}`)
      for (const fault of faults) {
        await script(fault.inject)
        const traced = await trace(broken, fault.args ?? ['pod-a', 'pod-b'])
        await script(fault.undo ?? 'true')
        // What is undone needs no healing.
        if (!/^(true$|on \S+ iptables )/.test(fault.inject)) {
          // Not what is tested here: ahead of the load.
          const healed = await run(['nice', '-n', '-10', process.execPath, bin, 'up', broken.file])
          assert.equal(healed.code, 0, told(healed))
        }
        count(fault.name, evaluateFault(fault, traced), traced)
      }
      load.stop()
      assert.deepEqual(wrong.slice(before), [])
    })
  }
})
