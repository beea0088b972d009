import { ipLine, option, Stage, type Common, type ObjectKind } from './kind.ts'

/** An address of a device. */
export interface Address extends Common {
  readonly kind: 'address'
  readonly dev: string
  /** With prefix: `10.244.0.1/24`. */
  readonly address: string
  readonly scope?: 'link'
}

export const address: ObjectKind<Address> = {
  kind: 'address',
  key: (o) => `address ${o.ns} ${o.dev} ${o.address}`,
  describe: (o) => `address ${o.address} on ${o.dev} in ${o.ns}`,
  stage: () => Stage.Config,
  device: (o) => o.dev,
  replaceable: () => false,
  render({ action, object: o }) {
    const text =
      action === 'delete'
        ? `address delete ${o.address} dev ${o.dev}`
        : `address replace ${o.address} dev ${o.dev}${option('scope', o.scope)}`
    return ipLine(o.ns, Stage.Config, text)
  },
}
