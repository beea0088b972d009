/**
 * What this kernel can do, found by doing it: in a namespace without a name, which is gone when the probe
 * ends. Lists of loaded modules say nothing (features may be built in, modules may load on demand).
 */
// Not execa: `up` probes, and importing execa takes longer than the probe.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ProgramUnusable } from '../../netns/failures.ts'
import { inside, MACHINE } from '../../netns/inside.ts'
import { featureOf, type Feature } from './feature.ts'
import { aptLine, TOOL_PACKAGES } from './packages.ts'

/** Programs every lab is driven with. */
export const BASE_TOOLS = ['ip', 'perl', 'nsenter', 'unshare'] as const

export interface ProbeResult {
  readonly feature: Feature
  readonly works: boolean
  /** The kernel's or tool's words when it does not. */
  readonly reason?: string
  /** The kernel was never asked: a program to ask with, or the namespace to do it in, is missing. */
  readonly untried?: true
}

const places = (name: string): string[] => (process.env['PATH'] ?? '').split(':').map((dir) => join(dir, name))

/** Finds a program as execvp(3) would. */
export function findTool(name: string): string | undefined {
  return places(name).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return statSync(path).isFile()
    } catch {
      return false
    }
  })
}

/** Why a program cannot be used; undefined when it can. */
export function unusable(name: string): ProgramUnusable | undefined {
  return findTool(name) === undefined
    ? new ProgramUnusable(
        name,
        places(name).some((path) => existsSync(path)),
      )
    : undefined
}

/** What makes a program usable. @param isThere it is in PATH, but may not be executed */
export function toolHint(name: string, isThere: boolean): string {
  const path = isThere ? places(name).find((each) => existsSync(each)) : undefined
  if (path !== undefined) return `sudo chmod +x ${path}`
  return `sudo ${aptLine([TOOL_PACKAGES[name] ?? name])}`
}

/** Longer than any probe takes, module loading included. */
const PATIENCE_MS = 20_000

/**
 * Tries the features, all in one process. Needs root. What it makes is gone when it returns, except that the
 * kernel keeps modules it loaded for it, as it would for `up` (some of them put a device of their own into
 * every namespace, such as tunl0).
 */
export function probe(features: readonly Feature[]): ProbeResult[] {
  for (const { load } of features.map((f) => featureOf(f)))
    if (load && !existsSync(load.unless)) inside(MACHINE, () => spawnSync('sh', ['-c', load.line], { stdio: 'ignore' }))
  // One answer a feature, ended by NUL: what tools print can hold anything else.
  const script = features
    .map((f) => `if why=$( { ${featureOf(f).probe}; } 2>&1 ); then printf 'ok\\0'; else printf '%s\\0' "no $why"; fi`)
    .join('\n')
  // In a session of its own: Ctrl-C goes to a whole group, and a probe that it ended would look like a kernel that cannot.
  const { stdout, stderr, error } = spawnSync('setsid', ['unshare', '--net', 'sh', '-c', script], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
    timeout: PATIENCE_MS,
  })
  const answers = (stdout ?? '').split('\0').slice(0, -1)
  return features.map((feature, i): ProbeResult => {
    const answer = answers[i]
    if (answer === 'ok') return { feature, works: true }
    const without = ['setsid', 'unshare', ...programsIn(featureOf(feature).probe)].find((t) => !findTool(t))
    if (without !== undefined) return { feature, works: false, untried: true, reason: `not tried: ${unusable(without)!.message}` }
    if (answer !== undefined) return { feature, works: false, reason: oneLine(answer.slice('no '.length)) || 'it failed without a word' }
    const isLate = error !== undefined && 'code' in error && error.code === 'ETIMEDOUT'
    const reason = oneLine(isLate ? `no answer within ${PATIENCE_MS / 1000} s` : stderr || error?.message || '')
    // A namespace that cannot be made is an answer about namespaces, and about nothing else.
    return feature === 'netns'
      ? { feature, works: false, reason }
      : { feature, works: false, untried: true, reason: `not tried: ${reason}` }
  })
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim()

/** The programs a shell line calls, of those that come in packages. */
const programsIn = (line: string): string[] =>
  line
    .split(/[|;&]+/)
    .map((command) => command.trim().split(' ')[0]!)
    .filter((word) => word in TOOL_PACKAGES)
