/** Installs as people deploy them, read without a change: see test/e2e/installs.test.ts for what comes of them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compileFile } from '../../../src/cli/topology-file.ts'
import { INSTALLS, topologyOf } from '../../support/installs.ts'

describe.each(Object.entries(INSTALLS))('%s', (name, install) => {
  test(`${install.title} is taken as it is`, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'netlab-install-'))
    try {
      writeFileSync(join(dir, `${name}.yaml`), topologyOf(install))
      const { compiled, warnings } = await compileFile(join(dir, `${name}.yaml`))
      const { lab } = compiled
      expect([lab.pods.length, lab.hostPods?.length ?? 0]).toEqual([install.pods, install.hostPods])
      expect([...new Set(warnings.map((d) => d.code))].toSorted()).toEqual(install.warnings)
      const unanswered = lab.services.flatMap((s) => s.ports.flatMap((p) => (p.endpoints.length === 0 ? [`${s.key}:${p.port}`] : [])))
      expect(unanswered).toEqual(name === 'monitoring' ? ['kube-system/kubelet:10250'] : [])
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})
