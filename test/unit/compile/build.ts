import { compile, refusals } from '../../../src/compile/compile.ts'
import type { KernelObject } from '../../../src/kernel/objects.ts'
import type { Lab } from '../../../src/lab/lab.ts'
import { leasesOf } from '../../../src/lab/addressing/lease.ts'
import { resolve } from '../../../src/lab/resolve.ts'
import { textOf, type PlainTopology } from '../lab/arbitrary.ts'
import { load } from '../lab/fixture.ts'

/** A lab that can be built, or undefined. */
export function build(value: PlainTopology, running?: Lab): { lab: Lab; objects: readonly KernelObject[] } | undefined {
  const { value: lab } = resolve(load(textOf(value)), running && (() => leasesOf(running)))
  return !lab || refusals(lab).some((r) => !r.forceable) ? undefined : { lab, objects: compile(lab).objects }
}
