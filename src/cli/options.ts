/** What several commands have in their help: options of one name and one meaning, and how examples look. */
import { Option, type Command, type OptionValues } from '@commander-js/extra-typings'

export const example = (lines: string): string =>
  `\nExamples:\n${lines
    .trim()
    .split('\n')
    .map((l) => `  $ ${l.trim()}`)
    .join('\n')}\n`
export const json = (): Option<'--json'> => new Option('--json', 'print one JSON document on standard output')
export const lab = (): Option<'--lab <name>'> => new Option('--lab <name>', 'which lab, when several are up')
/** What `test` and `ci` ask: which promises, of how many pairs. */
export const asked = <A extends unknown[], O extends OptionValues>(command: Command<A, O>) =>
  command
    .addOption(new Option('--only <group...>', 'promises of these sources only').choices(['model', 'policy', 'service', 'expect'] as const))
    .option('--sample <pairs>', 'ask about so many pairs of pods of a lab instead of all')
    .option('--seed <number>', 'another sample of the same size')
    .option('--prove', 'then lift each policy in turn, and show that the test would notice')

/** Where what they found goes. */
export const reported = <A extends unknown[], O extends OptionValues>(command: Command<A, O>) =>
  command
    .option('--matrix', 'show who reached whom, however large the lab')
    .option('--junit <file>', 'write a JUnit XML report')
    .option('--trace-failures <dir>', 'save a trace of each failed pair: JSON, pcapng, HTML')
    .addOption(json())
