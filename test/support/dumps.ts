/** Everything that `ip` and `bridge` print of a namespace, but for what the kernel chooses. */
import { setTimeout as sleep } from 'node:timers/promises'
import { sh } from './run.ts'
import { carriersKnown } from './snapshot.ts'

/**
 * One JSON document a line. As the link of a bridge's port, `bridge` names the device that has the index of the other end
 * by chance, in this namespace instead of the other end's.
 */
const DUMPS = String.raw`printf "%s\n" "address show" "route show table all" "rule show" "neigh show nud all" "neigh show proxy" | ip -j -d -batch -
printf "%s\n" "route show table all" "rule show" "neigh show nud all" | ip -6 -j -d -batch -
printf "%s\n" "fdb show" "link show" | bridge -j -d -batch - | sed s/\"link\":\"[^\"]*\",//g`

/** Numbers of devices, what goes on, and what comes of the order in which namespaces met. */
const CHANCE =
  /timer|^(ifindex|link_index|link_netns|link_netnsid|root_id|bridge_id|designated_bridge|designated_root|tentative|valid_life_time|preferred_life_time)$/

function without(value: unknown, isGiven: (text: string) => boolean): unknown {
  if (Array.isArray(value)) {
    const items = value.map((v) => without(v, isGiven))
    return items.every((v) => typeof v === 'object') ? items.map((v) => JSON.stringify(v)).toSorted() : items
  }
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).flatMap(([k, v]) => (CHANCE.test(k) ? [] : [[k, without(v, isGiven)]])))
  if (typeof value !== 'string' || isGiven(value)) return value
  if (/^([\da-f]{2}:){5}[\da-f]{2}$/.test(value) && !/^(ff:ff|33:33|01:)/.test(value)) return 'MAC'
  return /^fe80::.|^ff02::1:ff/.test(value) ? 'FROM-MAC' : value
}

/** What only traffic made: who has met whom, and which groups were joined by now. */
function isOfTraffic(o: unknown): boolean {
  const { state, dst, mac } = o as { state?: unknown; dst?: string; mac?: string }
  if (mac !== undefined) return state === '' || /^(33:33|01:00:5e)/.test(mac)
  if (!Array.isArray(state)) return false
  return !state.includes('PERMANENT') && (!state.includes('NOARP') || /^(ff|2[23]\d\.)/.test(dst ?? ''))
}

/** @param isGiven whether a MAC address, or what follows from one, was asked for; others were drawn by lot */
export async function dump(ns: string, isGiven: (text: string) => boolean = () => true): Promise<unknown[]> {
  const text = await sh(`nsenter --net="/run/netns/$1" sh -ec '${DUMPS}'`, ns)
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('[')) return []
    return [
      without(
        (JSON.parse(line) as unknown[]).filter((o) => !isOfTraffic(o)),
        isGiven,
      ),
    ]
  })
}

/** Of every namespace of a lab, once nothing in it comes by itself any more. */
export async function settledDump(
  nodes: readonly { readonly netns: string; readonly kind: string }[],
): Promise<Readonly<Record<string, readonly unknown[]>>> {
  await carriersKnown(nodes)
  for (let before = ''; ;) {
    const all: Record<string, readonly unknown[]> = {}
    for (const { netns } of nodes) all[netns] = await dump(netns)
    const now = JSON.stringify(all)
    if (now === before) return all
    before = now
    await sleep(200)
  }
}
