/** Hashes that names are made of. */

/**
 * SHA-256. Node's crypto takes longer to load than a small lab to compile, so a lab without Services and policies
 * does not load it.
 */
export const sha256 = (text: string): Buffer => digest('sha256', text)

/** SHA-1, where another program names things by it. */
export const sha1 = (text: string): Buffer => digest('sha1', text)

/** SHA-512. */
export const sha512 = (text: string): Buffer => digest('sha512', text)

const digest = (algorithm: string, text: string): Buffer =>
  process.getBuiltinModule('node:crypto').createHash(algorithm).update(text).digest()
