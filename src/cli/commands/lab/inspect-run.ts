/** `netlab inspect`: everything about a lab. */
import { visible } from '../../../report/formats/visible.ts'
import { type Node, nodeName, nodesOf } from '../../../lab/lab.ts'
import { borderText, labDocument } from '../../../report/lab/inspect.ts'
import { presetText } from '../../../report/lab/preset.ts'
import { table } from '../../../report/formats/table.ts'
import { chalkFor, paint, writeJson, writeOut } from '../../../report/formats/terminal.ts'
import { ESTABLISHED } from '../../../kernel/kinds/session.ts'
import { sessionsOf } from '../../../process/sessions.ts'
import { processDir } from '../../../state/store.ts'
import { theLab } from '../../labs.ts'

export async function inspect(name: string | undefined, options: { readonly json?: true }): Promise<void> {
  const { lab, objects } = theLab(name)
  const sessions = await sessionsOf(processDir(lab.name), objects)
  if (options.json) return writeJson({ ...labDocument(lab, objects), sessions })
  const chalk = chalkFor(process.stdout)
  const color = paint(chalk)
  const document = labDocument(lab, objects) as Record<string, unknown>
  const facts = (['lab', 'file', 'backend', 'attach', 'podCIDR', 'serviceCIDR', 'podMTU'] as const).map((key) => [
    chalk.dim(key),
    visible(String(document[key])),
  ])
  if (lab.preset) facts.push([chalk.dim('preset'), visible(presetText(lab.preset))])
  if (lab.border?.nat || lab.border?.firewall) facts.push([chalk.dim('border'), visible(borderText(lab.border))])
  const where = (n: Node): string => (n.kind === 'pod' ? n.host : n.kind === 'host' || n.kind === 'switch' ? n.segment : '')
  const rows = nodesOf(lab).map((n) => [
    color[n.kind](nodeName(n)),
    n.kind,
    where(n),
    'addresses' in n ? n.addresses.map((a) => a.ip).join(' ') : '',
    'mac' in n ? n.mac : '',
    n.kind === 'pod' ? n.hostInterface : '',
    n.netns,
  ])
  for (const p of lab.hostPods ?? [])
    rows.push([color.pod(p.key), 'pod', p.host, p.addresses.map((a) => a.ip).join(' '), '', 'hostNetwork', p.netns])
  const services = lab.services.map((s) => [
    s.key,
    s.type,
    s.headless ? 'None' : s.clusterIPs.map((a) => a.ip).join(' '),
    s.ports.map((p) => `${p.port}${p.nodePort === undefined ? '' : `:${p.nodePort}`}/${p.protocol}`).join(' '),
    String(new Set(s.ports.flatMap((p) => p.endpoints.map((e) => e.pod ?? e.ip))).size),
  ])
  const daemons = objects.flatMap((o) => (o.kind === 'daemon' ? [[o.node, o.program, o.command.join(' '), o.ns]] : []))
  const states = sessions.map((s) => [
    s.nodes.join('–'),
    s.protocol,
    s.state === ESTABLISHED ? chalk.green(s.state) : chalk.red(s.state ?? 'no answer'),
    s.since ?? '',
    s.error ?? '',
  ])
  return writeOut([
    `${facts.map((f) => f.join('  ')).join('\n')}\n\n`,
    table(['node', 'kind', 'on', 'address', 'mac', 'host interface', 'namespace'], rows, chalk.dim),
    ...(services.length > 0 ? ['\n', table(['service', 'type', 'cluster address', 'ports', 'endpoints'], services, chalk.dim)] : []),
    ...(daemons.length > 0 ? ['\n', table(['node', 'daemon', 'command', 'namespace'], daemons, chalk.dim)] : []),
    ...(states.length > 0 ? ['\n', table(['session', 'protocol', 'state', 'since', 'error'], states, chalk.dim)] : []),
  ])
}
