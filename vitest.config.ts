import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

/** What needs no root and no network namespace. All other tests run under node:test. */
const FOLDERS = ['test/unit', 'test/golden', 'test/property']
const files = FOLDERS.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
).filter((file) => file.endsWith('.test.ts'))

/** Files that replace modules, clocks or functions, which others of their process would meet. */
const replacing = files.filter((file) => /\bvi\.\w/.test(readFileSync(file, 'utf8')))

export default defineConfig({
  test: {
    // Threads die in some of these tests.
    pool: 'forks',
    // Nothing here measures time; a slow machine only takes longer.
    testTimeout: 60_000,
    projects: [
      // Most files take longer to load the program than to test it: these load it once.
      { extends: true, test: { name: 'together', include: files.filter((file) => !replacing.includes(file)), isolate: false } },
      { extends: true, test: { name: 'apart', include: replacing } },
    ],
  },
})
