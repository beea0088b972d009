/** Classic BPF, as the kernel runs it. */
/** Runs a classic BPF program over a packet, of which no more is there than a socket gets, as net/core/filter.c does. @returns bytes let through */
export function filter(program: Buffer, ethertype: number, packet: Buffer, ifindex = 1): number {
  const memory: number[] = []
  let [a, x] = [0, 0]
  // SKF_NET_OFF: the packet begins with its network header.
  const offset = (k: number): number => ((k | 0) < 0 ? (k | 0) + 0x100000 : k)
  for (let at = 0; ; at++) {
    const code = program.readUInt16LE(at * 8)
    const [yes, no] = [program[at * 8 + 2]!, program[at * 8 + 3]!]
    const k = program.readUInt32LE(at * 8 + 4)
    const load = (size: number, from: number): boolean => {
      if ((k | 0) === -0x1000) a = ethertype
      else if ((k | 0) === -0x1000 + 8) a = ifindex
      else if (from < 0 || from + size > packet.length) return false
      else a = packet.readUIntBE(from, size)
      return true
    }
    const jump = (is: boolean): void => void (at += is ? yes : no)
    const sizes: Record<number, number> = { 0x20: 4, 0x28: 2, 0x30: 1, 0x40: 4, 0x48: 2, 0x50: 1 }
    if (code in sizes) {
      if (!load(sizes[code]!, offset(k) + (code >= 0x40 ? x : 0))) return 0
    } else if (code === 0x00) a = k
    else if (code === 0x01) x = k
    else if (code === 0xb1) x = 4 * (packet[offset(k)]! & 15)
    else if (code === 0x60) a = memory[k]!
    else if (code === 0x61) x = memory[k]!
    else if (code === 0x02) memory[k] = a
    else if (code === 0x07) x = a
    else if (code === 0x04) a = (a + k) >>> 0
    else if (code === 0x0c) a = (a + x) >>> 0
    else if (code === 0x54) a = (a & k) >>> 0
    else if (code === 0x64) a = (a << k) >>> 0
    else if (code === 0x05) at += k
    else if (code === 0x15) jump(a === k)
    else if (code === 0x35) jump(a >= k)
    else if (code === 0x45) jump((a & k) !== 0)
    else if (code === 0x06) return k
    else throw new Error(`instruction ${code.toString(16)} at ${at}`)
  }
}
