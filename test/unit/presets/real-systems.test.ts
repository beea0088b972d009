/** Presets make on a host what the real systems make, but for the differences that their pages name. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { refusals } from '../../../src/compile/compile.ts'
import { presets } from '../../../src/presets/index.ts'
import { expected, labFor, realSystems, type Seen } from '../../support/real-systems.ts'
import { of, route } from '../compile/facts.ts'
import { compiled } from '../lab/fixture.ts'
import { ROOT } from '../docs/documents.ts'

/** Of the first host: what the lists speak of. */
function compiledFor(preset: string): Seen {
  const lab = compiled(`name: lab\n${labFor(preset)}`)
  const node = 'node-1'
  const single = (text: string): string => text.replace(/^(\S+)\/32 /, '$1 ')
  const sorted = (list: readonly string[]): string[] => list.toSorted()
  return {
    devices: sorted([...of(lab, 'link', node), ...of(lab, 'veth', node)].map((o) => o.name).filter((name) => !/^(lo|eth0)$/.test(name))),
    addresses: sorted(
      of(lab, 'address', node)
        .filter((a) => a.dev !== 'eth0')
        .map((a) => `${a.address} dev ${a.dev}`),
    ),
    routes: sorted([
      ...of(lab, 'route', node)
        .filter((r) => r.dst !== 'default')
        .map((r) => single(route(r))),
      // Of a next hop in a tunnel BIRD says `onlink`, as Calico's patched one does.
      ...of(lab, 'learned', node).map(
        (r) => `${r.dst}${r.via ? ` via ${r.via}` : ''} dev ${r.dev}${r.via && r.dev !== 'eth0' ? ' onlink' : ''}`,
      ),
    ]),
    rules: of(lab, 'rule', node).map((r) => `from ${r.src} lookup ${r.table}`),
    chains: sorted(
      of(lab, 'chain', node)
        .filter((c) => !c.builtin)
        .map((c) => `${c.table} ${c.chain}`),
    ),
  }
}

test('every preset has its list', () => {
  expect(Object.keys(realSystems).toSorted()).toEqual(Object.keys(presets).toSorted())
})

describe.each(Object.entries(realSystems))('%s', (name, system) => {
  test('makes what the real system makes, but for what is named', () => {
    expect(refusals(compiled(`name: lab\n${labFor(name)}`).lab)).toEqual([])
    expect(compiledFor(name)).toEqual(expected(system))
  })

  test('what is missing is in the real system', () => {
    const theirs = [...system.devices, ...system.addresses, ...system.routes, ...system.chains]
    expect(system.missing.filter((what) => !theirs.includes(what))).toEqual([])
    expect(system.own.filter((what) => theirs.includes(what))).toEqual([])
    expect(system.sources.length).toBeGreaterThan(0)
  })

  test('its page has a packet, and names every difference', () => {
    const page = readFileSync(join(ROOT, system.page), 'utf8')
    expect(page).toContain(`preset: ${name}`)
    expect(page).toContain('## Differences')
    const differences = page.slice(page.indexOf('## Differences'))
    // Of a chain of a pod the beginning of its name, of a route what it leads to.
    const word = (what: string): string =>
      what
        .replace(/^(?:nat|filter|mangle) /, '')
        .replace(/cali[0-9a-f]{11}/, '')
        .replace(/ .*/, '')
    const named = [...system.missing, ...system.own, ...Object.entries(system.standIns ?? {}).flat()].map(word)
    expect([...new Set(named)].filter((what) => !differences.includes(`\`${what}`))).toEqual([])
  })
})
