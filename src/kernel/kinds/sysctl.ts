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

const fileOf = (o: Sysctl): `/${string}` => `/proc/sys/${o.key}`

const stage = (o: Sysctl): Stage => (o.dev === undefined ? Stage.Settings : Stage.Config)

export const sysctl: ObjectKind<Sysctl> = {
  kind: 'sysctl',
  key: (o) => `sysctl ${o.ns} ${o.key}`,
  describe: (o) => `sysctl ${o.key} in ${o.ns}`,
  stage,
  device: (o) => o.dev,
  builtin: () => true,
  replaceable: () => true,
  wants: (asked) => asked.map(fileOf),
  reader(asked) {
    const byNs = new Map<string, Map<string, Sysctl>>()
    for (const o of asked) {
      let here = byNs.get(o.ns)
      if (!here) byNs.set(o.ns, (here = new Map()))
      here.set(o.key, o)
    }
    return {
      // A file that is not there gives no object.
      namespace: ({ ns, files }) =>
        [...(byNs.get(ns)?.values() ?? [])].flatMap((o): Sysctl[] => {
          const value = files?.get(fileOf(o))
          return value === undefined ? [] : [{ kind: 'sysctl', ns, key: o.key, value, ...(o.dev === undefined ? {} : { dev: o.dev }) }]
        }),
    }
  },
  // A setting has no "absent": one that is not asked for any more stays as it is.
  render: ({ action, object: o }) =>
    action === 'delete' ? [] : [{ ns: o.ns, tool: 'sysctl', stage: stage(o), text: `${o.key} = ${o.value}` }],
}
