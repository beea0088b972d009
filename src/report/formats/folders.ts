/** Where files are on this machine is of no use to a reader, and private. */
import { basename, dirname } from 'node:path'

/** `/home/me/lab/k8s/web.yaml:3` → `k8s/web.yaml:3`, for a topology `/home/me/lab/lab.yaml`. */
export const withoutFolders = (text: string, topology: string): string =>
  text.replaceAll(topology, basename(topology)).replaceAll(`${dirname(topology)}/`, '')
