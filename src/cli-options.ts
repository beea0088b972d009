/** What several commands have in their help: options of one name and one meaning, and how examples look. */
import { Option } from '@commander-js/extra-typings'

export const example = (lines: string): string =>
  `\nExamples:\n${lines
    .trim()
    .split('\n')
    .map((l) => `  $ ${l.trim()}`)
    .join('\n')}\n`
export const json = (): Option<'--json'> => new Option('--json', 'print one JSON document on standard output')
export const lab = (): Option<'--lab <name>'> => new Option('--lab <name>', 'which lab, when several are up')
export const only = () =>
  new Option('--only <group...>', 'promises of these sources only').choices(['model', 'policy', 'service', 'expect'] as const)
export const sample = (): Option<'--sample <pairs>'> =>
  new Option('--sample <pairs>', 'ask about so many pairs of pods of a lab instead of all')
export const seed = (): Option<'--seed <number>'> => new Option('--seed <number>', 'another sample of the same size')
export const prove = (): Option<'--prove'> => new Option('--prove', 'then lift each policy in turn, and show that the test would notice')
export const matrix = (): Option<'--matrix'> => new Option('--matrix', 'show who reached whom, however large the lab')
export const junit = (): Option<'--junit <file>'> => new Option('--junit <file>', 'write a JUnit XML report')
export const traceFailures = (): Option<'--trace-failures <dir>'> =>
  new Option('--trace-failures <dir>', 'save a trace of each failed pair: JSON, pcapng, HTML')
