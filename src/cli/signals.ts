/** How a person ends what would go on: Ctrl-C, a polite kill, closing the terminal. */

/**
 * Calls `stop` when one of them comes. A second Ctrl-C or kill then ends netlab at once. That the terminal is gone is told
 * more than once, by the shell and by the kernel: it stays the same end, so nothing takes that back.
 * @returns takes the others back
 */
export function onEnding(stop: () => void): () => void {
  process.once('SIGINT', stop).once('SIGTERM', stop).on('SIGHUP', stop)
  return () => void process.off('SIGINT', stop).off('SIGTERM', stop)
}
