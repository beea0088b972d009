/** Hashes that names are made of. */

/**
 * SHA-256. Node's crypto takes longer to load than a small lab to compile, so a lab without Services and policies
 * does not load it.
 */
export const sha256 = (text: string): Buffer => process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest()
