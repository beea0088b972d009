/** Each question about a daemon is asked twice, by netlab and by a script: on the same /proc both say the same. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Readiness } from '../../../src/kernel/objects.ts'
import { isReady, portsIn, readinessText, readyTest } from '../../../src/process/readiness.ts'

/** Recorded in a namespace with BIRD, a web server and a resolver. */
const FILES: Readonly<Record<string, string>> = {
  unix: `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 209142 bird.ctl
0000000000000000: 00000003 00000000 00000000 0001 03 209150 client.ctl
0000000000000000: 00000002 00000000 00010000 0001 01 209151 /run/other/zebra.sock
0000000000000000: 00000003 00000000 00000000 0001 03 209152
`,
  tcp: `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:00B3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 30001 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 30002 1 0000000000000000 20 4 30 10 -1
`,
  tcp6: `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 30003 1 0000000000000000 100 0 0 10 0
`,
  udp: `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 30004 2 0000000000000000 0
  101: 0100007F:14E9 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 30005 2 0000000000000000 0
`,
  dev: `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
   wg0:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
`,
}

const CASES: readonly [Exclude<Readiness, { command: unknown }>, boolean, string][] = [
  [{ socket: 'bird.ctl' }, true, 'a socket that accepts'],
  [{ socket: '/run/other/zebra.sock' }, true, 'by its whole path'],
  [{ socket: 'client.ctl' }, false, 'a socket that is connected'],
  [{ socket: 'bird' }, false, 'part of a name'],
  [{ tcp: 179 }, true, 'a port that is listened on'],
  [{ tcp: 80 }, true, 'on IPv6 alone'],
  [{ tcp: 8080 }, false, 'a port of a connection'],
  [{ tcp: 53 }, false, 'of the other protocol'],
  [{ udp: 53 }, true, 'a port that is bound'],
  [{ udp: 5353 }, false, 'a port of a connected socket'],
  [{ device: 'wg0' }, true, 'a device'],
  [{ device: 'wg' }, false, 'part of its name'],
  [{ file: 'there' }, true, 'a file'],
  [{ file: 'absent' }, false, 'no file'],
]

describe('told from the files of /proc/net', () => {
  test.each(CASES)('%j is %s: %s', (ready, expected) => {
    expect(
      isReady(
        ready,
        (name) => FILES[name] ?? '',
        (path) => path === 'there',
      ),
    ).toBe(expected)
  })

  test.each(CASES)('%j is %s for a shell too', (ready, expected) => {
    const dir = mkdtempSync(join(tmpdir(), 'netlab-ready-'))
    try {
      for (const [name, text] of Object.entries(FILES)) writeFileSync(join(dir, name), text)
      writeFileSync(join(dir, 'there'), '')
      const { status, stderr } = spawnSync('sh', ['-c', readyTest(ready).replaceAll('/proc/net', dir)], { cwd: dir, encoding: 'utf8' })
      expect([status, stderr]).toEqual([expected ? 0 : 1, ''])
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  test('and by a program', () => {
    const ready = { command: ['sh', '-c', 'test "$0" = "a b"', 'a b'] }
    expect(spawnSync('sh', ['-c', readyTest(ready)]).status).toBe(0)
    expect(readinessText(ready)).toContain('does not end with exit code 0')
  })
})

test('the files have the form that this kernel prints', () => {
  for (const name of ['unix', 'tcp', 'udp', 'dev'].filter((each) => existsSync(`/proc/net/${each}`))) {
    const [head = ''] = readFileSync(`/proc/net/${name}`, 'utf8').split('\n')
    expect(head.trim().split(/\s+/)).toEqual(FILES[name]!.split('\n')[0]!.trim().split(/\s+/))
  }
})

test('ports', () => expect(portsIn(FILES['tcp']!, 'tcp')).toEqual(['179/tcp']))
