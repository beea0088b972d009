/** What a fake kernel does with the lines of `iptables-restore` and `ipset restore`, and how states are compared. */
import type { Chain, Ipset, KernelObject } from '../../../src/kernel/objects.ts'
import { keyOf } from '../../../src/kernel/kinds/index.ts'

/** What is there, by key. */
export type Things = Map<string, KernelObject>

export function must(condition: unknown, why: string): asserts condition {
  if (!condition) throw new Error(why)
}

/** The object without what only people read. */
export function content(o: KernelObject): string {
  const sorted = (_: string, v: unknown): unknown =>
    v && typeof v === 'object' && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).toSorted()) : v
  const { from: _from, note: _note, ...rest } = o
  return JSON.stringify(rest, sorted)
}

/** Contents by key. */
export const stateOf = (objects: readonly KernelObject[]): Map<string, string> => new Map(objects.map((o) => [keyOf(o), content(o)]))

const TARGETS = new Set(['RETURN', 'ACCEPT', 'DROP', 'REJECT', 'MASQUERADE', 'DNAT', 'SNAT', 'MARK'])
const HOOKS = new Set(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'])

/** A line of `iptables-restore`. */
export function rules(things: Things, o: Chain, text: string): void {
  const here = (chain: string): string => keyOf({ ...o, chain })
  const get = (chain: string): Chain | undefined => things.get(here(chain)) as Chain | undefined
  const put = (chain: string, rules: readonly string[]): void => {
    const builtin = HOOKS.has(chain)
    if (builtin && rules.length === 0) things.delete(here(chain))
    else things.set(here(chain), { kind: 'chain', ns: o.ns, family: o.family, table: o.table, chain, builtin, rules })
  }
  if (text.startsWith('*')) return must(text === `*${o.table}`, 'another table')
  if (text === 'COMMIT') return
  const [verb, chain = ''] = text.startsWith(':') ? [':', text.slice(1).split(' ')[0]] : text.split(' ')
  if (verb === ':') return put(chain, [])
  must(HOOKS.has(chain) || get(chain), `no chain ${chain}`)
  if (verb === '-F') return put(chain, [])
  if (verb === '-X') {
    const used = [...things.values()].some(
      (c) =>
        c.kind === 'chain' &&
        c.ns === o.ns &&
        c.family === o.family &&
        c.table === o.table &&
        c.rules.some((r) => r.endsWith(`-j ${chain}`)),
    )
    must(!used && get(chain)!.rules.length === 0, `${chain} is in use`)
    things.delete(here(chain))
    return
  }
  const rule = text.slice(`-A ${chain} `.length)
  const target = / -j (\S+)/.exec(` ${rule}`)?.[1] ?? ''
  must(verb === '-A' && (TARGETS.has(target) || get(target)), `no target ${target}`)
  for (const [, name] of rule.matchAll(/--match-set (\S+)/g)) must(things.has(`ipset ${o.ns} ${name}`), `no set ${name}`)
  put(chain, [...(get(chain)?.rules ?? []), rule])
}

/** A line of `ipset restore`. */
export function sets(things: Things, o: Ipset, text: string): void {
  const [verb, name = '', ...rest] = text.split(' ')
  const key = `ipset ${o.ns} ${name}`
  const have = things.get(key) as Ipset | undefined
  if (verb === 'create' && have && rest.at(-1) === '-exist') return must(have.type === rest[0], 'another type')
  must(verb === 'create' ? !have : have, verb === 'create' ? 'exists' : `no set ${name}`)
  if (verb === 'create')
    things.set(key, {
      kind: 'ipset',
      ns: o.ns,
      name,
      type: rest[0] as Ipset['type'],
      family: rest[2] === 'inet6' ? 6 : 4,
      members: [],
    })
  else if (verb === 'add') things.set(key, { ...have!, members: [...have!.members, rest.join(' ')] })
  else if (verb === 'flush') things.set(key, { ...have!, members: [] })
  else if (verb === 'destroy') {
    const used = [...things.values()].some(
      (c) => c.kind === 'chain' && c.ns === o.ns && c.rules.some((r) => r.includes(`--match-set ${name} `)),
    )
    must(!used, 'a rule uses it')
    things.delete(key)
  } else {
    const other = things.get(`ipset ${o.ns} ${rest[0]}`) as Ipset | undefined
    must(verb === 'swap' && other?.type === have!.type && other.family === have!.family, 'cannot be swapped')
    things.set(key, { ...other, name })
    things.set(keyOf(other), { ...have!, name: other.name })
  }
}
