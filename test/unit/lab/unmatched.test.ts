/** What a topology selects in vain: warned about at its place, with the nearest name; an error with --strict. */
import { describe, expect, test } from 'vitest'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostSource } from '../../../src/backends/index.ts'
import { compileFile } from '../../../src/cli/topology-file.ts'
import { resolve } from '../../../src/lab/resolve.ts'
import { missText } from '../../../src/lab/policy/nearest.ts'
import { missOf, verdict } from '../../../src/lab/policy/verdict.ts'
import { lab, load, podOf } from './fixture.ts'

const BASE = `hosts: { node-1: {} }
namespaces: { shop: { labels: { team: red } }, ops: { labels: { team: blue } } }
pods:
  shop/web: { labels: { app: web }, containers: [{ name: c, ports: [{ name: http, containerPort: 80 }] }] }
  shop/db: { labels: { app: db, tier: data } }
  ops/agent: { labels: { app: agent } }
  ops/host: { hostNetwork: true, labels: { app: host } }
`
const said = (more: string): string[] =>
  resolve(load(BASE + more)).diagnostics.map((d) => `${d.severity} ${d.line}:${d.column} ${d.code} | ${d.message} | ${d.hint ?? ''}`)

describe('warnings', () => {
  test.each([
    [
      'services: { shop/web: { selector: { app: wbe }, ports: [{ port: 80 }] } }',
      'warning 8:25 selects-nothing | service shop/web selects no pod: no pod of namespace shop has app=wbe | did you mean `app: web`?',
    ],
    [
      'services: { shop/web: { selector: { aap: web }, ports: [{ port: 80 }] } }',
      'warning 8:25 selects-nothing | service shop/web selects no pod: no pod of namespace shop has aap=web | did you mean the label `app`?',
    ],
    [
      'services: { web: { selector: { app: web }, ports: [{ port: 80 }] } }',
      'warning 8:20 selects-nothing | service web selects no pod: namespace default has no pod | ',
    ],
    [
      'services: { shop/web: { selector: { app: web }, ports: [{ port: 80, targetPort: htpp }] } }',
      'warning 8:69 no-such-port | service shop/web: no container of its pods declares a port htpp/tcp | did you mean `http`?',
    ],
    [
      'services: { shop/web: { selector: { app: web }, ports: [{ port: 80, targetPort: http, protocol: UDP }] } }',
      'warning 8:69 no-such-port | service shop/web: no container of its pods declares a port http/udp | ports have the names http',
    ],
    [
      'policies: { shop/p: { podSelector: { matchLabels: { app: bd } } } }',
      'warning 8:23 selects-nothing | policy shop/p: it selects no pod: no pod of namespace shop has app=bd | did you mean `app: db`?',
    ],
    [
      'policies: { shpo/p: {} }',
      'warning 8:13 selects-nothing | policy shpo/p: it selects no pod: namespace shpo has no pod | did you mean the namespace `shop`?',
    ],
    [
      'policies: { shop/p: { ingress: [{ from: [{ ipBlock: { cidr: 10.0.0.0/8 } }, { podSelector: { matchLabels: { tier: date } } }] }] } }',
      'warning 8:77 selects-nothing | policy shop/p: ingress[0] from nothing: no pod of namespace shop has tier=date | did you mean `tier: data`?',
    ],
    [
      'policies: { shop/p: { egress: [{ to: [{ namespaceSelector: { matchLabels: { team: bleu } } }] }] } }',
      'warning 8:39 no-such-namespace | policy shop/p: egress[0] to nothing: no namespace has team=bleu | did you mean `team: blue`?',
    ],
    [
      'policies: { shop/p: { ingress: [{ ports: [{ port: hhtp }] }] } }',
      'warning 8:43 no-such-port | policy shop/p: no container declares a port hhtp/tcp where ingress[0] looks for it | did you mean `http`?',
    ],
    [
      'policies: { ops/p: { podSelector: { matchLabels: { app: host } } } }',
      'warning 8:22 selects-nothing | policy ops/p: it selects no pod: no pod of namespace ops has app=host | `app` is agent here',
    ],
  ])('%s', (more, expected) => {
    expect(said(`${more}\n`)).toEqual([expected])
  })

  test('of all that one policy selects in vain, and of nothing that follows from it', () => {
    const typo = '{ matchLabels: { app: bd } }'
    const peers = '[{ namespaceSelector: { matchLabels: { team: bleu } } }]'
    const policy = `podSelector: ${typo}, ingress: [{ from: ${peers}, ports: [{ port: http }] }], egress: [{ to: ${peers}, ports: [{ port: http }] }]`
    expect(said(`policies: { shop/p: { ${policy} } }\n`).map((line) => line.split(' | ')[1])).toEqual([
      'policy shop/p: it selects no pod: no pod of namespace shop has app=bd',
      'policy shop/p: egress[0] to nothing: no namespace has team=bleu',
      'policy shop/p: ingress[0] from nothing: no namespace has team=bleu',
    ])
    expect(said('policies: { shpo/p: { ingress: [{ from: [{ podSelector: {} }] }] } }\n')).toHaveLength(1)
    expect(said('policies: { shpo/p: { egress: [{ ports: [{ port: hhtp }] }] } }\n')).toHaveLength(2)
  })

  test.each([
    'services: { shop/web: { selector: { app: web }, ports: [{ port: 80, targetPort: http }] }, a: { ports: [{ port: 1 }] } }',
    'services: { ops/h: { selector: { app: host }, ports: [{ port: 80 }] } }',
    'policies: { shop/p: { ingress: [{ from: [{ namespaceSelector: {} }], ports: [{ port: http }] }], egress: [{ ports: [{ port: http }] }] } }',
    'policies: { ops/p: { egress: [{ to: [{ namespaceSelector: { matchLabels: { team: red } } }], ports: [{ port: http }] }] } }',
  ])('none where something is selected: %s', (more) => {
    expect(said(`${more}\n`)).toEqual([])
  })

  test('are errors with --strict, and stay with the lab for a test of it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'netlab-unmatched-'))
    try {
      const file = join(dir, 'lab.yaml')
      writeFileSync(file, `${BASE}services: { shop/web: { selector: { app: wbe }, ports: [{ port: 80 }] } }\n`)
      const { warnings, compiled } = await compileFile(file)
      expect(warnings.map((d) => d.code)).toEqual(['selects-nothing'])
      expect(compiled.lab.warnings).toEqual(warnings)
      await expect(compileFile(file, { strict: true })).rejects.toMatchObject({
        exit: 2,
        diagnostics: [{ code: 'selects-nothing', severity: 'error', line: 8 }],
      })
      // What is only said is no mistake.
      writeFileSync(file, `${BASE}services: { shop/web: { type: LoadBalancer, selector: { app: web }, ports: [{ port: 80 }] } }\n`)
      await expect(compileFile(file, { strict: true })).resolves.toBeDefined()
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})

describe('a denial names the rule that comes nearest, and what differs', () => {
  const l = lab(`${BASE}policies:
  shop/db:
    podSelector: { matchLabels: { app: db } }
    ingress:
      - from: [{ podSelector: { matchLabels: { app: web, tier: front } } }]
        ports: [{ port: 5432 }]
      - from: [{ namespaceSelector: { matchLabels: { team: green } } }]
`)
  const nearest = (from: string, port: number): string | undefined => {
    const question = { from: podOf(l, from), to: podOf(l, 'shop/db'), protocol: 'TCP', port, family: 4 } as const
    const said = verdict(l, question, hostSource)
    const miss = missOf(l, question, said)
    return miss && missText(miss, 'ingress')
  }
  test.each([
    ['shop/web', 5432, 'policy shop/db ingress[0] (lab.yaml:12), but shop/web: it has no label tier'],
    ['ops/agent', 5432, 'policy shop/db ingress[1] (lab.yaml:14), but namespace ops of ops/agent: team is blue'],
  ])('%s on %i', (from, port, expected) => {
    expect(nearest(from, port)).toBe(expected)
  })
  test('a port, where it is the port', () => {
    const open = lab(
      `${BASE}policies: { shop/db: { podSelector: { matchLabels: { app: db } }, ingress: [{ ports: [{ port: 5432 }] }] } }\n`,
    )
    const question = { from: podOf(open, 'shop/web'), to: podOf(open, 'shop/db'), protocol: 'TCP', port: 80, family: 4 } as const
    const miss = missOf(open, question, verdict(open, question, hostSource))!
    expect(miss.differences).toEqual(['the port is none of 5432/tcp'])
    const right = { ...question, port: 5432 }
    expect(missOf(open, right, verdict(open, right, hostSource))).toBeUndefined()
  })
})
