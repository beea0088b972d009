/** How the lines of a whole lab are gathered. */
import { describe, expect, test } from 'vitest'
import { diff } from '../../../src/kernel/diff.ts'
import { Stage } from '../../../src/kernel/kinds/kind.ts'
import { render } from '../../../src/kernel/render.ts'
import { compiled } from '../lab/fixture.ts'

describe('batches', () => {
  const { objects } = compiled(
    'network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }\nhosts: { a: {}, b: {} }\npods: { p: { containers: [{ name: c }] }, q: {} }\nexternals: { x: { podRoutes: true } }',
  )
  const batches = render(diff([], objects))

  test('one a namespace, tool and stage, in the order they must run', () => {
    const of = (ns: string) => batches.filter((b) => b.ns === ns).map((b) => `${Stage[b.stage]} ${b.tool}`)
    expect(of('lab.a')).toEqual([
      'Settings sysctl',
      'Devices ip',
      'Config ip',
      'Config bridge',
      'Config iptables-restore',
      'Config ip6tables-restore',
    ])
    expect(of('lab.p')).toEqual(['Config sysctl', 'Config ip', 'Processes process'])
    expect(of('lab.router')).toEqual(['Settings sysctl', 'Devices ip', 'Config ip', 'Config ip -6'])
    expect(batches[0]).toMatchObject({ tool: 'ip', stage: Stage.Namespaces, removes: false })
    expect(batches[0]).not.toHaveProperty('ns')
  })

  test('settings of an end node come before its link is up', () => {
    const [settings, ip] = batches.filter((b) => b.ns === 'lab.p')
    expect(settings!.lines.map((l) => l.text)).toContain('net/ipv6/conf/eth0/accept_dad = 0')
    expect(ip!.lines.map((l) => l.text)).toContain('link set eth0 up')
    expect([settings!.tool, ip!.tool]).toEqual(['sysctl', 'ip'])
  })

  test('a note stands at the first line of its object', () => {
    const noted = batches.flatMap((b) => b.lines.filter((l) => l.note !== undefined))
    expect(noted.length).toBeGreaterThan(5)
    for (const l of noted) expect(l.note).toBe(l.object.note)
    const masq = batches.find((b) => b.tool === 'iptables-restore')!
    expect(masq.lines.filter((l) => l.note !== undefined).map((l) => l.text)).toEqual([':NETLAB-MASQ - [0:0]'])
  })

  test('what takes away comes before what makes', () => {
    const half = objects.filter((o) => o.ns !== 'lab.q' && !(o.kind === 'veth' && o.peer.ns === 'lab.q'))
    const both = render(diff([...objects], [...half, { kind: 'netns', ns: 'lab.new' }]))
    const last = both.findLastIndex((b) => b.removes)
    expect(both.findIndex((b) => !b.removes)).toBe(last + 1)
    expect(both.filter((b) => b.removes).map((b) => Stage[b.stage])).toEqual(['Devices', 'Namespaces'])
  })
})
