/**
 * The sets of one host and family. A name says what kind of set it is and hashes what was asked for:
 *
 *   np4-in, np4-out   pods of this host that some policy isolates
 *   np4-s-HASH        pods of this host that a policy selects (its subjects)
 *   np4-p-HASH        pods of the lab that a rule's selectors select (its peers)
 *   np4-b-HASH        networks of a rule's ipBlocks
 *   np4-n-tcp-NAME    addresses and ports that pods call NAME
 */
import { sha256 } from '../../lab/hash.ts'
import type { Ipset } from '../../kernel/objects.ts'
import { addressOf, type Host, type Lab, type Pod } from '../../lab/lab.ts'
import { namedPorts, type Direction, type IpBlock, type Policy, type PodGroup, type Protocol } from '../../lab/policy/policies.ts'
import { bits, formatIp, type Cidr, type Family } from '../../topology/address.ts'

interface Scope {
  readonly lab: Lab
  readonly host: Host
  /** The host's own. */
  readonly pods: readonly Pod[]
  readonly family: Family
}

const hashes = new Map<string, string>()

/** 10 hexadecimal digits: two of 10 000 names are equal once in 20 000 labs; {@link SetTable} would notice. */
function hash(text: string): string {
  let known = hashes.get(text)
  if (known === undefined) hashes.set(text, (known = sha256(text).toString('hex').slice(0, 10)))
  return known
}

/** Members of sets that are the same on every host, by the sets' names. */
const everywhere = new WeakMap<Lab, Map<string, readonly string[]>>()

/**
 * A network as `ipset save` prints it: one address without its length. hash:net knows no /0 (ipset(8)), so that
 * one is two halves.
 */
function networks({ family, base, prefix }: Cidr): string[] {
  if (prefix > 0) return [prefix === bits(family) ? formatIp(family, base) : `${formatIp(family, base)}/${prefix}`]
  return [`${formatIp(family, 0n)}/1`, `${formatIp(family, 1n << BigInt(bits(family) - 1))}/1`]
}

/** A set that is wanted, whatever the host. */
interface Asked {
  readonly name: string
  /** In full what the name abbreviates. */
  readonly asked: string
  readonly type: Ipset['type']
  readonly note: string
  readonly members: (scope: Scope) => readonly string[]
  readonly policy?: Policy
  /** Its members are pods of the host. */
  readonly isLocal?: true
}

const addresses = (pods: readonly Pod[], { family }: Scope): string[] => pods.flatMap((p) => addressOf(p, family) ?? [])

export class SetTable {
  #log: Asked[] | undefined
  readonly #scope: Scope
  readonly #sets = new Map<string, { readonly set: Ipset; readonly asked: string }>()

  get family(): Family {
    return this.#scope.family
  }

  constructor(scope: Scope) {
    this.#scope = scope
  }

  objects(): Ipset[] {
    return [...this.#sets.values()].map((s) => s.set)
  }

  /** Pods of this host that a policy selects. */
  local(policy: Policy): string {
    const { key, text, pods } = policy.selected
    return this.#ask(
      `s-${hash(key)}`,
      key,
      'hash:ip',
      `here: ${text}`,
      (scope) =>
        addresses(
          scope.pods.filter((p) => pods.has(p)),
          scope,
        ),
      { policy, isLocal: true },
    )
  }

  /** Pods of this host that any of these policies isolates. */
  isolated(direction: Direction, policies: readonly Policy[]): string {
    const isolating = policies.filter((p) => p[direction])
    const members: Asked['members'] = (scope) =>
      addresses(
        scope.pods.filter((pod) => isolating.some((p) => p.selected.pods.has(pod))),
        scope,
      )
    return this.#ask(direction === 'ingress' ? 'in' : 'out', direction, 'hash:ip', `here: isolated for ${direction}`, members, {
      isLocal: true,
    })
  }

  /** Pods anywhere that any of the groups holds. */
  peers(groups: readonly PodGroup[], policy: Policy): string {
    const keys = [...new Set(groups.map((g) => g.key))].sort()
    const text = [...new Set(groups.map((g) => g.text))].sort().join('; ')
    return this.#ask(
      `p-${hash(keys.join('\n'))}`,
      keys.join('\n'),
      'hash:ip',
      text,
      (scope) => addresses([...new Set(groups.flatMap((g) => [...g.pods]))], scope),
      { policy },
    )
  }

  /** Networks: several without exceptions, or one with. */
  blocks(blocks: readonly IpBlock[], policy: Policy): string {
    const texts = [...new Set(blocks.map((b) => b.text))].sort()
    const members = (): string[] => {
      const cut = new Set(blocks.flatMap((b) => b.except.flatMap(networks)))
      return [...blocks.flatMap((b) => networks(b.cidr)).filter((c) => !cut.has(c)), ...[...cut].map((c) => `${c} nomatch`)]
    }
    return this.#ask(`b-${hash(texts.join('\n'))}`, texts.join('\n'), 'hash:net', texts.join('; '), members, { policy })
  }

  /** Every pod's address with the ports it calls by this name. */
  named(name: string, protocol: Protocol, policy: Policy): string {
    const l4 = protocol.toLowerCase()
    const members: Asked['members'] = ({ lab, family }) =>
      lab.pods.flatMap((pod) => {
        const ip = addressOf(pod, family)
        return ip === undefined ? [] : namedPorts(pod, name, protocol).map((port) => `${ip},${l4}:${port}`)
      })
    return this.#ask(`n-${l4}-${name}`, name, 'hash:ip,port', `${protocol} ports called ${name}`, members, { policy })
  }

  /** What `make` asks for, to be asked for again on another host with {@link replay}. */
  record<T>(make: () => T): { readonly result: T; readonly asked: readonly Asked[] } {
    const before = this.#log
    const log: Asked[] = []
    this.#log = log
    const result = make()
    this.#log = before
    return { result, asked: log }
  }

  replay(asked: readonly Asked[]): void {
    for (const a of asked) this.#add(a)
  }

  #ask(
    suffix: string,
    asked: string,
    type: Ipset['type'],
    note: string,
    members: Asked['members'],
    rest: Pick<Asked, 'policy' | 'isLocal'>,
  ): string {
    const a: Asked = { name: `np${this.family}-${suffix}`, asked, type, note, members, ...rest }
    this.#log?.push(a)
    this.#add(a)
    return a.name
  }

  #add({ name, asked, type, note, members, policy, isLocal }: Asked): void {
    const { host, family, lab } = this.#scope
    const known = this.#sets.get(name)
    if (known && known.asked !== asked) throw new Error(`ipset ${name} would have to hold both ${known.asked} and ${asked}`)
    if (known) return
    // A policy of another file has no line in this one.
    const from = policy?.source && policy.file === lab.file ? policy.source : host.source
    const sorted = isLocal ? [...members(this.#scope)].sort() : this.#shared(name, members)
    this.#sets.set(name, { asked, set: { kind: 'ipset', ns: host.netns, from, family, name, type, members: sorted, note } })
  }

  #shared(name: string, members: Asked['members']): readonly string[] {
    const { lab } = this.#scope
    const ofLab = everywhere.get(lab) ?? new Map<string, readonly string[]>()
    everywhere.set(lab, ofLab)
    let sorted = ofLab.get(name)
    if (!sorted) ofLab.set(name, (sorted = [...new Set(members(this.#scope))].sort()))
    return sorted
  }
}
