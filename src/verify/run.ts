/** A whole test of a running lab: listeners are started, everything is asked, what differs is asked again, all is evaluated. */
import { upCommand } from '../state/up-command.ts'
import { NamespacePool } from '../netns/namespace-pool.ts'
import { addressOf, type Lab } from '../lab/lab.ts'
import { makeHandshakes } from '../process/wireguard/handshakes.ts'
import { processDir, type Applied } from '../state/store.ts'
import { Askers } from './probing/askers.ts'
import { Asking, distinct, type AskingOptions, type Losses } from './probing/ask.ts'
import type { Check, Group, TestRun } from './check.ts'
import { forbidden } from './checks/model/wire.ts'
import type { Asked, Evidence, Findings, CheckSource, TestPlan } from './check-source.ts'
import { lookAfter, readContainers } from './evidence/containers.ts'
import { readAfter, readBefore } from './evidence/readings.ts'
import { testPlanOf, type Sampling } from './test-plan.ts'
import { UnderlayListener } from './evidence/underlay.ts'
import { plural } from '../plural.ts'
import { now } from '../clock.ts'

export interface TestOptions extends Sampling, AskingOptions {
  /** Absent: all. */
  readonly groups?: readonly Group[]
}

/** How long handshakes may take, milliseconds: those that are late are part of what is tested. */
const GREETING = 1000

/** What works in every lab, whatever its policies say: a host reaches its own pods. Of a few pods. */
function vital(lab: Lab): Asked[] {
  return lab.pods.slice(0, 3).flatMap((pod): Asked[] => {
    const host = lab.hosts.find((h) => h.name === pod.host)
    return pod.addresses.flatMap(({ family, ip }): Asked[] =>
      host && addressOf(host, family) !== undefined
        ? [{ netns: host.netns, kind: 'icmp', family, address: ip, port: 0, expected: ['ok'] }]
        : [],
    )
  })
}

/** A lab in which no pod reaches, or is reached from, another node proves nothing, however many denials hold. */
function somethingIsReachable(lab: Lab, asked: readonly Asked[], evidence: Evidence): Check {
  const own = new Map(lab.pods.flatMap((p) => p.addresses.map((a) => [a.ip, p.netns] as const)))
  const pods = new Set(own.values())
  const isBetween = (q: Asked): boolean =>
    (pods.has(q.netns) || own.has(q.address)) && own.get(q.address) !== q.netns && !/^(127\.|::1$)/.test(q.address)
  const hoped = asked.filter((q) => q.expected.includes('ok') && isBetween(q))
  const answered = hoped.filter((q) => evidence.answer(q)?.outcome === 'ok').length
  const check = { id: 'something-is-reachable', group: 'model', title: 'something in this lab answers', tested: hoped.length } as const
  const late = hoped.filter((q) => evidence.first(q) && evidence.answer(q)?.outcome === 'ok').length
  const again = late > 0 ? `, ${late} of them only when asked again` : ''
  if (lab.pods.length === 0) return { ...check, status: 'skipped', detail: 'this lab has no pods' }
  if (answered > 0)
    return {
      ...check,
      status: 'passed',
      detail: `${answered} of ${plural(hoped.length, 'question')} that may be answered ${hoped.length === 1 ? 'was' : 'were'}${again}`,
    }
  const detail =
    hoped.length > 0
      ? `none of ${plural(hoped.length, 'question')} that should be answered was`
      : 'no question that was asked should be answered'
  return { ...check, status: 'failed', detail: `${detail}: what is denied here proves nothing` }
}

/**
 * Tests a running lab. Leaves it as it was.
 * @throws when `signal` is aborted, and when a helper process cannot run
 */
