import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fileNamePart, interfaceName, mac, netnsName } from '../../../src/lab/names.ts'
import { nodesOf } from '../../../src/lab/lab.ts'
import { Numbers } from '../../../src/lab/addressing/numbers.ts'
import { compiled, lab } from './fixture.ts'

const long = (tail: string): string => `${'a-very-long-name-that-goes-on-and-on-and-on'}-${tail}`

describe('interface names', () => {
  test.each([
    ['p', 1, 'pod-a', 'p1-pod-a'],
    ['p', 12, 'shop/cart', 'p12-shop-cart'],
    ['h', 7, 'a-very-long-name', 'h7-a-very-long-'.slice(0, -1)],
    ['p', 12345, 'abcdefghijkl', 'p12345-abcdefgh'],
    ['p', 1, 'abcdefghijk----', 'p1-abcdefghijk'],
    ['p', 1, 'abcdefghijk-l-m', 'p1-abcdefghijk'],
  ])('%s, %i, %s: %s', (letter, number, name, expected) => {
    expect(interfaceName(letter, number, name)).toBe(expected)
  })

  test('of long and similar names differ, fit, and begin with the number', () => {
    const names = Array.from({ length: 1200 }, (_, i) => interfaceName('p', i + 1, long(String(i))))
    expect(new Set(names).size).toBe(names.length)
    for (const [i, name] of names.entries()) expect(name).toMatch(new RegExp(`^p${i + 1}-[-a-z]{1,12}[a-z]$`))
    expect(Math.max(...names.map((n) => n.length))).toBeLessThanOrEqual(15)
  })

  test('of a lab full of hostile names are unique in every namespace', () => {
    const hosts = ['a', 'b', 'c'].map((x) => `${long(x)}: {}`)
    const pods = ['1', '11', '1-1', 'p1'].flatMap((x) => [`${long(x)}: { replicas: 12 }`, `${long('ns')}/${long(x)}: { replicas: 12 }`])
    const segments = `${long('s')}: 10.1.0.0/24, ${long('t')}: 10.2.0.0/24`
    const { objects } = compiled(
      `underlay: { segments: { ${segments} } }\nhosts: { ${hosts.join(', ')} }\npods: { ${pods.join(', ')} }\nexternals: { ${long('x')}: {}, ${long('y')}: {} }`,
    )
    const made = objects.flatMap((o) =>
      o.kind === 'veth'
        ? [
            [o.ns, o.name],
            [o.peer.ns, o.peer.name],
          ]
        : o.kind === 'link'
          ? [[o.ns, o.name]]
          : [],
    )
    expect(made.length).toBeGreaterThan(200)
    expect(new Set(made.map((m) => m.join(' '))).size).toBe(made.length)
    for (const [, name] of made) expect(name!.length).toBeLessThanOrEqual(15)
  })
})

describe('names of namespaces', () => {
  const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,9}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,9}[a-z0-9])?){0,3}$/)
  const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,3}[a-z0-9])?$/)

  test.each([
    [['x', 'a.b'], 'lab.x.a_b'],
    [['x.a', 'b'], 'lab.x_a.b'],
    [['x.a.b'], 'lab.x_a_b'],
    [['shop', 'cart'], 'lab.shop.cart'],
  ])('%j: %s', (parts, expected) => {
    expect(netnsName('lab', ...parts)).toBe(expected)
  })

  test('no two nodes meet in one, however long they are', () => {
    const parts = fc.oneof(fc.tuple(name), fc.tuple(label, name))
    fc.assert(
      fc.property(parts, parts, fc.nat(200), (a, b, n) => {
        const grown = (list: readonly string[]): string[] => [
          ...list.slice(0, -1),
          `${list.at(-1)!}${'.a'.repeat(n)}`.slice(0, 253).replace(/\.$/, ''),
        ]
        const [x, y] = [grown(a), grown(b)]
        expect(netnsName('lab', ...x) === netnsName('lab', ...y)).toBe(x.join('/') === y.join('/'))
        expect(netnsName('l'.repeat(63), 'n'.repeat(63), x.at(-1)!).length).toBeLessThanOrEqual(255)
      }),
    )
  })

  test('are cut with a hash of the whole name', () => {
    const names = ['a', 'b'].map((end) => `${'x.'.repeat(100)}${end}`)
    expect(new Set(names.map(fileNamePart)).size).toBe(2)
    for (const each of names) expect(fileNamePart(each)).toMatch(/^(x_)+__[0-9a-f]{16}$/)
  })

  test('of a lab with dots everywhere are unique, as are interfaces', () => {
    const { objects } = compiled('hosts: { x.a: {}, x: {} }\npods: { x/a.b: {}, a.b: {}, x.a.b: {}, a/b: {} }')
    const spaces = objects.flatMap((o) => (o.kind === 'netns' ? [o.ns] : []))
    expect(new Set(spaces).size).toBe(spaces.length)
    expect(spaces).toEqual(expect.arrayContaining(['lab.x_a', 'lab.x', 'lab.x.a_b', 'lab.a_b', 'lab.x_a_b', 'lab.a.b']))
    for (const o of objects) if (o.kind === 'veth') expect(`${o.name} ${o.peer.name}`).not.toContain('.')
  })
})

describe('MAC addresses', () => {
  test('are locally administered, unicast, and tell kind, index and number', () => {
    expect(mac('pod', 0x1234, 0xabcd)).toBe('02:01:12:34:ab:cd')
    expect(mac('switch', 1)).toBe('02:0b:00:01:00:00')
  })

  test('differ wherever kind, index or number do', () => {
    const kinds = [
      'pod',
      'podPort',
      'host',
      'switchPort',
      'bridge',
      'vtep',
      'router',
      'routerPort',
      'external',
      'externalPort',
      'switch',
    ] as const
    const all = kinds.flatMap((k) => [0, 1, 255, 256, 65_535].flatMap((i) => [0, 1, 255, 256, 65_535].map((n) => mac(k, i, n))))
    expect(new Set(all).size).toBe(all.length)
  })
})

test('namespaces of all nodes differ, also of pods called alike in several namespaces', () => {
  const l = lab('hosts: { a: {} }\npods: { p: {}, s/p: {}, t/p: {}, s/t: {}, t/s: {} }\nexternals: { x: {} }')
  const names = nodesOf(l).map((n) => n.netns)
  expect(names).toEqual(['lab.switch-lan', 'lab.router', 'lab.a', 'lab.p', 'lab.s.p', 'lab.t.p', 'lab.s.t', 'lab.t.s', 'lab.x'])
})

test('numbers: what was kept stays, the lowest free ones go to the others, and nothing is given twice', () => {
  const numbers = new Numbers(1)
  numbers.keep('b', 2)
  numbers.keep('c', 2) // the record was edited
  numbers.keep('d', 1)
  expect(['a', 'b', 'c', 'd', 'e'].map((owner) => numbers.of(owner))).toEqual([3, 2, 4, 1, 5])
  expect(numbers.of('b')).toBe(2)
})
