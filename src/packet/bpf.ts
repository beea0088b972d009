/** Classic BPF: its instructions (linux/filter.h, linux/bpf_common.h), the kernel's ancillary loads, and an assembler with labels. */

/** One instruction: `struct sock_filter`, jumps by label. */
interface Instruction {
  readonly code: number
  readonly k: number
  readonly yes?: string
  readonly no?: string
}

export const LD_IMM = 0x00
export const LD_W = 0x40
export const LD_H = 0x48
export const LD_B = 0x50
export const LD_W_ABS = 0x20
export const LDH_ABS = 0x28
export const LDX_IMM = 0x01
const LDX_MEM = 0x61
/** Four times the lower half of a byte: the length of an IPv4 header. */
export const LDX_MSH = 0xb1
export const ST = 0x02
export const LD_MEM = 0x60
export const ADD_K = 0x04
export const ADD_X = 0x0c
export const AND = 0x54
export const LSH = 0x64
const JA = 0x05
export const JEQ = 0x15
export const JGE = 0x35
export const JSET = 0x45
export const RET = 0x06

/** Loads from here on count from the network header, whatever the device (SKF_NET_OFF). */
export const NET = -0x100000
/** SKF_AD_OFF: the ethertype, and the index of the device. */
export const PROTOCOL = -0x1000
export const IFINDEX = PROTOCOL + 8

/** Classic BPF with labels, which lie ahead of their jumps. */
export class Assembler {
  readonly #code: Instruction[] = []
  readonly #labels = new Map<string, number>()

  label(name: string): this {
    this.#labels.set(name, this.#code.length)
    return this
  }
  emit(code: number, k: number): this {
    this.#code.push({ code, k })
    return this
  }
  /** A conditional jump; a missing label falls through. */
  when(code: number, k: number, yes?: string, no?: string): this {
    this.#code.push({ code, k, ...(yes ? { yes } : {}), ...(no ? { no } : {}) })
    return this
  }
  jump(label: string): this {
    this.#code.push({ code: JA, k: 0, yes: label })
    return this
  }
  /** Loads from header `at` (a scratch slot) plus `offset`. Leaves X at the header. */
  load(size: number, at: number, offset: number): this {
    return this.emit(LDX_MEM, at).emit(size, NET + offset)
  }

  bytes(): Buffer {
    const out = Buffer.alloc(this.#code.length * 8)
    this.#code.forEach(({ code, k, yes, no }, i) => {
      const distance = (label: string | undefined): number => {
        if (label === undefined) return 0
        const target = this.#labels.get(label)
        if (target === undefined || target <= i) throw new Error(`no label ${label} ahead of instruction ${i}`)
        return target - i - 1
      }
      const [t, f] = code === JA ? [0, 0] : [distance(yes), distance(no)]
      if (t > 255 || f > 255) throw new Error(`jump too far at instruction ${i}`)
      out.writeUInt16LE(code, i * 8)
      out.writeUInt8(t, i * 8 + 2)
      out.writeUInt8(f, i * 8 + 3)
      out.writeUInt32LE((code === JA ? distance(yes) : k) >>> 0, i * 8 + 4)
    })
    return out
  }
}
