/** What answers must be: a failure lists every pair it concerns, not just the first. */
import assert from 'node:assert/strict'
import type { Asked, Node } from './measured-lab.ts'

export const isIpv6 = (address: string): boolean => address.includes(':')
export const host = (n: Node): string => (n.kind === 'pod' ? n.host! : n.name)
export const called = (n: Node): string => (n.namespace === undefined || n.namespace === 'default' ? n.name : `${n.namespace}/${n.name}`)
/** `10.0.0.1:80` or `[fd00::1]:80` without the port. */
export const ipOf = (end: string): string => end.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')

const say = ({ from, to, probe, answer }: Asked): string =>
  `${called(from)} → ${called(to)}, ${Object.values(probe).join(' ')}: ${answer.outcome} from ${answer.self || '?'}: ${answer.text}`

/** Fails with every question whose answer is not what it must be; also when none was asked at all. */
export function all(asked: readonly Asked[], what: string, holds: (a: Asked) => boolean): void {
  assert.ok(asked.length > 0, `${what}: nothing was asked`)
  const bad = asked.filter((a) => !holds(a))
  assert.equal(bad.length, 0, `${what}: ${bad.length} of ${asked.length} do not\n${bad.map(say).join('\n')}`)
}

/** The right node answered and saw the address and port the prober's own socket has. */
export const untranslated = ({ to, probe, answer }: Asked): boolean =>
  answer.outcome === 'ok' &&
  (probe.kind === 'ping' ? answer.text.includes(`bytes from ${probe.to}:`) : answer.text === `${called(to)} ${answer.self}`)
