import type { IpFdb } from '../dumps/content.ts'
import { Stage, withNonDefault, type Common, type ObjectKind } from './kind.ts'

/** A permanent VXLAN FDB entry: frames to `mac` leave in a tunnel to `dst`. */
export interface Fdb extends Common {
  readonly kind: 'fdb'
  readonly dev: string
  readonly mac: string
  readonly dst: string
}

export function fdbObjects(ns: string, entries: readonly IpFdb[]): Fdb[] {
  return entries.flatMap((f): Fdb[] => {
    if (f.dst === undefined || !f.flags?.includes('self') || f.state !== 'permanent') return []
    const nonDefault = (['port', 'vni', 'via'] as const).flatMap((word) => (f[word] === undefined ? [] : [`${word} ${f[word]}`]))
    return [{ kind: 'fdb', ns, dev: f.ifname, mac: f.mac, dst: f.dst, ...withNonDefault(nonDefault) }]
  })
}

export const fdb: ObjectKind<Fdb> = {
  kind: 'fdb',
  key: (o) => `fdb ${o.ns} ${o.dev} ${o.mac}`,
  describe: (o) => `FDB entry ${o.mac} on ${o.dev} in ${o.ns}`,
  stage: () => Stage.Config,
  device: (o) => o.dev,
  replaceable: () => true,
  wants: () => ['fdb'],
  reader: () => ({ namespace: (dumps) => fdbObjects(dumps.ns, dumps.fdb ?? []) }),
  render({ action, object: o }) {
    const entry = `${o.mac} dev ${o.dev} dst ${o.dst} self`
    const text = action === 'delete' ? `fdb delete ${entry}` : `fdb replace ${entry} permanent`
    return [{ ns: o.ns, tool: 'bridge', stage: Stage.Config, text }]
  },
}
