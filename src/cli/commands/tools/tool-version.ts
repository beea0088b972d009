/** Which version of a program there is. */
import { execa } from 'execa'

/** Longer than any program takes to say so. */
const PATIENCE_MS = 20_000

/** How each program wants to be asked for its version, where it is not `--version`. */
const ASK_VERSION: Readonly<Record<string, string>> = { ip: '-V', bridge: '-V', ping: '-V' }

/** The version a program prints, with the kernel interface it drives if it says: `1.8.9 (nf_tables)`. */
export async function toolVersion(name: string, path: string): Promise<string | undefined> {
  const { stdout, stderr } = await execa(path, [ASK_VERSION[name] ?? '--version'], { stdin: 'ignore', reject: false, timeout: PATIENCE_MS })
  return versionIn(`${stdout ?? ''}\n${stderr ?? ''}`)
}

/** Finds the version in what a program prints about itself. */
export function versionIn(text: string): string | undefined {
  const number = /\bv?(\d+(?:\.\d+)+)/.exec(text)?.[1] ?? /\b(?:iputils[ -]s?|version )(\d+)/.exec(text)?.[1]
  const variant = /\((nf_tables|legacy)\)/.exec(text)?.[0]
  return number === undefined || variant === undefined ? number : `${number} ${variant}`
}
