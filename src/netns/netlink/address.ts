/** IP and link-layer addresses as bytes and as the text that the C library and iproute2 make of them. Pure. */

/** @param text IPv4 or IPv6; anything else throws a RangeError */
export function addressBytes(text: string): Buffer {
  const bytes = text.includes(':') ? bytes6(text) : bytes4(text)
  if (!bytes) throw new RangeError(`not an IP address: ${text}`)
  return bytes
}

function bytes4(text: string): Buffer | undefined {
  const parts = text.split('.')
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)
    ? Buffer.from(parts.map(Number))
    : undefined
}

function bytes6(text: string): Buffer | undefined {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (dotted) {
    const tail = bytes4(dotted[2]!)?.toString('hex')
    return tail === undefined ? undefined : bytes6(`${dotted[1]}${tail.slice(0, 4)}:${tail.slice(4)}`)
  }
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')))
  const [front = [], back = []] = groups
  const zeros = 8 - front.length - back.length
  if (groups.flat().some((group) => !/^[\da-f]{1,4}$/i.test(group)) || (halves.length === 1 ? zeros !== 0 : zeros < 1)) return undefined
  const all = [...front, ...Array.from({ length: zeros }, () => '0'), ...back]
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex')
}

/** As inet_ntop(3) writes it: the longest run of zeros shortened (RFC 5952), IPv4-mapped addresses with dots. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!)
  const [start, length] = longestZeros(groups)
  // inet_ntop also writes addresses that were IPv4-compatible (RFC 4291, 2.5.5.1) with dots.
  if (start === 0 && (length === 6 || (length === 5 && groups[5] === 0xffff)))
    return `::${length === 5 ? 'ffff:' : ''}${bytes.subarray(12).join('.')}`
  const hex = groups.map((group) => group.toString(16))
  return length < 2 ? hex.join(':') : `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

/** Where the first of the longest runs of zeros is. */
function longestZeros(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [-1, 0]
  for (let start = 0, i = 0; i <= groups.length; i++) {
    if (groups[i] === 0) continue
    if (i - start > best[1]) best = [start, i - start]
    start = i + 1
  }
  return best
}

/** `02:42:0a:f4:01:02`, whatever the length. */
export function linkAddressText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':')
}

/** Six bytes of a MAC address; anything else throws a RangeError. */
export function linkAddressBytes(text: string): Buffer {
  if (!/^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(text)) throw new RangeError(`not a MAC address: ${text}`)
  return Buffer.from(text.replaceAll(':', ''), 'hex')
}
