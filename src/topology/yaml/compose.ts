/** Tokens of yaml's parser → documents, with the first errors only: a text that is no YAML has one every few bytes. */
import { Composer, type CST, type Document, type ErrorCode } from 'yaml'

/** Errors, of which a line may have several, after which no more are looked for; of the warnings, too, no more are kept. */
export const MAX_FINDINGS = 2_000

/** What is wrong at an offset of the text, in yaml's words. */
export interface Finding {
  readonly code: ErrorCode
  readonly at: number
  readonly message: string
}

export interface Composed {
  /** At least one, empty for an empty text; not all of them if there are errors. */
  readonly documents: readonly Document.Parsed[]
  readonly errors: readonly Finding[]
  readonly warnings: readonly Finding[]
}

/** Where something is wrong, as yaml says it: an offset, a range, or the token. */
type Where = number | readonly [number, number] | { readonly offset: number }

const offsetOf = (where: Where): number => (typeof where === 'number' ? where : 'offset' in where ? where.offset : where[0])

/** What is wrong with a token that belongs to no document. */
export function errorOf({ offset, message, source }: CST.ErrorToken): Finding {
  return { code: 'UNEXPECTED_TOKEN', at: offset, message: source ? `${message}: ${JSON.stringify(source.slice(0, 120))}` : message }
}

class TooManyErrors extends Error {}

/**
 * Composes the tokens of a text.
 * @param length of the text
 * @param found errors of the parser; with those of the composer there are at most MAX_FINDINGS
 */
export function composeTokens(tokens: Iterable<CST.Token>, length: number, found: readonly Finding[]): Composed {
  const errors = [...found]
  const warnings: Finding[] = []
  const onError = (where: Where, code: ErrorCode, message: string, isWarning?: boolean): void => {
    const findings = isWarning ? warnings : errors
    if (findings.length < MAX_FINDINGS) findings.push({ code, at: offsetOf(where), message })
    else if (!isWarning) throw new TooManyErrors()
  }
  const composer = new Composer({ uniqueKeys: false, schema: 'core', resolveKnownTags: false, logLevel: 'silent' })
  // Its own is no part of its interface, and keeps every error as an Error of some 600 bytes.
  Object.assign(composer, { onError })
  try {
    const documents = [...composer.compose(tokens, true, length)] as Document.Parsed[]
    return { documents, errors, warnings }
  } catch (error) {
    if (!(error instanceof TooManyErrors)) throw error
    return { documents: [], errors, warnings }
  }
}
