/** Tells when a named namespace is deleted: what this process holds of it, such as a socket, keeps it alive. */
import { existsSync, watch } from 'node:fs'
import { NETNS_DIR, netnsFile } from './paths.ts'

/**
 * @param onDeleted is called with the name of a namespace that is no longer there
 * @returns ends it
 */
export function watchNamespaces(onDeleted: (ns: string) => void): () => void {
  const watcher = watch(NETNS_DIR, { persistent: false }, (_, name) => {
    if (name !== null && !existsSync(netnsFile(name))) onDeleted(name)
  })
  // The directory itself may go.
  watcher.on('error', () => watcher.close())
  return () => watcher.close()
}
