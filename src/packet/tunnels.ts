/** What carries packets inside packets, whichever it is: a header of its own, or one of IP or UDP right around another packet. */
import { HEADERS, headerOf, isIp, labelOf, udpPortsOf, type AnyHeader, type Layer, type TunnelPorts } from './headers.ts'
import type { Encapsulation, Sealed } from './header.ts'
import { IP_IN_IP } from './ipip.ts'
import { ipv4 } from './ipv4.ts'
import { ipv6 } from './ipv6.ts'
import { udp } from './udp.ts'

/** Headers that carry whole packets or frames of others, and how. */
export const encapsulations: readonly { readonly header: AnyHeader; readonly how: Encapsulation<Layer> }[] = HEADERS.flatMap((h) => {
  const header = headerOf(h)
  return header.encapsulates ? [{ header, how: header.encapsulates }] : []
})

/** Whether a tunnel's header is here: one of its own, or one of IP or UDP right around another packet. */
export const opensTunnel = (layers: readonly Layer[], at: number): boolean =>
  headerOf(layers[at]!).encapsulates !== undefined || ((isIp(layers[at]) || layers[at]!.type === 'udp') && isIp(layers[at + 1]))

/** A tunnel around a packet. */
export interface Tunnel {
  /** `vxlan`; `ipip` for IP in IP, `udp` for IP in UDP. Devices of the kind have the same name, but for those that a program reads. */
  readonly type: string
  /** What tells it from others of its type, and what that is called; absent for IP in IP and in UDP. */
  readonly id?: { readonly name: string; readonly value: number | undefined }
  /** The header that it ends with: its own, or the one right around another packet. */
  readonly layer: Layer
  /** `vxlan 1`. */
  readonly label: string
  /** `VXLAN · VNI 1`. */
  readonly title: string
}

/** The tunnels around a packet, outermost first. */
export function tunnelsOf(layers: readonly Layer[]): Tunnel[] {
  return layers.flatMap((layer, i): Tunnel[] => {
    if (!opensTunnel(layers, i)) return []
    if (isIp(layer)) return [{ type: IP_IN_IP, layer, label: IP_IN_IP, title: layers[i + 1]!.type === layer.type ? 'IPIP' : 'IPv6 in IP' }]
    if (layer.type === 'udp') return [{ type: layer.type, layer, label: labelOf(layer), title: `IP in UDP · port ${layer.dstPort}` }]
    const header = headerOf(layer)
    const fields = header.fields(layer).flatMap(([field, value]) => (value === undefined ? [] : [`${field} ${value}`]))
    const { id } = header.encapsulates!
    return [
      {
        type: layer.type,
        id: { name: id.name, value: id.of(layer) },
        layer,
        label: labelOf(layer),
        title: [header.name, ...fields].join(' · '),
      },
    ]
  })
}

/** UDP ports that encrypted packets come to, and what shows of these. */
export const sealedPorts = (ports: TunnelPorts): { readonly port: number; readonly how: Sealed<Layer> }[] =>
  encapsulations.flatMap(({ header, how }) =>
    how.sealed
      ? Object.entries(ports).flatMap(([port, type]) => (type === header.type ? [{ port: Number(port), how: how.sealed! }] : []))
      : [],
  )

/** The header behind which a packet is encrypted, and its name; undefined: none is. */
export function sealedIn(
  layers: readonly Layer[],
): { readonly at: number; readonly name: string; readonly how: Sealed<Layer> } | undefined {
  for (const [at, layer] of layers.entries()) {
    const how = headerOf(layer).encapsulates?.sealed
    const name = how?.name(layer)
    if (how && name !== undefined) return { at, name, how }
  }
  return undefined
}

/** A form in which packets are put into others: what announces it behind the outer IP header, and how far inside the packet is. */
export interface TunnelForm {
  readonly ipProtocol: number
  readonly udpPort?: number
  /** Bytes from the end of the outer IP header to the IP packet inside. */
  readonly length: number
  /** IP version of the packet inside; undefined: either. */
  readonly inside?: 4 | 6
}

/** UDP ports that bare IPv4 packets come to. */
export const packetPorts = (ports: TunnelPorts): number[] =>
  Object.entries(ports).flatMap(([port, type]) => (type === ipv4.type ? [Number(port)] : []))

/** All forms there are. @param ports of the lab's tunnels */
export function tunnelForms(ports: TunnelPorts): TunnelForm[] {
  return [
    ...encapsulations.flatMap(({ header, how }) =>
      how.lengths.flatMap((length): TunnelForm[] => [
        ...(header.after.ipProtocol ?? []).map((ipProtocol) => ({ ipProtocol, length })),
        ...udpPortsOf(header, ports).map((udpPort) => ({
          ipProtocol: udp.after.ipProtocol![0]!,
          udpPort,
          length: length + 8,
        })),
      ]),
    ),
    ...packetPorts(ports).map((udpPort): TunnelForm => ({ ipProtocol: udp.after.ipProtocol![0]!, udpPort, length: 8, inside: 4 })),
    ...ipv4.after.ipProtocol!.map((ipProtocol): TunnelForm => ({ ipProtocol, length: 0, inside: 4 })),
    ...ipv6.after.ipProtocol!.map((ipProtocol): TunnelForm => ({ ipProtocol, length: 0, inside: 6 })),
  ]
}

/** What a header can be called in `expect`: tunnels, and headers one by one. */
export const WIRE_NAMES: readonly string[] = [...HEADERS.map((h) => h.type), IP_IN_IP].filter((name) => name !== 'payload')
