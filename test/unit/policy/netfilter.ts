/** Walks a packet through compiled chains and sets as the kernel would: what the rules really say, without a kernel. */
import type { Chain, Ipset, KernelObject } from '../../../src/kernel/objects.ts'
import { contains, parseCidr, parseIp } from '../../../src/topology/address.ts'

export interface Packet {
  readonly src: string
  readonly dst: string
  readonly protocol: string
  readonly port?: number
}

/** hash:net decides by the most specific entry, which may say "no match". */
function inSet(set: Ipset, directions: string, { src, dst, protocol, port }: Packet): boolean {
  const ip = directions.startsWith('src') ? src : dst
  if (set.type === 'hash:ip') return set.members.includes(ip)
  if (set.type === 'hash:ip,port') return set.members.includes(`${ip},${protocol.toLowerCase()}:${port}`)
  const hits = set.members.flatMap((m) => {
    const [network, nomatch] = m.split(' ')
    const cidr = parseCidr(network!.includes('/') ? network! : `${network}/${network!.includes(':') ? 128 : 32}`)!
    return contains(cidr, parseIp(ip)!) ? [{ prefix: cidr.prefix, nomatch }] : []
  })
  const best = hits.sort((a, b) => b.prefix - a.prefix)[0]
  return best !== undefined && best.nomatch === undefined
}

export class Netfilter {
  readonly #chains = new Map<string, Chain>()
  readonly #sets = new Map<string, Ipset>()

  /** The filter table of one family in one namespace. */
  constructor(objects: readonly KernelObject[], ns: string, family: 4 | 6) {
    for (const o of objects) {
      if (o.ns !== ns) continue
      if (o.kind === 'ipset') this.#sets.set(o.name, o)
      if (o.kind === 'chain' && o.family === family && o.table === 'filter') this.#chains.set(o.chain, o)
    }
  }

  /** Whether a new connection's first packet gets through FORWARD. */
  passes(packet: Packet): boolean {
    return this.#walk('FORWARD', packet) !== 'DROP'
  }

  /** Where such a packet ends: `CHAIN RULE`; undefined if it gets through. */
  end(packet: Packet): string | undefined {
    this.#end = undefined
    this.#walk('FORWARD', packet)
    return this.#end
  }

  #end: string | undefined

  #walk(name: string, packet: Packet): 'DROP' | 'RETURN' {
    for (const rule of this.#chains.get(name)?.rules ?? []) {
      const words: readonly string[] = rule.match(/"[^"]*"|\S+/g) ?? []
      const target = words[words.indexOf('-j') + 1]!
      if (!this.#matches(words, packet)) continue
      if (target === 'DROP') this.#end = `${name} ${rule}`
      if (target === 'DROP' || target === 'RETURN') return target
      if (this.#walk(target, packet) === 'DROP') return 'DROP'
    }
    return 'RETURN'
  }

  #matches(words: readonly string[], packet: Packet): boolean {
    for (let i = 0; i < words.length; i++) {
      const [word, next, after] = words.slice(i, i + 3) as [string, string, string]
      if (word === '-p' && next !== packet.protocol.toLowerCase().replace('icmp6', 'ipv6-icmp')) return false
      if (word === '--ctstate' || word === '--icmpv6-type') return false
      if (word === '--bytecode' && packet.src !== packet.dst) return false
      if (word === '--match-set') {
        const set = this.#sets.get(next)
        if (!set) throw new Error(`no set ${next}`)
        if (!inSet(set, after, packet)) return false
      }
      if (word === '--dport' || word === '--dports') {
        const within = next.split(',').some((range) => {
          const [first, last = first] = range.split(':').map(Number) as [number, number?]
          return packet.port !== undefined && packet.port >= first && packet.port <= last
        })
        if (!within) return false
      }
    }
    return true
  }
}
