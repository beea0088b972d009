/** How much room a text takes on a terminal. */
import { stripVTControlCharacters } from 'node:util'
import { eastAsianWidth } from 'get-east-asian-width'

/** What combines with the character before it takes no column of its own; variation selectors are among them. */
const COMBINING = /^(?:\p{Mn}|\p{Me}|\u200d)$/u

/** Columns of a text: two for wide East Asian characters and emoji, none for colours. */
export function width(text: string): number {
  let columns = 0
  for (const character of stripVTControlCharacters(text)) {
    if (!COMBINING.test(character)) columns += eastAsianWidth(character.codePointAt(0)!)
  }
  return columns
}
