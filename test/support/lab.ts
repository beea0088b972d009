/** A lab of a test: its topology file, its namespaces, and that it is gone at the end. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { netlab, told, type Run } from './run.ts'

export interface NodeDocument {
  readonly name: string
  readonly kind: 'host' | 'pod' | 'router' | 'switch' | 'external'
  readonly netns: string
  readonly host?: string
  readonly namespace?: string
  readonly segment?: string
  readonly addresses?: readonly string[]
  readonly mac?: string
  readonly mtu?: number
  readonly podMTU?: number
  readonly podRoutes?: boolean
  readonly interface?: string
  readonly hostInterface?: string
}

/** `netlab inspect --json`, and `netlab up --json` but for `outcome`. */
export interface LabDocument {
  readonly outcome?: 'created' | 'changed' | 'unchanged'
  readonly lab: string
  readonly file: string
  readonly podMTU: number
  readonly nodes: readonly NodeDocument[]
}

export interface StatusDocument {
  readonly healthy: boolean
  readonly findings: readonly {
    readonly state: string
    readonly object: string
    readonly details: readonly string[]
    readonly source?: string
  }[]
  readonly containers: readonly { readonly id: string; readonly pid: number; readonly state: string }[]
}

/** No other lab has this name. */
export const randomName = (): string => `nlt-${randomBytes(3).toString('hex')}`

export class Lab {
  readonly name = randomName()
  readonly dir = mkdtempSync(join(tmpdir(), 'netlab-test-'))
  readonly file = join(this.dir, 'lab.yaml')

  /** @param topology text without `name`, or what becomes such a text */
  constructor(topology: string | object = {}) {
    this.write(topology)
  }

  /** Replaces the topology; `name:` is added as its first line. */
  write(topology: string | object): void {
    // JSON is YAML.
    const text =
      typeof topology === 'string'
        ? topology
        : JSON.stringify(topology, null, 1)
            .replace(/^\{\n?/, '')
            .replace(/\n?\}$/, '')
    writeFileSync(this.file, typeof topology === 'string' ? `name: ${this.name}\n${text}` : `{ "name": "${this.name}",\n${text} }\n`)
  }

  ns(node: string): string {
    return `${this.name}.${node.replace('/', '.')}`
  }

  up(...args: string[]): Promise<Run> {
    return netlab(['up', this.file, ...args])
  }

  /** Brings the lab up and returns what it then is. */
  async mustUp(...args: string[]): Promise<LabDocument> {
    const result = await this.up('--json', ...args)
    assert.equal(result.code, 0, `up: ${told(result)}`)
    return JSON.parse(result.stdout) as LabDocument
  }

  async status(): Promise<StatusDocument & { readonly code: number | null }> {
    const result = await netlab(['status', this.name, '--json'])
    assert.ok(result.code === 0 || result.code === 1, `status: ${told(result)}`)
    return { code: result.code, ...(JSON.parse(result.stdout) as StatusDocument) }
  }

  async mustBeHealthy(): Promise<void> {
    const { code, healthy, findings } = await this.status()
    assert.deepEqual({ code, healthy, findings }, { code: 0, healthy: true, findings: [] })
  }

  down(): Promise<Run> {
    return netlab(['down', this.name])
  }

  /** For `after`: removes the lab and the file, whatever happened before. */
  async remove(): Promise<void> {
    const result = await this.down()
    rmSync(this.dir, { recursive: true, force: true })
    assert.equal(result.code, 0, `down: ${told(result)}`)
  }
}
