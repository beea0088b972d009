/**
 * What the kernel counted while the lab was asked: fragments, packets connection tracking calls invalid, martians. Of every
 * node that forwards, and of those outside; pods send what they like.
 */
import { type Lab, nodeName, nodesOf } from '../../../lab/lab.ts'
import type { Check } from '../../check.ts'
import type { TestPlan } from '../../check-source.ts'
import { growth, type NodeReading, type Readings } from '../../evidence/readings.ts'
import { Tally } from '../../evidence/tally.ts'

interface Watched {
  readonly id: string
  readonly title: string
  /** Names in /proc/net/snmp, snmp6, netstat, stat/nf_conntrack. */
  readonly counters: readonly string[]
  readonly what: string
  /** Counters of what is counted along and is right. */
  readonly but?: readonly string[]
  /** Whether a node could count it at all: what never looks finds nothing, and that is no promise kept. */
  readonly looks?: (node: NodeReading) => boolean
  /** Whether a host also counts a refusal that follows another one: the first ended the connection for conntrack. */
  readonly countsLateRefusals?: true
}

const WATCHED: readonly Watched[] = [
  {
    id: 'no-fragments',
    title: 'no node cuts packets into fragments',
    counters: ['Ip.FragCreates', 'Ip6FragCreates'],
    what: 'fragments were made',
  },
  {
    id: 'no-invalid',
    title: 'connection tracking finds no packet invalid',
    counters: ['conntrack.invalid'],
    what: 'packets belonged to no connection',
    // Linux tracks neighbour discovery but for redirects: a host sends one where a routed pod meets itself through a
    // Service, for that packet leaves by the device it came in on (RFC 4861, 8.2).
    but: ['Icmp6OutRedirects'],
    // Every namespace has the file; a router without rules that ask for it tracks nothing.
    looks: ({ before, after }) => [before, after].some((c) => (c['conntrack.entries'] ?? 0) > 0),
    countsLateRefusals: true,
  },
  {
    id: 'no-martians',
    title: 'the reverse path filter drops nothing',
    counters: ['TcpExt.IPReversePathFilter'],
    what: 'packets came from where no route leads back',
    // The larger value of `all` and of the device counts, and a new device has that of `default` (ip-sysctl.rst). netlab
    // leaves the router's off, and externals with what the machine has.
    looks: ({ settings }) => ['all', 'default'].some((d) => (settings[`net/ipv4/conf/${d}/rp_filter`] ?? '0') !== '0'),
  },
]

/** Pods that cut their own packets make nodes do so too: connection tracking joins fragments, and they are cut again. */
const cutThemselves = (lab: Lab, readings: Readings): boolean =>
  lab.pods.some((p) => {
    const node = readings.nodes.get(p.netns)
    return node !== undefined && growth(node, 'Ip.FragCreates') + growth(node, 'Ip6FragCreates') > 0
  })

/** @param lateRefusals - how many TCP questions were refused once more, because the machine was slow */
export function evaluateCounters({ lab }: TestPlan, readings: Readings, lateRefusals = 0): Check[] {
  return WATCHED.flatMap(({ id, title, counters, what, but = [], looks, countsLateRefusals }) => {
    const tally = new Tally('model', id, title)
    if (id === 'no-fragments' && cutThemselves(lab, readings))
      return tally.checks('', 'pods of this lab send packets larger than their MTU')
    for (const place of nodesOf(lab)) {
      const node = readings.nodes.get(place.netns)
      if (place.kind === 'pod' || place.kind === 'switch' || !node || !counters.some((c) => c in node.after)) continue
      const sum = (of: readonly string[]): number => of.reduce((n, c) => n + growth(node, c), 0)
      const counted = sum(counters)
      if (counted === 0 && looks && !looks(node)) continue
      const grown = Math.max(0, counted - sum(but) - (countsLateRefusals ? lateRefusals : 0))
      const reproduce = ['exec', nodeName(place), '--', 'nstat', '-az']
      tally.add(
        grown === 0
          ? undefined
          : { from: nodeName(place), detail: `${grown} ${what} while it was tested`, source: place.source, reproduce },
      )
    }
    return tally.checks('node', 'no node counts them')
  })
}
