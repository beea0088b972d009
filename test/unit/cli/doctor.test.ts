/** Probing with programs that only pretend: no root, no namespace, any answer. */
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { attachModules } from '../../../src/attach/index.ts'
import { backends } from '../../../src/backends/index.ts'
import { needsOf } from '../../../src/cli/commands/tools/doctor-run.ts'
import { FEATURES } from '../../../src/kernel/features/feature.ts'
import { probe } from '../../../src/kernel/features/probe.ts'
import { toolVersion, versionIn } from '../../../src/cli/commands/tools/tool-version.ts'
import { optionTypes } from '../../../src/topology/schema/schema.ts'

const PATH = process.env['PATH']
let bin: string

const install = (name: string, script: string): void => {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(bin, name), 0o755)
}

beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'netlab-probe-'))
  symlinkSync('/bin/sh', join(bin, 'sh'))
  install('unshare', 'shift; exec "$@"')
  install('setsid', 'exec "$@"')
  process.env['PATH'] = bin
})
afterEach(() => {
  process.env['PATH'] = PATH
  rmSync(bin, { recursive: true })
})

describe('a probe', () => {
  test('believes what the kernel says, feature by feature', () => {
    install('ip', 'case "$*" in *"type gre"*) printf "Error: Unknown\\n  device type.\\n" >&2; exit 2;; esac; echo noise')
    expect(probe(['veth', 'gre', 'vxlan'])).toEqual([
      { feature: 'veth', works: true },
      { feature: 'gre', works: false, reason: 'Error: Unknown device type.' },
      { feature: 'vxlan', works: true },
    ])
  })

  test('is not fooled by output that looks like an answer', () => {
    install('ip', 'echo ok; echo no; exit 1')
    expect(probe(['veth', 'bridge']).map((p) => [p.works, p.reason])).toEqual([
      [false, 'ok no'],
      [false, 'ok no'],
    ])
  })

  test('says something even when the tool does not', () => {
    install('ip', 'exit 1')
    expect(probe(['ipip'])).toEqual([{ feature: 'ipip', works: false, reason: 'it failed without a word' }])
  })

  test('does not blame the kernel for a missing program', () => {
    expect(probe(['netns', 'veth', 'masquerade'])).toEqual([
      { feature: 'netns', works: true },
      { feature: 'veth', works: false, untried: true, reason: 'not tried: the program ip is not installed' },
      { feature: 'masquerade', works: false, untried: true, reason: 'not tried: the program iptables-restore is not installed' },
    ])
    rmSync(join(bin, 'unshare'))
    expect(probe(['netns'])).toEqual([
      { feature: 'netns', works: false, untried: true, reason: 'not tried: the program unshare is not installed' },
    ])
  })

  test('learns from a refused namespace about namespaces only', () => {
    install('ip', 'exit 0')
    install('unshare', 'echo "unshare: Operation not permitted" >&2; exit 1')
    expect(probe(['netns', 'veth'])).toEqual([
      { feature: 'netns', works: false, reason: 'unshare: Operation not permitted' },
      { feature: 'veth', works: false, untried: true, reason: 'not tried: unshare: Operation not permitted' },
    ])
  })

  test('hands iptables a table that ends in COMMIT', () => {
    install('iptables-restore', 'while read -r line; do last=$line; done; [ "$last" = COMMIT ]')
    expect(probe(['masquerade'])).toEqual([{ feature: 'masquerade', works: true }])
  })
})

test('every feature says what it needs', () => {
  expect(FEATURES.length).toBeGreaterThan(5)
  for (const f of FEATURES)
    expect(
      [f.needs, f.purpose, f.probe].every((words) => /\S/.test(words)),
      f.name,
    ).toBe(true)
  expect(new Set(FEATURES.map((f) => f.name)).size).toBe(FEATURES.length)
})

test.each([
  ['ip utility, iproute2-6.1.0, libbpf 1.1.2', '6.1.0'],
  ['This is perl 5, version 36, subversion 0 (v5.36.0) built for x86_64', '5.36.0'],
  ['iptables-restore v1.8.9 (nf_tables)', '1.8.9 (nf_tables)'],
  ['iptables v1.8.7 (legacy)', '1.8.7 (legacy)'],
  ['ping from iputils 20221126\nlibcap: yes', '20221126'],
  ['ping utility, iputils-s20190709', '20190709'],
  ['kmod version 30\n+ZSTD', '30'],
  ['QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)', '7.2.22'],
  ['no idea', undefined],
])('the version in %j is %s', (text, version) => expect(versionIn(text)).toBe(version))

test('a program that cannot be asked has no version', async () => {
  install('sulky', 'exit 1')
  expect(await toolVersion('sulky', join(bin, 'sulky'))).toBe(undefined)
  expect(await toolVersion('gone', join(bin, 'gone'))).toBe(undefined)
})

describe('needs are asked of the compiler', () => {
  test.each(Object.keys(backends))('backend %s', (name) => {
    const options = backends[name]!.options(optionTypes).safeParse({})
    const needs = needsOf({ backend: name })
    expect(needs !== undefined).toBe(options.success)
    if (!needs) return
    expect(needs.features).toEqual(expect.arrayContaining(['netns', 'veth', ...backends[name]!.create(options.data!).needs]))
    expect(needs.tools).toEqual(expect.arrayContaining(['ip', 'perl', 'nsenter', 'unshare', 'iptables-restore']))
  })

  test.each(Object.keys(attachModules))('attach %s', (name) => {
    const options = attachModules[name]!.options(optionTypes).safeParse({})
    const needs = needsOf({ attach: name })
    expect(needs !== undefined).toBe(options.success)
    if (needs) expect(needs.features).toEqual(expect.arrayContaining([...attachModules[name]!.create(options.data!).needs]))
  })

  test('a module that is not there needs nothing', () => expect(needsOf({ backend: 'pigeons' })).toBe(undefined))
})
