import type { IpFdb } from '../dumps/content.ts'
import { UNLEARNED } from '../../lab/names.ts'
import { Stage, withNonDefault, type Common, type ObjectKind } from './kind.ts'

/** A permanent VXLAN FDB entry: frames to `mac` leave in a tunnel to `dst`. Of {@link UNLEARNED} there is one for each destination. */
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
  // Another UDP port or VNI makes another destination.
  key: (o) => `fdb ${o.ns} ${o.dev} ${o.mac}${o.mac === UNLEARNED ? [' to', o.dst, ...(o.nonDefault ?? [])].join(' ') : ''}`,
  describe: (o) => `FDB entry ${o.mac}${o.mac === UNLEARNED ? ` to ${o.dst}` : ''} on ${o.dev} in ${o.ns}`,
  stage: () => Stage.Config,
  device: (o) => o.dev,
  replaceable: () => true,
  wants: () => ['fdb'],
  reader: () => ({ namespace: (dumps) => fdbObjects(dumps.ns, dumps.fdb ?? []) }),
  render({ action, object: o }) {
    const isReplicated = o.mac === UNLEARNED
    const entry = `${o.mac} dev ${o.dev} dst ${[o.dst, ...(isReplicated ? (o.nonDefault ?? []) : [])].join(' ')} self`
    const text = action === 'delete' ? `fdb delete ${entry}` : `fdb ${isReplicated ? 'append' : 'replace'} ${entry} permanent`
    return [{ ns: o.ns, tool: 'bridge', stage: Stage.Config, text }]
  },
}
