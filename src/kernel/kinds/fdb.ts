import type { IpFdb } from '../dumps/content.ts'
import { UNLEARNED } from '../../lab/names.ts'
import { notBroughtAbout, Stage, withNonDefault, withOrigins, type Common, type ObjectKind, type Origin } from './kind.ts'

/** A permanent VXLAN FDB entry: frames to `mac` leave in a tunnel to `dst`. Of {@link UNLEARNED} there is one for each destination. */
export interface Fdb extends Common {
  readonly kind: 'fdb'
  readonly dev: string
  readonly mac: string
  readonly dst: string
  /** It is never made, but waited for: a daemon brings it about. */
  readonly learned?: Origin
}

export function fdbObjects(ns: string, entries: readonly IpFdb[]): Fdb[] {
  return entries.flatMap((f): Fdb[] => {
    if (f.dst === undefined || !f.flags?.includes('self') || f.state !== 'permanent') return []
    const nonDefault = (['port', 'vni', 'via'] as const).flatMap((word) => (f[word] === undefined ? [] : [`${word} ${f[word]}`]))
    return [{ kind: 'fdb', ns, dev: f.ifname, mac: f.mac, dst: f.dst, ...withNonDefault(nonDefault) }]
  })
}

// Another UDP port or VNI makes another destination.
const key = (o: Fdb): string =>
  `fdb ${o.ns} ${o.dev} ${o.mac}${o.mac === UNLEARNED ? [' to', o.dst, ...(o.nonDefault ?? [])].join(' ') : ''}`

export const fdb: ObjectKind<Fdb> = {
  kind: 'fdb',
  key,
  describe: (o) => `FDB entry ${o.mac}${o.mac === UNLEARNED ? ` to ${o.dst}` : ''} on ${o.dev} in ${o.ns}`,
  stage: () => Stage.Config,
  device: (o) => o.dev,
  replaceable: () => true,
  awaited: (o) => o.learned !== undefined,
  wants: () => ['fdb'],
  reader(asked) {
    const withOrigin = withOrigins(key, asked)
    return { namespace: (dumps) => fdbObjects(dumps.ns, dumps.fdb ?? []).map(withOrigin) }
  },
  absence: notBroughtAbout,
  render({ action, object: o }) {
    if (o.learned && action !== 'delete') return []
    const isReplicated = o.mac === UNLEARNED
    const entry = `${o.mac} dev ${o.dev} dst ${[o.dst, ...(isReplicated ? (o.nonDefault ?? []) : [])].join(' ')} self`
    const text = action === 'delete' ? `fdb delete ${entry}` : `fdb ${isReplicated ? 'append' : 'replace'} ${entry} permanent`
    return [{ ns: o.ns, tool: 'bridge', stage: Stage.Config, text }]
  },
}
