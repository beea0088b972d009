/** `ip address add|replace|change|delete` (ip/ipaddress.c). Pure. */
import { Body, isDelete, RTM, type Names, type Request, VERBS } from './request.ts'
import { AF_INET, leave, prefixOf, valueIn, type Words } from './words.ts'

/** struct ifaddrmsg: family, prefix length, flags, scope, index. */
const IFADDRMSG = 8
const [PREFIX, FLAGS, SCOPE, INDEX] = [1, 2, 3, 4]

const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8 } as const
const WORD_FLAGS: Readonly<Record<string, number>> = {
  nodad: 0x02,
  home: 0x10,
  mngtmpaddr: 0x1_00,
  noprefixroute: 0x2_00,
  autojoin: 0x4_00,
}
export const SCOPES: Readonly<Record<string, number>> = { global: 0, site: 200, link: 253, host: 254 }

/** A line after the words `ip address`. */
export function addressRequest(words: Words, family: number, names: Names): Request {
  const verb = words.next()
  const removes = isDelete(verb)
  const flags = valueIn(VERBS, verb)
  if (verb === 'append') leave(verb)
  const word = words.next()
  const local = prefixOf(word)
  if (family !== 0 && family !== local.family) leave('another family')
  // The program then removes the address whatever its prefix, and warns.
  if (removes && local.family === AF_INET && !word.includes('/')) leave('no prefix')
  const body = new Body(IFADDRMSG)
  body.bytes(IFA.LOCAL, local.bytes)
  let prefix = local.length
  let peer: Buffer | undefined
  let dev: string | undefined
  let scope: number | undefined
  let bits = 0
  while (!words.done) {
    const word = words.next()
    if (word === 'dev') dev = words.next()
    else if (word === 'scope') scope = words.oneOf(SCOPES)
    else if (word === 'peer') {
      const far = prefixOf(words.next())
      if (far.family !== local.family) leave('another family')
      peer = far.bytes
      prefix = far.length
    } else bits |= valueIn(WORD_FLAGS, word)
  }
  if (dev === undefined) leave('no device')
  body.set8(0, local.family)
  body.set8(PREFIX, prefix)
  // Loopback addresses of IPv4 are of use on this host alone.
  const isLoopback = local.family === AF_INET && local.bytes[0] === 127
  body.set8(SCOPE, scope ?? (isLoopback && !removes ? SCOPES['host']! : 0))
  if (bits > 0xff) body.u32(IFA.FLAGS, bits)
  else body.set8(FLAGS, bits)
  body.bytes(IFA.ADDRESS, peer ?? local.bytes)
  body.set32(INDEX, names.device(dev))
  return { type: removes ? RTM.DELADDR : RTM.NEWADDR, flags, body: body.end() }
}
