#!/usr/bin/env node
// Measures netlab on this machine and compares it, in the same run, with what a person could do by hand.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as busy from './bench/busy.js'
import * as drain from './bench/drain.js'
import { interruption } from './bench/interrupt.js'
import { cleanUp } from './bench/labs.js'
import { othersShare, undisturbed } from './bench/measure.js'
import * as matrix from './bench/matrix.js'
import * as mesh from './bench/mesh.js'
import * as plan from './bench/plan.js'
import * as policies from './bench/policies.js'
import * as scale from './bench/scale.js'
import * as serving from './bench/serving.js'
import * as startup from './bench/startup.js'
import * as trace from './bench/trace.js'
import { write } from './bench/stats.js'
import * as throughput from './bench/throughput.js'
import * as verify from './bench/verify.js'

const BENCHES = { startup, plan, policies, scale, mesh, serving, trace, verify, throughput, matrix }

const USAGE = `usage: node scripts/bench.js [options]

  --runs N            runs of everything that is compared (default 5; start-up: at least 15)
  --mininet-runs N    runs of Mininet, which take a minute each (default 1; 0: none)
  --only NAME,…       ${Object.keys(BENCHES).join(', ')}
  --netlab FILE       another build's bin/netlab.js, to compare with (default: this one's)
  --patient           wait for quiet moments, measure again what was disturbed (for shared machines)
  --json              print one JSON document
  --markdown          print the table as Markdown

All but startup and plan need root. Build first (node scripts/build.js); keep the machine quiet meanwhile.
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
  const count = (name, least) => {
    const n = Number(values[name])
    if (!Number.isInteger(n) || n < least) throw new Error(`--${name} wants a number from ${least}`)
    return n
  }
  const only = values.only.split(',')
  for (const name of only) if (!Object.hasOwn(BENCHES, name)) throw new Error(`there is no benchmark "${name}"`)
  const netlab = resolve(values.netlab)
  if (!existsSync(resolve(netlab, '../../dist/main.js'))) throw new Error(`${netlab} is not built: node scripts/build.js`)
  return { ...values, only, netlab, runs: count('runs', 1), mininetRuns: count('mininet-runs', 0) }
}

/** The machine, in one line. */
function machine() {
  const [cpu] = cpus()
  return `Linux ${release()}, ${availableParallelism()} × ${cpu?.model.trim() ?? 'processor'}, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}`
}

/** Judges a row's goal by its medians. */
function finish(bench, row) {
  const met = row.goal?.met({ value: row.value.median, ratio: row.ratio?.median })
  return { bench, ...row, ...(row.goal ? { goal: row.goal.text, met } : {}) }
}

const HEADINGS = ['what', 'median (min–max)', 'compared with', 'ratio', 'goal', 'met']
function cells(row) {
  if (row.text !== undefined) return [row.what, row.text, '', '', '', '']
  const than = row.than ? `${row.than.name}: ${write(row.than.value, row.unit)}` : ''
  const met = { true: 'yes', false: 'NO' }[row.met] ?? ''
  return [row.what, write(row.value, row.unit), than, row.ratio ? write(row.ratio, '×') : '', row.goal ?? '', met]
}

function asText(rows) {
  const lines = []
  for (const name of new Set(rows.map((r) => r.bench))) {
    const table = [HEADINGS, ...rows.filter((r) => r.bench === name).map(cells)]
    const shown = table.filter((line) => line.slice(2).some(Boolean))
    const widths = HEADINGS.map((_, i) => Math.max(...shown.map((line) => line[i].length)))
    lines.push('', BENCHES[name].title, ...table.map((line) => `  ${line.map((cell, i) => cell.padEnd(widths[i])).join('  ')}`.trimEnd()))
  }
  return lines.join('\n')
}

function asMarkdown(rows) {
  const line = (list) => `| ${list.join(' | ')} |`
  const lines = [line(HEADINGS), line(HEADINGS.map(() => '---'))]
  for (const name of new Set(rows.map((r) => r.bench))) {
    lines.push(line([`**${BENCHES[name].title}**`, '', '', '', '', '']), ...rows.filter((r) => r.bench === name).map((r) => line(cells(r))))
  }
  return lines.join('\n')
}

/**
 * Runs this program again with a /run of its own, in memory. Names of namespaces are files there: on a machine that
 * keeps /run on disk, making a thousand of them would measure the file system. And whatever happens, nothing is left.
 */
function inside() {
  const script = 'mount -t tmpfs -o mode=755 tmpfs /run && exec "$@"'
  const argv = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', process.execPath, ...process.argv.slice(1)]
  const child = spawn('unshare', argv, { stdio: 'inherit', env: { ...process.env, NETLAB_BENCH_INSIDE: '1' } })
  interruption.addEventListener('abort', () => child.kill('SIGTERM'))
  return new Promise((resolve, reject) => child.on('error', reject).on('close', (code) => resolve(code ?? 130)))
}

async function main() {
  let chosen
  try {
    chosen = options()
  } catch (error) {
    process.stderr.write(`bench: ${error.message}\n\n${USAGE}`)
    return 2
  }
  if (chosen.help) {
    process.stdout.write(USAGE)
    return 0
  }
  if (process.geteuid() === 0 && process.env.NETLAB_BENCH_INSIDE === undefined) return inside()
  const head = machine()
  if (loadavg()[0] > 0.5 && !chosen.patient)
    process.stderr.write('bench: this machine is busy: trust ratios, not times, or use --patient\n')
  const how = (before) => ({
    patient: chosen.patient,
    async prepare() {
      await before()
      if (chosen.patient) await busy.quiet()
    },
  })
  const turns = {
    drained: drain.drained,
    /** Measures with the machine as it is. */
    turn: (measuring) =>
      undisturbed(
        how(async () => {}),
        measuring,
      ),
    /** Measures once the kernel has nothing left to take apart. */
    drainedTurn: (measuring) => undisturbed(how(drain.drained), measuring),
  }
  const rows = []
  let exit = 0
  try {
    for (const name of chosen.only) {
      const bench = BENCHES[name]
      if (bench.needsRoot && process.geteuid() !== 0) {
        process.stderr.write(`${name}: left out, it needs root\n`)
        continue
      }
      const say = (what) => process.stderr.write(`${name}: ${what}\n`)
      rows.push(...(await bench.run({ ...chosen, ...turns, say })).map((row) => finish(name, row)))
    }
  } catch (error) {
    process.stderr.write(interruption.aborted ? `bench: ${interruption.reason.message}\n` : `bench: ${error.stack}\n`)
    exit = interruption.aborted ? 130 : 1
  } finally {
    cleanUp(chosen.netlab)
  }
  if (chosen.json)
    process.stdout.write(`${JSON.stringify({ machine: head, runs: chosen.runs, others: othersShare(), rows }, undefined, 2)}\n`)
  else if (rows.length > 0)
    process.stdout.write(
      `${head}\n${chosen.runs} runs; others used ${Math.round(100 * othersShare())} % of the processors meanwhile\n${chosen.markdown ? `\n${asMarkdown(rows)}` : asText(rows)}\n`,
    )
  return exit
}

process.exitCode = await main()
