/**
 * The classic BPF program that watches a host's link to the underlay while the lab is asked: it lets through what must
 * never be there, so that a busy link costs nothing. Loads are relative to the network header, as in a trace's filter.
 */
import { AND, Assembler, IFINDEX, JEQ, LD_W_ABS, LDH_ABS, NET, PROTOCOL, RET } from '../../packet/bpf.ts'
import { parseCidr, type Cidr } from '../../topology/address.ts'

export interface Forbidden {
  /** Nothing from or to these: virtual addresses that are translated before they get here. */
  readonly anywhere: readonly string[]
  /** Nothing from one of these to one of these: pods, where a tunnel carries them. */
  readonly between: readonly string[]
}

/** Where addresses stand in a header, bytes. */
const AT = { 4: { src: 12, dst: 16, words: 1 }, 6: { src: 8, dst: 24, words: 4 } } as const

/** Goes to `yes` when the address at an offset lies in one of the networks, else falls through. */
function within(a: Assembler, name: string, offset: number, networks: readonly Cidr[], yes: string): void {
  networks.forEach((c, i) => {
    const { words } = AT[c.family]
    const next = `${name}-${i}`
    for (let word = 0; word < words; word++) {
      const bits = Math.min(32, Math.max(0, c.prefix - 32 * word))
      if (bits === 0) break
      const mask = Number((0xffffffffn << BigInt(32 - bits)) & 0xffffffffn)
      const value = Number((c.base >> BigInt(32 * (words - 1 - word))) & 0xffffffffn)
      a.emit(LD_W_ABS, NET + offset + 4 * word)
      if (bits < 32) a.emit(AND, mask)
      a.when(JEQ, value, undefined, next)
    }
    a.jump(yes).label(next)
  })
}

/** The program for the device with this index, as the bytes of an array of `struct sock_filter`. */
export function underlayFilter(ifindex: number, { anywhere, between }: Forbidden): Buffer {
  const a = new Assembler()
  const parsed = (list: readonly string[], family: 4 | 6): Cidr[] =>
    list.flatMap((t) => parseCidr(t) ?? []).filter((c) => c.family === family)
  // A conditional jump reaches 255 instructions, JA all of them.
  a.emit(LD_W_ABS, IFINDEX).when(JEQ, ifindex, 'ours').jump('reject').label('ours')
  a.emit(LDH_ABS, PROTOCOL).when(JEQ, 0x800, 'four').when(JEQ, 0x86dd, undefined, 'other').jump('six')
  a.label('other').jump('reject').label('four')
  for (const family of [4, 6] as const) {
    const { src, dst } = AT[family]
    if (family === 6) a.label('six')
    within(a, `any-src-${family}`, src, parsed(anywhere, family), 'accept')
    within(a, `any-dst-${family}`, dst, parsed(anywhere, family), 'accept')
    within(a, `from-${family}`, src, parsed(between, family), `to-${family}`)
    a.jump('reject').label(`to-${family}`)
    within(a, `to-${family}`, dst, parsed(between, family), 'accept')
    a.jump('reject')
  }
  return a.label('accept').emit(RET, 0xffff).label('reject').emit(RET, 0).bytes()
}
