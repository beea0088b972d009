/**
 * What `netlab plan` prints for every example topology, word for word. A change of the compiler shows here as a
 * change of the commands that users run. Scripts too long to be read in a review are kept as a digest.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { plan } from '../../src/cli/commands/topology/plan-run.ts'

const printed = vi.hoisted(() => ({ text: '' }))
vi.mock('../../src/report/formats/terminal.ts', async (original) => ({
  ...(await original<object>()),
  writeExact: (chunks: Iterable<string>) => void (printed.text = [...chunks].join('')),
}))
// Scripts are those of a kernel without WireGuard, whatever this one has.
vi.mock('../../src/kernel/features/probe.ts', async (original) => ({
  ...(await original<object>()),
  probe: (features: readonly string[]) => features.map((feature) => ({ feature, works: false })),
}))
vi.mock('../../src/cli/warn.ts', () => ({ warn: () => {} }))

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const UPDATE = process.env['UPDATE_GOLDEN'] === '1'
const HOW = 'If the change is meant: UPDATE_GOLDEN=1 npx vitest run test/golden, then read the difference.'
/** Longest script that is kept as it is, bytes. */
const LONGEST = 60_000

const golden = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const names = readdirSync(`${ROOT}topologies`).flatMap((f) => (f.endsWith('.yaml') ? [basename(f, '.yaml')] : []))

/** Enough to see that something changed, and roughly what. */
function digest(script: string): string {
  const lines = script.split('\n')
  const count = (pattern: RegExp): number => lines.filter((l) => pattern.test(l)).length
  const counts: [string, number][] = [
    ['bytes', Buffer.byteLength(script)],
    ['lines', lines.length],
    ['batches', count(/<<'EOF'$/)],
    ['netns add', count(/^netns add /)],
    ['link add', count(/^link add /)],
    ['address', count(/^address replace /)],
    ['route', count(/^route replace /)],
    ['neigh', count(/^neigh replace /)],
    ['fdb', count(/^fdb replace /)],
    ['iptables rules', count(/^-A /)],
    ['settings', count(/^net\/\S+ = /)],
  ]
  return `${counts.map(([what, n]) => `${what}: ${n}`).join('\n')}\nsha256: ${createHash('sha256').update(script).digest('hex')}\n`
}

beforeAll(() => process.chdir(ROOT))

describe('the plan of', () => {
  test.each(names)('%s', async (name) => {
    // The script names its file: as a user in the checkout would type it.
    await plan(`topologies/${name}.yaml`, { force: true })
    const isLong = Buffer.byteLength(printed.text) > LONGEST
    const [file, other] = isLong ? [`${name}.digest`, `${name}.sh`] : [`${name}.sh`, `${name}.digest`]
    const now = isLong ? digest(printed.text) : printed.text
    if (UPDATE) {
      writeFileSync(golden(file), now)
      rmSync(golden(other), { force: true })
    }
    expect(existsSync(golden(file)), `there is no test/golden/${file}. ${HOW}`).toBe(true)
    expect(now, HOW).toBe(readFileSync(golden(file), 'utf8'))
  })
})

test('every golden file is of an example that is still there', () => {
  const kept = readdirSync(golden('.')).filter((f) => /\.(sh|digest)$/.test(f))
  const stray = kept.filter((f) => !names.includes(f.replace(/\.(sh|digest)$/, '')))
  if (UPDATE) for (const f of stray) rmSync(golden(f))
  expect(UPDATE ? [] : stray, HOW).toEqual([])
})
