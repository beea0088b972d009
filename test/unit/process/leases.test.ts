/** Why what follows from leases is missing. */
import { describe, expect, test } from 'vitest'
import type { Daemon, KernelObject } from '../../../src/kernel/objects.ts'
import { leaseObstacles, valuesOf } from '../../../src/process/leases.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const answer = (body: string, status = '200 OK'): string => `HTTP/1.0 ${status}\r\nContent-Type: application/json\r\n\r\n${body}`

describe('what etcd answers', () => {
  test('keys and values', () => {
    const kvs = [{ key: base64('/a'), value: base64('{"x":1}') }, { key: base64('/b') }]
    expect(valuesOf(answer(JSON.stringify({ header: {}, kvs })))).toEqual(
      new Map([
        ['/a', '{"x":1}'],
        ['/b', ''],
      ]),
    )
    expect(valuesOf(answer('{"header":{}}'))).toEqual(new Map())
  })
  test.each([
    ['nothing', ''],
    ['an error', answer('{"error":"x"}', '503 Unavailable')],
    ['half of it', answer('{"kvs":[{"key"')],
  ])('%s', (_, text) => expect(valuesOf(text)).toBeUndefined())
})

const route: Extract<KernelObject, { kind: 'learned' }> = {
  kind: 'learned',
  ns: 'x.node-1',
  family: 4,
  dst: '10.244.1.0/24',
  protocol: '81',
  daemon: 'node-1.agent',
  by: 'agent on node-1',
  lease: { key: '/subnets/1', value: '{"PublicIP":"192.0.2.2"}', node: 'node-2', store: 'node-1.etcd', writer: 'node-2.agent' },
}
const daemons = new Map(
  ['node-1.agent', 'node-1.etcd', 'node-2.agent'].map((id): [string, Daemon] => {
    const [node = '', program = ''] = id.split('.')
    return [id, { kind: 'daemon', ns: `x.${node}`, id, hostname: node, node, program, command: [], files: [], ready: { tcp: 2379 } }]
  }),
)

const HELD = new Map([['/subnets/1', '{ "PublicIP": "192.0.2.2" }']])
const WRONG = new Map([['/subnets/1', '{"PublicIP":"192.0.2.9"}']])

test.each<[string, readonly string[], ReadonlyMap<string, string> | undefined, 'agent' | 'lease', string]>([
  ['the agent is dead', ['node-1.agent'], HELD, 'agent', 'agent on node-1 is not running'],
  ['etcd is dead', ['node-1.etcd'], undefined, 'lease', 'etcd on node-1 is not running'],
  ['etcd is silent', [], undefined, 'lease', 'etcd on node-1 does not answer'],
  [
    'there is no lease',
    ['node-2.agent'],
    new Map(),
    'lease',
    'the lease of node-2 is not in etcd: there is no /subnets/1; agent on node-2 is not running',
  ],
  [
    'the lease says something else',
    [],
    WRONG,
    'lease',
    'the lease of node-2 in etcd is not as the lab asked for: /subnets/1 is {"PublicIP":"192.0.2.9"}',
  ],
  [
    'all is well but what the agent did',
    [],
    HELD,
    'agent',
    'agent on node-1 has not set what follows from the lease of node-2; it says: why',
  ],
])('%s', async (_, dead, values, kind, text) => {
  const found = await leaseObstacles(
    daemons,
    [route],
    (id) => dead.includes(id),
    () => 'why',
    async () => values,
  )
  expect(found.get(route)).toEqual({ kind, text, dead: dead.map((id) => daemons.get(id)) })
})

test('what follows from no lease has none', async () => {
  const { lease: _lease, ...other } = route
  const silent = async (): Promise<undefined> => undefined
  expect(
    await leaseObstacles(
      daemons,
      [other as KernelObject],
      () => true,
      () => undefined,
      silent,
    ),
  ).toEqual(new Map())
})
