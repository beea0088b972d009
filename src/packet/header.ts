/**
 * What is known of a protocol's header: everything in one file a protocol, which no other file names; `headers.ts` lists them.
 * Headers do not know each other: each says by which number the next one is announced, and by which numbers it is itself.
 */
import type { Assembler } from './bpf.ts'

/** Where numbers of protocols are assigned: EtherTypes, IP protocol numbers, UDP destination ports. */
export type Space = 'etherType' | 'ipProtocol' | 'udpPort'

/** Bytes behind a header, and the number that says what they are. */
export interface Next {
  readonly space: Space
  readonly number: number
  readonly bytes: Buffer
}

export interface Parsed<L> {
  readonly layer: L
  /** Undefined: nothing comes after it. A `Buffer`: something that has no number. */
  readonly next?: Next | Buffer
  /** ICMP errors: the beginning of an IP packet. */
  readonly quoted?: Buffer
}

/** A field of a header for people; without a value it is left out. */
export type Field = readonly [label: string, value: string | number | undefined]

/** A value of a layer as text, highlighted where it is another than one device earlier. */
export type Mark<L> = (value: (layer: L) => string) => string

/** Ends of a header: addresses it speaks of, or ports. Both are what `host` and `port` look for, `src host` only the first. */
export interface Ends<T> {
  readonly src?: T
  readonly dst?: T
}

/** What tells one tunnel from another between the same hosts: a VNI, a key. */
export interface TunnelId<L> {
  readonly name: string
  of(layer: L): number | undefined
}

/** What carries whole packets or frames of others. */
export interface Encapsulation<L> {
  readonly id: TunnelId<L>
  /**
   * Bytes from the beginning of the header to the IP packet inside, in every form Linux sends it in: a netfilter
   * match and a device's counters know lengths only. None, where what is inside is encrypted.
   */
  readonly lengths: readonly number[]
  /** ARPHRD of devices that have outer IP and this header as their link-layer header. */
  readonly linkLayerOf?: number
  /**
   * Classic BPF that looks behind the header. Scratch memory `header` says where it begins; leaves in `inside` where what it
   * carries begins, and in A what EtherType that is. Labels begin with the header's type. Absent: what it carries is encrypted.
   */
  look?(a: Assembler, slots: { readonly header: number; readonly inside: number }): void
  /** Of what is encrypted: by what it can be told which packet it is. */
  readonly sealed?: Sealed<L>
}

/** What shows of an encrypted packet: its length, and which one of its session it is. */
export interface Sealed<L> {
  /** The shortest and the longest datagram of UDP, its header included, that carries an IP packet of so many bytes. */
  lengths(packet: number): readonly [least: number, most: number]
  /** How the payload of such a datagram begins. */
  readonly starts: Buffer
  /** What tells one encrypted packet from all others of a lab; undefined: it carries none. */
  name(layer: L): string | undefined
}

/** One protocol. */
export interface Header<L extends { readonly type: string }> {
  readonly type: L['type']
  /** `IPv4`: what people call it. */
  readonly name: string
  /** Numbers that announce it. UDP ports: those it has by default. */
  readonly after: Readonly<Partial<Record<Space, readonly number[]>>>
  /** Its word in a capture filter, as pcap-filter(7) has it. */
  readonly word?: string
  /** Reads one header. Undefined: cut short, broken or another version, so the bytes are payload. */
  parse(bytes: Buffer): Parsed<L> | undefined
  /** Bytes of the header; undefined: its fields do not say. */
  bytes(layer: L): number | undefined
  /** Its fields, those that tell a result first. */
  fields(layer: L): readonly Field[]
  /** As short as can be, in a list of headers: `udp 8472`. Default: its type. */
  label?(layer: Partial<L>): string
  /** In a sentence: `IPv4 10.244.0.2 to 10.244.1.2, TTL 63`. */
  summary?(layer: L): string
  /** In a line of a trace. Undefined: not shown. @param carries whether a tunnel begins right behind it */
  trace(layer: L, mark: Mark<L>, carries: boolean): string | undefined
  /** In a line of a capture, beside the addresses and ports. @param payload bytes after the last header */
  capture?(layer: L, payload: number): string
  addresses?(layer: L): Ends<string>
  ports?(layer: L): Ends<number>
  readonly encapsulates?: Encapsulation<L>
}

/** What a tunnel's header says of itself everywhere alike: its id. @param short the id where there is little room */
export function tunnelTexts<L extends { readonly type: string }>(
  type: L['type'],
  name: string,
  id: TunnelId<L>,
  short: (id: number) => string,
): Pick<Header<L>, 'type' | 'name' | 'label' | 'fields' | 'summary' | 'trace' | 'capture'> {
  const withId = (head: string, layer: L, text: (id: number) => string): string => {
    const value = id.of(layer)
    return value === undefined ? head : `${head} ${text(value)}`
  }
  return {
    type,
    name,
    label: (l) => withId(type, l as L, short),
    fields: (l) => [[id.name, id.of(l)]],
    summary: (l) => withId(name, l, (value) => `${id.name} ${value}`),
    trace: (l) => withId(type, l, short),
    capture: (l) => withId(name, l, short),
  }
}

/** EtherType of a whole Ethernet frame inside a tunnel: transparent Ethernet bridging. */
export const ETHERNET_FRAME = 0x6558
