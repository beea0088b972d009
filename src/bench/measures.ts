/** What is measured on every path. */

export interface MeasureDefinition {
  readonly title: string
  /** What a value is, without prefixes: they are for people. */
  readonly unit: 'bit/s' | 's' | '1/s' | 's/GB'
  /** Which of two values is the better one. */
  readonly better: 'more' | 'less'
  /** In one sentence, for those who do not know the term. */
  readonly about: string
}

export const MEASURES = {
  stream: { title: '1 stream', unit: 'bit/s', better: 'more', about: 'payload of one TCP connection, received' },
  streams: { title: '8 streams', unit: 'bit/s', better: 'more', about: 'payload of eight TCP connections at once, received' },
  latency: {
    title: 'round trip',
    unit: 's',
    better: 'less',
    about: 'one byte there and one back on an open TCP connection, mean of a sample',
  },
  connections: {
    title: 'connections',
    unit: '1/s',
    better: 'more',
    about: 'TCP connections opened one after another, with one byte there and one back, and closed',
  },
  cpu: {
    title: 'CPU per GB',
    unit: 's/GB',
    better: 'less',
    about: 'time of all processors of the machine for 10⁹ bytes of one stream: both ends, every host between them, interrupts included',
  },
} as const satisfies Readonly<Record<string, MeasureDefinition>>

export type MeasureId = keyof typeof MEASURES

export const MEASURE_IDS = Object.keys(MEASURES) as readonly MeasureId[]

/** Streams at once of `streams`. */
export const STREAMS = 8
