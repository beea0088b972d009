import { describe, expect, test } from 'vitest'
import { learnedBy, waves } from '../../../src/verify/probing/waves.ts'
import type { Question } from '../../../src/verify/probing/question.ts'
import { labFrom } from '../report/labs.ts'

/** A lab of `n` pods on four hosts, and every pair of pods once. */
function mesh(n: number, attach = 'bridge') {
  const { lab } = labFrom(`network: { attach: ${attach} }\nhosts: { h: { replicas: 4 } }\npods: { p: { replicas: ${n} } }\n`)
  const ask = (netns: string, address: string): Question => ({ netns, address, kind: 'icmp', family: 4, port: 0 })
  const list = lab.pods.flatMap((a) => lab.pods.filter((b) => b !== a).map((b) => ask(a.netns, b.addresses[0]!.ip)))
  return { lab, list, ask, learned: learnedBy(lab) }
}

const entriesOf = (list: readonly Question[], learned: ReturnType<typeof learnedBy>): number =>
  new Set(list.flatMap((q) => learned(q).entries)).size

describe('what a question makes nodes learn', () => {
  const { lab, ask, learned } = mesh(8)
  const [a, far, near] = [
    lab.pods[0]!,
    lab.pods.find((p) => p.host !== lab.pods[0]!.host)!,
    lab.pods.filter((p) => p.host === lab.pods[0]!.host)[1]!,
  ]
  const ip = (node: { readonly addresses: readonly { readonly ip: string }[] }): string => node.addresses[0]!.ip

  test('pods of one bridge each other, others their gateways and their hosts them', () => {
    expect(learned(ask(a.netns, ip(near))).entries).toEqual([`4 ${a.netns} ${near.netns}`, `4 ${near.netns} ${a.netns}`])
    expect(learned(ask(a.netns, ip(far))).entries).toEqual([
      `4 ${a.netns} gateway`,
      `4 host ${a.netns}`,
      `4 ${far.netns} gateway`,
      `4 host ${far.netns}`,
    ])
  })
  test('routed pods learn only the gateway, whichever pod they ask', () => {
    const routed = mesh(8, 'routed')
    const mates = routed.lab.pods.filter((p) => p.host === routed.lab.pods[0]!.host)
    expect(routed.learned(ask(mates[0]!.netns, ip(mates[1]!))).entries).toContain(`4 ${mates[0]!.netns} gateway`)
  })
  test('hosts and pods each other; a pod by itself, and nodes among themselves, nothing that counts', () => {
    const [host, other] = lab.hosts as [(typeof lab.hosts)[0], (typeof lab.hosts)[0]]
    expect(learned(ask(host.netns, ip(a))).entries).toHaveLength(2)
    expect(learned(ask(a.netns, ip(host))).entries).toHaveLength(2)
    expect(learned(ask(a.netns, ip(a))).entries).toEqual([])
    expect(learned(ask(host.netns, ip(other))).entries).toEqual([])
  })
})

describe('waves', () => {
  test('one is enough where all fits', () => {
    const { list, learned } = mesh(12)
    expect(waves(list, learned, entriesOf(list, learned))).toEqual([list.map((_, i) => i)])
    expect(waves([], learned, 10)).toEqual([])
  })

  test.each(['bridge', 'routed'])('hold what fits, every question once, all of a pair together (%s)', (attach) => {
    const { list, learned } = mesh(60, attach)
    for (const most of [64, 100]) {
      const split = waves(list, learned, most)
      expect(split.length).toBeGreaterThan(1)
      expect(split.flat().toSorted((a, b) => a - b)).toEqual(list.map((_, i) => i))
      for (const wave of split) {
        const asked = wave.map((i) => list[i]!)
        expect(entriesOf(asked, learned)).toBeLessThanOrEqual(most)
      }
    }
  })

  test('are few: pods are taken in blocks, not as they come', () => {
    const { list, learned } = mesh(100, 'routed')
    // Four blocks of 25 pods: ten pairs of blocks.
    expect(waves(list, learned, 100).length).toBeLessThanOrEqual(10)
  })

  test('a pair that is too much by itself has a wave of its own', () => {
    const { list, learned } = mesh(8)
    expect(waves(list, learned, 1)).toHaveLength(list.length / 2)
  })
})
