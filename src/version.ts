declare const NETLAB_VERSION: string | undefined

/** The version in package.json; the bundler writes it in. */
export const VERSION = typeof NETLAB_VERSION === 'string' ? NETLAB_VERSION : '0.0.0-dev'
