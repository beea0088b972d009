/** Entering namespaces from Node: what is made where, and that nothing that is made at the wrong time reaches anything. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync, readFileSync, closeSync } from 'node:fs'
import net, { createServer, type AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { createSocket } from 'node:dgram'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { inherit, inside, leaveMachine, MACHINE, machineNamespace } from '../../src/netns/inside.ts'
import { libc, SystemError } from '../../src/netns/libc.ts'
import {
  deviceName,
  listeningSocket,
  packetSocket,
  packetStatistics,
  readFrames,
  type PacketFrame,
} from '../../src/netns/sockets/packet-socket.ts'
import { Receiver } from '../../src/netns/sockets/receive.ts'
import { tcpConnection, tcpServer, udpSocket } from '../../src/netns/sockets/socket.ts'
import { randomName } from '../support/lab.ts'

const where = (): string => readlinkSync('/proc/thread-self/ns/net')

if (isMainThread) tests()
// The same file as a worker thread: it answers where the names it gets lead.
else reportTo(parentPort!.postMessage.bind(parentPort))

function reportTo(answer: (seen: string[]) => void): void {
  const { machine, names } = workerData as { machine: number; names: string[] }
  inherit(machine)
  answer([inside(MACHINE, where), ...names.map((ns) => inside(ns, where)), where()])
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}

function tests(): void {
  const name = randomName()
  const [left, right] = [`${name}.left`, `${name}.right`]
  /** What stands for the machine's namespace here, with a server that a slip could reach. */
  let machine: string
  const slipped: string[] = []
  const server = createServer((socket) => slipped.push(`${socket.end().remoteAddress}`))
  const datagrams = createSocket('udp4', (data) => slipped.push(data.toString()))

  before(async () => {
    libc('unshare', 0x40000000)
    machine = where()
    ip('link', 'set', 'lo', 'up')
    server.listen(0, '127.0.0.1')
    datagrams.bind(0, '127.0.0.1')
    await Promise.all([once(server, 'listening'), once(datagrams, 'listening')])
    for (const ns of [left, right]) ip('netns', 'add', ns)
    ip('-n', left, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', right)
    for (const [ns, address] of [
      [left, '10.77.0.1'],
      [right, '10.77.0.2'],
    ] as const) {
      ip('-n', ns, 'link', 'set', 'lo', 'up')
      ip('-n', ns, 'address', 'add', `${address}/24`, 'dev', 'eth0')
      ip('-n', ns, 'link', 'set', 'eth0', 'up')
    }
    leaveMachine()
  })
  after(() => {
    server.close()
    datagrams.close()
    for (const ns of [left, right]) spawnSync('ip', ['netns', 'delete', ns])
  })

  describe('inside', () => {
    test('the thread is in the namespace, and home again after it', () => {
      const home = where()
      assert.notEqual(home, machine)
      const there = ([left, right, MACHINE] as const).map((ns) => inside(ns, where))
      assert.equal(new Set([home, ...there]).size, 4)
      assert.equal(there[2], machine)
      assert.equal(where(), home)
    })

    test('other namespaces can be entered, and the way back leads through them', () => {
      const seen: string[] = []
      inside(left, () => {
        seen.push(where())
        inside(right, () => void seen.push(inside(MACHINE, where), where()))
        seen.push(where())
      })
      const [outer, inmost, inner, back] = seen
      assert.deepEqual([outer, inmost], [back, machine])
      assert.notEqual(inner, outer)
      assert.equal(new Set([where(), ...seen]).size, 4)
    })

    test('an error leads home, too', () => {
      const home = where()
      assert.throws(
        () =>
          inside(left, () => {
            throw new Error('no')
          }),
        /^Error: no$/,
      )
      assert.throws(() => inside(`${name}.none`, where), { code: 'ENOENT' })
      assert.throws(() => inside('../../dev/null', where), SystemError)
      assert.equal(where(), home)
    })

    test('leaves no descriptor open', () => {
      const open = (): number => readdirSync('/proc/self/fd').length
      const before = open()
      for (let i = 0; i < 50; i++) {
        inside(left, () => inside(right, () => inside(MACHINE, where)))
        assert.throws(() => inside('../../dev/null', where))
      }
      assert.equal(open(), before)
    })

    test('settings are those of the namespace', () => {
      const read = (): string => readFileSync('/proc/sys/net/ipv4/conf/eth0/forwarding', 'utf8')
      assert.match(inside(left, read), /^[01]\n$/)
      assert.throws(read, { code: 'ENOENT' })
    })

    test('children are started, and stay', async () => {
      const child = inside(left, () => spawn('ip', ['-br', 'address', 'show', 'eth0'], { stdio: ['ignore', 'pipe', 'inherit'] }))
      let printed = ''
      child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
      await once(child, 'close')
      assert.match(printed, /10\.77\.0\.1\/24/)
    })

    test('what returns a promise does not compile', () => {
      // Never called: only the compiler reads it.
      const wrong = (): unknown => [
        // @ts-expect-error the work is not done when it returns
        inside(left, async () => {}),
        // @ts-expect-error so is a promise passed on
        inside(left, () => Promise.resolve(1)),
        // @ts-expect-error and one that is only possible
        inside(left, (): number | Promise<number> => 1),
      ]
      const right: number = inside(left, () => 1)
      assert.equal(typeof wrong, 'function')
      assert.equal(right, 1)
    })
  })

  describe('sockets made inside', () => {
    test('of TCP belong to the namespace', async () => {
      const seen: string[] = []
      const server = inside(right, () => tcpServer({ address: '0.0.0.0', port: 80 }, (s) => s.end(`hello ${seen.push(s.remoteAddress!)}`)))
      const client = inside(left, () => tcpConnection({ address: '10.77.0.2', port: 80 }, '10.77.0.1'))
      let answer = ''
      client.on('data', (chunk) => (answer += chunk.toString()))
      await once(client, 'end')
      server.close()
      assert.deepEqual([answer, seen], ['hello 1', ['10.77.0.1']])
    })

    test('of TCP tell that they were refused', async () => {
      const client = inside(left, () => tcpConnection({ address: '10.77.0.2', port: 81 }))
      const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
      assert.equal(error.code, 'ECONNREFUSED')
    })

    test('of UDP belong to the namespace', async () => {
      const server = inside(right, () => udpSocket({ address: '10.77.0.2', port: 53 }))
      server.on('message', (data, from) => server.send(`${data.toString()} from ${from.address}`, from.port, from.address))
      const client = inside(left, () => udpSocket({ address: '0.0.0.0', port: 0 }))
      client.send('hello', 53, '10.77.0.2')
      const [data] = (await once(client, 'message')) as [Buffer]
      assert.equal(data.toString(), 'hello from 10.77.0.1')
      server.close()
      client.close()
    })

    test('that listen have every frame with its device, its direction, its time and its length, and count what they lose', async () => {
      const ping = (size: number): Promise<unknown> =>
        once(
          inside(left, () => spawn('ping', ['-c', '1', '-W', '2', '-s', String(size), '10.77.0.2'], { stdio: 'ignore' })),
          'close',
        )
      await ping(56)
      // ICMP alone, of which it keeps 40 bytes: ldb [14 + 9], jeq #1, ret #40, ret #0.
      const filter = Buffer.from('3000000017000000150000010100000006000000280000000600000000000000', 'hex')
      const fd = inside(right, () => listeningSocket({ filter, buffer: 1 << 20 }))
      const began = BigInt(Date.now()) * 1_000_000n
      await ping(100)
      const frames: PacketFrame[] = []
      const receiver = new Receiver()
      assert.equal(
        readFrames(fd, receiver, (frame) => frames.push(frame)),
        2,
      )
      assert.deepEqual(
        frames.map((f) => [deviceName(fd, f.ifindex), f.direction, f.otherHost, f.hardware, f.length, f.bytes.length]),
        [
          ['eth0', 'in', false, 1, 142, 40],
          ['eth0', 'out', false, 1, 142, 40],
        ],
      )
      assert.ok(frames[0]!.at >= began && frames[1]!.at >= frames[0]!.at && frames[1]!.at <= BigInt(Date.now() + 1) * 1_000_000n)
      assert.deepEqual(packetStatistics(fd), { received: 2, lost: 0 })
      assert.equal(deviceName(fd, 9999), undefined)
      closeSync(fd)

      const small = inside(right, () => listeningSocket({ buffer: 0 }))
      for (let i = 0; i < 4; i++) await ping(1400)
      const { received, lost } = packetStatistics(small)
      assert.ok(readFrames(small, receiver, () => {}) === received - lost && lost > 0, `${received} received, ${lost} lost`)
      closeSync(small)
    })

    test('of packets get what passes there, and nothing before their filter', async () => {
      let before = 0
      const buffer = Buffer.alloc(2048)
      const fd = inside(right, () =>
        packetSocket(0x0003, 0, (fd) => {
          spawnSync('ping', ['-c', '1', '-W', '2', '127.0.0.1'])
          try {
            before = libc('recv', fd, buffer, buffer.length, 0)
          } catch (error) {
            assert.equal((error as SystemError).code, 'EAGAIN')
          }
        }),
      )
      await once(
        inside(left, () => spawn('ping', ['-c', '1', '-W', '2', '10.77.0.2'], { stdio: 'ignore' })),
        'close',
      )
      const length = libc('recv', fd, buffer, buffer.length, 0)
      closeSync(fd)
      assert.equal(before, 0)
      assert.ok(length >= 42, `${length} bytes`)
    })
  })

  describe('a socket that Node makes on a later tick', () => {
    /** What became of a socket: connected, or the code of its error. */
    const outcome = (socket: net.Socket): Promise<string> =>
      new Promise((resolve) =>
        socket.once('connect', () => resolve('connected')).once('error', (e: NodeJS.ErrnoException) => resolve(e.code!)),
      )

    test('reaches nothing on the machine', async () => {
      const { port } = server.address() as AddressInfo
      // The proof that there is something to reach.
      const proper = inside(MACHINE, () => tcpConnection({ address: '127.0.0.1', port }))
      await once(proper.resume(), 'end')
      assert.deepEqual(slipped.splice(0), ['127.0.0.1'])

      const connection = inside(left, () => net.connect(port, '127.0.0.1'))
      assert.match(await outcome(connection), /^E(NETUNREACH|CONNREFUSED|ADDRNOTAVAIL)$/)
      assert.match(await outcome(net.connect(port, '127.0.0.1')), /^E(NETUNREACH|CONNREFUSED|ADDRNOTAVAIL)$/)

      const socket = inside(left, () => createSocket('udp4'))
      const sent = await new Promise<string | undefined>((resolve) =>
        socket.send('slipped', datagrams.address().port, '127.0.0.1', (error) => resolve((error as NodeJS.ErrnoException | null)?.code)),
      )
      assert.match(sent ?? 'sent', /^E(NETUNREACH|CONNREFUSED|ADDRNOTAVAIL)$/)
      socket.close()
      assert.deepEqual(slipped, [])
    })

    test('that listens is found nowhere', async () => {
      const listening = inside(left, () => createServer(() => slipped.push('accepted')).listen(4711, '127.0.0.1'))
      const [error] = (await Promise.race([once(listening, 'error'), once(listening, 'listening').then(() => [])])) as [
        NodeJS.ErrnoException?,
      ]
      // Home has no address, not even the loopback one.
      assert.ok(error === undefined || error.code === 'EADDRNOTAVAIL', error?.message)
      const refused = inside(MACHINE, () => tcpConnection({ address: '127.0.0.1', port: 4711 }))
      assert.equal(await outcome(refused), 'ECONNREFUSED')
      listening.close()
      assert.deepEqual(slipped, [])
    })
  })

  test('a worker thread has a home of its own and finds the same namespaces', async () => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { machine: machineNamespace(), names: [left, right] } })
    const [[there, ...rest]] = (await once(worker, 'message')) as [string[]]
    await worker.terminate()
    assert.equal(there, machine)
    const [home] = rest.splice(2)
    assert.deepEqual(rest, [inside(left, where), inside(right, where)])
    assert.ok(!new Set([machine, where(), ...rest]).has(home!))
  })
}
