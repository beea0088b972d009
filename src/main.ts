/**
 * The entry. `netlab --version` is answered before anything else is loaded: it costs what Node costs. All commands are in
 * chunks/ beside this file, as scripts that are read when something in them is imported. V8 would compile them anew at each
 * start, which takes longer than most commands; what it compiled for a command is kept in one file, as Python keeps
 * bytecode, and used as long as scripts and V8 are the same.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Script } from 'node:vm'
import type * as Program from './cli/program.ts'
import { prepareOutput } from './output.ts'
import { VERSION } from './version.ts'

/** Hash of all chunks; scripts/build.ts writes it in. */
declare const NETLAB_CHUNKS: string

/** As for everything else this machine lacks: a place for the output, descriptors to load the program with. */
const CANNOT = 3

export async function main(argv: readonly string[]): Promise<void> {
  prepareOutput({
    stdout: (error) => {
      // The reader of the output may stop early, as in `netlab plan | head`; what the command found out still counts.
      if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0)
      process.stderr.write(`netlab: cannot write the output: ${error.message}\n`)
      process.exit(CANNOT)
    },
    // That the progress is not read any more is no reason to stop half-way, as in `netlab up lab.yaml 2>&1 | head`.
    stderr: () => {},
  })
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

/** What a chunk is given for its exports, and the address that files beside the program are found by. */
interface Module {
  exports: unknown
  readonly url: string
}

/** The function that scripts/build.ts makes of a chunk. */
type Chunk = (require: (name: string) => unknown, module: Module) => void

/** Of the name of a file. */
const MAX_FLAGS = 64

/** Loads the program, and what it imports later on, with what V8 has compiled when the same command last ran. */
export function loadProgram(command: string): typeof Program {
  const folder = import.meta.dirname
  // V8 takes nothing that was compiled under other flags; where two sets have the same name, it is compiled anew.
  const flags = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join('').replaceAll(/\W+/g, '').slice(0, MAX_FLAGS)
  const name = [/^\w+$/.test(command) ? command : 'help', NETLAB_CHUNKS, process.versions.v8, process.arch, ...(flags ? [flags] : [])]
  const file = join(folder, `${name.join('-')}.cache`)
  const kept = readCache(file)
  const scripts = new Map<string, Script>()
  const modules = new Map<string, Module>()
  let isComplete = true

  function load(name: string): unknown {
    if (!name.startsWith('./')) return require(name)
    const known = modules.get(name)
    if (known) return known.exports
    const module: Module = {
      exports: undefined,
      get url() {
        return pathToFileURL(import.meta.filename).href
      },
    }
    modules.set(name, module)
    const filename = join(folder, 'chunks', basename(name))
    const cachedData = kept.get(name)
    // The build makes it ASCII, which is the fastest to read.
    const script = new Script(readFileSync(filename, 'latin1'), { filename, ...(cachedData && { cachedData }) })
    scripts.set(name, script)
    if (!cachedData || script.cachedDataRejected) isComplete = false
    ;(script.runInThisContext() as Chunk)(load, module)
    return module.exports
  }

  process.once('exit', (code) => {
    // Not for a command line that was refused: it may begin with any word.
    if (!isComplete && code <= 1)
      writeCache(file, new Map([...kept, ...[...scripts].map(([name, s]) => [name, s.createCachedData()] as const)]))
  })
  return load('./program.cjs') as typeof Program
}

/** V8 copies what it compiled unless it begins at a multiple of this, in bytes. */
const ALIGNMENT = 8
const aligned = (length: number): number => Math.ceil(length / ALIGNMENT) * ALIGNMENT

/** What V8 has compiled, by chunk. Of a file that is damaged, none; V8 itself finds out whether a part is. */
function readCache(file: string): Map<string, Buffer> {
  const kept = new Map<string, Buffer>()
  try {
    const content = readFileSync(file)
    const headLength = content.indexOf('\n') + 1
    let offset = aligned(headLength)
    for (const [name, length] of JSON.parse(content.toString('latin1', 0, headLength)) as [string, number][]) {
      kept.set(name, content.subarray(offset, offset + length))
      offset += aligned(length)
    }
    return kept
  } catch {
    return new Map()
  }
}

/** Keeps what has been compiled, where this user may write; another netlab may be reading or writing the same. */
function writeCache(file: string, compiled: ReadonlyMap<string, Buffer>): void {
  const unfinished = `${file}.${process.pid}`
  const head = `${JSON.stringify([...compiled].map(([name, { length }]) => [name, length]))}\n`
  const parts = [Buffer.from(head, 'latin1'), ...compiled.values()]
  try {
    writeFileSync(unfinished, Buffer.concat(parts.flatMap((part) => [part, Buffer.alloc(aligned(part.length) - part.length)])), {
      flag: 'wx',
    })
    renameSync(unfinished, file)
  } catch {
    rmSync(unfinished, { force: true })
  }
}
