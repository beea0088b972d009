import { describe, expect, test } from 'vitest'
import type { Compiled } from '../../../src/compile/compile.ts'
import { diff } from '../../../src/kernel/diff.ts'
import { tableIn } from '../../../src/trace/predict/forwarders.ts'
import { compiled } from '../lab/fixture.ts'
import { addresses, link, of, racks, routes } from './facts.ts'

const hosts = (number: number, backend = 'udp'): Compiled =>
  compiled(`network: { backend: ${backend} }\nhosts: { n: { replicas: ${number} } }\npods: {}`)
const forwarder = (c: Compiled, node: string) => of(c, 'daemon', node)[0]!
const table = (c: Compiled, node: string): string[] => tableIn(forwarder(c, node)).map(({ network, host }) => `${network} ${host}`)

describe('three hosts', () => {
  const c = hosts(3)

  test('have one route to all pods of other hosts, and a table that says which host has which block', () => {
    expect(routes(c, 'n-1')).toEqual(['10.244.0.0/16 dev tun1'])
    expect(addresses(c, 'n-1')).toContain('10.244.0.0/32 dev tun1')
    expect(link(c, 'n-1', 'tun')).toMatchObject({ name: 'tun1', mtu: 1472 })
    expect(table(c, 'n-1')).toEqual(['10.244.1.0/24 192.168.50.12', '10.244.2.0/24 192.168.50.13'])
    expect(table(c, 'n-3')).toEqual(['10.244.0.0/24 192.168.50.11', '10.244.1.0/24 192.168.50.12'])
  })

  test('run a forwarder that may do nothing as root, with files for root alone', () => {
    const { command, capabilities, files, ready, carries } = forwarder(c, 'n-2')
    expect(command).toEqual(['perl', 'forwarder.pl', 'tun1', '192.168.50.12', '8285', '10.244.1.0', 'peers'])
    expect(capabilities).toEqual([])
    expect(files.map(({ path, mode }) => [path, mode])).toEqual([
      ['forwarder.pl', undefined],
      ['peers', undefined],
    ])
    expect([ready, carries]).toEqual([{ udp: 8285 }, { device: 'tun1', port: 8285, table: 'peers' }])
  })

  test('keep their forwarders when another host joins: its table changes in place', () => {
    const changes = diff(c.objects, hosts(4).objects).filter(({ object }) => object.kind === 'daemon')
    expect(changes.map(({ action, object }) => [action, object.kind === 'daemon' && object.node])).toEqual([
      ['replace', 'n-1'],
      ['replace', 'n-2'],
      ['replace', 'n-3'],
      ['create', 'n-4'],
    ])
  })
})

test('a port below 1024 may be bound, and another port means a new forwarder', () => {
  const c = hosts(2, '{ type: udp, port: 500 }')
  expect(forwarder(c, 'n-1')).toMatchObject({ ready: { udp: 500 }, capabilities: ['net_bind_service'] })
  const changes = diff(hosts(2).objects, c.objects).filter(({ object }) => object.kind === 'daemon')
  expect(changes.map(({ action }) => action)).toEqual(['delete', 'delete', 'create', 'create'])
})

test('a host alone needs none', () => {
  const c = hosts(1)
  expect([of(c, 'daemon'), link(c, 'n-1', 'tun'), routes(c, 'n-1')]).toEqual([[], undefined, []])
})

test('across segments only: hosts of one segment have plain routes, and the table has the others', () => {
  const c = racks('{ type: udp, tunnel: cross-segment }')
  expect(routes(c, 'node-1')).toContain('10.244.1.0/24 via 192.168.1.12 dev eth0')
  expect(table(c, 'node-1').map((line) => line.split(' ')[0])).toEqual(['10.244.2.0/24'])
  expect(table(c, 'node-3').map((line) => line.split(' ')[0])).toEqual(['10.244.0.0/24', '10.244.1.0/24'])
})
