/** Headers that `expect` wants are headers there are. */
import { expect, test } from 'vitest'
import { problems, words } from './fixture.ts'

const lab = (wire: string): string =>
  `hosts: { a: {}, b: {} }\npods: { p: { host: a }, q: { host: b } }\nexpect:\n  - { from: p, to: q, wire: ${wire} }`

test.each(['[]', '[vxlan]', '[ipip]', '[geneve]', '[ipv4, udp, vxlan, ethernet]', '[ipv6, gre]'])('%s', (wire) => {
  expect(problems(lab(wire))).toEqual([])
})

test.each(['[vxlam]', '[ipv4, vxlam]', '[payload]', '[constructor]'])('%s: no header and no tunnel', (wire) => {
  const name = wire.slice(1, -1).split(', ').at(-1)!
  expect(problems(lab(wire))).toEqual([`4:${29 + wire.indexOf(name)} unknown-header`])
  expect(words(lab(wire))).toContain(`expect: "${name}" is no header and no tunnel`)
})

test('the nearest one is suggested', () => expect(words(lab('[vxlam]'))).toContain('did you mean "vxlan"?'))
