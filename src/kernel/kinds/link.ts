import type { IpLink } from '../dumps/content.ts'
import {
  bridgePort,
  changeDevice,
  differing,
  isolation,
  lacksLinkLocal,
  nonDefaultAttributes,
  portLines,
  type Device,
} from '../links/attributes.ts'
import { isAutomatic, linkFeatures, linkType, shownType, type Link, type LinkFeature } from '../links/index.ts'
import { differences } from './differences.ts'
import { connectedBy } from './connected.ts'
import { ipLine, Stage, withNonDefault, type NonDefault, type ObjectKind } from './kind.ts'

const stage = (o: Link): Stage => (linkType(o).add ? Stage.Devices : Stage.Config)

/** Whether a field is about the bridge that a device is a port of. */
const isBridgePort = (field: string): boolean => field.split('.')[0] === 'bridgePort'

/** Its attributes that every type has: of a VTEP, `port` is the UDP port. */
const device = ({ ns, name, nonDefault, ...o }: Link): Device => ({
  ns,
  name,
  ...('bridgePort' in o ? { port: o.bridgePort } : {}),
  ...('mac' in o ? { mac: o.mac } : {}),
  ...('mtu' in o ? { mtu: o.mtu } : {}),
  ...(nonDefault ? { nonDefault } : {}),
})

/** A device as the kernel shows it; undefined where its type is none of netlab's. @param more what else is not as on a new one */
export function linkObject(ns: string, shown: IpLink, more: NonDefault = []): Link | undefined {
  const type = shownType(shown)
  if (!type) return undefined
  const data = shown.linkinfo?.info_data ?? {}
  const own = [
    ...differing(data, type.defaults ?? {}).map(([word, value]) => `${word} ${String(value)}`),
    ...(type.nonDefault?.(data) ?? []),
  ]
  const port = type.port ? bridgePort(shown) : undefined
  return {
    kind: 'link',
    ns,
    name: shown.ifname,
    type: type.type,
    ...type.read(shown),
    ...(port ? { bridgePort: port } : {}),
    ...(shown.flags.includes('UP') ? {} : { down: true }),
    ...withNonDefault([...nonDefaultAttributes(shown, own, type), ...more]),
  } as Link
}

/** Devices of the types in `links/`. */
export const link: ObjectKind<Link, LinkFeature> = {
  kind: 'link',
  key: (o) => `device ${o.ns} ${o.name}`,
  describe: (o) => `${o.type} device ${o.name} in ${o.ns}`,
  stage,
  provides: (o) => (linkType(o).add ? [`${o.ns} ${o.name}`] : []),
  device: (o) => linkType(o).lower?.(o),
  builtin: (o) => !linkType(o).add || isAutomatic(o.name),
  replaceable: (_, after, fields) => {
    const inPlace: readonly string[] = linkType(after).inPlace
    return fields.every((f) => f === 'down' || isBridgePort(f) || inPlace.includes(f))
  },
  render(change) {
    const { action, object: o } = change
    const type = linkType(o)
    if (!type.add) return action === 'delete' ? [] : ipLine(o.ns, stage(o), `link set ${o.name} up`)
    if (action === 'delete') return ipLine(o.ns, stage(o), `link delete dev ${o.name}`)
    if (action === 'create') {
      const lines = [type.add(o), 'bridgePort' in o ? portLines(o.name, o.bridgePort) : []].flat()
      return lines.flatMap((line) => ipLine(o.ns, stage(o), line))
    }
    return changeDevice(
      device(change.before),
      device(o),
      differences(change.before, o).map((f) => (isBridgePort(f) ? 'port' : f)),
      type.defaults && { name: type.type, defaults: type.defaults },
    )
  },
  shows: (shown) => shownType(shown) !== undefined,
  reader: () => ({
    namespace({ ns, links = [], routes = [] }) {
      const { speaks6 } = connectedBy(routes)
      return links.flatMap((shown) => linkObject(ns, shown, lacksLinkLocal(shown, speaks6)) ?? [])
    },
  }),
  features: linkFeatures,
  explain(field, o) {
    if (field === 'down') return ['the device is down']
    if (field === 'bridgePort' || field === 'bridgePort.master')
      return ['bridgePort' in o && o.bridgePort ? `master ${o.bridgePort.master}` : 'it is a port of no bridge']
    if (field === 'bridgePort.isolated') return [isolation('bridgePort' in o ? o.bridgePort : undefined)]
    if (field === 'learning') return [`learning ${'learning' in o ? 'on' : 'off'}`]
    return undefined
  },
}
