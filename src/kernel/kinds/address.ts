import type { IpLink } from '../dumps/content.ts'
import { connectedBy, type Connected } from './connected.ts'
import { ipLine, option, Stage, withNonDefault, type Common, type ObjectKind } from './kind.ts'

/** An address of a device. */
export interface Address extends Common {
  readonly kind: 'address'
  readonly dev: string
  /** With prefix: `10.244.0.1/24`. */
  readonly address: string
  readonly scope?: 'link'
}

/** Addresses of a device. Loopback's own and automatic IPv6 link-local ones are the kernel's, unless they are asked for. */
export function addressObjects(ns: string, link: IpLink, isAsked: (address: string) => boolean, connected?: Connected): Address[] {
  return (link.addr_info ?? []).flatMap((a): Address[] => {
    const address = `${a.local}/${a.prefixlen}`
    if (a.scope === 'host' || (a.family === 'inet6' && a.scope === 'link' && !isAsked(address))) return []
    const scope = a.family === 'inet' && a.scope === 'link' ? { scope: 'link' as const } : {}
    return [{ kind: 'address', ns, dev: link.ifname, address, ...scope, ...withNonDefault(connected?.nonDefault(link, a) ?? []) }]
  })
}

const keyOf = (o: Pick<Address, 'ns' | 'dev' | 'address'>): string => `address ${o.ns} ${o.dev} ${o.address}`

export const address: ObjectKind<Address, 'ipv6'> = {
  kind: 'address',
  key: keyOf,
  describe: (o) => `address ${o.address} on ${o.dev} in ${o.ns}`,
  stage: () => Stage.Config,
  device: (o) => o.dev,
  features: [
    {
      name: 'ipv6',
      purpose: 'IPv6 addresses',
      probe: 'ip -6 address add fd00::1/128 dev lo',
      needs: 'CONFIG_IPV6, not disabled on the kernel command line',
    },
  ],
  replaceable: () => false,
  render({ action, object: o }) {
    const text =
      action === 'delete'
        ? `address delete ${o.address} dev ${o.dev}`
        : `address replace ${o.address} dev ${o.dev}${option('scope', o.scope)}`
    return ipLine(o.ns, Stage.Config, text)
  },
  reader(asked) {
    const keys = new Set(asked.map(keyOf))
    return {
      namespace: ({ ns, links = [], routes = [] }) =>
        links.flatMap((link) =>
          addressObjects(ns, link, (a) => keys.has(keyOf({ ns, dev: link.ifname, address: a })), connectedBy(routes)),
        ),
    }
  },
}
