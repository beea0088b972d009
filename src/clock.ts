/**
 * Milliseconds of a clock that only goes forward, from some moment on. Not `performance.now()`: when that is first used,
 * Node loads a dozen modules for it.
 */
export function now(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e3 + nanoseconds / 1e6
}
