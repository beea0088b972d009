import { Chalk } from 'chalk'
import { describe, expect, test } from 'vitest'
import { traceBrief } from '../../../src/report/trace/trace-brief.ts'
import type { TraceResult } from '../../../src/trace/result.ts'
import { delivered, hostile, policyDrop, tooBig } from '../packet/trace-results.ts'

const brief = (result: TraceResult, reply = false): string[] =>
  traceBrief(result, { chalk: new Chalk({ level: 0 }), reply })
    .split('\n')
    .slice(0, -1)

describe('a trace as one line a node', () => {
  test('each node with its interfaces, the outcome at the last', () => {
    expect(brief(delivered())).toEqual([
      'pod-a                 → eth0       sent',
      'node-1      p1-pod-a  → eth0       forwarded',
      'switch-lan  h1-node-1 → h2-node-2  forwarded',
      'node-2      eth0      → p1-cart    forwarded',
      'shop/cart   eth0      →            delivered, answered after 0.131 ms',
    ])
  })

  test('the answer has lines of its own when it is asked for', () => {
    expect(brief(delivered(), true).slice(5)).toEqual([
      'and back',
      'shop/cart             → eth0       sent',
      'node-2      p1-cart   → eth0       forwarded',
      'switch-lan  h2-node-2 → h1-node-1  forwarded',
      'node-1      eth0      → p1-pod-a   forwarded',
      'pod-a       eth0      →            received',
    ])
  })

  test('a drop stands where it happened, with its cause; what was never reached follows', () => {
    expect(brief(policyDrop())).toEqual([
      'pod-a                 → eth0       sent',
      'node-1      p1-pod-a  → eth0       forwarded',
      'switch-lan  h1-node-1 → h2-node-2  forwarded',
      'node-2      eth0      →            dropped  policy: policy shop/deny-all lets nothing in to shop/cart',
      'shop/cart   eth0      →            never reached',
    ])
  })

  test('a refusal stands where it was made', () => {
    expect(brief(tooBig())).toEqual([
      'pod-a                 → eth0       sent',
      'node-1      p1-pod-a  →            rejected  mtu: 1500 bytes with DF do not fit vxlan1 (MTU 1450)',
      'switch-lan  h1-node-1 → h2-node-2  never reached',
      'node-2      eth0      → p1-cart    never reached',
      'shop/cart   eth0      →            never reached',
    ])
  })

  test('a drop in a node that no device of it saw has a line of its own', () => {
    const traced = policyDrop()
    const result = { ...traced, forward: traced.forward.slice(0, 3), drop: { ...traced.drop!, node: 'firewall', device: 'eth9' } }
    expect(brief(result).slice(1)).toEqual([
      'node-1    p1-pod-a →       forwarded',
      'firewall  eth9     →       dropped  policy: policy shop/deny-all lets nothing in to shop/cart',
    ])
  })

  test('what was never sent stands at its sender', () => {
    const traced = policyDrop()
    const drop = { ...traced.drop!, node: 'pod-a', device: 'eth0', cause: 'no-route', text: 'no route' } as const
    expect(brief({ ...traced, forward: [], drop })).toEqual(['pod-a   →   dropped  no-route: no route'])
  })

  test('an answer that was dropped on its way shows both ways', () => {
    const traced = delivered()
    const cut = traced.reply.slice(0, 3)
    const drop = { ...policyDrop().drop!, leg: 'reply', node: 'node-2', text: 'no route back' } as const
    expect(brief({ ...traced, reply: cut, outcome: 'dropped', rttMs: null, drop }).slice(4)).toEqual([
      'shop/cart   eth0      →            received',
      'and back',
      'shop/cart             → eth0       sent',
      'node-2      p1-cart   →            dropped  policy: no route back',
    ])
    // Also where no cause is known.
    const { drop: _, ...unknown } = { ...traced, reply: cut, outcome: 'unanswered', rttMs: null, drop } as const
    expect(brief(unknown).slice(6)).toEqual(['shop/cart             → eth0       sent', 'node-2      p1-cart   →            unanswered'])
  })

  test('several probes are counted', () => {
    const traced = { ...policyDrop(), probe: { ...policyDrop().probe, count: 3 }, counted: { sent: 3, answered: 2, rtts: [1, 2] } }
    expect(brief(traced).join('\n')).toContain('dropped, 2 of 3 probes answered  policy: ')
  })

  test('nothing in it acts upon a terminal', () => {
    expect(traceBrief(hostile(), { chalk: new Chalk({ level: 0 }), reply: true })).not.toContain('\u2028')
  })
})
