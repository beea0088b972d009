import { Chalk } from 'chalk'
import { describe, expect, test } from 'vitest'
import { benchDocument } from '../../../src/report/bench/bench-json.ts'
import { benchHtml } from '../../../src/report/bench/bench-html.ts'
import { benchText, labText, limitsText } from '../../../src/report/bench/bench-text.ts'
import { secondsText, valueText } from '../../../src/report/bench/bench-words.ts'
import { lab, report, run } from './measured.ts'

const plain = new Chalk({ level: 0 })

describe('values', () => {
  test.each([
    [24.13e9, 'stream', '24.1 Gbit/s'],
    [94.2e6, 'streams', '94.2 Mbit/s'],
    [900, 'stream', '0.90 kbit/s'],
    [18.24e-6, 'latency', '18.2 µs'],
    [0.0503, 'latency', '50.3 ms'],
    [12_310.4, 'connections', '12310 /s'],
    [0.614, 'cpu', '0.61 s'],
  ] as const)('%d of %s is %s', (value, measure, text) => expect(valueText(value, measure)).toBe(text))

  test('the length of samples, or from the shortest to the longest', () => {
    expect(secondsText([0.25, 0.25])).toBe('0.25 s')
    expect(secondsText([0.1, 0.25])).toBe('0.10–0.25 s')
  })
})

describe('text', () => {
  test('a lab: values, how they compare with host to host, and what was not measured', () => {
    expect(labText(lab('pair'), plain)).toBe(`lab pair: vxlan, bridge; MTU 1500, in pods 1450; 5 rounds, samples of 0.20–0.25 s
MEDIAN, × HOST TO HOST  1 STREAM            8 STREAMS           ROUND TRIP          CONNECTIONS         CPU PER GB
host to host            20.0 Gbit/s         30.0 Gbit/s         20.0 µs             9000 /s             0.60 s
pod, same host          30.0 Gbit/s         45.0 Gbit/s         30.0 µs             13500 /s            0.90 s
                        1.50 × (1.50–1.50)  1.50 × (1.50–1.50)  1.50 × (1.50–1.50)  1.50 × (1.50–1.50)  1.50 × (1.50–1.50)
pod, other host         10.0 Gbit/s         15.0 Gbit/s         10.0 µs             4500 /s             0.30 s
                        0.50 × (0.50–0.50)  0.50 × (0.50–0.50)  0.50 × (0.50–0.50)  0.50 × (0.50–0.50)  0.50 × (0.50–0.50)
service: not measured: there is no <Service> here

`)
  })

  test('a lab of which nothing could be measured has no table', () => {
    const text = labText(lab('pair', { run: run({ results: [], unmeasured: [{ id: 'host-host', reason: 'no answer' }] }) }), plain)
    expect(text.split('\n').slice(1)).toEqual(['host-host: not measured: no answer', '', ''])
  })

  test('several labs are put beside each other, by the path to another host', () => {
    expect(benchText(report(lab('one')), plain)).toBe('')
    const lines = benchText(report(lab('one'), lab('two')), plain).split('\n')
    expect(lines.map((l) => l.split('  ')[0])).toEqual(['OTHER HOST, × HOST TO HOST', 'one', 'two', '', ''])
  })

  test('what the measures are, and what cannot be compared', () => {
    const text = limitsText(report(), plain)
    for (const words of ['A <processor>, 2 processors, Linux 6.1', 'connections: TCP connections opened', 'What cannot be compared'])
      expect(text).toContain(words)
  })
})

test('JSON: a row for each path and measure, with its ratio and its spread', () => {
  const document = benchDocument(report(lab('pair'))) as {
    readonly labs: readonly { readonly rows: readonly Record<string, unknown>[]; readonly unmeasured: readonly unknown[] }[]
    readonly skipped: readonly unknown[]
    readonly limits: readonly string[]
  }
  const [first] = document.labs
  expect(first!.rows).toHaveLength(15)
  expect(first!.rows.find((r) => r['path'] === 'other-host' && r['measure'] === 'stream')).toMatchObject({
    title: 'pod, other host',
    from: 'a',
    to: 'b',
    policies: 0,
    encrypted: false,
    unit: 'bit/s',
    better: 'more',
    median: 1e10,
    ratio: 0.5,
    ratioMin: 0.5,
    ratioMax: 0.5,
  })
  for (const row of first!.rows) expect(row['samples']).toHaveLength(5)
  expect(first!.unmeasured).toHaveLength(1)
  expect(document.skipped).toHaveLength(1)
  expect(document.limits.length).toBeGreaterThan(3)
})

describe('the page', () => {
  const html = benchHtml(report(lab('one'), lab('two')))

  test('needs nothing but itself', () => {
    expect(html).not.toMatch(/<script|\bsrc=|@import|url\(|https?:/)
    expect([...html.matchAll(/href="([^"]*)"/g)].map((m) => m[1])).toEqual(['data:,'])
    expect(html).toMatch(/Content-Security-Policy" content="default-src 'none'/)
  })

  test('has a chart a measure for each lab and one for all of them, with a bar and a spread for each path', () => {
    expect(html.match(/<svg /g)).toHaveLength(3 * 5)
    expect(html.match(/class="bar"/g)).toHaveLength(3 * 5 * 2)
    expect(html.match(/class="spread"/g)).toHaveLength(3 * 5 * 2)
    // Half of host to host is half as long as the way to its mark.
    const [svg] = /<svg[^]*?<\/svg>/.exec(html.slice(html.indexOf('<h2>Lab one')))!
    const base = Number(/class="base" d="M([\d.]+)/.exec(svg)![1])
    const [near, far] = [...svg.matchAll(/class="bar" x="(\d+)"[^>]*width="([\d.]+)"/g)].map((m) => [Number(m[1]), Number(m[2])] as const)
    expect(far![1] / (base - far![0])).toBeCloseTo(0.5, 2)
    expect(near![1] / (base - near![0])).toBeCloseTo(1.5, 2)
  })

  test('shows what it is given as text, and no folders', () => {
    expect(html).toContain('A &lt;processor&gt;')
    expect(html).toContain('there is no &lt;Service&gt; here')
    expect(html).toContain('geneve.yaml: this kernel cannot do geneve')
    expect(html).not.toContain('/home/me')
  })
})
