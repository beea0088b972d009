/** JUnit XML: judged by a schema, then read back by another program than ours. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { junit } from '../../../src/report/test/junit.ts'
import type { Outcome } from '../../../src/report/trace/outcome.ts'
import { cannot, checks, drifted, FILE, HOSTILE, leak, outcome, run, wrong } from './finished.ts'

const XSD = join(dirname(fileURLToPath(import.meta.url)), 'junit.xsd')
const dir = mkdtempSync(join(tmpdir(), 'netlab-junit-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const missing = spawnSync('xmllint', ['--version']).error !== undefined
const style = { base: '/repo', version: '1.2.3', at: new Date('2026-01-02T03:04:05.678Z') }

function written(outcomes: readonly Outcome[]): string {
  const file = join(dir, 'report.xml')
  writeFileSync(file, junit(outcomes, style))
  return file
}

/** What xmllint has against the file; empty when it fits the schema. */
function complaints(file: string): string {
  const { status, stderr } = spawnSync('xmllint', ['--noout', '--schema', XSD, file], { encoding: 'utf8' })
  return status === 0 ? '' : stderr
}

const ask = (file: string, xpath: string): string =>
  execFileSync('xmllint', ['--xpath', `string(${xpath})`, file], { encoding: 'utf8' }).replace(/\n$/, '')

test('every check of a lab that drifted is there, and says what it comes of', () => {
  const text = junit([outcome({ run: drifted })], style)
  expect(text).toContain('tests="5" failures="4"')
  expect(text.match(/^follows from drift: missing FDB entry 02:06 on vxlan1 in shop\.node-1$/gm)).toHaveLength(2)
  expect(text.match(/^drift found; may be the cause: changed route x in shop\.node-1 and 1 more difference$/gm)).toHaveLength(1)
})

