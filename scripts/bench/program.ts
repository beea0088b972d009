// Programs that are measured, or measure, in a process of their own.
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { BUNDLE } from '../bundle.ts'
import { scratch } from './labs.ts'

/** Bundles one of the folder programs/, from netlab's sources, and returns the file. */
export async function bundled(name: string): Promise<string> {
  const outfile = scratch(`${name}.mjs`)
  await build({
    ...BUNDLE,
    entryPoints: [fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url))],
    outfile,
    logLevel: 'error',
    // netlab's programs in Perl are beside what is built.
    define: { 'import.meta.url': JSON.stringify(new URL('../../dist/main.cjs', import.meta.url).href) },
    banner: { js: "import { createRequire as netlabRequire } from 'node:module'; const require = netlabRequire(process.argv[1]);" },
  })
  return outfile
}
