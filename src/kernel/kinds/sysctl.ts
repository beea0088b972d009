import { Stage, type Common, type ObjectKind } from './kind.ts'

/** A value under /proc/sys. */
export interface Sysctl extends Common {
  readonly kind: 'sysctl'
  /** Path below /proc/sys: `net/ipv4/ip_forward`. */
  readonly key: string
  readonly value: string
  /** Set once this device exists, and again when it is made anew; absent: before any device, for them to inherit. */
  readonly dev?: string
}

const stage = (o: Sysctl): Stage => (o.dev === undefined ? Stage.Settings : Stage.Config)

export const sysctl: ObjectKind<Sysctl> = {
  kind: 'sysctl',
  key: (o) => `sysctl ${o.ns} ${o.key}`,
  describe: (o) => `sysctl ${o.key} in ${o.ns}`,
  stage,
  device: (o) => o.dev,
  builtin: () => true,
  replaceable: () => true,
  // A setting has no "absent": one that is not asked for any more stays as it is.
  render: ({ action, object: o }) =>
    action === 'delete' ? [] : [{ ns: o.ns, tool: 'sysctl', stage: stage(o), text: `${o.key} = ${o.value}` }],
}
