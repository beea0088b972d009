/** `netlab trace`: one real probe, and its result. */
import { upCommand } from '../../../state/up-command.ts'
import { NamespacePool } from '../../../netns/namespace-pool.ts'
import { netnsFile } from '../../../netns/paths.ts'
import { chalkFor, writeJson, writeOut } from '../../../report/formats/terminal.ts'
import type { Applied } from '../../../state/store.ts'
import type { Lab } from '../../../lab/lab.ts'
import { startCollectors, type ProbeOptions } from '../../../trace/collect/collectors.ts'
import { onlyPort, resolveTargets, TargetError } from '../../../trace/predict/targets.ts'
import type { TraceResult } from '../../../trace/result.ts'
import { existsSync, writeFileSync } from 'node:fs'
import { Exit } from '../../failure.ts'
import { theLab, whileUp } from '../../labs.ts'
import { completePath, keepUp, requireNamespaces } from '../../machine.ts'
import { time, type TimeRange, usage, whole } from '../../values.ts'
import { interrupted, onEnding } from '../../signals.ts'

export interface TraceOptions {
  readonly lab?: string
  readonly port?: string
  readonly family?: '4' | '6'
  readonly size?: string
  readonly df: boolean
  readonly ttl?: string
  readonly count?: string
  readonly timeout?: string
  readonly reply?: true
  readonly brief?: true
  readonly json?: true
  readonly pcap?: string
  readonly html?: string
}

function port(text: string | undefined): Pick<ProbeOptions, 'protocol' | 'port'> {
  if (text === undefined) return { protocol: 'icmp', port: 0 }
  if (/\/sctp$/i.test(text)) throw usage('bad-port', `--port ${text}: a probe is TCP, UDP or an ICMP echo, not SCTP`)
  const m = /^(\d{1,5})(?:\/(tcp|udp))?$/i.exec(text)
  const value = Number(m?.[1])
  if (!m || value < 1 || value > 65_535)
    throw usage('bad-port', `--port ${text}: expected a port and a protocol`, 'Such as 80/tcp or 53/udp.')
  return { protocol: (m[2]?.toLowerCase() ?? 'tcp') as 'tcp' | 'udp', port: value }
}

const DEFAULT_TIMEOUT = 1500
const TIMEOUT: TimeRange = {
  least: 10,
  most: 60_000,
  units: ['ms', 's'],
  expected: 'a time up to a minute',
  hint: 'Such as 2s or 500ms.',
}

function probeOptions(o: TraceOptions): ProbeOptions {
  const family = o.family === undefined ? undefined : (Number(o.family) as 4 | 6)
  return {
    ...port(o.port),
    family,
    // A length no other program on the machine is likely to send: kernel events are orUsageError apart by it.
    size: whole(o.size, 'size', family === 6 ? 60 : 40, 65_507) ?? 97 + Math.floor(Math.random() * 40),
    df: o.df,
    ttl: whole(o.ttl, 'ttl', 1, 255) ?? 0,
    count: whole(o.count, 'count', 1, 100) ?? 1,
    timeout: o.timeout === undefined ? DEFAULT_TIMEOUT : time(o.timeout, 'timeout', TIMEOUT),
  }
}

/**
 * Sends one probe from node to node and tells its result.
 * @param read gives the lab; called late, so that what need not know it starts meanwhile
 * @throws Failure for words that name nothing, and when interrupted
 */
export async function traceResult(
  read: () => Applied,
  fromWord: string,
  toWord: string,
  options: TraceOptions,
  signal: AbortSignal,
): Promise<TraceResult> {
  const asked = probeOptions(options)
  // Only the lab knows which port a Service has; else the collectors start before it is read.
  const early = asked.protocol === 'icmp' && toWord.startsWith('svc/') ? read() : undefined
  const probe = early ? { ...asked, ...orUsageError(() => onlyPort(early.lab, toWord)) } : asked
  if (probe.protocol === 'tcp' && options.size !== undefined)
    throw usage(
      'size-of-tcp',
      '--size is for echoes and UDP: what TCP sends first, a SYN, carries no data',
      'Leave out --port, or use one of UDP.',
    )
  const collectors = startCollectors(probe)
  const pool = new NamespacePool()
  try {
    // Loaded while the kernel arms its tracepoints.
    const { finish, gather, buildResult } = await import('../../../trace/trace.ts')
    const applied = early ?? read()
    const { from, to } = orUsageError(() => resolveTargets(applied.lab, fromWord, toWord, probe.family, probe))
    if (!existsSync(netnsFile(from.node.netns)))
      throw usage(
        'node-not-running',
        `${fromWord} is not running: its namespace ${from.node.netns} is gone`,
        `${upCommand(applied.lab)} makes it again.`,
      )
    return await whileUp(applied, 'traced', async () => {
      const evidence = await gather(applied, from, to, probe, collectors, pool, signal)
      return buildResult(evidence, await finish(evidence, collectors))
    })
  } catch (error) {
    await collectors.close()
    if (signal.aborted) throw interrupted()
    throw error
  } finally {
    pool.close(true)
  }
}

export async function trace(fromWord: string, toWord: string, options: TraceOptions): Promise<void> {
  completePath()
  // Checked before anything is asked of the machine.
  probeOptions(options)
  requireNamespaces('trace')
  keepUp()
  const stop = new AbortController()
  const done = onEnding(() => stop.abort())
  try {
    let applied: Applied | undefined
    const read = (): Applied => (applied ??= theLab(options.lab))
    const result = await traceResult(read, fromWord, toWord, options, stop.signal)
    process.exitCode = result.outcome === 'delivered' ? Exit.Done : Exit.Broken
    await write(result, read().lab, options)
  } finally {
    done()
  }
}

/** A word that cannot be traced to is a mistake in the command. */
function orUsageError<T>(resolve: () => T): T {
  try {
    return resolve()
  } catch (error) {
    if (error instanceof TargetError) throw usage(error.code, error.message, error.hint)
    throw error
  }
}

/** @throws Failure when a file cannot be written */
function save(file: string, data: string | Buffer): void {
  try {
    writeFileSync(file, data)
  } catch (error) {
    throw usage('cannot-write', `cannot write ${file}: ${(error as Error).message}`)
  }
}

async function write(result: TraceResult, lab: Lab, options: TraceOptions): Promise<void> {
  if (options.pcap !== undefined) save(options.pcap, (await import('../../../report/formats/pcapng.ts')).pcapng(result))
  if (options.html !== undefined) save(options.html, (await import('../../../report/trace/trace-html.ts')).traceHtml(result, lab))
  if (options.json) return writeJson((await import('../../../report/trace/trace-json.ts')).traceDocument(result))
  const style = { chalk: chalkFor(process.stdout), reply: options.reply === true }
  if (options.brief) return writeOut([(await import('../../../report/trace/trace-brief.ts')).traceBrief(result, style)])
  const columns = process.stdout.columns ?? 120
  const { traceText } = await import('../../../report/trace/trace-text.ts')
  return writeOut([traceText(result, { ...style, columns })])
}
