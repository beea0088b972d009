/** `ip neighbour add|change|replace|delete` and `bridge fdb add|append|replace|delete` (ip/ipneigh.c, bridge/fdb.c). Pure. */
import { Body, isDelete, RTM, type Names, type Request, VERBS } from './request.ts'
import { AF_BRIDGE, ipOf, leave, lladdrOf, macOf, valueIn, type Words } from './words.ts'

/** struct ndmsg: family, padding, index, state, flags, type. */
const NDMSG = 12
const [FAMILY, INDEX, STATE, FLAGS] = [0, 4, 8, 10]

const NDA = { DST: 1, LLADDR: 2, VLAN: 5, PORT: 6, VNI: 7, SRC_VNI: 11 } as const
/** NUD_*: states of an entry. */
const NUD = { none: 0, incomplete: 1, reachable: 2, stale: 4, delay: 8, probe: 0x10, failed: 0x20, noarp: 0x40, permanent: 0x80 } as const
const NTF = { self: 0x02, master: 0x04, proxy: 0x08, extern_learn: 0x10, sticky: 0x40, router: 0x80 } as const

/** A line after the words `ip neighbour`. */
export function neighbourRequest(words: Words, family: number, names: Names): Request {
  const verb = words.next()
  const flags = valueIn(VERBS, verb)
  if (verb === 'append') leave(verb)
  const body = new Body(NDMSG)
  let flag = 0
  if (words.accept('proxy')) flag |= NTF.proxy
  const dst = ipOf(words.next())
  if (family !== 0 && family !== dst.family) leave('another family')
  body.bytes(NDA.DST, dst.bytes)
  let lladdr: Buffer | undefined
  let state: number = NUD.permanent
  let dev: string | undefined
  while (!words.done) {
    const word = words.next()
    if (word === 'lladdr') lladdr = lladdrOf(words.next())
    else if (word === 'dev') dev = words.next()
    else if (word === 'nud') state = words.oneOf(NUD)
    else if (word === 'router') flag |= NTF.router
    else leave(`unknown word ${word}`)
  }
  if (dev === undefined) leave('no device')
  if (lladdr) body.bytes(NDA.LLADDR, lladdr)
  body.set8(FAMILY, dst.family)
  body.set8(STATE, state)
  body.set8(FLAGS, flag)
  body.set32(INDEX, names.device(dev))
  return { type: isDelete(verb) ? RTM.DELNEIGH : RTM.NEWNEIGH, flags, body: body.end() }
}

const FDB_FLAGS: Readonly<Record<string, number>> = {
  self: NTF.self,
  master: NTF.master,
  router: NTF.router,
  sticky: NTF.sticky,
  extern_learn: NTF.extern_learn,
}

/** A line after the words `bridge fdb`. */
export function fdbRequest(words: Words, names: Names): Request {
  const verb = words.next()
  const flags = valueIn(VERBS, verb)
  if (verb === 'change') leave(verb)
  const mac = macOf(words.next())
  const body = new Body(NDMSG)
  let flag = 0
  let state: number = NUD.noarp
  let dev: string | undefined
  let dst: Buffer | undefined
  const rest: (readonly [attribute: number, write: (n: number) => void, value: number])[] = []
  const u16 =
    (attribute: number) =>
    (n: number): void =>
      void body.u16(attribute, n)
  const u32 =
    (attribute: number) =>
    (n: number): void =>
      void body.u32(attribute, n)
  while (!words.done) {
    const word = words.next()
    if (word === 'dev') dev = words.next()
    else if (word === 'dst') dst = ipOf(words.next()).bytes
    else if (word === 'vlan') rest.push([NDA.VLAN, u16(NDA.VLAN), words.number(4095)])
    else if (word === 'port') rest.push([NDA.PORT, (n) => void body.be16(NDA.PORT, n), words.number(0xffff)])
    else if (word === 'vni') rest.push([NDA.VNI, u32(NDA.VNI), words.number(0xff_ffff)])
    else if (word === 'src_vni') rest.push([NDA.SRC_VNI, u32(NDA.SRC_VNI), words.number(0xff_ffff)])
    else if (word === 'permanent' || word === 'local') state |= NUD.permanent
    else if (word === 'static') state |= NUD.reachable
    else if (word === 'dynamic') state = (state | NUD.reachable) & ~NUD.noarp
    else flag |= valueIn(FDB_FLAGS, word)
  }
  if (dev === undefined) leave('no device')
  if ((flag & (NTF.self | NTF.master)) === 0) flag |= NTF.self
  if ((state & (NUD.permanent | NUD.reachable)) === 0) state |= NUD.permanent
  body.bytes(NDA.LLADDR, mac)
  if (dst) body.bytes(NDA.DST, dst)
  for (const [, write, value] of rest.sort(([a], [b]) => a - b)) write(value)
  body.set8(FAMILY, AF_BRIDGE)
  body.set8(STATE, state)
  body.set8(FLAGS, flag)
  body.set32(INDEX, names.device(dev))
  return { type: isDelete(verb) ? RTM.DELNEIGH : RTM.NEWNEIGH, flags, body: body.end() }
}
