/** Containers and their namespaces. */
import { mutations } from '../mutation.ts'

export const containers = mutations(String.raw`
a namespace deleted
machine: ip netns del {far}

a container killed
machine: kill -9 {pid web-1.http}
undo: ip netns del {web-1}

a container stopped
machine: kill -STOP {pid web-2.http}
undo: kill -CONT {pid web-2.http}
`)
