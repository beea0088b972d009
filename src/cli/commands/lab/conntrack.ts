/** After a change: entries of the connection tracker that would keep UDP clients with pods that have left. */
import type { NamespacePool } from '../../../netns/namespace-pool.ts'
import { findTool } from '../../../kernel/features/probe.ts'
import type { Lab } from '../../../lab/lab.ts'
import { staleFlows } from '../../../services/stale.ts'

/** Deletes what is stale on every host. Without the program it says what may happen. */
export async function forgetFlows(before: Lab, after: Lab, pool: NamespacePool): Promise<void> {
  const stale = staleFlows(before, after)
  if (stale.length === 0) return
  if (!findTool('conntrack')) {
    const ports = [...new Set(stale.map((s) => s.port))].join(', ')
    process.stderr.write(
      `conntrack is not installed (apt-get install conntrack): UDP clients of ${ports} that keep sending stay with the pods they had\n`,
    )
    return
  }
  // Deleting none is exit code 1, and no failure.
  const script = stale.map(({ match }) => `conntrack -D ${match.join(' ')}`).join('\n')
  await pool.run(
    after.hosts.map((h) => ({ ns: h.netns, steps: [{ run: ['sh', '-c', `exec >/dev/null 2>&1\n${script}\ntrue`] }] })),
    () => {},
  )
}
