// Bundles src/ into dist/: the entry, one script with all commands, and the program of a thread.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { build, type BuildOptions } from 'esbuild'
import { BUNDLE, copyPerl, ROOT } from './bundle.ts'

process.chdir(ROOT)
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
rmSync('dist', { recursive: true, force: true })
mkdirSync('dist')

/** CommonJS, because Node loads it in half the time, and because modules are then evaluated when they are first imported. */
const PROGRAM = {
  ...BUNDLE,
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  outdir: 'dist',
  // Less to parse at every start; names stay, for stack traces in bug reports.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  charset: 'ascii',
  define: { NETLAB_VERSION: JSON.stringify(version), 'import.meta.url': 'netlabUrl' },
  banner: { js: "const netlabUrl = require('node:url').pathToFileURL(__filename).href;" },
} as const satisfies BuildOptions

await build({
  ...PROGRAM,
  entryPoints: [
    { in: 'src/main.ts', out: 'main' },
    { in: 'src/netns/step-thread.ts', out: 'step-thread' },
  ],
})

// src/main.ts compiles this one by itself.
const { outputFiles } = await build({
  ...PROGRAM,
  entryPoints: [{ in: 'src/cli/program.ts', out: 'program' }],
  write: false,
  banner: { js: `(function (exports, require, module, __filename, __dirname) {${PROGRAM.banner.js}` },
  footer: { js: '})' },
})
const text = outputFiles[0]!.text
// oxlint-disable-next-line no-control-regex -- that is what ASCII is
if (/[^\0-\x7F]/.test(text)) throw new Error('dist/program.cjs is not ASCII: src/main.ts cannot read it')
writeFileSync('dist/program.cjs', `//${createHash('sha256').update(text).digest('hex').slice(0, 16)}\n${text}`)

copyPerl(['dist'])
