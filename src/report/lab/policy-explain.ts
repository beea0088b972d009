/** Why policies allow or deny, for people and programs: `netlab policy explain`. */
import type { ChalkInstance } from 'chalk'
import { missText, type Miss } from '../../lab/policy/nearest.ts'
import { ruleText } from '../../lab/policy/policies.ts'
import type { ServiceVerdict, Way } from '../../lab/services/service-verdict.ts'
import type { DirectionVerdict, End, Verdict } from '../../lab/policy/verdict.ts'
import { familyName, type Family } from '../../topology/address.ts'
import { placeOf } from './policy.ts'

export interface Explained {
  readonly from: string
  readonly to: string
  /** `80/tcp`, `icmp`. */
  readonly port: string
  readonly family: Family
  /** Address a host sends from. */
  readonly source?: string | undefined
  readonly verdict: Verdict
  /** Why the border's firewall drops it before any policy is asked; absent: it does not. */
  readonly border?: string
  /** Of a denial: the rule that comes nearest. */
  readonly nearest?: Miss
}

/** What people call an end: pods by key, everything else by name. */
export const partyName = (p: End): string => (p.kind === 'pod' ? p.key : p.name)

function side(way: 'egress' | 'ingress', name: string, j: DirectionVerdict, chalk: ChalkInstance): string[] {
  const mark = j.allowed ? chalk.green('yes') : chalk.red('no ')
  if (j.isolating.length === 0) return [`  ${mark}  ${way} of ${name}: not isolated, no policy selects it for ${way}`]
  const by = j.isolating.map((p) => `         policy ${chalk.bold(p.title)} ${chalk.dim(placeOf(p))}`)
  const allowing = j.allowing.map(
    ({ policy, rule }) => `         policy ${chalk.bold(policy.title)} ${ruleText(rule, way)} ${chalk.dim(placeOf(policy, rule.source))}`,
  )
  return [
    `  ${mark}  ${way} of ${name}: isolated by`,
    ...by,
    ...(allowing.length > 0
      ? ['       and allowed by', ...allowing]
      : [`       and no rule of ${j.isolating.length === 1 ? 'it' : 'theirs'} allows this`]),
  ]
}

const EXEMPT = { self: 'a pod always reaches itself', 'own-node': 'a node and its own pods always reach each other' } as const

const resultText = (allowed: boolean, chalk: ChalkInstance): string => (allowed ? chalk.green.bold('allowed') : chalk.red.bold('denied'))

function reasons(verdict: Verdict, from: string, to: string, chalk: ChalkInstance): string[] {
  if (verdict.exempt) return [`  ${EXEMPT[verdict.exempt]}`]
  return [...side('egress', from, verdict.egress, chalk), ...side('ingress', to, verdict.ingress, chalk)]
}

const borderLine = (border: string | undefined, chalk: ChalkInstance): string[] =>
  border === undefined ? [] : [`  ${chalk.red('no ')}  border: ${border}`]

export function explanationText({ from, to, port, family, source, verdict, border, nearest }: Explained, chalk: ChalkInstance): string {
  const sender = source === undefined ? from : `${from} (from ${source})`
  const head = `${sender} → ${to}, ${port}, ${familyName(family)}: ${resultText(verdict.allowed && border === undefined, chalk)}`
  return `${[head, ...borderLine(border, chalk), ...reasons(verdict, from, to, chalk), ...nearestLine(verdict, nearest)].join('\n')}\n`
}

const denying = ({ egress }: Verdict): 'ingress' | 'egress' => (egress.allowed ? 'ingress' : 'egress')

const nearestLine = (verdict: Verdict, nearest: Miss | undefined): string[] =>
  nearest ? [`       nearest is ${missText(nearest, denying(verdict))}`] : []

function verdictDocument(verdict: Verdict): object {
  const direction = (way: 'egress' | 'ingress'): object => ({
    allowed: verdict[way].allowed,
    isolatedBy: verdict[way].isolating.map((p) => ({ policy: p.title, source: placeOf(p) })),
    allowedBy: verdict[way].allowing.map(({ policy, rule }) => ({
      policy: policy.title,
      rule: `${way}[${rule.index}]`,
      text: ruleText(rule, way),
      source: placeOf(policy, rule.source),
    })),
  })
  return {
    allowed: verdict.allowed,
    ...(verdict.exempt ? { exempt: verdict.exempt } : {}),
    egress: direction('egress'),
    ingress: direction('ingress'),
  }
}

