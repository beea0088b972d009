/** Where the repository is, whether this file runs bundled in build/ or from anywhere else inside it. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

function find(from: string): string {
  if (existsSync(join(from, 'package.json'))) return from
  const up = dirname(from)
  if (up === from) throw new Error(`no package.json above ${import.meta.url}`)
  return find(up)
}

export const root = find(dirname(fileURLToPath(import.meta.url)))
export const bin = join(root, 'bin/netlab.js')
