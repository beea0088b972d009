/** `ip rule add|delete` (ip/iprule.c). Pure. */
import { Body, isDelete, RTM, type Request, VERBS } from './request.ts'
import { tableOf } from './route.ts'
import { AF_INET, AF_UNSPEC, leave, numberOf, prefixOf, valueIn, type Words } from './words.ts'

/** struct fib_rule_hdr: family, two prefix lengths, TOS, table, two spare bytes, action, flags. */
const FIB_RULE_HDR = 12
const [FAMILY, DST_LENGTH, SRC_LENGTH, TABLE, ACTION, FLAGS] = [0, 1, 2, 4, 7, 8]

const FRA = { DST: 1, SRC: 2, IIFNAME: 3, PRIORITY: 6, FWMARK: 10, TABLE: 15, FWMASK: 16, OIFNAME: 17 } as const
const FR_ACT_TO_TBL = 1
const ACTIONS: Readonly<Record<string, number>> = { blackhole: 6, unreachable: 7, prohibit: 8 }
const FIB_RULE_INVERT = 2
const TABLE_MAIN = 254

/** A line after the words `ip rule`. */
export function ruleRequest(words: Words, family: number): Request {
  const verb = words.next()
  const removes = isDelete(verb)
  if (!removes && verb !== 'add') leave(verb)
  const body = new Body(FIB_RULE_HDR)
  let table: number | undefined
  let action = removes ? 0 : FR_ACT_TO_TBL
  const prefix = (attribute: number, length: number): void => {
    // No address is `0/0`: an attribute without a value.
    if (words.accept('all')) return void body.flag(attribute)
    const p = prefixOf(words.next())
    if (family !== AF_UNSPEC && family !== p.family) leave('another family')
    body.set8(length, p.length)
    body.bytes(attribute, p.bytes)
  }
  while (!words.done) {
    const word = words.next()
    if (word === 'from') prefix(FRA.SRC, SRC_LENGTH)
    else if (word === 'to') prefix(FRA.DST, DST_LENGTH)
    else if (word === 'not') body.set32(FLAGS, FIB_RULE_INVERT)
    else if (word === 'priority' || word === 'pref') body.u32(FRA.PRIORITY, words.number())
    else if (word === 'iif') body.text(FRA.IIFNAME, words.next())
    else if (word === 'oif') body.text(FRA.OIFNAME, words.next())
    else if (word === 'fwmark') {
      const [mark = '', mask] = words.next().split('/')
      body.u32(FRA.FWMARK, numberOf(mark))
      if (mask !== undefined) body.u32(FRA.FWMASK, numberOf(mask))
    } else if (word === 'table' || word === 'lookup') {
      table = tableOf(words.next())
      if (table > 0xff) body.u32(FRA.TABLE, table)
      else body.set8(TABLE, table)
    } else action = valueIn(ACTIONS, word)
  }
  if (table === undefined && action === FR_ACT_TO_TBL && !removes) body.set8(TABLE, TABLE_MAIN)
  // Unlike a route's, the family of a rule does not follow from its addresses.
  body.set8(FAMILY, family === AF_UNSPEC ? AF_INET : family)
  body.set8(ACTION, action)
  return { type: removes ? RTM.DELRULE : RTM.NEWRULE, flags: valueIn(VERBS, verb), body: body.end() }
}
