/**
 * The entry. `netlab --version` is answered before anything else is loaded: it costs what Node costs. All commands are one
 * script beside this one, whose modules are evaluated when they are first imported. V8 would compile it anew at each start,
 * which takes longer than most commands; what it compiled for a command is kept beside the script, as Python keeps
 * bytecode, and used as long as script and V8 are the same.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cachedDataVersionTag } from 'node:v8'
import { Script } from 'node:vm'
import type * as Program from './cli/program.ts'
import { VERSION } from './version.ts'

/** As for everything else this machine lacks: a place for the output, descriptors to load the program with. */
const CANNOT = 3

/** What the build makes of cli/program.ts: a comment with the hash of what follows, and a function as Node wraps modules in. */
const PROGRAM = fileURLToPath(new URL('./program.cjs', import.meta.url))
type Wrapper = (exports: object, require: NodeJS.Require, module: { exports: object }, filename: string, dirname: string) => void

export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader of the output may stop early, as in `netlab plan | head`; what the command found out still counts.
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0)
    process.stderr.write(`netlab: cannot write the output: ${error.message}\n`)
    process.exit(CANNOT)
  })
  // That the progress is not read any more is no reason to stop half-way, as in `netlab up lab.yaml 2>&1 | head`.
  process.stderr.on('error', () => {})
  if (argv.length === 3 && (argv[2] === '--version' || argv[2] === '-V')) {
    process.stdout.write(`${VERSION}\n`)
    return
  }
  try {
    await loadProgram(argv[2] ?? '').run(argv)
  } catch (error) {
    process.stderr.write(`netlab: ${(error as Error).message}\n`)
    process.exitCode = CANNOT
  }
}

function loadProgram(command: string): typeof Program {
  // The build makes it ASCII, which is the fastest to read.
  const source = readFileSync(PROGRAM, 'latin1')
  const hash = source.slice(2, source.indexOf('\n'))
  const cache = join(dirname(PROGRAM), `${/^\w+$/.test(command) ? command : 'help'}-${hash}-${cachedDataVersionTag().toString(16)}.cache`)
  const cachedData = readCache(cache)
  const script = new Script(source, { filename: PROGRAM, ...(cachedData && { cachedData }) })
  if (!cachedData || script.cachedDataRejected) {
    process.once('exit', (code) => {
      // Not for a command line that was refused: it may begin with any word.
      if (code <= 1) writeCache(cache, script)
    })
  }
  const module = { exports: {} }
  const wrapper = script.runInThisContext() as Wrapper
  wrapper(module.exports, createRequire(PROGRAM), module, PROGRAM, dirname(PROGRAM))
  return module.exports as typeof Program
}

function readCache(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}

/** Keeps what has been compiled, where this user may write; another netlab may be reading or writing the same. */
function writeCache(file: string, script: Script): void {
  const unfinished = `${file}.${process.pid}`
  try {
    writeFileSync(unfinished, script.createCachedData(), { flag: 'wx' })
    renameSync(unfinished, file)
  } catch {
    rmSync(unfinished, { force: true })
  }
}