const nearestDocument = (verdict: Verdict, nearest: Miss | undefined): object =>
  nearest
    ? {
        nearest: {
          policy: nearest.policy.title,
          rule: `${denying(verdict)}[${nearest.rule.index}]`,
          source: placeOf(nearest.policy, nearest.rule.source),
          differences: nearest.differences,
        },
      }
    : {}

export const explanationDocument = ({ verdict, nearest, ...asked }: Explained): object => ({
  ...asked,
  ...verdictDocument(verdict),
  ...(asked.border === undefined ? {} : { allowed: false }),
  ...nearestDocument(verdict, nearest),
})

export interface ExplainedService extends Omit<Explained, 'verdict' | 'source' | 'nearest'> {
  /** The Service's own, in this family. */
  readonly address: string
  /** The Service behind a node port or an external address. */
  readonly service?: string
  /** The pod that a port of its host leads to. */
  readonly hostPort?: string
  /** The host that translates. */
  readonly translator?: string
  /** The pod's own host sends it on as it is: its egress is about what it asks for. */
  readonly isEgressBefore?: boolean
  readonly verdict: ServiceVerdict
  /** Of ways that are denied: the rule that comes nearest. */
  readonly nearest: ReadonlyMap<Way, Miss>
}

const WITHOUT = {
  refused: 'no endpoint is ready: the client is refused, and no policy is consulted',
  dropped: "internalTrafficPolicy is Local and no endpoint is ready on the client's host: dropped, and no policy is consulted",
} as const

const wayName = ({ endpoint, actor }: Way): string => {
  const ip = endpoint.family === 4 ? endpoint.ip : `[${endpoint.ip}]`
  const name = partyName(actor)
  return name === endpoint.ip ? `${ip}:${endpoint.port}` : `${name} ${ip}:${endpoint.port}`
}

/** Whom the endpoint's policies see, where that is not the client. */
const seenText = ({ from, seen }: Way, { from: client, translator }: ExplainedService): string =>
  partyName(from) === client
    ? ''
    : `  seen as ${partyName(from)}${seen && seen.length > 0 ? ` (${seen.join(' or ')})` : ''}: ${translator ?? 'the host'} puts its own address in place of the client's`

export function serviceText(asked: ExplainedService, chalk: ChalkInstance): string {
  const { from, to, port, family, address, service, hostPort, verdict, border } = asked
  const { ways, without } = verdict
  const allowed = verdict.allowed && border === undefined
  const open = ways.filter((w) => w.verdict.allowed).length
  const result =
    allowed || open === 0 || border !== undefined ? resultText(allowed, chalk) : chalk.yellow.bold(`allowed to ${open} of ${ways.length}`)
  const behind = hostPort === undefined ? (service === undefined ? address : `Service ${service}`) : `host port of pod ${hostPort}`
  const head = `${from} → ${to} (${behind}), ${port}, ${familyName(family)}: ${result}`
  if (border !== undefined) return `${[head, ...borderLine(border, chalk)].join('\n')}\n`
  if (without) return `${head}\n  ${WITHOUT[without]}\n`
  const why = `policies see the chosen pod and its port, after DNAT: about the pod that answers and its port, not about ${port}.`
  const before = asked.isEgressBefore
    ? [
        chalk.dim(
          `The egress of ${from} is checked before that, on its own host: about ${to} and ${port}, which only ${asked.translator} translates.`,
        ),
      ]
    : []
  const each = ways.flatMap((w) => [
    `${wayName(w)}: ${resultText(w.verdict.allowed, chalk)}`,
    ...[seenText(w, asked)].filter((text) => text !== ''),
    ...reasons(w.verdict, from, partyName(w.actor), chalk),
    ...nearestLine(w.verdict, asked.nearest.get(w)),
  ])
  return `${[head, chalk.dim(why), ...before, '', ...each].join('\n')}\n`
}

export function serviceDocument({ verdict: { ways, allowed, without }, nearest, ...asked }: ExplainedService): object {
  const endpoints = ways.map((way) => {
    const { endpoint, verdict, actor, from } = way
    return {
      ...(actor.kind === 'address' ? {} : { node: partyName(actor) }),
      address: endpoint.ip,
      port: endpoint.port,
      ...(partyName(from) === asked.from ? {} : { seenAs: partyName(from) }),
      ...verdictDocument(verdict),
      ...nearestDocument(verdict, nearest.get(way)),
    }
  })
  return { ...asked, allowed: allowed && asked.border === undefined, ...(without ? { withoutEndpoints: without } : {}), endpoints }
}
