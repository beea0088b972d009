import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readTopology } from '../../../src/topology/load.ts'
import { modules } from './fixture.ts'
import { LAB } from './load.ts'

const directory = mkdtempSync(join(tmpdir(), 'netlab-read-'))
afterAll(() => rmSync(directory, { recursive: true }))

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

const failure = async (path: string) => {
  const { value, diagnostics } = await readTopology(path, modules)
  expect(value).toBeUndefined()
  expect(diagnostics).toHaveLength(1)
  expect(diagnostics[0]).toMatchObject({ severity: 'error', file: path })
  expect(diagnostics[0]?.line).toBeUndefined()
  return `${diagnostics[0]?.code}: ${diagnostics[0]?.message} (${diagnostics[0]?.hint})`
}

describe('readTopology', () => {
  it('reads a file and names it as it was named', async () => {
    const path = file('fine.yaml', LAB)
    const { value } = await readTopology(path, modules)
    expect(value).toMatchObject({ file: path, text: LAB })
  })

  it('gives the text of a bad file too, for code frames', async () => {
    const path = file('bad.yaml', `nmae: x\n${LAB}`)
    expect(await readTopology(path, modules)).toMatchObject({
      texts: new Map([[path, `nmae: x\n${LAB}`]]),
      diagnostics: [{ code: 'unknown-key' }],
    })
  })

  it('skips a byte order mark, and counts columns without it', async () => {
    const path = file('bom.yaml', `\uFEFFnmae: x\n${LAB}`)
    expect((await readTopology(path, modules)).diagnostics).toMatchObject([{ line: 1, column: 1, code: 'unknown-key' }])
  })

  it('suggests the file that was meant', async () => {
    file('lab.yaml', LAB)
    expect(await failure(join(directory, 'lab.yml'))).toMatch(/^file-not-found: there is no such file \(did you mean `lab.yaml`\?\)/)
    expect(await failure(join(directory, 'nowhere', 'lab.yml'))).toMatch(/^file-not-found/)
    expect(await failure(join(directory, 'lab.yaml', 'x'))).toMatch(/^file-not-found/)
  })

  it('refuses what is no text file', async () => {
    mkdirSync(join(directory, 'folder'))
    symlinkSync('loop', join(directory, 'loop'))
    expect(await failure(join(directory, 'folder'))).toMatch(/^file-unreadable: this is a directory/)
    expect(await failure(join(directory, 'loop'))).toMatch(/^file-unreadable: its symbolic links lead in a circle/)
    expect(await failure('a\0b')).toMatch(/^file-unreadable/)
    expect(await failure(file('program', new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0])))).toMatch(/^file-not-text: this is a binary file/)
    expect(await failure(file('latin1.yaml', new Uint8Array([0x61, 0x3a, 0x20, 0xe4])))).toMatch(/^file-not-text: this file is not UTF-8/)
    expect(await failure(file('utf16.yaml', Buffer.from(`\uFEFF${LAB}`, 'utf16le')))).toMatch(/^file-not-text.*UTF-8/)
  })

  it('refuses what does not end, or is no file', async () => {
    execFileSync('mkfifo', [join(directory, 'pipe')])
    expect(await failure(join(directory, 'pipe'))).toMatch(/^file-unreadable: this is a pipe, not a file/)
    expect(await failure('/dev/zero')).toMatch(/^file-unreadable: this is a device, not a file/)
    expect(await failure('x'.repeat(5000))).toMatch(/^file-unreadable: this name is too long/)
    expect(await failure(`${'x'.repeat(300)}.yaml`)).toMatch(/^file-unreadable: this name is too long/)
  })

  it('refuses a manifest where the topology names it', async () => {
    symlinkSync('circle', join(directory, 'circle'))
    const text =
      'hosts: { node-1: {} }\npods: {}\nmanifests:\n  - pipe\n  - /dev/zero\n  - circle\n  - "a\\0b"\n  - ' +
      'x'.repeat(5000) +
      '\n  - "*"\n'
    const { value, diagnostics } = await readTopology(file('names.yaml', text), modules)
    expect(value).toBeUndefined()
    const places = diagnostics
      .filter((d) => d.code === 'file-unreadable')
      .map((d) => `${d.line}:${d.column} ${d.message.replace(directory, '')}`)
    expect(places.map((p) => p.slice(0, 60))).toEqual(
      [
        '4:5 manifests: "pipe": this is a pipe, not a file',
        '5:5 manifests: "/dev/zero": this is a device, not a file',
        '6:5 manifests: "circle": its symbolic links lead in a circle',
        '7:5 manifests: "a\\u0000b": a NUL cannot be in the name of a ',
        expect.stringMatching(/^8:5 manifests: "xxx/),
        expect.stringMatching(/^9:5 manifests: /),
        expect.stringMatching(/^9:5 manifests: /),
        expect.stringMatching(/^9:5 manifests: /),
      ].map((p): unknown => (typeof p === 'string' ? p.slice(0, 60) : p)),
    )
  })

  it('refuses what is too large', async () => {
    expect(await failure(file('large.yaml', Buffer.alloc(16 * 1024 * 1024 + 1, 0x20)))).toMatch(/^file-too-large: .*16 MiB/)
  })

  it('reads a file without a size', async () => {
    // It happens to be YAML: a mapping of other keys.
    expect((await readTopology('/proc/self/status', modules)).diagnostics.map(({ code }) => code)).toContain('unknown-key')
  })

  it.skipIf(process.getuid?.() === 0)('tells a missing permission (skipped for root, who is refused nothing)', async () => {
    const path = file('secret.yaml', LAB)
    chmodSync(path, 0o000)
    expect(await failure(path)).toMatch(/^file-unreadable: no permission/)
  })
})
