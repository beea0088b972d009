/**
 * What comes from pods and files is data, whatever characters it holds: names of devices and chains, comments, lines of logs.
 * Nothing of it acts on who reads the output: a terminal, a CI runner.
 */

// C0, DEL, C1; Arabic letter mark, zero-width and directional marks, separators, overrides and isolates, BOM; lone surrogates.
const ACTING =
  // oxlint-disable-next-line no-control-regex -- those are the ones that act
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

function escaped(character: string): string {
  const code = character.charCodeAt(0)
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}

/**
 * Text whose every character shows and none acts: control characters could move the cursor or recolour
 * the terminal, bidirectional ones reorder the line. They are written as escapes, a tab as two spaces.
 */
export const visible = (text: string): string => text.replaceAll('\t', '  ').replaceAll(ACTING, escaped)

/** The colours that chalk makes, and their ends (ECMA-48, SGR). */
// oxlint-disable-next-line no-control-regex -- those are the ones that act
const COLOUR = /(\u001b\[(?:[0-2]|22|3[0-9]|9[0-7])m)/

/** Commands of GitHub's runner stand at the beginning of a line. Groups are netlab's own, and open nothing but themselves. */
const COMMAND = /^(\s*)(?:::(?!(?:end)?group::)|##\[)/gm

/** Environment that says who reads the output. */
type Environment = Readonly<Record<string, string | undefined>>

/** GitHub Actions, and what reads its commands as GitHub does (act, Gitea and Forgejo runners). */
export const onGitHub = (env: Environment = process.env): boolean => ['true', '1'].includes(env['GITHUB_ACTIONS'] ?? '')

/** A whole text on its way out: lines, tabs and netlab's own colours stay, everything else that acts is written as an escape. */
export function outward(text: string, env?: Environment): string {
  const shown = text
    .split(COLOUR)
    .map((part, i) => (i % 2 === 1 ? part : part.replaceAll(ACTING, (c) => (c === '\n' || c === '\t' ? c : escaped(c)))))
    .join('')
  return onGitHub(env) ? shown.replaceAll(COMMAND, (command) => command.replace(/:|#/, escaped)) : shown
}

/** JSON in which every such character is an escape of JSON's own: the same document. */
export const outwardJson = (json: string): string =>
  json.replaceAll(ACTING, (c) => (c === '\n' ? c : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`))
