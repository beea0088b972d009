/** Pod MTU = link MTU − overhead, on every device of the way and no byte more or less in a packet. */
import { carriage, podMTU } from '../../../backends/index.ts'
import { UPLINK, type Host, type Lab } from '../../../lab/lab.ts'
import type { Check } from '../../check.ts'
import { hostPairs, type HostPair } from './pairs.ts'
import { failing, noPairs } from './paths.ts'
import type { Asked, Evidence, TestPlan } from '../../check-source.ts'
import type { Device, Readings } from '../../evidence/readings.ts'
import { answerText, Tally } from '../../evidence/tally.ts'

/** The largest packet from one host's pods to another's: no link of the way carries less. */
function fullSize(lab: Lab, { near, far }: HostPair): number {
  if (near === far) return podMTU(lab, near)
  const segment = (h: Host): number => lab.segments.find((s) => s.segment === h.segment)?.mtu ?? h.mtu
  const links = near.segment === far.segment ? [near.mtu, far.mtu] : [near.mtu, segment(near), segment(far), far.mtu]
  return Math.min(podMTU(lab, near), podMTU(lab, far), Math.min(...links) - carriage(lab, near, far).overhead)
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
const beyond = (lab: Lab, pair: HostPair): Asked => ask(pair, podMTU(lab, pair.near) + 1, ['too-long'])

export const sizeQuestions = (plan: TestPlan): Asked[] => hostPairs(plan).pairs.flatMap((p) => [full(plan.lab, p), beyond(plan.lab, p)])

/** Devices of a host that packets to other hosts' pods are routed into, its link to the underlay aside. */
const tunnelsOf = (lab: Lab, host: Host): Set<string> =>
  new Set(lab.hosts.flatMap((far) => (far === host ? [] : carriage(lab, host, far).device)).filter((name) => name !== UPLINK))

/** Devices of a host and its pods, with the MTU each must have. */
function* devices(
  lab: Lab,
  readings: Readings,
  host: Host,
): Generator<{ where: string; device: Device | undefined; name: string; mtu: number; pod?: string }> {
  const inside = podMTU(lab, host)
  const node = readings.nodes.get(host.netns)
  if (!node) return
  const named = (name: string): Device | undefined => node.devices.find((d) => d.ifname === name)
  yield { where: host.name, name: UPLINK, device: named(UPLINK), mtu: host.mtu }
  for (const name of tunnelsOf(lab, host)) {
    const device = named(name)
    if (device?.flags.includes('UP')) yield { where: host.name, name, device, mtu: inside }
  }
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
  const reserved = lab.hosts[0] ? lab.hosts[0].mtu - podMTU(lab, lab.hosts[0]) : 0
  const devs = new Tally(
    'model',
    'mtu-everywhere',
    `every device on a pod's way has the link MTU less the ${reserved} bytes of ${lab.backend.type}`,
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
    const mtu = podMTU(lab, pair.near)
    const isRight = said?.outcome === 'too-long' && said.text === `local mtu=${mtu}`
    fails.add(isRight ? undefined : failing(leg(over), `${over.size} bytes: ${answerText(said)}; the MTU is ${mtu}`))
  }
  const nothing = noPairs(lab, 'policies let no echo through')
  const what = lab.hosts.some((h) => tunnelsOf(lab, h).size > 0) ? 'device, tunnels among them' : 'device'
  return [
    ...devs.checks(what, 'no namespace could be read'),
    ...passes.checks('pair of hosts', nothing),
    ...fails.checks('pair of hosts', nothing),
  ]
}
