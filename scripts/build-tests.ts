// Bundles every test for node:test, which are those that touch the kernel, into one plain file each, so that the same
// file runs here and inside a slow machine without a compiler: test/netns/drift.test.ts → build/test/netns/drift.test.mjs.
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { BUNDLE, copyPrograms, ROOT } from './bundle.ts'

/** What test files start besides netlab. */
const RESIDENT = 'support/resident-process'

process.chdir(ROOT)
// Those of vitest.config.ts need no root and no bundle.
const tests = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts') && !/^(unit|golden|property)\//.test(name))
  .map((name) => name.slice(0, -3))
rmSync('build/test', { recursive: true, force: true })
mkdirSync('build/test', { recursive: true })
await build({
  ...BUNDLE,
  entryPoints: [...tests, RESIDENT].map((name) => ({ in: join('test', `${name}.ts`), out: name })),
  outdir: 'build/test',
  outExtension: { '.js': '.mjs' },
  sourcemap: 'inline',
  sourcesContent: false,
})
copyPrograms(tests.map((test) => join('build/test', dirname(test))))
