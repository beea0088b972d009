/** `ip route add|append|change|replace|delete` (ip/iproute.c, ip/iproute_lwtunnel.c). Pure. */
import { SCOPES } from './address.ts'
import { Body, isDelete, RTM, type Names, type Request, VERBS } from './request.ts'
import { AF_INET, AF_INET6, AF_UNSPEC, ip4Of, ipOf, leave, numberOf, prefixOf, valueIn, type Words } from './words.ts'

/** struct rtmsg: family, two prefix lengths, TOS, table, protocol, scope, type, flags. */
const RTMSG = 12
const [FAMILY, DST_LENGTH, TABLE, PROTOCOL, SCOPE, TYPE, FLAGS] = [0, 1, 4, 5, 6, 7, 8]

const RTA = {
  DST: 1,
  OIF: 4,
  GATEWAY: 5,
  PRIORITY: 6,
  PREFSRC: 7,
  METRICS: 8,
  MULTIPATH: 9,
  TABLE: 15,
  ENCAP_TYPE: 21,
  ENCAP: 22,
} as const

const TYPES: Readonly<Record<string, number>> = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
}
const PROTOCOLS: Readonly<Record<string, number>> = { kernel: 2, boot: 3, static: 4, bird: 12 }
const TABLES: Readonly<Record<string, number>> = { default: 253, main: 254, local: 255 }
const RTAX: Readonly<Record<string, number>> = { mtu: 2, advmss: 8, hoplimit: 10, initcwnd: 11 }
const SCOPE_NOWHERE = 255
const RTNH_F_ONLINK = 4

/** The number of a routing table; a name that is not the kernel's own is looked up in files of the program. */
export const tableOf = (word: string): number => (/^\d/.test(word) ? numberOf(word) : valueIn(TABLES, word))

interface Route {
  dst?: ReturnType<typeof prefixOf>
  family: number
  type?: number
  table?: number
  protocol: number
  scope?: number
  flags: number
  dev?: string
  hasGateway: boolean
  readonly metrics: [number, number][]
}

/** Writes one next hop of several: struct rtnexthop, then its gateway. Stops before the next `nexthop`. */
function nextHop(body: Body, words: Words, family: number, names: Names): void {
  const at = body.raw(8)
  let flags = 0
  while (!words.done && words.peek() !== 'nexthop') {
    const word = words.next()
    if (word === 'via') {
      const gateway = ipOf(words.next())
      if (gateway.family !== family) leave('another family')
      body.bytes(RTA.GATEWAY, gateway.bytes)
    } else if (word === 'dev') body.set32(at + 4, names.device(words.next()))
    else if (word === 'weight') body.set8(at + 3, Math.max(words.number(256), 1) - 1)
    else if (word === 'onlink') flags |= RTNH_F_ONLINK
    else leave(`unknown word ${word}`)
  }
  body.set8(at + 2, flags)
  body.close16(at)
}

const LWTUNNEL_ENCAP_IP = 2
const LWTUNNEL_IP = { ID: 1, DST: 2, SRC: 3, TTL: 4, TOS: 5, FLAGS: 6 } as const
const TUNNEL_FLAGS: Readonly<Record<string, number>> = { csum: 0x1, key: 0x4, seq: 0x8 }

/** `encap ip …`: headers that the route's device puts around its packets. */
function encapsulation(body: Body, words: Words): void {
  if (!words.accept('ip')) leave('encapsulation')
  body.nest(
    RTA.ENCAP,
    () => {
      let flags = 0
      for (;;) {
        if (words.accept('id')) {
          const id = Buffer.alloc(8)
          id.writeUInt32BE(words.number(), 4)
          body.bytes(LWTUNNEL_IP.ID, id)
        } else if (words.accept('dst')) body.bytes(LWTUNNEL_IP.DST, ip4Of(words.next()))
        else if (words.accept('src')) body.bytes(LWTUNNEL_IP.SRC, ip4Of(words.next()))
        else if (words.accept('ttl')) body.u8(LWTUNNEL_IP.TTL, words.number(255))
        else if (words.accept('tos')) leave('tos')
        else if (words.peek() !== undefined && Object.hasOwn(TUNNEL_FLAGS, words.peek()!)) flags |= TUNNEL_FLAGS[words.next()]!
        else break
      }
      if (flags > 0) body.be16(LWTUNNEL_IP.FLAGS, flags)
    },
    true,
  )
  body.u16(RTA.ENCAP_TYPE, LWTUNNEL_ENCAP_IP)
}

