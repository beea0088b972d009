// The labs that are measured: their topology files, and the promise that nothing of them stays.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { NETNS_DIR, STATE_DIR } from '../../src/netns/paths.ts'

const id = randomBytes(2).toString('hex')
const labs = new Set<string>()
let dir: string | undefined

/** A file or directory of this run. */
export function scratch(name: string): string {
  dir ??= mkdtempSync(join(tmpdir(), 'netlab-bench-'))
  return join(dir, name)
}

/** Reserves a name for a lab: whatever carries it is removed at the end. */
export function labName(what: string): string {
  const name = `bench-${id}-${what}`
  labs.add(name)
  return name
}

/** A topology that has been written to a file. */
export interface LabFile {
  readonly name: string
  readonly file: string
}

/** Writes a topology and returns the lab's name and file. JSON is YAML. */
export function lab(what: string, topology: object): LabFile {
  const name = labName(what)
  const file = scratch(`${what}.yaml`)
  writeFileSync(file, JSON.stringify({ name, ...topology }, undefined, 2))
  return { name, file }
}

/** Hosts, and pods that each answer on a port. */
export const servers = (hosts: number, pods: number, port: number): object => ({
  hosts: { node: { replicas: hosts } },
  pods: { pod: { replicas: pods, containers: [{ name: 'web', ports: [{ containerPort: port }] }] } },
})

/** Namespaces of a lab, made by netlab or by a script. */
export const namespacesOf = (name: string): string[] =>
  existsSync(NETNS_DIR) ? readdirSync(NETNS_DIR).filter((ns) => ns.startsWith(`${name}.`)) : []

/** Deletes the namespaces of a lab in one batch. */
export async function deleteNamespaces(name: string): Promise<void> {
  const doomed = namespacesOf(name)
  if (doomed.length > 0)
    await execa('ip', ['-force', '-batch', '-'], {
      input: doomed.map((ns) => `netns delete ${ns}\n`).join(''),
      stdout: 'ignore',
      stderr: 'inherit',
      reject: false,
    })
}

/** Removes everything this run made. */
export async function cleanUp(netlab: string): Promise<void> {
  for (const name of labs) {
    if (existsSync(join(STATE_DIR, name))) await execa(process.execPath, [netlab, 'down', name], { stdio: 'ignore', reject: false })
    await deleteNamespaces(name)
  }
  if (dir !== undefined) rmSync(dir, { recursive: true, force: true })
}
