import { Stage, type Common, type ObjectKind } from './kind.ts'

/** A permanent VXLAN FDB entry: frames to `mac` leave in a tunnel to `dst`. */
export interface Fdb extends Common {
  readonly kind: 'fdb'
  readonly dev: string
  readonly mac: string
  readonly dst: string
}

export const fdb: ObjectKind<Fdb> = {
  kind: 'fdb',
  key: (o) => `fdb ${o.ns} ${o.dev} ${o.mac}`,
  describe: (o) => `FDB entry ${o.mac} on ${o.dev} in ${o.ns}`,
  stage: () => Stage.Config,
  device: (o) => o.dev,
  replaceable: () => true,
  render({ action, object: o }) {
    const entry = `${o.mac} dev ${o.dev} dst ${o.dst} self`
    const text = action === 'delete' ? `fdb delete ${entry}` : `fdb replace ${entry} permanent`
    return [{ ns: o.ns, tool: 'bridge', stage: Stage.Config, text }]
  },
}
