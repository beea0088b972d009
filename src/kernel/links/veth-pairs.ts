/** Veth ends → pairs that carry frames. */
import { setTimeout as sleep } from 'node:timers/promises'
import { NO_CARRIER } from './attributes.ts'
import type { NamespacePool } from '../../netns/namespace-pool.ts'
import type { KernelObject, Veth, VethEnd } from '../objects.ts'
import { UNKNOWN_PEER } from '../kinds/veth.ts'
import { operational } from '../kinds/parse.ts'
import { jsonLines, type IpLink } from '../kinds/iproute2.ts'

/** One end of a veth as the kernel shows it. */
export interface End {
  readonly link: IpLink
  readonly end: VethEnd
}

/** Longest wait for links to carry frames, and between two looks, milliseconds. */
const SETTLE = { patience: 3000, pause: 15 }

/**
 * Waits until pairs whose ends are both up carry frames, so that whoever sends next is not the victim of a link
 * that is still starting. Only ends that were up first, and bridge ports, can be late. What does not get there
 * is marked as non-default.
 */
export async function waitForCarrier(
  hints: readonly KernelObject[],
  ends: Map<string, End>,
  pool: NamespacePool,
  patience: number = SETTLE.patience,
): Promise<void> {
  const pairsUp = hints.flatMap((o): [string, string][] => {
    if (o.kind !== 'veth') return []
    const [near, far] = [`${o.ns} ${o.name}`, `${o.peer.ns} ${o.peer.name}`]
    const bothUp = [near, far].every((key) => ends.get(key)?.link.flags.includes('UP'))
    return bothUp ? [[near, far]] : []
  })
  const late = (): string[] =>
    pairsUp.flatMap(([near, far]) => {
      const other = ends.get(far)!
      return [...(operational(ends.get(near)!.link) ? [] : [near]), ...(other.end.port && !operational(other.link) ? [far] : [])]
    })
  const deadline = Date.now() + patience
  let waiting = late()
  while (waiting.length > 0 && Date.now() < deadline) {
    await sleep(SETTLE.pause)
    const spaces = [...new Set(waiting.map((key) => ends.get(key)!.end.ns))]
    await pool.run(
      spaces.map((ns) => ({ ns, steps: [{ run: ['ip', '-j', '-d', 'link', 'show'] }] })),
      (index, results) => {
        for (const link of (jsonLines(results[0]?.stdout ?? '')[0] ?? []) as IpLink[]) {
          const before = ends.get(`${spaces[index]} ${link.ifname}`)
          if (before) ends.set(`${spaces[index]} ${link.ifname}`, { ...before, link })
        }
      },
    )
    waiting = late()
  }
  for (const key of waiting) {
    const { link, end } = ends.get(key)!
    ends.set(key, { link, end: { ...end, nonDefault: [...(end.nonDefault ?? []), NO_CARRIER] } })
  }
}

/**
 * Joins veth ends to pairs. The kernel names the other end by index only, so the pairing asked for is
 * accepted when the indices of both ends agree. Ends that are left over come as pairs with {@link UNKNOWN_PEER}.
 */
export function pairs(hints: readonly KernelObject[], ends: Map<string, End>): Veth[] {
  const result: Veth[] = []
  for (const o of hints) {
    if (o.kind !== 'veth') continue
    const near = ends.get(`${o.ns} ${o.name}`)
    const far = ends.get(`${o.peer.ns} ${o.peer.name}`)
    if (!near || !far || near.link.link_index !== far.link.ifindex || far.link.link_index !== near.link.ifindex) continue
    result.push({ kind: 'veth', ...near.end, peer: far.end })
    ends.delete(`${o.ns} ${o.name}`)
    ends.delete(`${o.peer.ns} ${o.peer.name}`)
  }
  for (const { end } of ends.values()) result.push({ kind: 'veth', ...end, peer: UNKNOWN_PEER })
  return result
}
