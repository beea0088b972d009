/** What docs/systems.md says to write for a real system is taken, and makes the devices it speaks of. */
import { describe, expect, test } from 'vitest'
import { compiled } from '../lab/fixture.ts'
import { documents } from './documents.ts'

const page = documents.find((d) => d.path === 'docs/systems.md')!
/** Each system's block, by its heading. */
const blocks = page.fences.map(({ lines, at }) => {
  const before = page.text.split('\n').slice(0, at)
  return { system: before.findLast((l) => l.startsWith('## '))!.slice(3), text: lines.join('\n') }
})

/** In each lab, of a host: a device or a daemon that the system has. */
const HAS: Readonly<Record<string, string>> = {
  Docker: 'docker0',
  Flannel: 'cni0',
  Calico: 'bird',
  Canal: 'vxlan1',
  'kube-router': 'bird',
  'Routes of a cloud': 'eth0',
}

describe('docs/systems.md', () => {
  test('has a topology for each system', () => {
    expect(blocks.map((b) => b.system)).toEqual(Object.keys(HAS))
  })

  test.each(blocks)('$system', ({ system, text }) => {
    // Of Docker's block there is room for one host.
    const hosts = system === 'Docker' ? 'hosts: { a: {} }' : 'hosts: { a: {}, b: {} }'
    const { objects } = compiled(`${text}\n${hosts}\npods: { p: { host: a } }`)
    expect(JSON.stringify(objects)).toContain(`"${HAS[system]}"`)
  })
})
