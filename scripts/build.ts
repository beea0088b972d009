// Bundles src/ into dist/: one small entry, one lazy chunk a command, so that start-up costs what the command needs.
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { build } from 'esbuild'
import { BUNDLE, copyPerl, ROOT } from './bundle.ts'

process.chdir(ROOT)
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
rmSync('dist', { recursive: true, force: true })
mkdirSync('dist')
await build({
  ...BUNDLE,
  entryPoints: [
    { in: 'src/main.ts', out: 'main' },
    { in: 'src/netns/step-thread.ts', out: 'step-thread' },
  ],
  outdir: 'dist',
  splitting: true,
  // Less to parse at every start; names stay, for stack traces in bug reports.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  define: { NETLAB_VERSION: JSON.stringify(version) },
})
copyPerl(['dist'])
