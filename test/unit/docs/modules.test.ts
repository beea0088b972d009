import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { attachModules } from '../../../src/attach/index.ts'
import { backends } from '../../../src/backends/index.ts'
import { documentOf, ROOT, tableRows } from './documents.ts'
import { optionTypes } from '../../../src/topology/schema/schema.ts'

const readme = documentOf('README.md')!
const defaults = (module: (typeof backends)[string]) => module.create(module.options(optionTypes).parse({}))

/** Rows of a page's tables by their first cell. */
const facts = (path: string): Map<string, string> =>
  new Map(
    documentOf(path)!
      .prose.split('\n')
      .flatMap((line) => {
        const first = /^\| ([^|]+) \|/.exec(line)?.[1]
        return first === undefined ? [] : [[first, line] as const]
      }),
  )

it("README's tables list exactly the modules there are", () => {
  const named = (header: string) => new Set(tableRows(readme, header).map(([cell]) => /^\[(\w+)\]/.exec(cell!)?.[1]))
  expect(named('backend')).toEqual(new Set(Object.keys(backends)))
  expect(named('module')).toEqual(new Set(Object.keys(attachModules)))
})

describe.each(Object.entries(backends))('backend %s', (name, module) => {
  const page = `docs/backends/${name}.md`

  it('has a page, and README says what it adds', () => {
    expect(documentOf(page), `${page} is missing`).toBeDefined()
    const row = tableRows(readme, 'backend').find(([cell]) => cell === `[${name}](${page})`)
    expect(row?.[1]).toMatch(new RegExp(`^${defaults(module).reserve}\\b`))
  })

  it('has a page that says what it adds and what pods are left with', () => {
    const { reserve: overhead } = defaults(module)
    expect(facts(page).get('overhead')).toContain(`${overhead} bytes: pod MTU ${1500 - overhead} on a 1500 byte link`)
  })

  it('has a page that explains every option', () => {
    const options = Object.keys(module.options(optionTypes).shape)
    expect(options.filter((option) => !facts(page).has(`\`${option}\``))).toEqual([])
  })
})

it('a GRE key costs what README and the page say', () => {
  const { reserve: overhead } = backends['gre']!.create(backends['gre']!.options(optionTypes).parse({ key: 1 }))
  expect(tableRows(readme, 'backend').find(([cell]) => cell!.startsWith('[gre]'))![1]).toContain(`with \`key\` ${overhead}`)
  expect(facts('docs/backends/gre.md').get('overhead')).toContain(`with a key ${overhead}: pod MTU ${1500 - overhead}`)
})

it.each(Object.keys(backends))('backend %s declares its conformance', (name) => {
  expect(existsSync(join(ROOT, `test/conformance/backends/${name}.test.ts`))).toBe(true)
})

describe.each(Object.entries(attachModules))('attach module %s', (name, module) => {
  const page = `docs/attach/${name}.md`

  it('has a page, and a row in README', () => {
    expect(documentOf(page), `${page} is missing`).toBeDefined()
    expect(tableRows(readme, 'module').map(([cell]) => cell)).toContain(`[${name}](${page})`)
  })

  it('has a page that explains every option', () => {
    const options = Object.keys(module.options(optionTypes).shape)
    expect(options.filter((option) => !facts(page).has(`\`${option}\``))).toEqual([])
  })
})
