/** Installs as people deploy them: up, tested, and down again; policies are asked about them without root. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { INSTALLS, topologyOf } from '../support/installs.ts'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { netlab, told } from '../support/run.ts'

ownMachine()
oneProcess()

for (const [name, install] of Object.entries(INSTALLS))
  describe(`${install.title} (${name})`, { skip: unable }, () => {
    const lab = new Lab(topologyOf(install))
    test('comes up and keeps its promises', async () => {
      for (const command of ['plan', 'policy']) {
        const result = await netlab([command, lab.file])
        assert.equal(result.code, 0, told(result))
      }
      const result = await netlab(['ci', lab.file, '--json'])
      assert.equal(result.code, 0, told(result))
    })
  })
