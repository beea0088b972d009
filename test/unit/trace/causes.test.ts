/** Every cause is explained to people with an example, and is what some injected fault must be diagnosed as. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from '../../support/root.ts'
import { FAULT_LABS } from '../../trace/faults/labs.ts'

const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const union = /export type CauseId =([^/]*)/.exec(read('src/trace/result.ts'))?.[1] ?? ''
const CAUSES = [...union.matchAll(/'([a-z-]+)'/g)].map((m) => m[1]!)
const docs = read('docs/trace.md')
const sectionOf = (cause: string): string => docs.split(/^#{2,3} /m).find((s) => s.startsWith(`${cause}\n`)) ?? ''
/** Those of Services are in the table of the traces through Services. */
const services = [...read('test/trace/services.test.ts').matchAll(/cause: '([a-z-]+)'/g)].map((m) => m[1]!)
const injected = new Set(FAULT_LABS.flatMap((l) => l.faults.map((f) => f.cause)).concat(services))

test('the list of causes was found', () => expect(CAUSES.length).toBeGreaterThan(20))

describe.each(CAUSES)('%s', (cause) => {
  test('is explained, with what netlab really said', () => {
    expect(sectionOf(cause)).toMatch(/^ {2}why {6}/m)
    expect(sectionOf(cause)).toContain(`[${cause}]`)
    expect(docs).toContain(`[${cause}](#${cause})`)
  })
  test('is injected', () => expect([...injected]).toContain(cause))
})

test('what is injected has a name', () => expect([...injected].filter((c) => c !== '' && !CAUSES.includes(c))).toEqual([]))
