import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Daemon } from '../../../src/kernel/objects.ts'
import {
  commandOf,
  complaint,
  environment,
  fieldReader,
  frame,
  hostname,
  portArguments,
  launchOf,
  type ContainerSpec,
} from '../../../src/process/spec.ts'

const spec: ContainerSpec = {
  id: 'shop.cart.http',
  ns: 'demo.shop.cart',
  hostname: 'cart',
  pod: 'shop/cart',
  container: 'http',
  listen: [
    { port: 8080, protocol: 'TCP' },
    { port: 53, protocol: 'UDP' },
  ],
  addresses: ['10.244.0.2', 'fd00::2'],
}

describe('the environment of a container', () => {
  test('is its own plus a few of the outside', () => {
    expect(environment(spec, { PATH: '/bin', TERM: 'xterm', SECRET: 'x' })).toEqual({
      PATH: '/bin',
      TERM: 'xterm',
      HOSTNAME: 'cart',
      POD_NAME: 'cart',
      POD_NAMESPACE: 'shop',
      POD_IPS: '10.244.0.2,fd00::2',
      CONTAINER_NAME: 'http',
    })
  })

  test('names no pod on an external', () => {
    const variables = environment({ ...spec, pod: 'client', hostname: 'client', external: true }, { PATH: '/bin' })
    expect(variables).toEqual({ PATH: '/bin', HOSTNAME: 'client', EXTERNAL_IPS: '10.244.0.2,fd00::2', CONTAINER_NAME: 'http' })
  })

  test('has a PATH in any case, and what the user says wins', () => {
    const made = environment({ ...spec, pod: 'cart', env: { POD_NAME: 'mine', HOME: '/x' } }, { HOME: '/root' })
    expect(made['PATH']).toContain('/usr/bin')
    expect(made).toMatchObject({ POD_NAMESPACE: 'default', POD_NAME: 'mine', HOME: '/x' })
  })
})

test('a host name is cut to 63 bytes and does not end in a dash or dot', () => {
  expect(hostname({ ...spec, hostname: `${'a'.repeat(62)}-bcd` })).toBe('a'.repeat(62))
  expect(hostname(spec)).toBe('cart')
})

test('ports are written as the responder reads them', () => {
  expect(portArguments(spec)).toEqual(['8080/tcp', '53/udp'])
})

describe('daemons', () => {
  const daemon: Daemon = {
    kind: 'daemon',
    ns: 'demo.node-1',
    id: 'node-1.bird',
    hostname: 'node-1',
    node: 'node-1',
    program: 'bird',
    command: ['bird', '-f'],
    files: [{ path: 'conf/bird.conf', content: '' }],
    ready: { tcp: 179 },
  }

  test('run in a directory of their own, with little environment', () => {
    expect(launchOf(daemon, '/records', { PATH: '/bin', POD_NAME: 'x' })).toEqual({
      id: 'node-1.bird',
      ns: 'demo.node-1',
      hostname: 'node-1',
      pod: 'node-1',
      directory: '/records/node-1.bird.d',
      ports: [],
      environment: { PATH: '/bin', HOSTNAME: 'node-1' },
      command: ['bird', '-f'],
    })
  })

  test('keep the capabilities they need and no other', () => {
    expect(commandOf({ ...daemon, capabilities: ['net_admin'] })).toEqual([
      'setpriv',
      '--bounding-set=-all,+net_admin',
      '--no-new-privs',
      '--',
      'bird',
      '-f',
    ])
    expect(commandOf({ ...daemon, capabilities: [] })[1]).toBe('--bounding-set=-all')
  })

  test.each(['/etc/passwd', '../x', 'a//b', '.pid', ''])('%j as a path of a file is a bug', (path) => {
    expect(() => complaint({ ...daemon, files: [{ path, content: '' }] })).toThrow(TypeError)
    expect(complaint(daemon)).toBeUndefined()
  })
})

describe('complaints', () => {
  test.each([
    [{ command: [] }, 'the command is empty'],
    [{ command: [''] }, 'the command is empty'],
    [{ command: ['a', 'b\0'] }, 'a NUL byte cannot be passed to a program'],
    [{ env: { A: '\0' } }, 'a NUL byte cannot be passed to a program'],
    [{ env: { 'A=B': '' } }, 'not the name of a variable: "A=B"'],
    [{ env: { '': '' } }, 'not the name of a variable: ""'],
    [{}, undefined],
    [{ command: ['a', ''] }, undefined],
  ])('%j: %s', (change, message) => {
    expect(complaint({ ...spec, ...change })).toBe(message)
  })

  test.each(['../x', '', '.hidden', 'a/b', 'a\n'])('%j as id or namespace is a bug', (name) => {
    expect(() => complaint({ ...spec, id: name })).toThrow(TypeError)
    expect(() => complaint({ ...spec, ns: name })).toThrow(TypeError)
  })
})

test('what is framed is read back, wherever the bytes are cut', () => {
  const word = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', ''))
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), fc.infiniteStream(fc.nat(7)), (command, cuts) => {
      const bytes = Buffer.from(frame([launchOf({ ...spec, command }, '/records', { PATH: '/bin' })]))
      const fields: string[] = []
      const read = fieldReader((field) => fields.push(field))
      for (let at = 0; at < bytes.length;) {
        const { value } = cuts.next()
        read(bytes.subarray(at, at + value))
        at += value
      }
      const own = ['PATH=/bin', 'HOSTNAME=cart', 'POD_NAME=cart', 'POD_NAMESPACE=shop', 'POD_IPS=10.244.0.2,fd00::2', 'CONTAINER_NAME=http']
      expect(fields).toEqual([
        '1',
        'shop.cart.http',
        'demo.shop.cart',
        'cart',
        'shop/cart',
        '/',
        '2',
        '8080/tcp',
        '53/udp',
        '6',
        ...own,
        String(command.length),
        ...command,
        'end',
      ])
    }),
    { numRuns: 50 },
  )
})
