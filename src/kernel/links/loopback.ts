import type { LinkObject, LinkType } from './link-type.ts'

/** `lo`, which every namespace has, down. */
export interface Loopback extends LinkObject {
  readonly type: 'loopback'
}

export const loopback: LinkType<Loopback> = {
  type: 'loopback',
  read: () => ({}),
  inPlace: [],
  ethernet: false,
}
