// Bundles src/ into dist/: the entry, the program of a thread, and all commands as chunks, which are read when they are imported.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { build, transform, type BuildOptions, type Plugin } from 'esbuild'
import { BUNDLE, copyPrograms, ROOT } from './bundle.ts'

process.chdir(ROOT)
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
rmSync('dist', { recursive: true, force: true })
mkdirSync('dist/chunks', { recursive: true })

/** Less to parse at every start; names stay, for stack traces in bug reports. */
const SMALL = { minifySyntax: true, minifyWhitespace: true, legalComments: 'none', charset: 'ascii', target: BUNDLE.target } as const

/** What all commands are bundled with: ECMAScript, because only that is cut into chunks. */
const PROGRAM = {
  ...BUNDLE,
  banner: { js: '' },
  splitting: true,
  outdir: 'dist/chunks',
  outExtension: { '.js': '.cjs' },
  entryPoints: { program: 'src/cli/program.ts' },
  write: false,
  // The same as for Node, but as ECMAScript, of which only what is used is taken along.
  alias: { yaml: fileURLToPath(new URL('browser/index.js', import.meta.resolve('yaml/package.json'))) },
  define: { NETLAB_VERSION: JSON.stringify(version), 'import.meta.url': 'module.url' },
} as const satisfies BuildOptions

/** What packages import for what netlab does not use; each loads a dozen modules of Node. */
const withoutUnused: Plugin = {
  name: 'without-unused',
  setup(bundler) {
    const replace = (filter: RegExp, by: string, contents: string): void => {
      bundler.onResolve({ filter }, ({ importer, path }) =>
        importer.includes(`/node_modules/${by}/`) ? { path, namespace: by } : undefined,
      )
      bundler.onLoad({ filter: /^/, namespace: by }, () => ({ contents }))
    }
    // For commands that are programs of their own.
    replace(/^node:child_process$/, 'commander', '')
    // For instances that are not given a level.
    replace(/^#supports-color$/, 'chalk', 'export default { stdout: false, stderr: false }')
  },
}

/** A package of which most runs use nothing, although their modules import it: it is evaluated when something of it is first used. */
const loadedWhenUsed: Plugin = {
  name: 'loaded-when-used',
  setup(bundler) {
    const lazy = (name: string, classes: readonly string[]): void => {
      bundler.onResolve({ filter: new RegExp(`^${name}$`) }, ({ path, namespace }) =>
        namespace === name ? undefined : { path, namespace: name },
      )
      bundler.onLoad({ filter: /^/, namespace: name }, () => ({
        resolveDir: ROOT,
        contents: classes
          .map(
            (of) => `export const ${of} = new Proxy(class {}, {
              get: (_, key) => require('${name}').${of}[key],
              construct: (_, values) => new (require('${name}').${of})(...values),
            })`,
          )
          .join('\n'),
      }))
    }
    lazy('ip-address', ['Address6'])
  },
}

/**
 * A chunk as the function that src/main.ts calls. Names are bound when a chunk is loaded: what is exported is not assigned
 * to afterwards, and chunks do not import each other in circles, because modules do not.
 */
async function asFunction(chunk: string): Promise<string> {
  const renamed = (names: string, as: RegExp, to: string): string => names.replaceAll(as, to).replaceAll(/\s+/g, ' ')
  const text = chunk
    .replaceAll(
      /^import \{([^}]*)\} from ("[^"]+");$/gm,
      (_, names, from) => `const {${renamed(names, / as /g, ': ')}} = require(${from});`,
    )
    .replaceAll(/^import \* as (\S+) from ("[^"]+");$/gm, 'const $1 = require($2);')
    .replaceAll(/^import (\w+) from ("[^"]+");$/gm, 'const $1 = require($2);')
    .replaceAll(
      /^import (\w+), \{([^}]*)\} from ("[^"]+");$/gm,
      (_, all, names, from) => `const ${all} = require(${from}), {${renamed(names, / as /g, ': ')}} = ${all};`,
    )
    .replaceAll(/^import ("[^"]+");$/gm, 'require($1);')
    .replaceAll(/^export \{([^}]*)\};$/gm, (_, names) => `module.exports = {${renamed(names, /([\w$]+) as ([\w$]+)/g, '$2: $1')}};`)
    .replaceAll(/\bimport\(("\.[^"]+")\)/g, 'Promise.resolve().then(() => require($1))')
  const { code } = await transform(text, SMALL)
  return `(function (require, module) {${code}})\n`
}

const hash = createHash('sha256')
const { outputFiles } = await build({ ...PROGRAM, plugins: [withoutUnused, loadedWhenUsed] })
for (const { path, text } of outputFiles) {
  const chunk = await asFunction(text)
  // oxlint-disable-next-line no-control-regex -- that is what ASCII is
  if (/[^\0-\x7F]/.test(chunk)) throw new Error(`${path} is not ASCII: src/main.ts cannot read it`)
  // Refuses what is left of import and export.
  void new Script(chunk, { filename: path })
  hash.update(basename(path)).update(chunk)
  writeFileSync(path, chunk)
}

/** What Node itself loads: CommonJS, because it does so in half the time. */
const LOADED = { ...BUNDLE, ...SMALL, format: 'cjs', outExtension: { '.js': '.cjs' }, outdir: 'dist' } as const satisfies BuildOptions

await build({
  ...LOADED,
  banner: { js: '' },
  entryPoints: { main: 'src/main.ts' },
  define: {
    NETLAB_VERSION: JSON.stringify(version),
    NETLAB_CHUNKS: JSON.stringify(hash.digest('hex').slice(0, 16)),
    'import.meta.dirname': '__dirname',
    'import.meta.filename': '__filename',
  },
})
await build({
  ...LOADED,
  banner: { js: "const netlabUrl = require('node:url').pathToFileURL(__filename).href;" },
  entryPoints: { 'step-thread': 'src/netns/step-thread.ts' },
  define: { 'import.meta.url': 'netlabUrl' },
})

copyPrograms(['dist'])
