/**
 * Presets on a real kernel: each comes up, keeps the promises of the network model, carries a traced packet, and has on its first host what
 * the real system has there, read by other programs than netlab's. What this kernel lacks is skipped; the lists are compared
 * with what is compiled for all of them by test/unit/presets/real-systems.test.ts.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { lackingFor } from '../support/features.ts'
import { Lab } from '../support/lab.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { expected, labFor, realSystems, type Seen } from '../support/real-systems.ts'
import { oneProcess } from '../support/resident.ts'
import { inside, netlab, output, told } from '../support/run.ts'

ownMachine()
oneProcess()

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')

/** Of a host: what the lists speak of. */
async function seenOn(ns: string): Promise<Seen> {
  const ask = async (...argv: string[]): Promise<string[]> => lines(await output(inside(ns, argv)))
  const isOwn = (device: string): boolean =>
    device !== 'lo' && device !== 'eth0' && !/^(tunl|gre|gretap|erspan|sit|ip6tnl|ip6gre)0$/.test(device)
  const plain = (route: string): string => route.replaceAll(/ (?:proto|scope|src|metric) \S+/g, '').trim()
  const main = (await ask('ip', 'route')).filter((line) => !/ proto kernel |^default /.test(line))
  const rules = (await ask('ip', 'rule')).flatMap((line) => /^\d+:\s+(from \d\S* lookup \S+)/.exec(line)?.[1] ?? [])
  const tables = await Promise.all(
    rules
      .map((rule) => rule.split(' ').at(-1)!)
      .map(async (table) => (await ask('ip', 'route', 'show', 'table', table)).map((r) => `${plain(r)} table ${table}`)),
  )
  const table = { name: '' }
  return {
    devices: (await ask('ip', '-br', 'link'))
      .map((line) => line.split(/[@ ]/)[0]!)
      .filter(isOwn)
      .toSorted(),
    addresses: (await ask('ip', '-br', '-4', 'address'))
      .flatMap((line) => {
        const [device, , ...addresses] = line.split(/\s+/)
        const name = device!.split('@')[0]!
        return isOwn(name) ? addresses.filter(Boolean).map((address) => `${address} dev ${name}`) : []
      })
      .toSorted(),
    routes: [...main.map(plain), ...tables.flat()].toSorted(),
    rules,
    chains: (await ask('iptables-save'))
      .flatMap((line) => {
        table.name = /^\*(\w+)/.exec(line)?.[1] ?? table.name
        const own = /^:(\S+) - /.exec(line)?.[1]
        return own === undefined ? [] : [`${table.name} ${own}`]
      })
      .toSorted(),
  }
}

// They wait most of their time: for daemons, for answers.
describe('presets', { skip: unable, concurrency: 3 }, () => {
  for (const [name, system] of Object.entries(realSystems)) {
    test(`${name} comes up, is as the real system, and passes its test`, { skip: lackingFor(labFor(name)) }, async () => {
      const lab = new Lab(labFor(name))
      try {
        await lab.mustUp()
        assert.deepEqual(await seenOn(lab.ns('node-1')), expected(system))
        const tested = await netlab(['test', lab.name])
        assert.equal(tested.code, 0, told(tested))
        const trace = await netlab(['trace', ...(name === 'docker' ? ['node-1', 'pod-a'] : ['pod-a', 'pod-b']), '--lab', lab.name])
        assert.match(trace.stdout, /^delivered/m, told(trace))
        await lab.mustBeHealthy()
      } finally {
        await lab.remove()
      }
    })
  }
})
