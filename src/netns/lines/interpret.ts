/**
 * Lines of `ip -batch` and `bridge -batch` as the netlink messages that the programs would send: the same bytes, which
 * a test compares with recorded ones. Pure.
 */
import { addressRequest } from './address.ts'
import { bridgeLinkRequest } from './bridge-link.ts'
import { linkRequest } from './link.ts'
import { fdbRequest, neighbourRequest } from './neighbour.ts'
import type { Names, Request } from './request.ts'
import { routeRequest } from './route.ts'
import { ruleRequest } from './rule.ts'
import { AF_INET6, AF_UNSPEC, leave, NotInterpreted, Words, wordsOf } from './words.ts'

/** Programs whose lines are known. */
export type LineTool = 'ip' | 'ip -6' | 'bridge'

type Parser = (words: Words, family: number, names: Names) => Request

const IP: Readonly<Record<string, Parser>> = {
  link: linkRequest,
  address: addressRequest,
  addr: addressRequest,
  route: routeRequest,
  rule: ruleRequest,
  neighbour: neighbourRequest,
  neigh: neighbourRequest,
}
const BRIDGE: Readonly<Record<string, Parser>> = {
  fdb: (words, _, names) => fdbRequest(words, names),
  link: (words, _, names) => bridgeLinkRequest(words, names),
}

/**
 * What a line asks the kernel for.
 * @throws NotInterpreted on a line that is left to the program, and whatever `names` throws
 */
export function requestOf(tool: LineTool, line: string, names: Names): Request {
  const words = new Words(wordsOf(line))
  const table = tool === 'bridge' ? BRIDGE : IP
  const command = words.next()
  const parse = Object.hasOwn(table, command) ? table[command]! : leave(`unknown command ${command}`)
  const request = parse(words, tool === 'ip -6' ? AF_INET6 : AF_UNSPEC, names)
  return words.done ? request : leave('words after the end')
}

/** Whether a line is done here, and not by the program. */
export function isInterpreted(tool: LineTool, line: string): boolean {
  if (tool === 'ip' && netnsOf(line)) return true
  try {
    requestOf(tool, line, { device: () => 1, netns: () => 0 })
    return true
  } catch (error) {
    if (error instanceof NotInterpreted) return false
    throw error
  }
}

/** `netns add NAME` and `netns delete NAME`, which are no messages: a namespace is made by a system call and named by a mount. */
export function netnsOf(line: string): { readonly verb: 'add' | 'delete'; readonly name: string } | undefined {
  const [, verb, name] = /^netns (add|delete|del) ([\w.-]+)$/.exec(line) ?? []
  if (verb === undefined || name === undefined || name === '.' || name === '..') return undefined
  return { verb: verb === 'add' ? 'add' : 'delete', name }
}
