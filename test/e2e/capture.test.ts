/** `netlab capture` on a running lab: as lines, as a file, into a pipe, and into a Wireshark that is not one. */
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CLOSING } from '../../src/netns/sockets/packet-socket.ts'
import { Lab, type NodeDocument } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { bin } from '../support/root.ts'
import { inside, netlab, output, refusal, run, told, type Run, type RunOptions } from '../support/run.ts'
import { noTshark, tsharkFields } from '../unit/packet/pcap.ts'

ownMachine()

const TOPOLOGY = `
hosts:
  node-1: {}
  node-2: {}
pods:
  a: { host: node-1, containers: [{ name: web, ports: [{ containerPort: 8080 }] }] }
  shop/b: { host: node-2 }
`

describe('netlab capture', { skip: unable }, () => {
  let lab: Lab
  let nodes: readonly NodeDocument[]
  const address = (name: string): string => nodes.find((n) => n.name === name)!.addresses![0]!
  const ping = (count = 1): Promise<string> =>
    output(inside(lab.ns('shop/b'), ['ping', '-c', String(count), '-i', '0.01', '-W', '5', address('a')]))

  before(async () => {
    lab = new Lab(TOPOLOGY)
    nodes = (await lab.mustUp()).nodes
    await ping()
  })
  after(() => lab?.remove())

  /** Captures; `meanwhile` begins when it says that it captures. */
  function capture(
    args: readonly string[],
    meanwhile: (child: ChildProcess) => unknown,
    options: Omit<RunOptions, 'onStart'> & { readonly argv?: readonly string[] } = {},
  ): Promise<Run> {
    return run([...(options.argv ?? [process.execPath, bin, 'capture']), ...args], {
      ...options,
      onStart: (child) => {
        let said = ''
        let begun = false
        child.stderr!.on('data', (data: Buffer) => {
          said += data.toString()
          if (begun || !said.includes('listening on')) return
          begun = true
          void meanwhile(child)
        })
      },
    })
  }
  /** Processes of this machine, which is ours alone, with a word in their command line. */
  const running = (word: string): string[] =>
    readdirSync('/proc').filter((pid) => {
      try {
        return (
          /^\d+$/.test(pid) &&
          readFileSync(`/proc/${pid}/cmdline`, 'utf8')
            .split('\0')
            .some((w) => w === word || w.endsWith(`/${word}`))
        )
      } catch {
        return false
      }
    })
  const lines = (r: Run): string[] => r.stdout.split('\n').filter(Boolean)

  test('shows packets of several nodes as they come, in the order of their time, tunnels unfolded', async () => {
    const result = await capture(['a', 'node-1', 'node-2:eth0', '--filter', 'icmp', '--count', '12'], () => ping())
    assert.equal(result.code, 0, told(result))
    // Through node-2 eth0, node-1 eth0, vxlan1, cni0, p1-a and a eth0, and back.
    const shown = lines(result)
    assert.deepEqual(
      shown.slice(0, 6).map((l) => l.split(/ +/).slice(1, 3).join(' ')),
      ['node-2/eth0 out', 'node-1/eth0 in', 'node-1/vxlan1 in', 'node-1/cni0 out', 'node-1/p1-a out', 'a/eth0 in'],
    )
    const times = shown.map((l) => l.split(' ')[0]!)
    assert.deepEqual(times, times.toSorted())
    const [b, a] = [address('b'), address('a')]
    assert.match(
      shown[0]!,
      new RegExp(
        `192\\.168\\.50\\.12:\\d+ > 192\\.168\\.50\\.11:8472 ttl 64 VXLAN 1 › ${b} > ${a} ttl 63 ICMP echo-request id \\d+ seq 1 \\(148\\)$`,
      ),
    )
    assert.match(shown[5]!, new RegExp(`a/eth0 +in +${b} > ${a} ttl 62 ICMP echo-request`))
    assert.equal(shown.length, 12)
    assert.match(result.stderr, /none lost/)
  })

  test('ends after --count packets that match, and says how many did not', async () => {
    const result = await capture(['a', '--filter', `src shop/b and icmp`, '--count', '3'], () => ping(5))
    assert.deepEqual([result.code, lines(result).length], [0, 3], told(result))
    assert.ok(lines(result).every((l) => l.includes('echo-request') && l.includes('a/eth0')))
    assert.match(result.stderr, /^\d+ captured, 3 shown, none lost$/m)
  })

  test('ends after --duration, with nothing to show where nothing comes', async () => {
    const result = await capture(['shop/b:lo', '--duration', '300ms'], () => {})
    assert.deepEqual([result.code, result.stdout], [0, ''])
    assert.match(result.stderr, /listening on shop\/b\/lo .*\n0 captured, none lost/s)
  })

  test('Ctrl-C ends it, with everything that was captured', async () => {
    const result = await capture(['a'], async (child) => {
      await ping(3)
      child.kill('SIGINT')
    })
    assert.equal(result.code, 0, told(result))
    assert.equal(lines(result).filter((l) => l.includes(' ICMP ')).length, 6)
  })

  /** Type of the last block of a pcapng file: its length stands at both its ends. */
  const lastBlock = (file: string): number => {
    const bytes = readFileSync(file)
    return bytes.readUInt32LE(bytes.length - bytes.readUInt32LE(bytes.length - 4))
  }

  test('a terminal that is closed ends it like Ctrl-C, and nothing stays behind', async () => {
    const file = join(lab.dir, 'closed.pcapng')
    const argv = ['script', '-qec', `exec ${process.execPath} ${bin} capture a --write ${file}`, '/dev/null']
    const result = await run(argv, {
      onStart: (terminal) => {
        terminal.stdout!.once('data', async (data: Buffer) => {
          assert.match(data.toString(), /listening on a/)
          await ping(3)
          terminal.kill('SIGKILL')
        })
      },
    })
    assert.equal(result.signal, 'SIGKILL')
    while (running('capture').length + running(CLOSING).length > 0) await sleep(20)
    const INTERFACE_STATISTICS = 5
    assert.equal(lastBlock(file), INTERFACE_STATISTICS)
  })

  describe('Ctrl-C ends it although its reader stalls', () => {
    /** More than waits between two processes: the kernel keeps some hundred kilobytes. */
    const MUCH = 4000
    /** As lines more than the 64 KiB of a pipe, and less than what Node would take besides without a word. */
    const LITTLE_MORE = 190
    /** Runs it beside a reader of this number, which must still be there afterwards. */
    async function stalled(args: readonly string[], pings: number, options: Parameters<typeof capture>[2]): Promise<void> {
      const interrupt = async (child: ChildProcess): Promise<void> => {
        await output(inside(lab.ns('shop/b'), ['ping', '-q', '-f', '-c', String(pings), '127.0.0.1']))
        // Until it has given away what it can.
        await sleep(500)
        child.kill('SIGINT')
      }
      const result = await capture(['shop/b', ...args], interrupt, options)
      assert.equal(result.code, 0, told(result))
      assert.match(result.stderr, /^\d+ captured, .*\nthe reader stalled: it lacks the last of them$/m)
      const reader = Number(readFileSync(join(lab.dir, 'reader'), 'utf8'))
      // It would be gone had netlab waited for it.
      assert.ok(process.kill(reader, 'SIGKILL'))
      while (running(CLOSING).length > 0) await sleep(20)
    }

    test('Wireshark', async () => {
      const dir = join(lab.dir, 'stalls')
      mkdirSync(dir)
      writeFileSync(join(dir, 'wireshark'), `#!/bin/sh\necho $$ > ${lab.dir}/reader\nexec sleep 100\n`, { mode: 0o755 })
      await stalled(['--wireshark'], MUCH, { env: { PATH: `${dir}:${process.env['PATH']}`, DISPLAY: ':9' } })
    })

    for (const [what, args, pings] of [
      ['pcapng', ['--write', '-'], MUCH],
      ['lines', [], MUCH],
      ['lines, with the last few in Node', [], LITTLE_MORE],
    ] as const)
      test(`a pipe of ${what}`, async () => {
        const script = `cd ${lab.dir}; rm -f fifo; mkfifo fifo; sleep 100 <fifo >/dev/null 2>&1 & echo $! >${lab.dir}/reader; cd /; exec "$@" >${lab.dir}/fifo`
        await stalled(args, pings, { argv: ['sh', '-c', script, 'sh', process.execPath, bin, 'capture'] })
      })
  })

  test('MAC addresses when asked for', async () => {
    const result = await capture(['a', '--ether', '--filter', 'icmp', '--count', '1'], () => ping())
    assert.match(result.stdout, /([\da-f]{2}:){5}[\da-f]{2} > ([\da-f]{2}:){5}[\da-f]{2} 10\./)
  })

  describe('one file of several nodes', { skip: noTshark }, () => {
    const read = (file: string): string[][] =>
      tsharkFields(
        file,
        ['frame.interface_name', 'ip.src', 'vxlan.vni', 'icmp.type', 'frame.time_epoch'],
        ['-d', 'udp.port==8472,vxlan'],
      ).map((c) => c.map((v) => v.join()))

    test('has an interface a device, directions, and what was lost', async () => {
      const file = join(lab.dir, 'one.pcapng')
      const result = await capture(['a', 'node-1', 'shop/b:eth0', '--write', file, '--filter', 'icmp'], async (child) => {
        await ping(2)
        child.kill('SIGINT')
      })
      assert.deepEqual([result.code, result.stdout], [0, ''], told(result))
      const rows = read(file)
      assert.equal(rows.length, 24, JSON.stringify(rows))
      assert.deepEqual(
        new Set(rows.map(([name]) => name)),
        new Set(['a/eth0', 'node-1/p1-a', 'node-1/cni0', 'node-1/vxlan1', 'node-1/eth0', 'shop/b/eth0']),
      )
      assert.ok(rows.filter(([name]) => name === 'node-1/eth0').every(([, , vni]) => vni === '1'))
      assert.deepEqual(
        rows.map((r) => Number(r[4])),
        rows.map((r) => Number(r[4])).toSorted((x, y) => x - y),
      )
      const infos = spawnSync('capinfos', [file], { encoding: 'utf8' })
      assert.equal(infos.status, 0)
      assert.match(infos.stdout, /Number of interfaces in file: 6/)
      assert.equal(infos.stdout.match(/Number of stat entries = 1/g)?.length, 6)
    })

    test('is whole even if the capture is killed', async () => {
      const file = join(lab.dir, 'killed.pcapng')
      const result = await capture(['a', '--write', file], async (child) => {
        const before = statSync(file).size
        await ping(3)
        while (statSync(file).size < before + 6 * 150) await sleep(20)
        child.kill('SIGKILL')
      })
      assert.equal(result.signal, 'SIGKILL')
      assert.equal(read(file).filter(([, , , type]) => type !== '').length, 6)
    })

    test('comes out of a pipe as it grows', async () => {
      const script = '"$@" | tshark -l -n -d udp.port==8472,vxlan -r - -Y icmp -T fields -e frame.interface_name'
      const argv = ['sh', '-c', script, 'sh', process.execPath, bin, 'capture']
      const result = await capture(['a', 'node-2:eth0', '--write', '-', '--filter', 'icmp', '--count', '4'], () => ping(), { argv })
      assert.equal(result.code, 0, told(result))
      assert.deepEqual(lines(result), ['node-2/eth0', 'a/eth0', 'a/eth0', 'node-2/eth0'])
    })

    test('goes to Wireshark, whose end ends it', async () => {
      const dir = join(lab.dir, 'bin')
      const got = join(lab.dir, 'got.pcapng')
      mkdirSync(dir, { recursive: true })
      writeFileSync(join(dir, 'wireshark'), `#!/bin/sh\necho "$@" > ${lab.dir}/args\nhead -c 600 > ${got}\n`)
      chmodSync(join(dir, 'wireshark'), 0o755)
      const env = { PATH: `${dir}:${process.env['PATH']}`, DISPLAY: ':9' }
      const result = await capture(['a', '--wireshark'], () => ping(20), { env })
      assert.equal(result.code, 0, told(result))
      assert.equal(readFileSync(join(lab.dir, 'args'), 'utf8'), '-k -i -\n')
      assert.equal(readFileSync(got).readUInt32LE(0), 0x0a0d0d0a)
    })
  })

  test('packets that got lost are counted and said', async () => {
    // Nothing is read, so pipe, process and socket buffer fill up, whatever the machine.
    const argv = ['sh', '-c', '"$@" | { sleep 4; wc -l; }', 'sh', process.execPath, bin, 'capture']
    const flood = `use Socket; socket S, PF_INET, SOCK_DGRAM, 0; my $to = pack_sockaddr_in 9, inet_aton '127.0.0.1'; my $end = time + 3; while (time < $end) { send S, 'x' x 1400, 0, $to for 1 .. 500 }`
    const result = await capture(['shop/b', '--duration', '3s'], () => output(inside(lab.ns('shop/b'), ['perl', '-e', flood])), { argv })
    assert.match(result.stderr, /^\d+ captured, \d+ more lost: this machine could not keep up/m)
  })

  test('a node that is deleted is let go, and with the last one the capture ends', async () => {
    const other = new Lab(TOPOLOGY)
    try {
      await other.mustUp()
      const result = await capture(['a', 'node-1', '--lab', other.name], () => other.down())
      assert.equal(result.code, 0, told(result))
      assert.match(result.stderr, /^a is gone$/m)
      assert.match(result.stderr, /^node-1 is gone$/m)
    } finally {
      await other.remove()
    }
  })

  test('a node that is deleted is let go, however much goes on in it', async () => {
    // What runs in a namespace keeps it alive without its name.
    const flood = `use Socket; socket S, PF_INET, SOCK_DGRAM, 0; my $to = pack_sockaddr_in 9, inet_aton '127.0.0.1'; send S, 'x', 0, $to while 1`
    const other = new Lab(TOPOLOGY)
    try {
      await other.mustUp()
      const result = await capture(['a', '--lab', other.name, '--write', '/dev/null'], async () => {
        const argv = inside(other.ns('a'), ['perl', '-e', flood])
        const flooding = spawn(argv[0]!, argv.slice(1), { stdio: 'ignore' })
        while (readFileSync(`/proc/${flooding.pid}/comm`, 'utf8') !== 'perl\n') await sleep(5)
        await output(['ip', 'netns', 'delete', other.ns('a')])
        while (running('capture').length > 0) await sleep(20)
        assert.equal(flooding.exitCode, null)
        flooding.kill('SIGKILL')
      })
      assert.equal(result.code, 0, told(result))
      // All that was captured was handed over, and counted.
      assert.match(result.stderr, /^a is gone\n\d+ captured, (?:none|\d+ more) lost/m)
    } finally {
      await other.remove()
    }
  })

  test('a full disk ends it, and is named', async () => {
    const result = await capture(['a', '--write', '/dev/full'], () => void ping(3).catch(() => {}))
    assert.equal(result.code, 3, told(result))
    assert.match(result.stderr, /cannot write \/dev\/full: .*ENOSPC/)
  })

  test('bad input is refused before anything is captured or written', async () => {
    await refusal(['capture', 'c'], 2, /no node "c"/)
    await refusal(['capture', 'nod-1'], 2, /did you mean "node-1"/)
    await refusal(['capture', 'a:eth1'], 2, /no device "eth1"[^]*did you mean "eth0"/)
    await refusal(['capture', 'a', '--filter', 'tcp prt 80'], 2, /column 5: prt is no[^]*did you mean "port"/)
    await refusal(['capture', 'a', '--filter', `${'not '.repeat(500)}tcp`], 2, /nested more than 100 levels deep[^]*hint: Such as/)
    await refusal(['capture', 'a', '--count', '0'], 2, /whole number from 1/)
    await refusal(['capture', 'a', '--duration', 'soon'], 2, /expected a time/)
    await refusal(['capture', 'a', '--write', '/nowhere/x.pcapng'], 2, /cannot write \/nowhere\/x\.pcapng/)
    await refusal(['capture', 'a', '--write', 'x', '--wireshark'], 2, /do not go together/)
    const file = join(lab.dir, 'never.pcapng')
    await refusal(['capture', 'no-such-node', '--write', file], 2, /no node/)
    assert.equal(existsSync(file), false)
    const without = await netlab(['capture', 'a', '--wireshark'], { env: { PATH: '/usr/sbin:/sbin', DISPLAY: ':9' } })
    if (!existsSync('/usr/bin/wireshark')) {
      assert.equal(without.code, 3, told(without))
      assert.match(without.stderr, /wireshark is not installed[^]*apt-get install wireshark/)
    }
    await output(['ip', 'netns', 'delete', lab.ns('shop/b')])
    await refusal(['capture', 'shop/b'], 2, /shop\/b is not running/)
    await lab.mustUp()
  })
})
