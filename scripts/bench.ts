// Measures netlab on this machine and compares it, in the same run, with what can be done by hand.
import { existsSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { execa } from 'execa'
import { measureAll, type Result } from './bench/all.ts'
import type { Benchmark } from './bench/benchmark.ts'
import * as busy from './bench/busy.ts'
import * as drain from './bench/drain.ts'
import { interruption } from './bench/interrupt.ts'
import { cleanUp } from './bench/labs.ts'
import { othersShare, undisturbed } from './bench/measure.ts'
import * as matrix from './bench/matrix.ts'
import * as mesh from './bench/mesh.ts'
import * as plan from './bench/plan.ts'
import * as policies from './bench/policies.ts'
import * as scale from './bench/scale.ts'
import * as serving from './bench/serving.ts'
import * as startup from './bench/startup.ts'
import * as trace from './bench/trace.ts'
import { write } from './bench/stats.ts'
import * as throughput from './bench/throughput.ts'
import * as verify from './bench/verify.ts'

const BENCHES: Readonly<Record<string, Benchmark>> = { startup, plan, policies, scale, mesh, serving, trace, verify, throughput, matrix }

const USAGE = `usage: npm run bench -- [options]

  --runs N            runs of everything that is compared (default 5; start-up: at least 15)
  --mininet-runs N    runs of Mininet, which take a minute each (default 1; 0: none)
  --only NAME,…       ${Object.keys(BENCHES).join(', ')}
  --netlab FILE       another build's bin/netlab.js, to compare with (default: this one's)
  --patient           wait for quiet moments, measure again what was disturbed (for shared machines)
  --json              print one JSON document
  --markdown          print the table as Markdown

All but startup and plan need root. Build first (npm run build); keep the machine quiet meanwhile.
`

function options() {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '5' },
      'mininet-runs': { type: 'string', default: '1' },
      only: { type: 'string', default: Object.keys(BENCHES).join(',') },
      netlab: { type: 'string', default: fileURLToPath(new URL('../bin/netlab.js', import.meta.url)) },
      patient: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      markdown: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const count = (name: 'runs' | 'mininet-runs', least: number): number => {
    const n = Number(values[name])
    if (!Number.isInteger(n) || n < least) throw new Error(`--${name} wants a number from ${least}`)
    return n
  }
  const only = values.only.split(',')
  for (const name of only) if (!Object.hasOwn(BENCHES, name)) throw new Error(`there is no benchmark "${name}"`)
  const netlab = resolve(values.netlab)
  if (!existsSync(resolve(netlab, '../../dist'))) throw new Error(`${netlab} is not built: npm run build`)
  return { ...values, only, netlab, runs: count('runs', 1), mininetRuns: count('mininet-runs', 0) }
}

/** The machine, in one line. */
function machine(): string {
  const [cpu] = cpus()
  return `Linux ${release()}, ${availableParallelism()} × ${cpu?.model.trim() ?? 'processor'}, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}`
}

const HEADINGS = ['what', 'median (min–max)', 'compared with', 'ratio', 'goal', 'met']
function cells(row: Result): string[] {
  const { value, unit } = row
  if (value === undefined || unit === undefined) return [row.what, row.text ?? '', '', '', '', '']
  const than = row.than ? `${row.than.name}: ${write(row.than.value, unit)}` : ''
  const met = row.met === undefined ? '' : row.met ? 'yes' : 'NO'
  return [row.what, write(value, unit), than, row.ratio ? write(row.ratio, '×') : '', row.goal ?? '', met]
}

function asText(rows: readonly Result[]): string {
  const lines: string[] = []
  for (const name of new Set(rows.map((r) => r.bench))) {
    const table = [HEADINGS, ...rows.filter((r) => r.bench === name).map(cells)]
    const shown = table.filter((line) => line.slice(2).some(Boolean))
    const widths = HEADINGS.map((_, i) => Math.max(...shown.map((line) => line[i]!.length)))
    lines.push('', BENCHES[name]!.title, ...table.map((line) => `  ${line.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd()))
  }
  return lines.join('\n')
}

function asMarkdown(rows: readonly Result[]): string {
  const line = (list: readonly string[]): string => `| ${list.join(' | ')} |`
  const lines = [line(HEADINGS), line(HEADINGS.map(() => '---'))]
  for (const name of new Set(rows.map((r) => r.bench))) {
    lines.push(
      line([`**${BENCHES[name]!.title}**`, '', '', '', '', '']),
      ...rows.filter((r) => r.bench === name).map((r) => line(cells(r))),
    )
  }
  return lines.join('\n')
}

/**
 * Runs this program again with a /run of its own, in memory. Names of namespaces are files there: on a machine that
 * keeps /run on disk, making a thousand of them would measure the file system. And whatever happens, nothing is left.
 */
async function inside(): Promise<number> {
  const script = 'mount -t tmpfs -o mode=755 tmpfs /run && exec "$@"'
  const argv = [
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    script,
    'sh',
    process.execPath,
    ...process.execArgv,
    ...process.argv.slice(1),
  ]
  const child = execa('unshare', argv, { stdio: 'inherit', env: { NETLAB_BENCH_INSIDE: '1' }, reject: false })
  interruption.addEventListener('abort', () => child.kill('SIGTERM'))
  return (await child).exitCode ?? 130
}

async function main(): Promise<number> {
  let chosen: ReturnType<typeof options>
  try {
    chosen = options()
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  if (chosen.help) {
    process.stdout.write(USAGE)
    return 0
  }
  if (process.geteuid!() === 0 && process.env.NETLAB_BENCH_INSIDE === undefined) return inside()
  const head = machine()
  if (loadavg()[0]! > 0.5 && !chosen.patient)
    process.stderr.write('bench: this machine is busy: trust ratios, not times, or use --patient\n')
  const how = (before: () => Promise<void>) => ({
    patient: chosen.patient,
    async prepare() {
      await before()
      if (chosen.patient) await busy.quiet()
    },
  })
  const turns = {
    drained: drain.drained,
    /** Measures with the machine as it is. */
    turn: <T>(measuring: () => Promise<T>) =>
      undisturbed(
        how(async () => {}),
        measuring,
      ),
    /** Measures once the kernel has nothing left to take apart. */
    drainedTurn: <T>(measuring: () => Promise<T>) => undisturbed(how(drain.drained), measuring),
  }
  const { rows, exit } = await measureAll(Object.fromEntries(chosen.only.map((name) => [name, BENCHES[name]!])), {
    setting: { ...chosen, ...turns },
    isRoot: process.geteuid!() === 0,
    cleanUp: () => cleanUp(chosen.netlab),
    interruption,
    say: (line) => void process.stderr.write(`${line}\n`),
  })
  if (chosen.json)
    process.stdout.write(`${JSON.stringify({ machine: head, runs: chosen.runs, others: othersShare(), rows }, undefined, 2)}\n`)
  else if (rows.length > 0)
    process.stdout.write(
      `${head}\n${chosen.runs} runs; others used ${Math.round(100 * othersShare())} % of the processors meanwhile\n${chosen.markdown ? `\n${asMarkdown(rows)}` : asText(rows)}\n`,
    )
  return exit
}

process.exitCode = await main()
