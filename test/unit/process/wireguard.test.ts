/** What WireGuard says of itself, as `wg show DEVICE dump` prints it (wg(8)), and the lines that make it otherwise. */
import { describe, expect, test } from 'vitest'
import { diff } from '../../../src/kernel/diff.ts'
import { drift } from '../../../src/kernel/drift.ts'
import type { WireguardConfig } from '../../../src/kernel/objects.ts'
import { render } from '../../../src/kernel/render.ts'
import { driftFindings } from '../../../src/report/lab/drift.ts'
import { handshakesIn, readDump } from '../../../src/process/wireguard/ask.ts'

const PRIVATE = 'cGEgc2VjcmV0IHRoYXQgaXMgbmV2ZXIgc2hvd24gYWc='
const key = (letter: string): string => `${letter.repeat(43)}=`
const names = new Map([
  [key('A'), 'node-1'],
  [key('B'), 'node-2'],
  [key('C'), 'node-3'],
])
const dump = (own: string, ...peers: string[]): string => [`${PRIVATE}\t${own}\t51820\toff`, ...peers].map((line) => `${line}\n`).join('')
const peer = (
  name: string,
  allowed: string,
  more: { endpoint?: string; preshared?: string; latest?: number; keepalive?: string } = {},
): string =>
  [name, more.preshared ?? '(none)', more.endpoint ?? '192.168.50.12:51820', allowed, more.latest ?? 0, 0, 0, more.keepalive ?? 'off'].join(
    '\t',
  )

describe('a dump', () => {
  test('is read as names of hosts, and no key of the lab is in it', () => {
    const state = readDump(dump(key('A'), peer(key('B'), '192.168.50.12/32,10.244.1.0/24')), names)
    expect(state).toEqual({
      key: 'node-1',
      port: 51820,
      peers: { 'node-2': { endpoint: '192.168.50.12:51820', allowedIPs: ['10.244.1.0/24', '192.168.50.12/32'] } },
    })
  })

  test.each([
    ['of a device that was never configured', '(none)\t(none)\t0\toff\n', undefined],
    ['of one whose key was taken away', `(none)\t(none)\t51820\toff\n${peer(key('B'), '(none)', { endpoint: '(none)' })}\n`, 'no key'],
    ['with a key that is none of the lab', dump(key('X'), peer(key('B'), '10.244.1.0/24')), 'a key that is none of the lab'],
    ["with another host's key", dump(key('C'), peer(key('B'), '10.244.1.0/24')), 'node-3'],
  ])('%s', (_, text, own) => {
    expect(readDump(text, names)?.key).toBe(own)
    expect(JSON.stringify(readDump(text, names) ?? '')).not.toContain(PRIVATE)
  })

  test('shows what was not asked for', () => {
    const text = dump(
      key('A'),
      peer(key('B'), '(none)', { endpoint: '(none)', preshared: PRIVATE, keepalive: '25' }),
      peer(key('X'), '0.0.0.0/0'),
    )
    expect(readDump(text, names)?.peers).toEqual({
      'node-2': { allowedIPs: [], keepalive: '25', preshared: true },
      [key('X')]: { endpoint: '192.168.50.12:51820', allowedIPs: ['0.0.0.0/0'] },
    })
    expect(JSON.stringify(readDump(text, names))).not.toContain(PRIVATE)
  })

  test('has the handshakes with hosts of the lab', () => {
    const text = dump(
      key('A'),
      peer(key('B'), '10.244.1.0/24', { latest: 1_700_000_000 }),
      peer(key('C'), '10.244.2.0/24'),
      peer(key('X'), '(none)'),
    )
    expect([...handshakesIn(text, names)]).toEqual([
      ['node-2', 1_700_000_000],
      ['node-3', 0],
    ])
  })
})

describe('a device', () => {
  const config: WireguardConfig = {
    kind: 'wireguard',
    ns: 'l.node-1',
    dev: 'flannel-wg',
    node: 'node-1',
    key: 'node-1',
    port: 51820,
    peers: {
      'node-2': { endpoint: '192.168.50.12:51820', allowedIPs: ['10.244.1.0/24', '192.168.50.12/32'] },
      'node-3': { endpoint: '192.168.50.13:51820', allowedIPs: ['10.244.2.0/24', '192.168.50.13/32'] },
    },
  }
  const linesFor = (before: readonly WireguardConfig[], after: readonly WireguardConfig[]): string =>
    render(diff(before, after))
      .flatMap((batch) => batch.lines.map((line) => line.text))
      .join('\n')

  test('gets its key from a file, and the keys of others from theirs', () => {
    const text = linesFor([], [config])
    expect(text).toContain('wg set flannel-wg listen-port 51820 private-key keys/node-1.key')
    expect(text).toContain('peer "$(cat keys/node-2.pub)" preshared-key /dev/null endpoint 192.168.50.12:51820')
    expect(text).not.toContain('remove')
  })

  test('loses peers that are not asked for', () => {
    const { 'node-3': third, ...peers } = config.peers
    expect(linesFor([{ ...config, peers: { ...peers, [key('X')]: third! } }], [{ ...config, peers }])).toContain(`peer ${key('X')} remove`)
  })

  test('that had another key begins with all peers anew, for what was agreed on is worth nothing', () => {
    const text = linesFor([{ ...config, key: 'a key that is none of the lab' }], [config])
    for (const name of ['node-2', 'node-3']) expect(text).toContain(`peer "$(cat keys/${name}.pub)" remove`)
    expect(linesFor([{ ...config, port: 1 }], [config])).not.toContain('remove')
  })

  const saidOf = (observed: WireguardConfig): readonly string[] =>
    driftFindings(drift([config], [observed]), 'lab.yaml', () => []).flatMap((f) => f.details)
  const second = config.peers['node-2']!
  test.each<[string, Partial<WireguardConfig>, RegExp]>([
    ['another key', { key: 'no key' }, /it has no key/],
    ['a peer missing', { peers: { 'node-2': second } }, /peer node-3 is missing/],
    ['one too many', { peers: { ...config.peers, [key('X')]: second } }, /a peer with the key X+= was not asked for/],
    [
      'allowed IPs',
      { peers: { ...config.peers, 'node-2': { ...second, allowedIPs: ['10.244.1.128/25'] } } },
      /peer node-2 has the allowed IPs 10\.244\.1\.128\/25/,
    ],
    ['a preshared key', { peers: { ...config.peers, 'node-2': { ...second, preshared: true } } }, /peer node-2 has a preshared key/],
    ['another endpoint', { peers: { ...config.peers, 'node-2': { ...second, endpoint: '192.168.50.99:1' } } }, /192\.168\.50\.99:1/],
    ['another port', { port: 51821 }, /51821/],
  ])('is named with %s', (_, change, said) => expect(saidOf({ ...config, ...change }).join('\n')).toMatch(said))
})
