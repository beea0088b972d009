import { describe, expect, test } from 'vitest'
import type { NamespacePool } from '../../../src/netns/namespace-pool.ts'
import type { KernelObject } from '../../../src/kernel/objects.ts'
import { INHERITED, type SysctlBaseline } from '../../../src/kernel/unmanaged/sysctls.ts'
import type { Applied } from '../../../src/state/store.ts'
import { baselineOf } from '../../../src/kernel/unmanaged/sysctl-baseline.ts'

const ARP = 'net/ipv4/conf/all/arp_ignore'
const netns = (ns: string): KernelObject => ({ kind: 'netns', ns })
const sysctl = (ns: string, key: string, value: string): KernelObject => ({ kind: 'sysctl', ns, key, value })

/** What a new namespace shows; none may be made where undefined. */
const machine = (settings?: Readonly<Record<string, string>>, code = 0): NamespacePool =>
  ({
    one: async () => {
      if (settings === undefined) throw new Error('a namespace was made')
      const value = INHERITED.map((key) => settings[key])
      return [{ step: 0, code, stdout: '', stderr: code === 0 ? '' : 'Operation not permitted\n', value }]
    },
  }) as unknown as NamespacePool
const lab = (objects: readonly KernelObject[], baseline?: SysctlBaseline): Applied =>
  ({ objects, ...(baseline ? { baseline } : {}) }) as unknown as Applied
const a = [netns('l.a')]
const here = new Set(['l.a'])

describe('settings of new namespaces', () => {
  test('are read when a lab is made, and when a namespace is, and kept beside those before', async () => {
    expect(await baselineOf(undefined, [], a, new Set(), machine({ [ARP]: '0' }))).toEqual({ [ARP]: ['0'] })
    const applied = lab(a, { [ARP]: ['0'] })
    expect(await baselineOf(applied, a, [...a, netns('l.b')], here, machine({ [ARP]: '1' }))).toEqual({ [ARP]: ['0', '1'] })
    // Deleted by hand, and made again.
    expect(await baselineOf(applied, a, a, new Set(), machine({ [ARP]: '0' }))).toEqual({ [ARP]: ['0'] })
  })
  test('are not read where none is made', async () => {
    expect(await baselineOf(lab(a, { [ARP]: ['0'] }), a, a, here, machine())).toEqual({ [ARP]: ['0'] })
  })
  test('are unknown of a lab without a record', async () => {
    expect(await baselineOf(lab(a), a, [...a, netns('l.b')], here, machine())).toBeUndefined()
  })
  test('that cannot be read are an error with the words of the kernel', async () => {
    await expect(baselineOf(undefined, [], a, new Set(), machine({}, 1))).rejects.toThrow('Operation not permitted')
  })
})

describe('settings that were asked for', () => {
  const six = 'net/ipv6/conf/all/forwarding'
  const applied = lab(a, {})
  const kept = (before: readonly KernelObject[], after: readonly KernelObject[]): Promise<SysctlBaseline | undefined> =>
    baselineOf(applied, [...a, ...before], [...a, ...after], here, machine())

  test('and no longer are stay as they are in a namespace that stays, and what the kernel handed them on to', async () => {
    const before = [sysctl('l.a', 'net/ipv4/ip_forward', '1'), sysctl('l.a', six, '1'), sysctl('l.a', 'net/ipv4/conf/all/rp_filter', '2')]
    expect(await kept(before, [])).toEqual({
      'net/ipv4/conf/all/forwarding': ['1'],
      'net/ipv4/conf/default/forwarding': ['1'],
      [six]: ['1'],
      'net/ipv6/conf/default/forwarding': ['1'],
      'net/ipv4/conf/all/rp_filter': ['2'],
    })
  })
  test('and still are, or went with their namespace, or are not watched, are no business of other namespaces', async () => {
    const rp = sysctl('l.a', 'net/ipv4/conf/all/rp_filter', '2')
    const gone = sysctl('l.gone', 'net/ipv4/conf/all/rp_filter', '2')
    expect(await kept([rp, gone, sysctl('l.a', 'net/ipv4/conf/eth0/proxy_arp', '1')], [rp])).toEqual({})
  })
})
