/** Why entries are missing that agents set from leases in etcd: which daemon does not run, or what etcd has instead of the lease. */
import type { Socket } from 'node:net'
import { describe } from '../kernel/kinds/index.ts'
import { originOf } from '../kernel/kinds/learned.ts'
import type { Daemon, KernelObject, Lease } from '../kernel/objects.ts'
import { inside } from '../netns/inside.ts'
import { tcpConnection } from '../netns/sockets/socket.ts'

/** Longest wait for an answer of etcd, milliseconds. */
const patience = 1500

/** What keeps an entry from being made, and the daemons among them that do not run. */
export interface LeaseObstacle {
  /** `agent`: the one that should set it. `lease`: it is not in etcd as it should be, or cannot be had. */
  readonly kind: 'agent' | 'lease'
  /** One sentence without its full stop. */
  readonly text: string
  readonly dead: readonly Daemon[]
}

/** The values of keys, as etcd has them now. Undefined: it does not answer. */
type Values = ReadonlyMap<string, string> | undefined

/**
 * What keeps each of these objects from being brought about, of those that follow from a lease.
 * @param isDead whether a daemon does not run, by its id
 * @param lastWords what a daemon said last
 * @param ask what etcd has
 */
export async function leaseObstacles(
  daemons: ReadonlyMap<string, Daemon>,
  objects: readonly KernelObject[],
  isDead: (id: string) => boolean,
  lastWords: (id: string) => string | undefined,
  ask: (store: Daemon | undefined) => Promise<Values> = valuesIn,
): Promise<Map<KernelObject, LeaseObstacle>> {
  const leased = objects.flatMap((object) => {
    const origin = originOf(object)
    return origin?.lease ? [{ object, agent: origin.daemon, lease: origin.lease }] : []
  })
  const found = new Map<KernelObject, LeaseObstacle>()
  const nameOf = (id: string): string => (daemons.has(id) ? describe(daemons.get(id)!) : id)
  const stores = new Map<string, Values>()
  for (const { lease } of leased)
    if (!stores.has(lease.store)) stores.set(lease.store, isDead(lease.store) ? undefined : await ask(daemons.get(lease.store)))
  for (const { object, agent, lease } of leased) {
    const values = stores.get(lease.store)
    const dead = [agent, lease.store, lease.writer].filter(isDead)
    const not = [...new Set(dead)].map((id) => `${nameOf(id)} is not running`)
    const trouble = troubleWith(lease, values, nameOf(lease.store), dead.includes(lease.store))
    const hasLease = trouble === undefined && !dead.includes(lease.store)
    const kind = hasLease || dead.includes(agent) ? 'agent' : 'lease'
    const said = lastWords(agent)
    const unset = `${nameOf(agent)} has not set what follows from the lease of ${lease.node}${said === undefined ? '' : `; it says: ${said}`}`
    const text = [...(trouble === undefined ? [] : [trouble]), ...not]
    found.set(object, { kind, text: (text.length > 0 ? text : [unset]).join('; '), dead: dead.flatMap((id) => daemons.get(id) ?? []) })
  }
  return found
}

/** What is wrong with a lease in etcd; undefined: nothing, or what is wrong is known without it. */
function troubleWith({ key, value, node }: Lease, values: Values, store: string, isDead: boolean): string | undefined {
  if (!values) return isDead ? undefined : `${store} does not answer`
  const now = values.get(key)
  if (now === undefined) return `the lease of ${node} is not in etcd: there is no ${key}`
  return sameJson(now, value) ? undefined : `the lease of ${node} in etcd is not as the lab asked for: ${key} is ${now}`
}

function sameJson(a: string, b: string): boolean {
  try {
    return JSON.stringify(JSON.parse(a)) === JSON.stringify(JSON.parse(b))
  } catch {
    return false
  }
}

/** All that etcd holds below `/coreos.com/network/`, over its JSON gateway; undefined when it does not answer. */
function valuesIn(store: Daemon | undefined): Promise<Values> {
  if (store === undefined || !('tcp' in store.ready)) return Promise.resolve(undefined)
  const { tcp: port } = store.ready
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const body = JSON.stringify({ key: base64('/coreos.com/network/'), range_end: base64('/coreos.com/network0') })
  // Version 1.0: the answer ends with the connection, and is not cut into chunks.
  const request = `POST /v3/kv/range HTTP/1.0\r\nHost: etcd\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  return new Promise((resolve) => {
    let socket: Socket
    try {
      socket = inside(store.ns, () => tcpConnection({ address: '127.0.0.1', port }))
    } catch {
      return resolve(undefined)
    }
    let answer = ''
    socket.setEncoding('utf8').setTimeout(patience, () => socket.destroy())
    socket.on('data', (chunk: string) => (answer += chunk))
    socket.on('error', () => {})
    socket.on('close', () => resolve(valuesOf(answer)))
    socket.write(request)
  })
}

/** Keys and values of an answer to a range request; undefined: it is none. */
export function valuesOf(answer: string): Values {
  if (!/^HTTP\/\S+ 200 /.test(answer)) return undefined
  try {
    const { kvs = [] } = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as { kvs?: { key: string; value?: string }[] }
    const text = (base64 = ''): string => Buffer.from(base64, 'base64').toString()
    return new Map(kvs.map(({ key, value }) => [text(key), text(value)]))
  } catch {
    return undefined
  }
}
