/**
 * Records the messages that iproute2 sends for each line shape, with strace(1), and what it prints:
 *
 *     sudo unshare --net --mount --propagation private npx tsx test/support/record-lines.ts > test/unit/netns/lines/recorded.json
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SETUP, SHAPES, type Shape } from './line-shapes.ts'

const dir = mkdtempSync(join(tmpdir(), 'lines-'))
const trace = join(dir, 'trace')
const STRACE = ['strace', '-qq', '-e', 'trace=sendmsg,sendto', '-e', 'write=all', '-o', trace]

function file(name: string, lines: readonly string[]): string {
  const path = join(dir, name)
  writeFileSync(path, lines.map((l) => `${l}\n`).join(''))
  return path
}

function run(argv: readonly string[], input: string): string {
  const { stderr, error } = spawnSync(argv[0]!, argv.slice(1), { input, encoding: 'utf8' })
  if (error) throw error
  return stderr
}

/** What was sent, one buffer a call. */
function sent(text: string): Buffer[] {
  const messages: Buffer[] = []
  for (const line of text.split('\n')) {
    if (line.startsWith('send')) messages.push(Buffer.alloc(0))
    const hex = /^ \| [\da-f]{5} {2}((?:[\da-f]{2} {1,2}){1,16})/.exec(line)?.[1]
    if (hex !== undefined) messages.push(Buffer.concat([messages.pop()!, Buffer.from(hex.replaceAll(' ', ''), 'hex')]))
  }
  return messages
}

const RTM_GETLINK = 18
const HEADER = 16

function record({ tool, line, before = [] }: Shape): object {
  // Each line gets a namespace of its own, and a `far` one of its own.
  run(['sh', '-c', 'ip netns delete far; ip netns add far'], '')
  const stderr = run(
    [
      'unshare',
      '--net',
      'sh',
      '-c',
      'ip -batch "$0" && exec "$@"',
      file('setup', [...SETUP, ...before]),
      ...STRACE,
      ...tool.split(' '),
      '-batch',
      file('line', [line]),
    ],
    '',
  ).replaceAll(file('line', [line]), '-')
  // Before the message come questions about devices and, about links, an empty request that tries what the kernel knows.
  const last = sent(readFileSync(trace, 'utf8')).findLast(
    (m) => m.readUInt16LE(4) !== RTM_GETLINK && m.subarray(HEADER).some((b) => b !== 0),
  )
  return {
    tool,
    line,
    ...(last ? { type: last.readUInt16LE(4), flags: last.readUInt16LE(6), body: last.toString('hex', HEADER) } : {}),
    ...(stderr === '' ? {} : { stderr }),
  }
}

run(['mount', '-t', 'tmpfs', 'none', '/run/netns'], '')
const version = spawnSync('ip', ['-Version'], { encoding: 'utf8' }).stdout.trim()
const lines = SHAPES.map((shape) => JSON.stringify(record(shape)))
rmSync(dir, { recursive: true })
process.stdout.write(`{\n"version": ${JSON.stringify(version)},\n"lines": [\n${lines.join(',\n')}\n]\n}\n`)