describe.skipIf(missing)('read by xmllint (needs libxml2-utils: scripts/setup.sh test)', () => {
  test('fits the schema: passed, failed, skipped, wrong, nothing at all', () => {
    for (const outcomes of [[outcome(), wrong, cannot], [outcome({ status: 'passed' })], []]) expect(complaints(written(outcomes))).toBe('')
  })

  test('the schema is one that can be broken', () => {
    const good = junit([outcome()], style)
    const broken = [
      [/<failure /, '<failed '],
      [/ classname="[^"]*"/, ''],
      [/ time="[\d.]+"/, ' time="soon"'],
      [/ line="\d+"/, ' line="0"'],
      [/ timestamp="([^"]*)"/, ' timestamp="$1Z"'],
    ] as const
    for (const [what, by] of broken) {
      const file = join(dir, 'broken.xml')
      const text = good.replace(what, by).replace('</failure>', by === '<failed ' ? '</failed>' : '</failure>')
      expect(text).not.toBe(good)
      writeFileSync(file, text)
      expect(complaints(file)).not.toBe('')
    }
  })

  test('says what failed, why, where, and how to see it', () => {
    const file = written([outcome()])
    const failed = '//testcase[failure]'
    expect(ask(file, `count(${failed})`)).toBe('1')
    expect(ask(file, `${failed}/@name`)).toBe('what policies deny does not arrive: visitor → shop/db 5432/tcp')
    expect(ask(file, `${failed}/@classname`)).toBe('shop.policy')
    expect(ask(file, `${failed}/@file`)).toBe('labs/shop.yaml')
    expect(ask(file, `${failed}/@line`)).toBe('31')
    expect(ask(file, `${failed}/failure/@message`)).toBe(leak.detail)
    expect(ask(file, `${failed}/failure`)).toBe(
      `${leak.detail}\nasked for by labs/shop.yaml:31\nto see it: netlab trace visitor shop/db --port 5432/tcp --lab shop`,
    )
    expect(ask(file, '//testcase[skipped]/skipped/@message')).toBe('tcpdump is missing')
    expect(ask(file, '//testcase[@file="labs/k8s/expect.yaml"]/@line')).toBe('45')
    expect(ask(file, '//testsuite/system-out')).toBe('not tested: 9 000 of 9 900 pairs: --sample 900\ntrace: traces/shop-1.html')
  })

  test('says how long the suite took and the lab took to come up, and invents no time for a check', () => {
    const file = written([outcome()])
    expect(ask(file, 'count(//testcase[@time])')).toBe('1')
    expect(ask(file, '//testcase[@classname="shop.lab"]/@time')).toBe('0.350')
    expect(ask(file, '//testsuite/@time')).toBe('4.000')
  })

  test('counts what it holds', () => {
    const file = written([outcome(), wrong, cannot])
    const suite = (name: string, what: string): string => ask(file, `//testsuite[@name="${name}"]/@${what}`)
    expect(ask(file, '/testsuites/@tests')).toBe(ask(file, 'count(//testcase)'))
    expect(ask(file, 'count(//testcase)')).toBe(String(checks.length + 3))
    for (const [of, element] of [
      ['failures', 'failure'],
      ['errors', 'error'],
    ] as const)
      expect(ask(file, `/testsuites/@${of}`)).toBe(ask(file, `count(//${element})`))
    for (const name of ['shop', 'wrong', 'gre']) {
      expect(suite(name, 'tests')).toBe(ask(file, `count(//testsuite[@name="${name}"]/testcase)`))
      expect(suite(name, 'skipped')).toBe(ask(file, `count(//testsuite[@name="${name}"]//skipped)`))
    }
    expect([suite('shop', 'time'), suite('shop', 'timestamp')]).toEqual(['4.000', '2026-01-02T03:04:05'])
    expect(ask(file, '//testsuite[1]/properties/property[@name="backend"]/@value')).toBe('vxlan')
  })

  test('labs of one name are told apart by their files, others keep their names', () => {
    const file = written([outcome(), outcome({ file: '/repo/staging/shop.yaml' }), wrong])
    expect([1, 2, 3].map((n) => ask(file, `//testsuite[${n}]/@name`))).toEqual([
      'shop (labs/shop.yaml)',
      'shop (staging/shop.yaml)',
      'wrong',
    ])
    expect(ask(file, '//testsuite[2]/testcase[failure]/@classname')).toBe('shop (staging/shop.yaml).policy')
    expect(ask(file, '//testsuite[2]/testcase[1]/@classname')).toBe('shop (staging/shop.yaml).lab')
  })

  test('a topology that is wrong is an error, with place and hint', () => {
    const file = written([wrong])
    expect(ask(file, '//error/@message')).toBe('unknown key "hostz"')
    expect(ask(file, '//error')).toBe('/repo/labs/wrong.yaml:3:1\nunknown key "hostz"\ndid you mean "hosts"?')
    expect(ask(file, '//testcase/@line')).toBe('3')
  })

  test('a test of a lab that was up already says nothing about its coming up', () => {
    const { upMs: _, ...found } = outcome()
    const file = written([found])
    expect(ask(file, 'count(//testcase)')).toBe(String(checks.length))
    expect(ask(file, '//testsuite/@tests')).toBe(String(checks.length))
  })

  test('any text comes back as it was, but for what XML cannot hold', () => {
    const hostile = { ...leak, detail: HOSTILE, title: HOSTILE, from: HOSTILE, id: HOSTILE }
    const file = written([
      outcome({
        lab: HOSTILE,
        run: { ...run, lab: HOSTILE, checks: [hostile], untested: [HOSTILE] },
        properties: { note: HOSTILE },
        traces: [`/x/${HOSTILE}`],
      }),
    ])
    expect(complaints(file)).toBe('')
    // oxlint-disable-next-line no-control-regex
    const held = HOSTILE.replaceAll(/[\u0000\u0007\u001b\ud800\ufffe]/gu, '\ufffd')
    expect(ask(file, '//property[@name="note"]/@value')).toBe(held)
    expect(ask(file, '//testsuite/@name')).toBe(held)
  })
})

test('paths elsewhere keep their whole name', () => {
  expect(junit([outcome()], { ...style, base: '/elsewhere' })).toContain(`file="${FILE}"`)
})
