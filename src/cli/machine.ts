/** Is this machine able to run the lab? Asked before anything is created. */
import { readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import type { Compiled } from '../compile/compile.ts'
import { featureOf, type Feature } from '../kernel/features/feature.ts'
import { aptLine, TOOL_PACKAGES } from '../kernel/features/packages.ts'
import { BASE_TOOLS, probe, toolHint, unusable } from '../kernel/features/probe.ts'
import { namespaces } from '../kernel/observe.ts'
import { quoteLine } from '../kernel/script.ts'
import { inside, leaveMachine, MACHINE } from '../netns/inside.ts'
import { learnedNeighbours } from '../lab/lab.ts'
import { namedNamespace, networkNamespace } from '../process/proc.ts'
import type { Diagnostic } from '../topology/diagnostics.ts'
import { Exit, Failure, failure } from './failure.ts'
import { isRoot } from '../netns/paths.ts'

/** The directories of system programs are missing from many users' PATH. */
export function completePath(): void {
  const have = new Set((process.env['PATH'] ?? '').split(':'))
  process.env['PATH'] = [...have, ...['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'].filter((d) => !have.has(d))]
    .filter(Boolean)
    .join(':')
}

/** @throws Failure (exit 3) unless run by root. */
export function requireRoot(command: string): void {
  completePath()
  if (isRoot()) return
  throw failure(
    Exit.Machine,
    'not-root',
    `netlab ${command} needs root: network namespaces are made and entered with it`,
    `sudo ${['netlab', ...process.argv.slice(2)].map(quoteLine).join(' ')}`,
  )
}

/**
 * For commands that work inside namespaces: from here on the process lives in an empty one.
 * @throws Failure (exit 3) for anyone but root, (exit 2) for a value of NETLAB_EXEC that has no meaning
 */
export function requireNamespaces(command: string): void {
  requireRoot(command)
  const exec = process.env['NETLAB_EXEC']
  if (exec && exec !== 'commands')
    throw failure(Exit.Usage, 'bad-environment', `NETLAB_EXEC=${exec} means nothing`, 'NETLAB_EXEC=commands runs the programs throughout.')
  leaveMachine()
}

/** What listens must keep up with what it listens to, also where processors are never free. Children inherit it. */
export function keepUp(): void {
  try {
    setPriority(-10)
  } catch {
    // Not allowed here; then it goes on with the priority it has.
  }
}

/** @throws Failure inside a node, as `netlab shell` and `ip netns exec` enter it: what is made or deleted there, the machine does not see. */
export function requireOutside(): void {
  const here = inside(MACHINE, () => networkNamespace(process.pid))
  if (here === networkNamespace(1)) return
  const node = namespaces().find((ns) => namedNamespace(ns) === here)
  if (node !== undefined)
    throw failure(
      Exit.Usage,
      'inside-a-node',
      `this is inside the namespace ${node}: what is made or deleted here, the machine does not see`,
      'Leave it first (exit).',
    )
}

/**
 * @param known features that this kernel had since it was started
 * @throws Failure (exit 3) naming every missing tool and kernel feature, and how to get them
 */
export function requireFeatures(compiled: Pick<Compiled, 'needs'>, known: readonly Feature[] = []): void {
  const tools = [...BASE_TOOLS, ...compiled.needs.flatMap((f) => featureOf(f).tools ?? [])]
  const missing = [...new Set(tools)].flatMap((tool) => unusable(tool) ?? [])
  if (missing.length > 0) {
    const packages = [...new Set(missing.flatMap((m) => (m.isThere ? [] : [TOOL_PACKAGES[m.program] ?? m.program])))]
    throw new Failure(
      Exit.Machine,
      missing.map((m) => ({
        code: 'tool-missing',
        severity: 'error',
        message: m.message,
        hint: m.isThere ? toolHint(m.program, true) : `sudo ${aptLine(packages)}`,
      })),
    )
  }
  const unknown = compiled.needs.filter((feature) => !known.includes(feature))
  if (unknown.length === 0) return
  const lacking = probe(unknown).filter((p) => !p.works)
  if (lacking.length === 0) return
  throw new Failure(
    Exit.Machine,
    lacking.map((p): Diagnostic => ({
      code: 'feature-missing',
      severity: 'error',
      message: `this kernel cannot do ${p.feature}: ${p.reason}`,
      hint: `It needs ${featureOf(p.feature).needs}. A VM with a full kernel runs the lab without changing this machine: scripts/vm-run.sh netlab up …; \`netlab doctor\` shows what works here.`,
    })),
  )
}

/**
 * The table of neighbours learned by ARP and NDP is shared by all namespaces; a lab larger than the machine's
 * limit loses packets for no visible reason ("neighbor table overflow").
 */
export function neighbourTableWarning({ lab }: Compiled): Diagnostic | undefined {
  const learned = learnedNeighbours(lab.hosts.length, lab.pods.length)
  for (const [family, path] of [
    [4, 'ipv4'],
    [6, 'ipv6'],
  ] as const) {
    if (family === 6 && !lab.families.includes(6)) continue
    let limit: number
    try {
      limit = inside(MACHINE, () => Number(readFileSync(`/proc/sys/net/${path}/neigh/default/gc_thresh3`, 'utf8')))
    } catch {
      continue
    }
    if (learned <= limit) continue
    return {
      code: 'neighbour-table-small',
      severity: 'warning',
      message: `traffic between all nodes would make about ${learned} neighbour entries, but this machine keeps ${limit} for all namespaces together`,
      hint: `sudo sysctl -w net.${path}.neigh.default.gc_thresh3=${2 ** Math.ceil(Math.log2(learned * 2))} (netlab does not change the machine's own settings)`,
    }
  }
  return undefined
}
