/** Numbers and nouns that agree. */

/** A noun in the singular; both forms where its plural is not made by rule. */
export type Noun = string | readonly [one: string, many: string]

/** `host` → `hosts`, `address` → `addresses`, `echo reply` → `echo replies`, `pair of hosts` → `pairs of hosts`. */
function many(noun: string): string {
  const [, head = noun, rest = ''] = /^(.*?)((?: of |, ).*)?$/.exec(noun) ?? []
  if (/(s|x|z|ch|sh)$/.test(head)) return `${head}es${rest}`
  if (/[^aeiou]y$/.test(head)) return `${head.slice(0, -1)}ies${rest}`
  return `${head}s${rest}`
}

/** `1 error`, `2 errors`. */
export function plural(n: number | bigint, noun: Noun): string {
  const [one, more] = typeof noun === 'string' ? [noun, many(noun)] : noun
  return `${n} ${Number(n) === 1 ? one : more}`
}
