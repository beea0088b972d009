// Bundles every test that touches the kernel into one plain file for `node --test`, so that the same file runs here
// and inside a slow machine without a compiler: test/netns/up.test.ts → build/test/netns/up.test.mjs.
import { build } from 'esbuild'
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))))
const folders = ['conformance', 'netns', 'e2e', 'chaos'].filter((folder) => existsSync(join('test', folder)))
const tests = folders.flatMap((folder) =>
  readdirSync(join('test', folder))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name.slice(0, -3))),
)
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
  for (const folder of folders) copyFileSync(join('src', file), join('build/test', folder, basename(file)))
}
