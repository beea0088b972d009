/** Options and arguments of one name and one meaning in several commands. */
import { Argument, Option } from '@commander-js/extra-typings'

const FAMILIES = ['4', '6'] as const
const SOURCES = ['model', 'policy', 'service', 'expect'] as const

export const json = (): Option<'--json'> => new Option('--json', 'print one JSON document on standard output')
export const strict = (): Option<'--strict'> => new Option('--strict', 'take warnings about the topology for errors')
export const lab = (): Option<'--lab <name>'> =>
  new Option('--lab <name>', 'which lab, when several are up (default: NETLAB_LAB of the environment)')
export const family = () => new Option('--family <4|6>', 'address family, when both ends have both').choices(FAMILIES)

export const file = (): Argument<'<file>'> => new Argument('<file>', 'topology file')
export const labOrOnly = (): Argument<'[lab]'> =>
  new Argument('[lab]', 'name or file; may be left out when one lab is up, or NETLAB_LAB names it')
export const fileOrLab = (): Argument<'[file-or-lab]'> => new Argument('[file-or-lab]', 'topology file, or name of a running lab')
export const node = (): Argument<'<node>'> => new Argument('<node>', 'host, pod, router, switch or external')

/** What `test` and `ci` ask: which promises, of how many pairs. */
export const asked = () =>
  [
    new Option('--only <group...>', 'promises of these sources only').choices(SOURCES),
    new Option('--sample <pairs>', 'ask about so many pairs of pods of a lab instead of all'),
    new Option('--seed <number>', 'another sample of the same size'),
    new Option('--prove', 'then lift each policy in turn, and show that the test would notice'),
  ] as const

/** Where what they found goes. */
export const reported = () =>
  [
    new Option('--matrix', 'show who reached whom, however large the lab'),
    new Option('--junit <file>', 'write a JUnit XML report'),
    new Option('--trace-failures <dir>', 'save a trace of each failed pair: JSON, pcapng, HTML'),
    json(),
  ] as const