function destination(body: Body, words: Words, route: Route): void {
  const word = words.next()
  if (word === 'default') {
    // With `ip -6` the program sends the address of zeroes along.
    if (route.family === AF_INET6) body.bytes(RTA.DST, Buffer.alloc(16))
    return
  }
  const dst = prefixOf(word)
  if (route.family !== AF_UNSPEC && route.family !== dst.family) leave('another family')
  route.family = dst.family
  route.dst = dst
  body.bytes(RTA.DST, dst.bytes)
}

/** One word of a route, and what belongs to it. What is collected in `route` is written at the end. */
function option(body: Body, words: Words, word: string, route: Route): void {
  if (word === 'via') {
    const gateway = ipOf(words.next())
    if (route.family !== AF_UNSPEC && route.family !== gateway.family) leave('another family')
    route.family = gateway.family
    route.hasGateway = true
    body.bytes(RTA.GATEWAY, gateway.bytes)
  } else if (word === 'src') {
    const source = ipOf(words.next())
    if (route.family !== AF_UNSPEC && route.family !== source.family) leave('another family')
    route.family = source.family
    body.bytes(RTA.PREFSRC, source.bytes)
  } else if (word === 'metric') body.u32(RTA.PRIORITY, words.number())
  else if (word === 'table') {
    route.table = tableOf(words.next())
    if (route.table > 0xff) body.u32(RTA.TABLE, route.table)
  } else if (word === 'proto') route.protocol = /^\d/.test(words.peek() ?? '') ? words.number(255) : words.oneOf(PROTOCOLS)
  else if (word === 'scope') route.scope = words.oneOf(SCOPES)
  else if (word === 'onlink') route.flags |= RTNH_F_ONLINK
  else if (word === 'dev') route.dev = words.next()
  else if (word === 'encap') encapsulation(body, words)
  else route.metrics.push([valueIn(RTAX, word), words.number()])
}

function scopeOf(route: Route, removes: boolean, hops: boolean): number {
  if (route.scope !== undefined) return route.scope
  if (route.family === AF_INET6) return 0
  if (route.type === TYPES['local']) return SCOPES['host']!
  if (route.type === TYPES['broadcast'] || route.type === TYPES['multicast'] || route.type === TYPES['anycast']) return SCOPES['link']!
  if (route.type !== undefined && route.type !== TYPES['unicast']) return removes ? SCOPE_NOWHERE : 0
  if (removes) return SCOPE_NOWHERE
  return route.hasGateway || hops ? 0 : SCOPES['link']!
}

/** A line after the words `ip route`. */
export function routeRequest(words: Words, family: number, names: Names): Request {
  const verb = words.next()
  const removes = isDelete(verb)
  const flags = valueIn(VERBS, verb)
  const route: Route = { family, protocol: removes ? 0 : PROTOCOLS['boot']!, flags: 0, hasGateway: false, metrics: [] }
  const body = new Body(RTMSG)
  const type = words.peek()
  if (type !== undefined && Object.hasOwn(TYPES, type)) route.type = TYPES[words.next()]!
  destination(body, words, route)
  while (!words.done && words.peek() !== 'nexthop') option(body, words, words.next(), route)
  if (route.family === AF_UNSPEC) route.family = AF_INET
  if (route.dev !== undefined) body.u32(RTA.OIF, names.device(route.dev))
  if (route.metrics.length > 0)
    body.nest(RTA.METRICS, () => {
      for (const [metric, value] of route.metrics) body.u32(metric, value)
    })
  const hops = !words.done
  if (hops)
    body.nest(RTA.MULTIPATH, () => {
      while (words.accept('nexthop')) nextHop(body, words, route.family, names)
    })
  body.set8(FAMILY, route.family)
  body.set8(DST_LENGTH, route.dst?.length ?? 0)
  const table = route.table ?? (route.type !== undefined && [2, 3, 4].includes(route.type) ? TABLES['local']! : TABLES['main']!)
  body.set8(TABLE, table > 0xff ? 0 : table)
  body.set8(PROTOCOL, route.protocol)
  body.set8(SCOPE, scopeOf(route, removes, hops))
  body.set8(TYPE, route.type ?? (removes ? 0 : TYPES['unicast']!))
  body.set32(FLAGS, route.flags)
  return { type: removes ? RTM.DELROUTE : RTM.NEWROUTE, flags, body: body.end() }
}
