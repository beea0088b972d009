/**
 * Modules answer for themselves: what they are called is known in their own files and in registries. A reader of labs that
 * tests for a name would have to change with every module that is added.
 */
import { expect, test } from 'vitest'
import { attachModules } from '../../../src/attach/index.ts'
import { backends } from '../../../src/backends/index.ts'
import { modules } from '../../../src/cli/topology-file.ts'
import { sources } from './sources.ts'

/** A Linux bridge is a device, and a program; UDP, BGP and WireGuard are protocols; iptables are programs; `none` is a word of many tools: where those are meant, the word is right. */
const ALSO_DEVICES_OR_PROGRAMS = new Set(['bridge', 'udp', 'bgp', 'wireguard', 'iptables', 'none'])

const names = [...Object.keys(backends), ...Object.keys(attachModules), ...Object.keys(modules.services), ...Object.keys(modules.policy)]

/**
 * Files that may name a module: its own folder, the header and the device that have its name, and the netlink messages, which
 * have the kernel's names for types of devices.
 */
const own = (name: string): RegExp =>
  new RegExp(`^(?:(?:backends|attach|services|policy|presets|netns/netlink)/|(?:packet|kernel/links)/(?:.*/)?${name}\\.ts$)`)

test.each(names.filter((name) => !ALSO_DEVICES_OR_PROGRAMS.has(name)))('%s is named in its own files alone', (name) => {
  const quoted = new RegExp(`['"\`]${name}['"\`]`)
  // Backends and attach modules of other names have no business with it either; registries list it.
  const mayName = (path: string): boolean => own(name).test(path)
  const found = sources.filter(
    (s) => !mayName(s.path) && s.text.split('\n').some((line) => quoted.test(line) && !/^\s*(?:\/?\*|\/\/)/.test(line)),
  )
  expect(found.map((s) => s.path)).toEqual([])
})

/** What a topology chose, compared with a word, or an option that only some modules have. */
const TESTS_FOR_A_NAME = /\b(?:backend|attach|services|policy)(?:\?\.|\.)type\s*[!=]==?|\b(?:backend|attach)\[['"]/

test('no reader of a lab tests which module was chosen', () => {
  const found = sources.flatMap((s) =>
    s.text.split('\n').flatMap((line) => (TESTS_FOR_A_NAME.test(line) ? [`${s.path}: ${line.trim()}`] : [])),
  )
  expect(found).toEqual([])
})

test.each([
  ["const isDirect = lab.backend.type === 'x'", true],
  ["lab.attach.type !== 'x'", true],
  ["lab.modules?.policy.type === 'x'", true],
  ["lab.backend['tunnel'] === 'y'", true],
  ['backend: lab.backend.type,', false],
  ['`${lab.backend.type} over ${lab.attach.type}`', false],
])('%s', (line, found) => expect(TESTS_FOR_A_NAME.test(line)).toBe(found))
