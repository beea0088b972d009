/** How sessions are, and why daemons have not brought something about: from what those on its way say. */
import type { Drift } from '../kernel/drift.ts'
import { describe, keyOf } from '../kernel/kinds/index.ts'
import { learnedAmong } from '../kernel/kinds/learned.ts'
import { sessionDown, stateText } from '../kernel/kinds/session.ts'
import type { Daemon, KernelObject, Learned, Session, SessionState } from '../kernel/objects.ts'
import { askBird, askSessions } from './bird.ts'
import { leaseObstacles } from './leases.ts'
import { logTail } from './logs.ts'
import { startedIn } from './states.ts'

/** A session as its ends say that it is now. */
export interface LiveSession extends Partial<SessionState> {
  readonly protocol: string
  readonly nodes: readonly [string, string]
}

/** The sessions among objects. Without a state: neither end answers. */
export async function sessionsOf(dir: string, objects: readonly KernelObject[]): Promise<LiveSession[]> {
  const sessions = objects.filter((o) => o.kind === 'session')
  const states = await askSessions(dir, objects)(sessions.flatMap((s) => s.ends))
  return sessions.map(({ protocol, ends }) => {
    const said = ends.map((end) => states.get(end))
    return { protocol, nodes: [ends[0].node, ends[1].node], ...(sessionDown(said) ?? said.find((s) => s !== undefined)) }
  })
}

/** What keeps something from being brought about. */
export interface Obstacle {
  /**
   * Of routes learned by BGP, `session`: one on its way is not established; `announcement`: all are, and one of the daemons does not pass
   * it on. Of what follows from leases in etcd, `lease`: it is not there as it should be, or cannot be had; `agent`: it has not been set.
   */
  readonly kind: 'session' | 'announcement' | 'lease' | 'agent'
  /** One sentence without its full stop. */
  readonly text: string
  /** The sessions that are not established, and the daemons that do not run. */
  readonly sessions: readonly Session[]
  readonly dead: readonly Daemon[]
}

/**
 * What keeps daemons from bringing about what is missing or otherwise, as far as they say.
 * @param dir where daemons are on record
 * @param objects what was asked for
 */
export async function obstacles(
  dir: string,
  objects: readonly KernelObject[],
  { missing, changed }: Pick<Drift, 'missing' | 'changed'>,
): Promise<Map<KernelObject, Obstacle>> {
  const daemons = new Map(objects.flatMap((o) => (o.kind === 'daemon' ? [[o.id, o] as const] : [])))
  const isDead = deadAmong(dir, daemons)
  const wrong = [...missing, ...changed.map((c) => c.object)]
  const found = new Map<KernelObject, Obstacle>()
  for (const [object, obstacle] of await leaseObstacles(daemons, wrong, isDead, (id) => logTail(dir, id).at(-1)))
    found.set(object, { ...obstacle, sessions: [] })
  for (const [route, obstacle] of await sessionObstacles(dir, objects, learnedAmong(missing), daemons, isDead)) found.set(route, obstacle)
  return found
}

async function sessionObstacles(
  dir: string,
  objects: readonly KernelObject[],
  routes: readonly Learned[],
  daemons: ReadonlyMap<string, Daemon>,
  isDead: (id: string) => boolean,
): Promise<Map<Learned, Obstacle>> {
  const found = new Map<Learned, Obstacle>()
  const known = routes.filter((r) => r.ways !== undefined)
  if (known.length === 0) return found
  const between = new Map<string, Session>()
  for (const o of objects) if (o.kind === 'session') between.set(`${o.ends[0].daemon} ${o.ends[1].daemon}`, o)
  const sessionOf = (a: string, b: string): Session | undefined => between.get(`${a} ${b}`) ?? between.get(`${b} ${a}`)
  const wayOf = (route: Learned): Map<string, Session> => {
    const sessions = route.ways!.flatMap((way) => way.flatMap((id, i) => sessionOf(i === 0 ? route.daemon : way[i - 1]!, id) ?? []))
    return new Map(sessions.map((s) => [keyOf(s), s]))
  }
  const ways = new Map(known.map((route) => [route, [...wayOf(route).values()]]))
  const ends = [...new Set([...ways.values()].flat())].flatMap((s) => s.ends)
  const states = await askSessions(dir, objects)(ends)
  for (const route of known) {
    const down = ways.get(route)!.flatMap((session) => {
      const said = session.ends.map((end) => states.get(end))
      const state = sessionDown(said)
      if (!state && said.some(Boolean)) return []
      return [{ session, text: `${describe(session)} ${state ? stateText(state) : 'is unknown: neither end answers'}` }]
    })
    if (down.length > 0) {
      const dead = [...new Set(down.flatMap(({ session }) => session.ends.map((end) => end.daemon)))]
        .filter(isDead)
        .map((id) => daemons.get(id)!)
      const text = [...down.map((d) => d.text), ...dead.map((d) => `${describe(d)} is not running`)].join('; ')
      found.set(route, { kind: 'session', text, sessions: down.map((d) => d.session), dead })
      continue
    }
    const stuck = await whereStuck(dir, daemons, route, (from, to) => sessionOf(from, to)?.ends.find((end) => end.daemon === from)?.name)
    if (stuck !== undefined) found.set(route, { kind: 'announcement', text: stuck, sessions: [], dead: [] })
  }
  return found
}

function deadAmong(dir: string, daemons: ReadonlyMap<string, Daemon>): (id: string) => boolean {
  const started = startedIn(dir)
  return (id) => {
    const daemon = daemons.get(id)
    return daemon !== undefined && started(daemon) === undefined
  }
}

/**
 * Where a route gets stuck whose sessions are all established: the daemon that does not pass it on; undefined when they do not say.
 * @param sessionName what a daemon calls its session with another
 */
async function whereStuck(
  dir: string,
  daemons: ReadonlyMap<string, Daemon>,
  route: Learned,
  sessionName: (from: string, to: string) => string | undefined,
): Promise<string | undefined> {
  const nodeOf = (id: string): string => daemons.get(id)?.node ?? id
  const by = (id: string): string => (daemons.has(id) ? describe(daemons.get(id)!) : id)
  const has = async (id: string, which: string): Promise<boolean | undefined> => {
    const answers = daemons.has(id) ? await askBird(dir, daemons.get(id)!, [`show route ${route.dst}${which}`]) : undefined
    return answers?.[0]!.some((line) => line.startsWith(`${route.dst} `))
  }
  const [way] = route.ways!
  const stations = [route.daemon, ...way!].toReversed()
  for (const [i, from] of stations.slice(0, -1).entries()) {
    const to = stations[i + 1]!
    const announced = await has(from, ` export '${sessionName(from, to)}'`)
    if (announced === false) return `${by(from)} does not announce ${route.dst} to ${nodeOf(to)}`
    const taken = await has(to, '')
    if (taken === false) return `${by(to)} does not accept ${route.dst} from ${nodeOf(from)}`
    if (announced === undefined || taken === undefined) return undefined
  }
  return `${route.by} has ${route.dst}, and has not written it into the table of the kernel`
}
