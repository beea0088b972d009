/** `ip link add|set|delete` (ip/iplink.c). Pure. */
import { linkInfo } from './link-types.ts'
import { Body, isDelete, NoDevice, RTM, VERBS, type Names, type Request } from './request.ts'
import { leave, lladdrOf, type Words } from './words.ts'

/** struct ifinfomsg: family, type, index, flags, change mask. */
const IFINFOMSG = 16
const [INDEX, FLAGS, CHANGE] = [4, 8, 12]

const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  MASTER: 10,
  TXQLEN: 13,
  LINKMODE: 17,
  NET_NS_PID: 19,
  IFALIAS: 20,
  AF_SPEC: 26,
  NET_NS_FD: 28,
} as const
const AF_INET6 = 10
const IFLA_INET6_ADDR_GEN_MODE = 8

/** Bits of a device's flags that lines switch. */
const SWITCHES: Readonly<Record<string, number>> = { promisc: 0x1_00, allmulticast: 0x2_00, multicast: 0x10_00 }
const IFF_UP = 1
const IFF_NOARP = 0x80

/**
 * Words that `ip` takes for keywords where a name may stand, and it takes any beginning of one: `link add a` is about
 * an address. A device so called is left to the program.
 */
const KEYWORDS =
  'up down name index link address lladdr broadcast brd txqueuelen qlen txqlen mtu xdp xdpgeneric xdpdrv xdpoffload netns multicast allmulticast promisc trailers arp carrier vf master vrf nomaster dynamic type alias group mode state numtxqueues numrxqueues addrgenmode link-netns link-netnsid protodown protodown_reason gso_max_size gso_max_segs gro_max_size parentdev parentbus dev help vlan'.split(
    ' ',
  )
const isKeyword = (word: string): boolean => KEYWORDS.some((k) => k.startsWith(word))

/** Devices have names of up to 15 characters (IFNAMSIZ less the zero). */
const nameOf = (word: string): string =>
  /^[^/\s:]{1,15}$/.test(word) && word !== '.' && word !== '..' ? word : leave(`not a name: ${word}`)

interface Device {
  name?: string
  dev?: string
  link?: string
}

/**
 * Attributes of a device, up to the end of the line or the word `type`, which is taken.
 * @param at where the device's ifinfomsg is
 */
function attributes(body: Body, at: number, words: Words, names: Names): Device {
  const device: Device = {}
  let flags = 0
  let change = 0
  const turn = (bits: number, on: boolean): void => {
    change |= bits
    flags = on ? flags | bits : flags & ~bits
  }
  while (!words.done) {
    const word = words.next()
    if (word === 'type') break
    if (word === 'up' || word === 'down') turn(IFF_UP, word === 'up')
    else if (word === 'arp') turn(IFF_NOARP, words.switch() === 0)
    else if (word in SWITCHES) turn(SWITCHES[word]!, words.switch() === 1)
    else if (word === 'dev') device.dev = nameOf(words.next())
    else if (word === 'name') device.name = nameOf(words.next())
    else if (word === 'link') device.link = words.next()
    else if (word === 'address') body.bytes(IFLA.ADDRESS, lladdrOf(words.next()))
    else if (word === 'mtu') body.u32(IFLA.MTU, words.number())
    else if (word === 'master') body.u32(IFLA.MASTER, master(words.next(), names))
    else if (word === 'nomaster') body.u32(IFLA.MASTER, 0)
    else if (word === 'txqueuelen') body.u32(IFLA.TXQLEN, words.number())
    else if (word === 'alias') body.text(IFLA.IFALIAS, words.next(), '')
    else if (word === 'mode') body.u8(IFLA.LINKMODE, words.oneOf({ default: 0, dormant: 1 }))
    else if (word === 'netns') netns(body, words.next(), names)
    else if (word === 'addrgenmode') addrGenMode(body, words)
    else if (device.dev === undefined && !isKeyword(word)) device.dev = nameOf(word)
    else leave(`unknown word ${word}`)
  }
  body.set32(at + FLAGS, flags)
  body.set32(at + CHANGE, change)
  return device
}

function master(name: string, names: Names): number {
  try {
    return names.device(name)
  } catch (error) {
    // The program has other words for this one.
    if (error instanceof NoDevice) leave('no master')
    throw error
  }
}

function netns(body: Body, name: string, names: Names): void {
  // A number may be the name of a namespace, and else is a process of the program's own view.
  if (/^\d+$/.test(name)) leave('a process')
  body.u32(IFLA.NET_NS_FD, names.netns(name))
}

function addrGenMode(body: Body, words: Words): void {
  const mode = words.oneOf({ eui64: 0, none: 1, stable_secret: 2, random: 3 })
  body.nest(IFLA.AF_SPEC, () => body.nest(AF_INET6, () => body.u8(IFLA_INET6_ADDR_GEN_MODE, mode)))
}

/** The other end of a veth pair. */
function peer(names: Names): (body: Body, words: Words) => void {
  return (body, words) => {
    const { name, dev, link } = attributes(body, body.raw(IFINFOMSG), words, names)
    if (!words.done || link !== undefined) leave('words after the peer')
    const called = name ?? dev
    if (called !== undefined) body.text(IFLA.IFNAME, called)
  }
}

/** A line after the words `ip link`. */
export function linkRequest(words: Words, family: number, names: Names): Request {
  const verb = words.next()
  const body = new Body(IFINFOMSG)
  body.set8(0, family)
  if (isDelete(verb)) {
    const { dev, name } = attributes(body, 0, words, names)
    if (dev === undefined || name !== undefined || !words.done || body.length > IFINFOMSG) leave('more than a name')
    body.set32(INDEX, names.device(dev))
    return { type: RTM.DELLINK, flags: 0, body: body.end(), forgets: true }
  }
  const adds = verb === 'add'
  if (!adds && verb !== 'set') leave(verb)
  const device = attributes(body, 0, words, names)
  let { name } = device
  if (adds) {
    if (device.dev !== undefined && name !== undefined) leave('two names')
    name ??= device.dev
    if (device.link !== undefined) body.u32(IFLA.LINK, names.device(device.link))
  } else {
    if (device.dev === undefined || device.link !== undefined) leave('no device')
    body.set32(INDEX, names.device(device.dev))
    if (name === device.dev) name = undefined
  }
  if (name !== undefined) body.text(IFLA.IFNAME, name)
  // `attributes` has taken the word `type` if there was one; there are words left then.
  if (!words.done) linkInfo(body, words, names, adds, peer(names))
  else if (adds) leave('no type')
  const forgets = !adds && (name !== undefined || words.words.includes('netns'))
  return { type: RTM.NEWLINK, flags: adds ? VERBS['add']! : 0, body: body.end(), ...(forgets ? { forgets } : {}) }
}
