/** Fields that say where an object comes from, not what it is. */
const ABOUT = new Set(['from', 'note'])

/** Names the fields in which two objects of the same identity differ: `mtu`, `peer.mac`. */
export function differences(a: object, b: object): string[] {
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  const fields = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...fields].flatMap((field) => {
    if (ABOUT.has(field)) return []
    const x = left[field]
    const y = right[field]
    if (x === y) return []
    if (typeof x === 'object' && typeof y === 'object' && x !== null && y !== null) {
      if (Array.isArray(x)) return JSON.stringify(x) === JSON.stringify(y) ? [] : [field]
      return differences(x, y).map((f) => `${field}.${f}`)
    }
    return [field]
  })
}
