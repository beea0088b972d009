/** Instances of tracefs that traces left behind which were killed; events.pl makes them. */
import { readdirSync, rmdirSync } from 'node:fs'

/** Where tracefs may be mounted (Documentation/trace/ftrace.rst). */
const PLACES = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing']

/** Removes them. The kernel refuses that for one that is being read, and each trace reads its own as long as it runs. */
export function removeStaleInstances(places: readonly string[] = PLACES): void {
  for (const place of places) {
    let names: string[] = []
    try {
      names = readdirSync(`${place}/instances`)
    } catch {
      // Not mounted there.
    }
    for (const name of names) {
      if (!name.startsWith('netlab-')) continue
      try {
        rmdirSync(`${place}/instances/${name}`)
      } catch {
        // In use.
      }
    }
  }
}
