// What every bundle of the sources has in common.
import { copyFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BuildOptions } from 'esbuild'

/** The repository's folder. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Settings of esbuild: modules of Node 20 and everything they import, in one file. */
export const BUNDLE = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Some dependencies are CommonJS: their bundled copies want a require for Node's own modules.
  banner: { js: "import { createRequire as netlabRequire } from 'node:module'; const require = netlabRequire(import.meta.url);" },
} as const satisfies BuildOptions

/** Puts the programs in Perl and in shell beside what is bundled: the code finds them beside itself, in src/ and in a bundle alike. */
export function copyPrograms(folders: readonly string[]): void {
  for (const file of readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) => /\.(?:pl|sh)$/.test(name))) {
    for (const folder of new Set(folders)) copyFileSync(join(ROOT, 'src', file), join(folder, basename(file)))
  }
}
