/** A lab as a tree that people read. */
import type { ChalkInstance } from 'chalk'
import type { Lab } from '../model/lab.ts'
import { paint } from './terminal.ts'

export function graphText(lab: Lab, chalk: ChalkInstance): string {
  const color = paint(chalk)
  const lines = [chalk.bold(lab.name)]
  for (const s of lab.segments) {
    lines.push(`  ${color.switch(s.name)} ${s.cidrs.join(' ')}`)
    for (const h of lab.hosts.filter((x) => x.segment === s.segment)) {
      lines.push(`    ${color.host(h.name)} ${h.addresses.map((a) => a.ip).join(' ')}`)
      for (const p of lab.pods.filter((x) => x.host === h.name)) lines.push(`      ${color.pod(p.key)} ${p.addresses.map((a) => a.ip).join(' ')}`)
    }
  }
  return `${lines.join('\n')}\n`
}
