/** Bytes after the last header that was understood. */
import type { Header } from './header.ts'

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
  fields: (l) => [['', `${l.length} bytes`]],
  trace: () => undefined,
}
