/** A preset fills in what a file leaves out, and what the file says wins. */
import { describe, expect, test } from 'vitest'
import { loadTopology } from '../../../src/topology/load.ts'
import { modules } from './fixture.ts'

const REST = '\nhosts: { a: {} }\npods: { p: {} }\n'
const load = (text: string) => loadTopology(`${text}${REST}`, 'lab.yaml', modules)

/** `network` and `underlay` of what a text becomes. */
function filled(text: string) {
  const { value, diagnostics } = load(text)
  expect(diagnostics).toEqual([])
  return { ...value!.topology.network, segments: Object.keys(value!.topology.underlay.segments), chosen: value!.preset }
}

const said = (text: string): string[] => load(text).diagnostics.map((d) => `${d.line}:${d.column} ${d.code} ${d.message} | ${d.hint ?? ''}`)

describe('a preset', () => {
  test('fills in what is left out, also of the underlay', () => {
    expect(filled('network: { preset: house }')).toMatchObject({
      preset: 'house',
      hostPrefix: 26,
      backend: { type: 'vxlan', vni: 7, port: 4789, tunnel: 'always' },
      attach: { type: 'routed' },
      segments: ['left', 'right'],
      chosen: { name: 'house', filled: { hostPrefix: 26, backend: { type: 'vxlan', vni: 7, port: 4789 }, attach: 'routed' } },
    })
  })

  test.each([
    [
      'options without a type',
      'backend: { port: 8472 }',
      { type: 'vxlan', vni: 7, port: 8472, tunnel: 'always' },
      { type: 'vxlan', vni: 7 },
    ],
    [
      'options of its own module',
      'backend: { type: vxlan, vni: 9 }',
      { type: 'vxlan', vni: 9, port: 4789, tunnel: 'always' },
      { port: 4789 },
    ],
    ['a name alone', 'backend: vxlan', { type: 'vxlan', vni: 1, port: 8472, tunnel: 'always' }, undefined],
    ['another module', 'backend: { type: gre }', { type: 'gre', tunnel: 'always' }, undefined],
  ])('gives way to %s', (_what, written, backend, left) => {
    const result = filled(`network: { preset: house, ${written} }`)
    expect(result.backend).toEqual(backend)
    expect(result.chosen!.filled['backend']).toEqual(left)
  })

  test('gives way to other keys as a whole', () => {
    const result = filled('network: { preset: house, hostPrefix: 24 }\nunderlay: { segments: { lan: 10.0.0.0/24 } }')
    expect(result).toMatchObject({ hostPrefix: 24, segments: ['lan'], chosen: { filled: { attach: 'routed' } } })
    expect(Object.keys(result.chosen!.filled)).toEqual(['backend', 'attach'])
  })

  test('leaves the rest of the underlay to the file', () => {
    expect(load('network: { preset: house }\nunderlay: { mtu: 9000 }').value!.topology.underlay).toMatchObject({ mtu: 9000 })
  })

  test('is where what it fills in comes from', () => {
    const { source } = load('network:\n  podCIDR: 10.1.0.0/16\n  preset: house').value!
    expect(source(['network', 'backend'])).toMatchObject({ line: 3, column: 3, path: 'network.backend' })
    expect(source(['underlay', 'segments', 'left'])).toMatchObject({ line: 3 })
    expect(source(['network', 'podCIDR'])).toMatchObject({ line: 2 })
  })

  test('that is unknown is named with the nearest one, or with what it waits for', () => {
    expect(said('network: { preset: hose }')).toEqual([
      '1:20 unknown-preset network.preset: unknown preset "hose" | did you mean `house`? (known: house)',
    ])
    expect(said('network: { preset: mansion }')).toEqual([
      '1:20 unknown-preset network.preset: preset "mansion" is not built: there is no ballroom yet | known: house',
    ])
    expect(said('network: { preset: house, backend: { vni: 0 } }')).toHaveLength(1)
  })
})
