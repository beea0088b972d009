/** Bytes after the last header that was understood. */
import type { Header } from './header.ts'
import { plural } from '../plural.ts'

export interface PayloadLayer {
  readonly type: 'payload'
  readonly length: number
}

export const payload: Header<PayloadLayer> = {
  type: 'payload',
  name: 'Data',
  after: {},
  parse: (b) => ({ layer: { type: 'payload', length: b.length } }),
  bytes: (l) => l.length,
  fields: (l) => [['', plural(l.length, 'byte')]],
  trace: () => undefined,
}