export async function runTest(applied: Applied, all: readonly CheckSource[], options: TestOptions = {}): Promise<TestRun> {
  const started = now()
  const { groups, signal, onProgress } = options
  const { plan, untested } = testPlanOf(applied.lab, options)
  const { lab } = plan
  const sources = all.filter((s) => !groups || groups.includes(s.group))
  const askers = new Askers()
  const pool = new NamespacePool()
  const listeners: UnderlayListener[] = []
  const abort = (): void => askers.close()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    const asking = new Asking(lab, askers, options)
    const { evidence } = asking
    onProgress?.('opening listeners')
    const listening = sources.flatMap((s) => s.listening(plan))
    askers.start(listening)
    // While only the lab's own containers listen.
    const states = await readContainers(lab, pool, options.patience, signal)
    const [before, held] = await Promise.all([readBefore(lab, pool), askers.listen(listening)])
    const readings = { ...before, states }
    evidence.held = held
    evidence.readings = readings
    const asked = distinct([...vital(lab), ...sources.flatMap((s) => s.questions(plan))])
    const watched = distinct(sources.flatMap((s) => s.watched?.(plan) ?? []))
    const watch = new UnderlayListener(applied)
    listeners.push(watch)
    watch.watch(readings, forbidden(plan))
    await makeHandshakes(processDir(lab.name), applied.objects, { patience: GREETING, ...(signal ? { signal } : {}) })
    await asking.ask(asked, pool)
    signal?.throwIfAborted()
    if (watched.length > 0) {
      const listener = new UnderlayListener(applied)
      listeners.push(listener)
      listener.listen()
      await asking.askWatched(watched)
      evidence.captured = listener.end()
    }
    evidence.caught = watch.end()
    signal?.throwIfAborted()
    await readAfter(readings, pool)
    lookAfter(lab, states)
    return result(lab, plan, sources, asked, asking, untested, started, groups)
  } finally {
    signal?.removeEventListener('abort', abort)
    pool.close()
    for (const listener of listeners) listener.end()
    askers.close()
  }
}

const lossTexts = ({ refused, dropped, unread }: Losses): string[] => [
  ...(refused > 0
    ? [
        `the machine's table of neighbours was full ${plural(refused, 'time')} meanwhile, and packets were lost for it (docs/troubleshooting.md)`,
      ]
    : []),
  ...(dropped > 0
    ? [
        `the machine was too busy for ${dropped} packets, of this lab or others, and dropped them between two devices (docs/troubleshooting.md)`,
      ]
    : []),
  ...(unread > 0
    ? [`the test itself was too slow for ${plural(unread, 'packet')}, which its full sockets dropped: test the lab again`]
    : []),
]

const NOUNS: Readonly<Record<Group, string>> = { model: 'network model', policy: 'policies', service: 'Services', expect: '`expect`' }

/** Who asks for a part of the test alone must not take a lab without it for one that keeps its promises. */
function nothingToTest(groups: readonly Group[] | undefined, findings: readonly Findings[]): Check[] {
  if (!groups || groups.length === 0 || findings.some((f) => f.checks.some((c) => c.tested > 0))) return []
  const title = 'there is something to test of what was asked for'
  const detail = `this lab has nothing of it: ${groups.map((g) => NOUNS[g]).join(', ')}`
  return [{ id: 'something-is-tested', group: groups[0]!, title, status: 'failed', detail, tested: 0 }]
}

function result(
  lab: Lab,
  plan: TestPlan,
  sources: readonly CheckSource[],
  asked: readonly Asked[],
  { evidence, lost }: Asking,
  untested: readonly string[],
  started: number,
  groups: readonly Group[] | undefined,
): TestRun {
  const findings: Findings[] = sources.map((s) => s.evaluate(plan, evidence))
  return {
    lab: lab.name,
    file: lab.file,
    repair: upCommand(lab),
    checks: [somethingIsReachable(lab, asked, evidence), ...nothingToTest(groups, findings), ...findings.flatMap((f) => f.checks)],
    cells: findings.flatMap((f) => f.cells ?? []),
    untested: [...untested, ...findings.flatMap((f) => f.untested ?? []), ...lossTexts(lost)],
    tookMs: Math.round(now() - started),
  }
}
