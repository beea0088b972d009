import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { anchors, documentOf, documents, fromRoot, links, ROOT } from './documents.ts'

describe.each(documents)('$path', (document) => {
  it('links to what is there', () => {
    const broken = links(document)
      .filter(({ target }) => !/^[a-z]+:/.test(target))
      .flatMap(({ target, line }) => {
        const [path = '', anchor] = target.split('#')
        const file = path === '' ? join(ROOT, document.path) : resolve(ROOT, dirname(document.path), path)
        if (!existsSync(file)) return [`line ${line}: ${target}: no such file`]
        const other = documentOf(fromRoot(file))
        return anchor === undefined || (other && anchors(other).has(anchor)) ? [] : [`line ${line}: ${target}: no such heading`]
      })
    expect(broken).toEqual([])
  })

  it('names files of the repository that exist', () => {
    const named = [...document.text.matchAll(/(?<![\w/.-])((?:src|scripts|test|topologies|docs|bin)\/[\w./-]*[\w/])/g)].map((m) => m[1]!)
    expect(named.filter((path) => !path.includes('NAME') && !existsSync(join(ROOT, path)))).toEqual([])
  })
})

it('the index of docs/ lists every page', () => {
  const index = documentOf('docs/README.md')!
  const listed = new Set(links(index).map(({ target }) => join('docs', target.split('#')[0]!)))
  const pages = documents.map((d) => d.path).filter((path) => path.startsWith('docs/') && path !== 'docs/README.md')
  expect(pages.filter((page) => !listed.has(page))).toEqual([])
})
