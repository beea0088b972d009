/**
 * A filter in the words of pcap-filter(7), as far as a lab needs them. Unlike pcap's it looks at every header, also at
 * those inside a tunnel: `host 10.244.0.2` finds a pod's packet on the underlay as well. Pure.
 *
 *   expression = term { "or" term }
 *   term       = factor { ["and"] factor }
 *   factor     = "not" factor | "(" expression ")" | primitive
 *   primitive  = PROTOCOL | [("src" | "dst")] ("host" NAME | "net" CIDR | "port" (NUMBER | NAME) | NAME)
 */
import type { Ends } from '../packet/header.ts'
import { headerOf, HEADERS, isIp, type Layer } from '../packet/headers.ts'
import { IP_IN_IP } from '../packet/ipip.ts'

export type Filter = (layers: readonly Layer[]) => boolean

/** What is wrong with a filter, and where: a column from 1. */
export class FilterError extends Error {
  constructor(
    message: string,
    readonly column: number,
  ) {
    super(message)
  }
}

/** A port of one transport protocol. */
export interface NamedPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly port: number
}

export interface FilterWords {
  /** Addresses of a node or a Service by the name people call it; undefined: there is none. */
  addresses(name: string): readonly string[] | undefined
  /** Ports that containers and Services call so; undefined: none does. */
  ports(name: string): readonly NamedPort[] | undefined
  /** Network of a CIDR as a test; undefined: it is none. */
  network(cidr: string): ((ip: string) => boolean) | undefined
  /** An address as packets are decoded to; undefined: it is none. */
  address(text: string): string | undefined
}

/** By word. No plain object: `constructor` is no protocol. */
const PROTOCOLS: ReadonlyMap<string, Filter> = new Map([
  ...HEADERS.flatMap(({ word, type }): [string, Filter][] =>
    word === undefined ? [] : [[word, (layers) => layers.some((l) => l.type === type)]],
  ),
  [IP_IN_IP, (layers): boolean => layers.some((l, i) => isIp(l) && isIp(layers[i + 1]))],
])
export const PROTOCOL_WORDS = [...PROTOCOLS.keys()]

type Side = 'src' | 'dst' | undefined

/** Of both ends of a header, those a filter looks at. */
const chosen = <T>({ src, dst }: Ends<T> = {}, side: Side): (T | undefined)[] =>
  side === 'src' ? [src] : side === 'dst' ? [dst] : [src, dst]

const addressed =
  (test: (ip: string) => boolean, side: Side): Filter =>
  (layers) =>
    layers.some((l) => chosen(headerOf(l).addresses?.(l), side).some((ip) => ip !== undefined && test(ip)))

/** @param protocol absent: any */
const portIs =
  (port: number, side: Side, protocol?: NamedPort['protocol']): Filter =>
  (layers) =>
    layers.some((l) => (protocol === undefined || l.type === protocol) && chosen(headerOf(l).ports?.(l), side).includes(port))

interface Token {
  readonly text: string
  readonly column: number
}

const tokensOf = (text: string): Token[] =>
  [...text.matchAll(/[()!]|&&|\|\||[^\s()!&|]+|[&|]/g)].map((m): Token => ({ text: m[0], column: m.index + 1 }))

const WORDS: ReadonlyMap<string, string> = new Map([
  ['&&', 'and'],
  ['||', 'or'],
  ['!', 'not'],
])

const MAX_DEPTH = 100

/** @throws FilterError */
export function parseFilter(text: string, words: FilterWords): Filter {
  const tokens = tokensOf(text)
  let at = 0
  const peek = (): string | undefined => {
    const token = tokens[at]
    return token && (WORDS.get(token.text) ?? token.text)
  }
  const wrong = (message: string, index = at): FilterError => new FilterError(message, tokens[index]?.column ?? text.length + 1)
  const next = (what: string): Token => {
    const token = tokens[at]
    if (!token) throw wrong(`expected ${what} at the end`)
    at++
    return token
  }

  let depth = 0
  /** Parentheses and `not` nest as deep as people write them, and not as deep as the stack. */
  function nested<T>(inner: () => T): T {
    if (++depth > MAX_DEPTH) throw wrong(`nested more than ${MAX_DEPTH} levels deep`)
    const result = inner()
    depth--
    return result
  }

  function expression(): Filter {
    const terms = [term()]
    while (peek() === 'or') {
      at++
      terms.push(term())
    }
    return terms.length === 1 ? terms[0]! : (layers) => terms.some((t) => t(layers))
  }

  function term(): Filter {
    const factors = [factor()]
    for (let word = peek(); word !== undefined && word !== 'or' && word !== ')'; word = peek()) {
      if (word === 'and') at++
      factors.push(factor())
    }
    return factors.length === 1 ? factors[0]! : (layers) => factors.every((f) => f(layers))
  }

  function factor(): Filter {
    const word = peek()
    if (word === 'not') {
      at++
      const inner = nested(factor)
      return (layers) => !inner(layers)
    }
    if (word !== '(') return primitive()
    at++
    const inner = nested(expression)
    if (peek() !== ')') throw wrong('expected )')
    at++
    return inner
  }

  function primitive(): Filter {
    const first = next('a protocol, host, net or port').text
    const side: Side = first === 'src' || first === 'dst' ? first : undefined
    const word = side === undefined ? first : next('host, net, port or a name').text
    if (word === 'port') {
      const { text: port } = next('a port')
      if (/^\d+$/.test(port) && Number(port) <= 65_535) return portIs(Number(port), side)
      const named = words.ports(port)?.map((p) => portIs(p.port, side, p.protocol))
      if (!named) throw wrong(`${port} is no port`, at - 1)
      return (layers) => named.some((is) => is(layers))
    }
    if (word === 'net') {
      const { text: cidr } = next('a network')
      const test = words.network(cidr)
      if (!test) throw wrong(`${cidr} is no network such as 10.244.0.0/16`, at - 1)
      return addressed(test, side)
    }
    if (word !== 'host') {
      const protocol = side === undefined ? PROTOCOLS.get(word) : undefined
      if (protocol) return protocol
    }
    const name = word === 'host' ? next('an address, a node or a Service').text : word
    return host(name, side)
  }

  function host(name: string, side: Side): Filter {
    const address = words.address(name)
    const list = address === undefined ? words.addresses(name) : [address]
    if (!list) throw wrong(`${name} is no protocol, no address, no node and no Service`, at - 1)
    const set = new Set(list)
    return addressed((ip) => set.has(ip), side)
  }

  if (tokens.length === 0) throw new FilterError('the filter is empty', 1)
  const filter = expression()
  if (at < tokens.length) throw wrong(`did not expect ${tokens[at]!.text}`)
  return filter
}
