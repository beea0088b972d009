/**
 * What a schema can add to the diagnostics about its values. zod's own issues know the rule that
 * was broken, not what the author of a topology would call the thing.
 */
import * as z from 'zod'

export interface Wording {
  /** Completes "expected …": `an IP address such as 10.244.0.10`. */
  readonly expected?: string
  /** The diagnostic's code where a value is not one of the known ones. */
  readonly code?: string
  /** Completes "unknown …" likewise: `backend`. */
  readonly noun?: string
  /** Values that are none yet, and what each waits for. */
  readonly waiting?: Readonly<Record<string, string>>
  /** The hint at an unknown key that resembles none of the known ones. */
  readonly surplus?: string
}

/** A value checked by code: what is wrong with it, or undefined. */
export interface Verdict {
  readonly code: string
  readonly message: string
  readonly hint?: string | undefined
}

export const wording = z.registry<Wording>()

/** Turns a verdict into the issue `explain.ts` reads back. */
export function customIssue({ code, message, hint }: Verdict, path: (string | number)[] = []) {
  return { code: 'custom' as const, message, path, params: { code, hint } }
}

export interface TextRule {
  /** What the type is called in editors and the reference. */
  readonly title: string
  /** One sentence for editors and the reference. */
  readonly description: string
  /** Completes "expected …" where the value is not even a text. */
  readonly expected: string
  readonly check: (text: string) => Verdict | undefined
  /** The rule as a regular expression, for editors: may be laxer than `check`, never stricter. */
  readonly pattern?: RegExp
  readonly maxLength?: number
  readonly examples?: readonly string[]
}

/** A text with a rule of its own: `check` speaks to people, `pattern` to editors. */
export function textRule({ title, description, expected, check, pattern, maxLength, examples }: TextRule): z.ZodString {
  const meta = {
    title,
    description,
    ...(pattern && { pattern: pattern.source }),
    ...(maxLength && { maxLength }),
    ...(examples && { examples: [...examples] }),
  }
  return z
    .string()
    .superRefine((text, context) => {
      const verdict = check(text)
      if (verdict) context.addIssue(customIssue(verdict))
    })
    .meta(meta)
    .register(wording, { expected })
}
