/** `netlab doctor`: what this machine can run. */
import { BASE_TOOLS, findTool, probe } from '../kernel/probe.ts'
import { writeJson, writeOut } from '../report/terminal.ts'
import { Exit } from './failure.ts'
import { completePath } from './machine.ts'

export async function doctor(options: { readonly json?: true }): Promise<void> {
  completePath()
  const tools = BASE_TOOLS.map((name) => ({ name, path: findTool(name) ?? null }))
  const features = process.geteuid?.() === 0 ? probe(['netns', 'veth', 'bridge', 'vxlan', 'gre', 'ipip', 'br_netfilter', 'masquerade', 'masquerade6', 'ipv6']) : []
  process.exitCode = tools.every((t) => t.path) && features.every((f) => f.works) ? Exit.Done : Exit.Machine
  if (options.json) return writeJson({ tools, features })
  return writeOut([...tools.map((t) => `${t.name} ${t.path ?? 'missing'}\n`), ...features.map((f) => `${f.feature} ${f.works ? 'yes' : f.reason}\n`)])
}
