import { describe, expect, test } from 'vitest'
import { lab, problems, words } from './fixture.ts'

const long = (n: number): string => 'x'.repeat(n)

describe('replicas', () => {
  test('are called name-1, name-2, …, in the place of their entry', () => {
    const l = lab('hosts: { a: {}, w: { replicas: 2 }, z: {} }\npods: { shop/p: { replicas: 3 }, q: {} }')
    expect(l.hosts.map((h) => h.name)).toEqual(['a', 'w-1', 'w-2', 'z'])
    expect(l.pods.map((p) => p.key)).toEqual(['shop/p-1', 'shop/p-2', 'shop/p-3', 'q'])
    expect(l.pods[1]).toMatchObject({ name: 'p-2', namespace: 'shop', netns: 'lab.shop.p-2' })
  })

  test('one is a replica all the same', () => {
    expect(lab('hosts: { w: { replicas: 1 } }\npods: {}').hosts[0]!.name).toBe('w-1')
  })

  test.each([
    ['hosts:\n  a-1: {}\n  a: { replicas: 2 }\npods: {}', ['3:3 name-taken']],
    ['hosts:\n  a: { replicas: 2 }\n  a-2: {}\npods: {}', ['3:3 name-taken']],
    ['hosts: { h: {} }\npods:\n  a-1: {}\n  a: { replicas: 2 }', ['4:3 name-taken']],
    ['hosts: { h: {} }\npods:\n  s/a: { replicas: 12 }\n  s/a-11: {}', ['4:3 name-taken']],
    ['hosts: { h: {} }\npods:\n  a: { replicas: 2 }\n  a-1: { replicas: 2 }', []],
  ])('%j: a name two entries come to belongs to the first', (text, found) => {
    expect(problems(text)).toEqual(found)
  })

  test('the message names both entries', () => {
    expect(words('hosts: { a-1: {}, a: { replicas: 2 } }\npods: {}')).toContain('a-1 exists twice: from "a-1" and from "a"')
  })

  test('a name with its number fits a DNS subdomain', () => {
    expect(lab(`hosts: { ${long(251)}: { replicas: 9 } }\npods: {}`).hosts.at(-1)!.name).toHaveLength(253)
    expect(problems(`hosts:\n  ${long(251)}: { replicas: 10 }\npods: {}`)).toEqual(['2:3 name-too-long'])
    expect(lab(`hosts: { ${long(253)}: {} }\npods: { ${long(63)}/${long(251)}: { replicas: 9 } }`).pods[8]!.name).toHaveLength(253)
    expect(problems(`hosts: { h: {} }\npods:\n  ${long(63)}/${long(252)}: { replicas: 1 }`)).toEqual(['3:3 name-too-long'])
  })

  test('are at most 50 000 in all', () => {
    expect(problems('hosts: { h: {} }\nnetwork: { hostPrefix: 16 }\npods:\n  a: { replicas: 30000 }\n  b: { replicas: 20001 }')).toEqual([
      '5:3 too-many',
    ])
  })
})

describe('references', () => {
  test.each([
    ['hosts: { node-1: {} }\npods:\n  a: { host: node-2 }', ['3:8 unknown-host'], 'did you mean "node-1"?'],
    ['hosts: { node-1: {} }\npods:\n  a: { replicas: 11, host: zebra }', ['3:22 unknown-host'], 'Hosts: node-1.'],
    ['hosts: { node-1: { segment: lam } }\npods: {}', ['1:20 unknown-segment'], 'did you mean "lan"?'],
    ['hosts: { w: { segment: rack, replicas: 12 } }\npods: {}', ['1:15 unknown-segment'], 'Segments: lan.'],
    ['hosts: { w: { replicas: 2 } }\npods:\n  a: { host: w }', ['3:8 unknown-host'], 'Hosts: w-1, w-2.'],
  ])('%j: named once, with what there is', (text, found, hint) => {
    expect(problems(text)).toEqual(found)
    expect(words(text)).toContain(hint)
  })
})

describe('names of nodes', () => {
  test.each([
    ['a host called router', 'hosts: { router: {} }\npods: {}\nexternals: { x: {} }', ['1:10 name-taken']],
    ['a pod called router', 'hosts: { h: {} }\npods: { router: {} }\nexternals: { x: {} }', ['2:9 name-taken']],
    ['router where there is none', 'hosts: { h: {} }\npods: { router: {} }', []],
    ["a host called like the segment's switch", 'hosts: { switch-lan: {} }\npods: {}', ['1:10 name-taken']],
    ["a pod called like the segment's switch", 'hosts: { h: {} }\npods:\n  switch-lan: {}', ['3:3 name-taken']],
    ['a pod called like a host', 'hosts: { a: {} }\npods:\n  a: {}', ['3:3 name-taken']],
    ['a replica called like a host', 'hosts: { a-2: {} }\npods:\n  a: { replicas: 3 }', ['3:3 name-taken']],
    ['an external called like a host', 'hosts: { a: {} }\npods: {}\nexternals:\n  a: {}', ['4:3 name-taken']],
    ['a pod of another namespace called like a host', 'hosts: { a: {} }\npods: { shop/a: {}, shop/router: {} }\nexternals: { x: {} }', []],
  ])('%s', (_, text, found) => {
    expect(problems(text)).toEqual(found)
  })

  test('the clash is told in words', () => {
    expect(words('hosts: { a: {} }\npods: { a: {} }')).toContain('pod a: the name "a" is already that of host a')
    expect(words('hosts: { switch-lan: {} }\npods: {}')).toContain('is already that of the switch of segment lan')
  })

  test.each([
    ['My_Lab.yaml', 'name: fine\n', 'fine'],
    ['dir/demo.yaml', '', 'demo'],
    ['dir/demo.yml', '', 'demo'],
  ])('the lab of %s (%j) is called %s', async (file, head, name) => {
    const { resolve } = await import('../../../src/lab/resolve.ts')
    const { load } = await import('./fixture.ts')
    expect(resolve({ ...load(`${head}hosts: { h: {} }\npods: {}`), file }).value?.name).toBe(name)
  })

  test('a file name that cannot be a name asks for one', async () => {
    const { resolve } = await import('../../../src/lab/resolve.ts')
    const { load } = await import('./fixture.ts')
    expect(resolve({ ...load('hosts: { h: {} }\npods: {}'), file: 'My Lab.yaml' }).diagnostics).toMatchObject([
      { code: 'bad-name', line: 1, column: 1 },
    ])
  })
})

test('names that look like integers keep the order of the file', () => {
  const l = lab('hosts: { b: {}, 10: {}, 2: {} }\npods: { z: { host: b }, 7: { host: b }, 1: { host: b } }\nexternals: { y: {}, 3: {} }\n')
  expect(l.hosts.map((h) => [h.name, h.addresses[0]!.ip])).toEqual([
    ['b', '192.168.50.11'],
    ['10', '192.168.50.12'],
    ['2', '192.168.50.13'],
  ])
  expect(l.pods.map((p) => [p.key, p.addresses[0]!.ip])).toEqual([
    ['z', '10.244.0.2'],
    ['7', '10.244.0.3'],
    ['1', '10.244.0.4'],
  ])
  expect(l.externals.map((x) => x.name)).toEqual(['y', '3'])
})
