/** Headers as people read them: fields of a layer, and what changed since the packet was last seen. */
import { headerOf, isIp, type Layer } from '../../packet/headers.ts'
import { tunnelsOf } from '../../packet/tunnels.ts'

/** A field of a header: its name, its value, whether the value is another than before. */
export type Field = readonly [label: string, value: string, changed: boolean]

export interface LayerView {
  /** `ipv4`: what its colour goes by. */
  readonly type: Layer['type']
  /** `IPv4`: what people call it. */
  readonly name: string
  /** Whether it carries packets of others. */
  readonly tunnel: boolean
  /** Bytes of the header, for what is known to have a size. */
  readonly bytes: number | null
  readonly state: 'same' | 'changed' | 'added'
  readonly fields: readonly Field[]
}

const nameOf = (l: Layer): string => headerOf(l).name

/** `10.244.0.2 to 10.244.1.2, ICMP echo request`: what an error complains about. */
function about(quoted: readonly Layer[]): string {
  const ip = quoted.find((l) => l.type === 'ipv4' || l.type === 'ipv6')
  const inner = quoted.find((l) => l.type !== 'ipv4' && l.type !== 'ipv6' && l.type !== 'payload')
  const what = inner && (inner.type === 'icmp' || inner.type === 'icmpv6' ? ` ${inner.kind.replaceAll('-', ' ')}` : '')
  return `${ip && 'src' in ip ? `${ip.src} to ${ip.dst}` : 'a packet'}${inner ? `, ${nameOf(inner)}${what}` : ''}`
}

/** A layer's fields that have a value; an error's are also those of the packet it is about. */
function said(l: Layer): (readonly [string, string])[] {
  const quoted = 'quoted' in l && l.quoted ? [['about', about(l.quoted)] as const] : []
  return [...headerOf(l).fields(l), ...quoted].flatMap(([label, value]) => (value === undefined ? [] : [[label, String(value)] as const]))
}

/**
 * Layers of this hop beside those of the hop before. They are matched from the innermost out, because tunnels
 * and links put on and take off the outer ones.
 */
export function compare(before: readonly Layer[], now: readonly Layer[]): { readonly layers: LayerView[]; readonly gone: string[] } {
  let same = 0
  while (same < before.length && same < now.length && before.at(-1 - same)!.type === now.at(-1 - same)!.type) same++
  const layers = now.map((layer, i): LayerView => {
    const fromEnd = now.length - i
    const old = fromEnd <= same ? new Map(said(before.at(-fromEnd)!)) : undefined
    const fields = said(layer).map(([label, value]): Field => [label, value, old !== undefined && old.get(label) !== value])
    const state = before.length === 0 ? 'same' : !old ? 'added' : fields.some(([, , changed]) => changed) ? 'changed' : 'same'
    return {
      type: layer.type,
      name: nameOf(layer),
      tunnel: headerOf(layer).encapsulates !== undefined,
      bytes: headerOf(layer).bytes(layer) ?? null,
      state,
      fields,
    }
  })
  return { layers, gone: before.slice(0, before.length - same).map((l) => nameOf(l)) }
}

/** How a packet is wrapped, if it is: `VXLAN · VNI 1`. A tunnel with a header of its own says more than the IP around it. */
export function tunnelOf(layers: readonly Layer[]): string | undefined {
  const tunnels = tunnelsOf(layers)
  return (tunnels.find((t) => !isIp(t.layer)) ?? tunnels[0])?.title
}

/** `IPv4 10.244.0.2 to 10.244.1.2, TTL 63 · ICMP echo request`: the packet's headers in one line, outermost first. */
export const inWords = (layers: readonly Layer[]): string => layers.flatMap((l) => headerOf(l).summary?.(l) ?? []).join(' · ')
