// Bundles src/ into dist/: one small entry, one lazy chunk a command, so that start-up costs what the command needs.
import { build } from 'esbuild'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
rmSync('dist', { recursive: true, force: true })
mkdirSync('dist')
await build({
  entryPoints: ['src/main.ts'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Less to parse at every start; names stay, for stack traces in bug reports.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  define: { NETLAB_VERSION: JSON.stringify(version) },
  // commander is CommonJS: its bundled copy wants a require for Node's own modules.
  banner: { js: "import { createRequire as netlabRequire } from 'node:module'; const require = netlabRequire(import.meta.url);" },
})
// The code finds these beside itself, in src/ and in dist/ alike.
for (const file of readdirSync('src', { recursive: true })) {
  if (file.endsWith('.pl')) copyFileSync(join('src', file), join('dist', basename(file)))
}
