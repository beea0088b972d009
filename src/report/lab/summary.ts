/** What `netlab up` prints when it is done. */
import type { ChalkInstance } from 'chalk'
import { podMTU } from '../../backends/index.ts'
import type { Lab } from '../../lab/lab.ts'
import { table } from '../formats/table.ts'
import { paint } from '../formats/terminal.ts'
import { plural } from '../../plural.ts'
import { tries } from './tries.ts'

/** Above this many pods a list of them is too long to help. */
const MAX_PODS = 24

const addresses = (node: { addresses: readonly { ip: string }[] }): string => node.addresses.map((a) => a.ip).join(' ')

/** @param isOnly whether no other lab is up: commands then need not be told which one */
export function summary(lab: Lab, outcome: 'created' | 'changed' | 'unchanged', ms: number, isOnly: boolean, chalk: ChalkInstance): string {
  const color = paint(chalk)
  const verb = { created: 'is up', changed: 'was changed', unchanged: 'is up already, nothing to change' }[outcome]
  const head = `${chalk.bold(`Lab ${lab.name}`)} ${verb}: ${plural(lab.hosts.length, 'host')}, ${plural(lab.pods.length, 'pod')}, ${lab.backend.type} over ${lab.attach.type}, read back from the kernel ${chalk.dim(`(${(ms / 1000).toFixed(1)} s)`)}\n`
  const counts = new Map<string, number>()
  for (const p of lab.pods) counts.set(p.host, (counts.get(p.host) ?? 0) + 1)
  const hosts = lab.hosts.map((h) => [
    color.host(h.name),
    h.segment,
    addresses(h),
    h.blocks.map((b) => b.cidr).join(' '),
    String(podMTU(lab, h)),
    String(counts.get(h.name) ?? 0),
  ])
  const parts = [head, table(['host', 'segment', 'address', 'pod block', 'pod mtu', 'pods'], hosts.slice(0, MAX_PODS), chalk.dim)]
  if (hosts.length > MAX_PODS) parts.push(chalk.dim(`… and ${plural(hosts.length - MAX_PODS, 'more host')}\n`))
  const others = [
    ...lab.pods.slice(0, MAX_PODS).map((p) => [color.pod(p.key), p.host, addresses(p), p.netns]),
    ...(lab.hostPods ?? []).slice(0, MAX_PODS).map((p) => [color.pod(p.key), p.host, addresses(p), `${p.netns} (hostNetwork)`]),
    ...lab.externals.map((x) => [color.external(x.name), 'outside', addresses(x), x.netns]),
  ]
  if (others.length > 0) parts.push(table(['pod', 'on', 'address', 'namespace'], others, chalk.dim))
  if (lab.pods.length > MAX_PODS)
    parts.push(chalk.dim(`… and ${plural(lab.pods.length - MAX_PODS, 'more pod')}: netlab inspect ${lab.name}\n`))
  const lines = tries(lab, isOnly).map((t) => `  ${t}\n`)
  parts.push(`${chalk.dim('Try next:')}\n${lines.join('')}`)
  return parts.join('\n')
}
