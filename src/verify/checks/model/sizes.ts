/** Pod MTU = link MTU − overhead, on every device of the way and no byte more or less in a packet. */
import { backendOf } from '../../../backends/index.ts'
import { podMTU } from '../../../compile/compile.ts'
import type { Host, Lab } from '../../../lab/lab.ts'
import type { Check } from '../../check.ts'
import { hostPairs, type HostPair } from './pairs.ts'
import { failing, noPairs } from './paths.ts'
import type { Asked, Evidence, TestPlan } from '../../check-source.ts'
import type { Device, Readings } from '../../evidence/readings.ts'
import { answerText, Tally } from '../../evidence/tally.ts'

const mtuOf = (lab: Lab, host: Host): number => podMTU(host, backendOf(lab.backend))

/** The largest packet from one host's pods to another's: no link of the way carries less. */
function fullSize(lab: Lab, { near, far }: HostPair): number {
  const { overhead } = backendOf(lab.backend)
  const segment = (h: Host): number => lab.segments.find((s) => s.segment === h.segment)?.mtu ?? h.mtu
  const links =
    near === far ? [near.mtu] : near.segment === far.segment ? [near.mtu, far.mtu] : [near.mtu, segment(near), segment(far), far.mtu]
  return Math.min(...links) - overhead
}

const ask = (pair: HostPair, size: number, expected: Asked['expected']): Asked => ({
  netns: pair.from.netns,
  kind: 'icmp',
  family: pair.family,
  address: pair.address,
  port: 0,
  size,
  expected,
})

const full = (lab: Lab, pair: HostPair): Asked => ask(pair, fullSize(lab, pair), ['ok'])
const beyond = (lab: Lab, pair: HostPair): Asked => ask(pair, mtuOf(lab, pair.near) + 1, ['too-long'])

export const sizeQuestions = (plan: TestPlan): Asked[] => hostPairs(plan).pairs.flatMap((p) => [full(plan.lab, p), beyond(plan.lab, p)])

const TUNNELS = ['vxlan', 'gre', 'ipip', 'geneve', 'wireguard']
const isTunnel = (d: Device): boolean => TUNNELS.includes(d.linkinfo?.info_kind ?? '') && d.flags.includes('UP')

/** Devices of a host and its pods, with the MTU each must have. */
function* devices(
  lab: Lab,
  readings: Readings,
  host: Host,
): Generator<{ where: string; device: Device | undefined; name: string; mtu: number; pod?: string }> {
  const inside = mtuOf(lab, host)
  const node = readings.nodes.get(host.netns)
  if (!node) return
  const named = (name: string): Device | undefined => node.devices.find((d) => d.ifname === name)
  yield { where: host.name, name: 'eth0', device: named('eth0'), mtu: host.mtu }
  for (const device of node.devices.filter(isTunnel)) yield { where: host.name, name: device.ifname, device, mtu: inside }
  const bridges = new Set<string>()
  for (const pod of lab.pods) {
    if (pod.host !== host.name) continue
    const end = named(pod.hostInterface)
    yield { where: host.name, name: pod.hostInterface, device: end, mtu: inside, pod: pod.key }
    if (end?.master !== undefined) bridges.add(end.master)
    const reading = readings.nodes.get(pod.netns)
    if (reading) yield { where: pod.key, name: 'eth0', device: reading.devices.find((d) => d.ifname === 'eth0'), mtu: inside, pod: pod.key }
  }
  for (const name of bridges) yield { where: host.name, name, device: named(name), mtu: inside }
}

export function evaluateSizes(plan: TestPlan, evidence: Evidence, readings: Readings): Check[] {
  const { lab } = plan
  const { overhead, wire } = backendOf(lab.backend)
  const devs = new Tally(
    'model',
    'mtu-everywhere',
    `every device on a pod's way has the link MTU less the ${overhead} bytes of ${lab.backend.type}`,
  )
  for (const host of lab.hosts) {
    for (const { where, name, device, mtu } of devices(lab, readings, host)) {
      const wrong = device === undefined ? 'is gone' : device.mtu === mtu ? undefined : `has MTU ${device.mtu} instead of ${mtu}`
      devs.add(
        wrong === undefined
          ? undefined
          : { from: where, detail: `${name} ${wrong}`, source: host.source, reproduce: ['exec', where, '--', 'ip', 'link', 'show', name] },
      )
    }
  }
  const passes = new Tally('model', 'full-mtu-passes', 'a packet of the full MTU passes, not to be fragmented')
  const fails = new Tally('model', 'beyond-mtu-fails', 'one byte more than the MTU is refused where it is sent, with the MTU')
  for (const pair of hostPairs(plan).pairs) {
    const leg = (asked: Asked): Parameters<typeof failing>[0] => ({ from: pair.from, to: pair.to, asked })
    const largest = full(lab, pair)
    const answer = evidence.answer(largest)
    passes.add(answer?.outcome === 'ok' ? undefined : failing(leg(largest), `${largest.size} bytes: ${answerText(answer)}`))
    const over = beyond(lab, pair)
    const said = evidence.answer(over)
    const mtu = mtuOf(lab, pair.near)
    const isRight = said?.outcome === 'too-long' && said.text === `local mtu=${mtu}`
    fails.add(isRight ? undefined : failing(leg(over), `${over.size} bytes: ${answerText(said)}; the MTU is ${mtu}`))
  }
  const nothing = noPairs(lab, 'policies let no echo through')
  const without = wire.length === 0 ? 'devices' : 'devices, tunnels among them'
  return [
    ...devs.checks(without, 'no namespace could be read'),
    ...passes.checks('pairs of hosts', nothing),
    ...fails.checks('pairs of hosts', nothing),
  ]
}
