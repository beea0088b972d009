/** What goes into a page: whatever data is in it acts on no reader. */
import { createHash } from 'node:crypto'
import { visible } from './visible.ts'

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
/** A text as HTML, in an element or between quotation marks. */
export const escape = (text: string): string =>
  text
    .split('\n')
    .map(visible)
    .join('\n')
    .replaceAll(/[&<>"']/g, (c) => ENTITIES[c]!)

/** JSON that no `</script>`, comment or line separator inside can end or change. What it holds is shown as text. */
export const embed = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) => (typeof v === 'string' ? v.split('\n').map(visible).join('\n') : v)).replaceAll(
    /[<>&]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** What a Content-Security-Policy allows: this script or style sheet, and no other. */
export const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
