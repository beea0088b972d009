/** After a change: entries of the connection tracker that would keep UDP clients where no endpoint of their Service is. */
import type { NamespacePool } from '../../../netns/namespace-pool.ts'
import { forgetUdp } from '../../../netns/netlink/connections.ts'
import type { Lab } from '../../../lab/lab.ts'
import { staleFlows } from '../../../services/stale.ts'
import { say } from '../../../report/formats/terminal.ts'

/** Deletes what is stale on every host. Where the kernel does not tell of its connections it says what may happen. */
export async function forgetFlows(before: Lab, after: Lab, pool: NamespacePool): Promise<void> {
  const isStale = staleFlows(before, after)
  if (!isStale) return
  let refused: string | undefined
  await pool.run(
    after.hosts.map((h) => ({ ns: h.netns, steps: [{ call: () => forgetUdp([4, 6], isStale) }] })),
    (_, [result]) => {
      if (result && result.code !== 0) refused = result.stderr.trim()
    },
  )
  if (refused !== undefined) say(`connections cannot be read (${refused}): UDP clients that keep sending stay with the pods they had`)
}
