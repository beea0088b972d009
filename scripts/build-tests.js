// Bundles every test for node:test, which are those that touch the kernel, into one plain file each, so that the same
// file runs here and inside a slow machine without a compiler: test/netns/drift.test.ts → build/test/netns/drift.test.mjs.
import { build } from 'esbuild'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))))
// Those for vitest, which need no root, are not for here.
const tests = readdirSync('test', { recursive: true })
  .filter((name) => name.endsWith('.test.ts') && readFileSync(join('test', name), 'utf8').includes("'node:test'"))
  .map((name) => name.slice(0, -3))
rmSync('build/test', { recursive: true, force: true })
mkdirSync('build/test', { recursive: true })
await build({
  entryPoints: tests.map((test) => ({ in: join('test', `${test}.ts`), out: test })),
  outdir: 'build/test',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: 'inline',
  sourcesContent: false,
  // Some dependencies are CommonJS: their bundled copies want a require for Node's own modules.
  banner: { js: "import { createRequire as netlabRequire } from 'node:module'; const require = netlabRequire(import.meta.url);" },
})
// The sources find these beside themselves, wherever they are bundled to.
for (const file of readdirSync('src', { recursive: true }).filter((name) => name.endsWith('.pl'))) {
  for (const folder of new Set(tests.map(dirname))) copyFileSync(join('src', file), join('build/test', folder, basename(file)))
}
