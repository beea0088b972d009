import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { transformSync } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'

/** Longer than what a pipe holds, and not of one byte a character. */
const TEXT = `${'é'.repeat(200_000)}\n`

/** What a pipe holds at once. */
const SHORT = `${'é'.repeat(1000)}\n`

/** Writes the text, or one of so many characters, decides on an exit code once it has, and says on standard error whether Node's streams were loaded. */
const PROGRAM = `
  require('./output.cjs').prepareOutput({
    stdout: ({ code }) => { require('fs').writeSync(2, code + '\\n'); process.exit(process.exitCode ?? 0) },
    stderr: () => {},
  })
  async function main() {
    // As all of netlab runs: a step that waited for another.
    await 0
    process.stdout.write('é'.repeat(Number(process.argv[2] ?? 200_000)) + '\\n')
    process.exitCode = 7
  }
  process.on('exit', () => {
    if (process.moduleLoadList.includes('NativeModule stream')) require('fs').writeSync(2, 'streams\\n')
  })
  main()
`

let dir: string

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'netlab-output-'))
  writeFileSync(join(dir, 'output.cjs'), transformSync(readFileSync('src/output.ts', 'utf8'), { loader: 'ts', format: 'cjs' }).code)
  writeFileSync(join(dir, 'program.cjs'), PROGRAM)
})
afterAll(() => rmSync(dir, { recursive: true }))

/** @param line of a shell, in which `$0 program.cjs` is the program */
function shell(line: string): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', `set -o pipefail; ${line}`, process.execPath], {
    cwd: dir,
    encoding: 'utf8',
    maxBuffer: 1e7,
  })
  return { status, stdout, stderr }
}

test.each([
  ['a file', '$0 program.cjs > out; code=$?; cat out; exit $code', TEXT],
  ['a pipe', '$0 program.cjs 1000 | cat', SHORT],
])('%s gets all of it, without a stream of Node', (_, line, stdout) => {
  expect(shell(line)).toEqual({ status: 7, stdout, stderr: '' })
})

// Whether a stream takes over depends on how late the reader is.
test.each([
  ['a pipe whose reader keeps up', '$0 program.cjs | cat'],
  ['a pipe that is read late', '$0 program.cjs | (sleep 0.3; cat)'],
  [
    'a pipe that does not block and is read late',
    `perl -MFcntl -e 'fcntl STDOUT, F_SETFL, O_WRONLY | O_NONBLOCK; exec @ARGV' $0 program.cjs | (sleep 0.2; cat)`,
  ],
])('%s gets all of it', (_, line) => {
  expect(shell(line)).toMatchObject({ status: 7, stdout: TEXT })
})

test.each([
  ['a reader that is gone', '$0 program.cjs | exec true', 'EPIPE\n'],
  ['a device that is full', '$0 program.cjs > /dev/full', 'ENOSPC\n'],
])('of %s the handler learns, and the exit code is what the command came to', (_, line, stderr) => {
  expect(shell(line)).toEqual({ status: 7, stdout: '', stderr })
})

test('what a thread prints arrives', () => {
  writeFileSync(
    join(dir, 'thread.cjs'),
    `require('./output.cjs').prepareOutput({ stdout: () => {}, stderr: () => {} })
    new (require('worker_threads').Worker)('console.log(1)', { eval: true })`,
  )
  expect(shell('$0 thread.cjs | cat')).toEqual({ status: 0, stdout: '1\n', stderr: '' })
})

test('a socket is left to Node', () => {
  expect(shell('$0 program.cjs')).toEqual({ status: 7, stdout: TEXT, stderr: 'streams\n' })
})

test('Ctrl-C ends what a reader does not take', () => {
  writeFileSync(
    join(dir, 'stalled.cjs'),
    `require('./output.cjs').prepareOutput({ stdout: () => {}, stderr: () => {} })
    process.on('SIGINT', () => process.exit(130))
    process.stdout.write('x'.repeat(400_000))
    setTimeout(() => process.kill(process.pid, 'SIGINT'), 100)`,
  )
  // The shell has the pipe open for reading as long as the program runs, and never reads.
  expect(shell('mkfifo held; exec 3<>held; $0 stalled.cjs >held 3>&-')).toEqual({ status: 130, stdout: '', stderr: '' })
})

test('/dev/null needs no stream either', () => {
  expect(shell('$0 program.cjs > /dev/null')).toEqual({ status: 7, stdout: '', stderr: '' })
})

test('standard output that is closed is left to Node', () => {
  expect(shell('$0 program.cjs >&-').status).toBe(7)
})
