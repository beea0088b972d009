/** What is read over netlink, beside what `ip -j -d` and `bridge -j` print of the same namespace. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { inside } from '../../src/netns/inside.ts'
import { withReader, type NetlinkReader } from '../../src/netns/netlink/reader.ts'
import { readProc } from '../../src/netns/proc-sys.ts'
import { settingOf, type Setting } from '../../src/netns/netlink/settings.ts'
import { NetlinkError } from '../../src/netns/netlink/socket.ts'
import { randomName } from '../support/lab.ts'
import { makeZoo } from '../support/zoo.ts'

type Fields = Readonly<Record<string, unknown>>

const name = randomName()
const [zoo, other] = [`${name}.zoo`, `${name}.other`]

const read = <T>(work: (reader: NetlinkReader) => T extends PromiseLike<unknown> ? never : T): T => inside(zoo, () => withReader(work)) as T

function printed(...argv: string[]): Fields[] {
  const { status, stdout, stderr } = inside(zoo, () => spawnSync(argv[0]!, argv.slice(1), { encoding: 'utf8' }))
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout || '[]') as Fields[]
}

/** Counts down. */
const VARIES = new Set(['valid_life_time', 'preferred_life_time'])
/** What iproute2 prints besides, of some version, and is not read. */
const NOT_READ = new Set([
  ...['group', 'txqlen', 'broadcast', 'promiscuity', 'allmulti', 'min_mtu', 'max_mtu', 'num_tx_queues', 'num_rx_queues', 'parentbus'],
  ...['gso_max_size', 'gso_max_segs', 'tso_max_size', 'tso_max_segs', 'gro_max_size', 'gso_ipv4_max_size', 'gro_ipv4_max_size'],
  ...[
    'link_netnsid',
    'link_netns',
    'inet6_addr_gen_mode',
    'altnames',
    'pref',
    'expires',
    'permaddr',
    'parentdev',
    'user',
    'link_pointtopoint',
  ],
])

/** Fields of which one side has another value. @param known what must not be missing on our side; absent: everything that is printed */
function differences(ours: Fields, theirs: Fields, known?: ReadonlySet<string>, path = ''): string[] {
  const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)])
  return [...keys].flatMap((key): string[] => {
    const [a, b] = [ours[key], theirs[key]]
    const here = `${path}${key}`
    if (VARIES.has(key))
      return typeof a === typeof b && Math.abs(Number(a) - Number(b)) <= 5 ? [] : [`${here}: ${String(a)} for ${String(b)}`]
    // Of some versions, or left out where it is off.
    if (b === undefined) return a === false || known || key === 'linkmode' ? [] : [`${here}: ${JSON.stringify(a)} is not printed`]
    if (a === undefined)
      return (known && !known.has(key)) || NOT_READ.has(key) || b === null ? [] : [`${here}: ${JSON.stringify(b)} is not read`]
    if (typeof a === 'object' && a !== null && typeof b === 'object' && b !== null)
      return differences(a as Fields, b as Fields, here.endsWith('_data') ? new Set(Object.keys(a)) : undefined, `${here}.`)
    return a === b ? [] : [`${here}: ${JSON.stringify(a)} for ${JSON.stringify(b)}`]
  })
}

function assertSame(ours: readonly object[], theirs: readonly Fields[]): void {
  assert.ok(theirs.length > 0)
  assert.deepEqual(
    theirs.flatMap((t, i) =>
      differences((ours[i] ?? {}) as Fields, t).map((d) => `${JSON.stringify(t['ifname'] ?? t['dst'] ?? t['mac'] ?? i)} ${d}`),
    ),
    [],
  )
  assert.equal(ours.length, theirs.length)
}

before(async () => {
  for (const ns of [zoo, other]) assert.equal(spawnSync('ip', ['netns', 'add', ns]).status, 0)
  inside(zoo, () => makeZoo(other))
  // Duplicate address detection ends some time later, and must not end between two readings.
  const isChecked = (): boolean => !JSON.stringify(printed('ip', '-j', 'address', 'show')).includes('"tentative":true')
  for (let tries = 0; tries < 100 && !isChecked(); tries++) await sleep(50)
})
after(() => {
  for (const ns of [zoo, other]) spawnSync('ip', ['netns', 'delete', ns])
})

