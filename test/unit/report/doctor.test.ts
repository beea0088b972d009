import { Chalk } from 'chalk'
import { describe, expect, test } from 'vitest'
import { doctorText, installLine, moduleFinding, neighbourLimit, type Findings, type Tool } from '../../../src/report/lab/doctor.ts'

const tool = (name: string, path: string | null, required = true): Tool => ({
  name,
  path,
  version: path && '6.1.0',
  package: `${name}-package`,
  required,
  for: 'every lab',
})
const tools = [tool('ip', '/usr/sbin/ip'), tool('bridge', null), tool('tcpdump', null, false)]
const features: Findings['features'] = [
  { feature: 'veth', works: true, reason: null, for: 'x', needs: 'kernel module veth' },
  { feature: 'gre', works: false, reason: 'Error: Unknown device type.', for: 'x', needs: 'kernel module ip_gre' },
  { feature: 'ipv6', works: null, reason: null, for: 'x', needs: 'CONFIG_IPV6' },
]

describe('a module', () => {
  const judged = (wantedFeatures: ('veth' | 'gre' | 'ipv6')[], wantedTools: string[]) => {
    const { works, missing } = moduleFinding({ name: 'm', summary: 's', features: wantedFeatures, tools: wantedTools }, { tools, features })
    return [works, missing]
  }
  test('works when all it needs is there', () => expect(judged(['veth'], ['ip'])).toEqual([true, []]))
  test('lacks programs and features', () => expect(judged(['veth', 'gre'], ['ip', 'bridge'])).toEqual([false, ['bridge', 'gre']]))
  test('is undecided when a feature was not tried', () => expect(judged(['veth', 'ipv6'], ['ip'])).toEqual([null, []]))
  test('does not work, tried or not, when anything is known to be missing', () =>
    expect(judged(['ipv6'], ['bridge'])).toEqual([false, ['bridge']]))
})

test('one line installs everything that is missing, each package once', () => {
  expect(installLine([...tools, { ...tool('bridge2', null), package: 'bridge-package' }], false)).toBe(
    'sudo apt-get install bridge-package tcpdump-package',
  )
  expect(installLine(tools, true)).toBe('apt-get install bridge-package tcpdump-package')
  expect(installLine(tools.slice(0, 1), true)).toBe(null)
})

test.each([1024, 4096, 100_000])('the lab said to fit into %i neighbour entries does, and one host more does not', (entries) => {
  const hosts = Number(/\d+/.exec(neighbourLimit(entries))![0])
  const learned = (h: number): number => h * (h - 1) + 2 * 10 * h
  expect(learned(hosts)).toBeLessThanOrEqual(entries)
  expect(learned(hosts + 1)).toBeGreaterThan(entries)
})

const found: Findings = {
  system: { kernel: '6.1.0', machine: 'x86_64', distribution: 'Debian', modules: 'loadable', node: '20.19.0', nodeWorks: true, root: true },
  tools,
  features,
  loaded: [],
  backends: [
    { name: 'direct', summary: 'bare routes', works: true, missing: [] },
    { name: 'gre', summary: 'tunnels', works: false, missing: ['bridge', 'gre'] },
  ],
  attach: [{ name: 'bridge', summary: 'a bridge', works: true, missing: [] }],
  defaultLab: { name: 'default', summary: '', works: true, missing: [] },
  limits: [{ name: 'processes', setting: 'kernel.pid_max', value: 32768, allows: 'much' }],
  vm: { qemu: null, kvm: false, reason: '' },
  rootless: { allowed: false, reason: 'kernel.apparmor_restrict_unprivileged_userns=1' },
  install: 'apt-get install bridge-package',
}
const text = (changes: Partial<Findings> = {}): string => doctorText({ ...found, ...changes }, new Chalk({ level: 0 }))
const lastLine = (changes: Partial<Findings>): string => text(changes).trimEnd().split('\n').at(-1)!

describe('the text', () => {
  test('marks what works, what does not and why, what was not tried, and what no module needs', () => {
    const lines = text().split('\n')
    for (const line of [
      '  ✓ ip       /usr/sbin/ip 6.1.0',
      '  ✗ bridge   missing, package bridge-package (every lab)',
      '  - tcpdump  missing, package tcpdump-package (every lab, optional)',
      '  ✓ veth  x',
      '  ✗ gre   Error: Unknown device type. (needs kernel module ip_gre)',
      '  ? ipv6  needs CONFIG_IPV6',
      '  ✗ gre     lacks bridge, gre (tunnels)',
      '    processes  32768 (kernel.pid_max): much',
    ])
      expect(lines).toContain(line)
  })

  test('ends with what runs here and how to get the rest', () => {
    expect(lastLine({})).toBe(
      'Runs here: backends direct, pods attached by bridge; not gre. To install what is missing: apt-get install bridge-package',
    )
    expect(lastLine({ install: null })).toBe('Runs here: backends direct, pods attached by bridge; not gre.')
  })

  test('says so when nothing runs, and why', () => {
    const nothing = {
      backends: [found.backends[1]!],
      defaultLab: { ...found.defaultLab, works: false, missing: ['netns', 'veth', 'bridge'] },
      install: null,
    }
    expect(lastLine(nothing)).toBe('No lab can run here, for lack of netns, veth and bridge.')
    expect(lastLine({ ...nothing, system: { ...found.system, nodeWorks: false } })).toBe('netlab needs Node.js 20.19 or newer.')
  })

  test('promises nothing without root', () => {
    const unknown = { system: { ...found.system, root: false }, backends: [{ ...found.backends[0]!, works: null }], install: null }
    expect(lastLine(unknown)).toBe('Perhaps backends direct: run with sudo to know.')
    expect(text(unknown)).toContain('\nKernel features: not tried, run with sudo to try them\n')
    expect(text(unknown)).toContain('  ? user          not root: labs need it; run with sudo to try kernel features\n')
  })

  test('tells what trying left behind', () => {
    expect(text()).not.toContain('loaded modules')
    expect(text({ loaded: ['ip_gre', 'gre'] })).toContain('  The kernel loaded modules for this and keeps them: ip_gre, gre\n')
  })
})
