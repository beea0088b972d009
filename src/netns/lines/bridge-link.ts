/** `bridge link set`: attributes of a bridge's port (bridge/link.c). Pure. */
import { Body, RTM, type Names, type Request } from './request.ts'
import { AF_BRIDGE, leave, type Words } from './words.ts'

const IFINFOMSG = 16
const INDEX = 4
const IFLA_PROTINFO = 12
const IFLA_AF_SPEC = 26
/** What the change is for: the bridge, or the device itself. */
const BRIDGE_FLAGS: Readonly<Record<string, number>> = { master: 1, self: 2 }

/** IFLA_BRPORT_* of the words that are on or off, in the order in which the program sends them. */
const SWITCHES: readonly (readonly [word: string, attribute: number])[] = [
  ['guard', 5],
  ['hairpin', 4],
  ['fastleave', 7],
  ['root_block', 6],
  ['flood', 9],
  ['mcast_flood', 27],
  ['bcast_flood', 30],
  ['mcast_to_unicast', 28],
  ['learning', 8],
  ['cost', 3],
  ['priority', 2],
  ['state', 1],
  ['neigh_suppress', 32],
  ['vlan_tunnel', 29],
  ['isolated', 33],
  ['locked', 39],
]
const STATES: Readonly<Record<string, number>> = { disabled: 0, listening: 1, learning: 2, forwarding: 3, blocking: 4 }

/** A line after the words `bridge link`. */
export function bridgeLinkRequest(words: Words, names: Names): Request {
  if (!words.accept('set')) leave('bridge link')
  let dev: string | undefined
  let flags = 0
  const values = new Map<string, number>()
  while (!words.done) {
    const word = words.next()
    if (word === 'dev') dev = words.next()
    else if (Object.hasOwn(BRIDGE_FLAGS, word)) flags |= BRIDGE_FLAGS[word]!
    else if (word === 'cost') values.set(word, words.number())
    else if (word === 'priority') values.set(word, words.number(0xffff))
    else if (word === 'state') values.set(word, /^\d/.test(words.peek() ?? '') ? words.number(255) : words.oneOf(STATES))
    else if (SWITCHES.some(([w]) => w === word)) values.set(word, words.switch())
    else leave(`unknown word ${word}`)
  }
  if (dev === undefined) leave('no device')
  const body = new Body(IFINFOMSG)
  body.set8(0, AF_BRIDGE)
  body.set32(INDEX, names.device(dev))
  body.nest(
    IFLA_PROTINFO,
    () => {
      for (const [word, attribute] of SWITCHES) {
        const value = values.get(word)
        if (value === undefined) continue
        if (word === 'cost') body.u32(attribute, value)
        else if (word === 'priority') body.u16(attribute, value)
        else body.u8(attribute, value)
      }
    },
    true,
  )
  if (flags > 0) body.nest(IFLA_AF_SPEC, () => body.u16(0, flags))
  return { type: RTM.SETLINK, flags: 0, body: body.end() }
}