describe('read over netlink as iproute2 prints it:', () => {
  test('devices and addresses', () =>
    assertSame(
      read((r) => r.links()),
      printed('ip', '-j', '-d', 'address', 'show'),
    ))

  test('what a device type has of its own and netlab looks at', () => {
    const data = (device: string): Fields => read((r) => r.links()).find((l) => l.ifname === device)?.linkinfo?.info_data ?? {}
    const bridge = ['vlan_filtering', 'stp_state', 'group_fwd_mask', 'ageing_time', 'mcast_snooping', 'no_linklocal_learn']
    const theirs = new Map(
      printed('ip', '-j', '-d', 'link', 'show').map((l) => [l['ifname'], l['linkinfo'] as { info_data?: Fields } | undefined]),
    )
    for (const [device, words] of Object.entries({
      br0: bridge.filter((word) => theirs.get('br0')?.info_data?.[word] !== undefined),
      vx1: ['id', 'port', 'local', 'link', 'learning'],
      vx2: ['id', 'remote', 'ttl', 'tos', 'l2miss', 'l3miss', 'proxy', 'rsc', 'gbp'],
      vx3: ['group6', 'tos'],
      gr0: ['local', 'remote', 'ttl', 'ikey', 'okey'],
      gr1: ['ikey', 'okey'],
      ii0: ['local'],
      ii1: ['remote', 'ttl'],
      gn0: ['id', 'remote', 'port'],
      gn1: ['remote6', 'ttl'],
      vl0: ['id', 'protocol'],
      mv0: ['mode'],
      iv0: ['mode'],
    })) {
      const printedData = theirs.get(device)?.info_data
      if (!printedData) continue
      const pick = (of: Fields): Fields => Object.fromEntries(words.map((word) => [word, of[word]]))
      assert.deepEqual(pick(data(device)), pick(printedData), device)
    }
  })

  test('the mode of a device, which `ip address` does not print', () => {
    const modes = new Map(read((r) => r.links()).map((l) => [l.ifname, l.linkmode]))
    for (const l of printed('ip', '-j', 'link', 'show')) assert.equal(modes.get(String(l['ifname'])), l['linkmode'])
    assert.equal(modes.get('w0'), 'DORMANT')
  })

  test('routes of all tables', () => {
    const theirs = printed('ip', '-j', '-d', 'route', 'show', 'table', 'all')
    const ours = read((r) => r.routes())
    // Of a route with a header of its own iproute2 prints two fields `dst`.
    const plain = <T extends Fields>(list: readonly T[]): T[] => list.filter((r) => r['encap'] === undefined)
    assertSame(plain(ours as unknown as Fields[]), plain(theirs))
    assert.equal(ours.length, theirs.length)
    const tunnelled = ours.find((r) => r.encap !== undefined)
    if (tunnelled)
      assert.deepEqual(
        [tunnelled.dst, tunnelled.encap, tunnelled.encap_info],
        ['10.11.0.0/16', 'ip', { id: 5, dst: '10.0.0.2', ttl: 0, tos: 0 }],
      )
  })

  for (const family of [4, 6] as const)
    test(`rules of IPv${family}`, () =>
      assertSame(
        read((r) => r.rules(family)!),
        printed('ip', `-${family}`, '-j', '-d', 'rule', 'show'),
      ))

  test('neighbours', () =>
    assertSame(
      read((r) => r.neighbours()),
      printed('ip', '-j', 'neighbour', 'show', 'nud', 'all'),
    ))

  test('addresses that are answered for', () =>
    assertSame(
      read((r) => r.proxied()),
      printed('ip', '-j', 'neighbour', 'show', 'proxy'),
    ))

  test('forwarding databases', () => {
    // The device of a remote is called `viaIf` by some versions.
    const theirs = printed('bridge', '-j', 'fdb', 'show').map(({ viaIf, ...f }) => (viaIf === undefined ? f : { ...f, via: viaIf }))
    assertSame(
      read((r) => r.fdb()),
      theirs,
    )
  })

  test('queueing disciplines and tables of nftables', () => {
    const links = read((r) => r.links())
    const kinds = read((r) => r.qdiscs()).map((q) => [links.find((l) => l.ifindex === q.ifindex)?.ifname, q.kind])
    assert.deepEqual(
      kinds,
      printed('tc', '-j', 'qdisc', 'show').map((q) => [q['dev'], q['kind']]),
    )
    const tables = inside(zoo, () => spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' })).stdout
    assert.deepEqual(
      read((r) => r.nftTables()).map((t) => `table ${t.family} ${t.name}`),
      tables.split('\n').filter(Boolean),
    )
  })
})

describe('settings of devices', () => {
  /** Every file below net/ipv4/conf and net/ipv6/conf that a dump has, too. */
  const settings = (): { path: string; setting: Setting }[] =>
    inside(zoo, () =>
      ['ipv4', 'ipv6'].flatMap((family) =>
        readdirSync(`/proc/sys/net/${family}/conf`).flatMap((place) =>
          readdirSync(`/proc/sys/net/${family}/conf/${place}`).flatMap((word) => {
            const path = `net/${family}/conf/${place}/${word}`
            const setting = settingOf(path)
            return setting ? [{ path, setting }] : []
          }),
        ),
      ),
    )

  test('are as their files have them, also once they were changed', () => {
    const all = settings()
    assert.ok(all.length > 50)
    for (const change of [false, true]) {
      if (change)
        inside(zoo, () => {
          for (const { path } of all.filter((_, i) => i % 3 === 0)) writeFileSync(`/proc/sys/${path}`, '1\n')
        })
      const files = inside(zoo, () => readProc(all.map(({ path }) => `/proc/sys/${path}`)))
      assert.deepEqual(
        read((r) => all.map(({ path, setting }) => `${path} ${r.setting(setting)}`)),
        all.map(({ path }, i) => `${path} ${files[i]}`),
      )
    }
  })

  test('of a device that is not there are none', () => {
    const setting = settingOf('net/ipv4/conf/nothing/rp_filter')!
    assert.equal(
      read((r) => r.setting(setting)),
      undefined,
    )
  })
})

describe('a route is asked for', () => {
  for (const [to, ...words] of [
    ['10.7.1.1'],
    ['10.9.1.1', 'from', '10.1.0.1'],
    ['10.1.0.1'],
    ['fd09::1'],
    ['fd00::77', 'from', 'fd00::1'],
    ['10.9.3.4'],
    ['10.1.0.1', 'from', '10.1.0.77', 'iif', 'v1'],
  ] as const)
    test(`to ${[to, ...words].join(' ')}`, () => {
      const [, src, , iif] = words
      const query = { dst: to, ...(src === undefined ? {} : { src }), ...(iif === undefined ? {} : { iif }) }
      for (const match of [false, true]) {
        const [theirs] = printed('ip', '-j', '-d', 'route', 'get', ...(match ? ['fibmatch'] : []), to, ...words) as [Fields]
        const ours = read((r) => r.route(query, match)) as unknown as Fields
        for (const field of ['type', 'dst', 'gateway', 'dev', 'prefsrc', 'table', 'metric'])
          assert.deepEqual(ours[field], theirs[field], field)
      }
    })

  test("that is refused, and the words are the kernel's", () => {
    for (const [to, ...words] of [['10.6.0.1'], ['fd02::1'], ['10.250.0.1'], ['10.5.1.1', 'from', '10.99.0.1']]) {
      const { stderr } = inside(zoo, () => spawnSync('ip', ['route', 'get', to!, ...words], { encoding: 'utf8' }))
      const said = stderr.replace(/^RTNETLINK answers: |^Error: /, '').trim()
      assert.throws(
        () => read((r) => r.route({ dst: to!, ...(words[1] === undefined ? {} : { src: words[1] }) })),
        (error) => error instanceof NetlinkError && (error.message === said || `${error.message}.` === said),
        said,
      )
    }
    assert.throws(() => read((r) => r.route({ dst: '10.5.1.1', iif: 'none' })), /^Error: Cannot find device "none"$/)
  })
})
