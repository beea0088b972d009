import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { isInterpreted, netnsOf, requestOf, type LineTool } from '../../../../src/netns/lines/interpret.ts'
import { NoDevice, type Names } from '../../../../src/netns/lines/request.ts'
import { NotInterpreted } from '../../../../src/netns/lines/words.ts'
import { DEVICES, SHAPES } from '../../../support/line-shapes.ts'

interface Recorded {
  readonly tool: LineTool
  readonly line: string
  readonly type?: number
  readonly flags?: number
  readonly body?: string
  readonly stderr?: string
}

const { lines } = JSON.parse(readFileSync(new URL('./recorded.json', import.meta.url), 'utf8')) as { lines: readonly Recorded[] }

/** The descriptor that the recorded program had for the namespace `far`. */
const FAR = 4
const names: Names = {
  device(name) {
    const index = DEVICES[name]
    if (index === undefined) throw new NoDevice(name)
    return index
  },
  netns: () => FAR,
}

const NLM_F_REQUEST_ACK = 5

describe('a line is the message that iproute2 sends', () => {
  test.each(lines.filter((l) => l.body !== undefined))('$tool: $line', ({ tool, line, type, flags, body }) => {
    const request = requestOf(tool, line, names)
    expect({ type: request.type, flags: request.flags | NLM_F_REQUEST_ACK, body: request.body.toString('hex') }).toEqual({
      type,
      flags,
      body,
    })
  })

  test('every shape is recorded, in order', () => {
    expect(lines.map(({ tool, line }) => ({ tool, line }))).toEqual(SHAPES.map(({ tool, line }) => ({ tool, line })))
  })

  test.each(lines.filter((l) => l.body === undefined))('iproute2 sends nothing: $tool: $line', ({ tool, line }) => {
    expect(() => requestOf(tool, line, names)).toThrow()
  })
})

describe('left to the program', () => {
  test.each([
    ['a word that `ip` takes for a keyword', 'ip', 'link add a type bridge'],
    ['a beginning of one', 'ip', 'link set br up'],
    ['a keyword in short', 'ip', 'a add 10.0.0.1/24 dev eth0'],
    ['an address in short', 'ip', 'address add 10.1/16 dev eth0'],
    ['an octal number', 'ip', 'link set eth0 mtu 01500'],
    ['quotes', 'ip', 'link set eth0 alias "a b"'],
    ['a comment', 'ip', 'link set eth0 up # up'],
    ['a command without an end', 'ip', 'route add'],
    ['an unknown command', 'ip', 'tuntap add dev t0 mode tun'],
    ['another family', 'ip', 'route add 10.0.0.0/8 via fd00::1'],
    ['another family than -6', 'ip -6', 'address add 10.0.0.1/24 dev eth0'],
    ['a value that is too large', 'ip', 'address add 10.0.0.1/33 dev eth0'],
    ['a table by a name from a file', 'ip', 'route add 10.0.0.0/8 dev eth0 table uplink'],
    ['a removal of an address whatever its prefix', 'ip', 'address del 10.0.0.1 dev eth0'],
    ['a device without a type', 'ip', 'link add x1 up'],
    ['a device of an unknown type', 'ip', 'link add x1 type team'],
    ['a VXLAN without a port', 'ip', 'link add vx1 type vxlan id 1 local 10.0.0.1'],
    ['a VXLAN with an identifier that comes from outside', 'ip', 'link add vx1 type vxlan id 1 external dstport 4789'],
    ['a name that is too long', 'ip', 'link add dev sixteen-letters- type bridge'],
    ['a process instead of a namespace', 'ip', 'link set eth0 netns 1'],
    ['words of bridges', 'ip', 'fdb add 02:00:00:00:00:01 dev eth0'],
    ['words of ip', 'bridge', 'route add 10.0.0.0/8 dev eth0'],
    ['VLANs of a port', 'bridge', 'vlan add vid 5 dev eth1'],
  ] as const)('%s: %s %s', (_, tool, line) => {
    expect(isInterpreted(tool, line)).toBe(false)
    expect(() => requestOf(tool, line, names)).toThrow(NotInterpreted)
  })
})

describe('namespaces', () => {
  test.each([
    ['netns add lab.pod-a', { verb: 'add', name: 'lab.pod-a' }],
    ['netns delete lab.pod-a', { verb: 'delete', name: 'lab.pod-a' }],
    ['netns del x', { verb: 'delete', name: 'x' }],
    ['netns add ..', undefined],
    ['netns add a/b', undefined],
    ['netns add x y', undefined],
    ['netns exec x ip link', undefined],
  ])('%s', (line, expected) => {
    expect(netnsOf(line)).toEqual(expected)
    expect(isInterpreted('ip', line)).toBe(expected !== undefined)
  })
})

test('a line that removes, renames or moves a device says so', () => {
  const forgets = (line: string): boolean => requestOf('ip', line, names).forgets === true
  expect(['link delete dev eth0', 'link set eth0 name eth9', 'link set eth0 netns far'].map(forgets)).toEqual([true, true, true])
  expect(['link set eth0 up', 'link add dev eth9 type bridge', 'link set eth0 mtu 1400'].map(forgets)).toEqual([false, false, false])
})
