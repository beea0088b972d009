/** How measured values are written for people. */
import { MEASURES, type MeasureDefinition, type MeasureId } from '../../bench/measures.ts'
import type { Summary } from '../../bench/statistics.ts'

/** Three digits that mean something. */
export const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2))

const STEPS: Readonly<Record<MeasureDefinition['unit'], readonly (readonly [factor: number, unit: string])[]>> = {
  'bit/s': [
    [1e9, 'Gbit/s'],
    [1e6, 'Mbit/s'],
    [1e3, 'kbit/s'],
  ],
  s: [
    [1, 's'],
    [1e-3, 'ms'],
    [1e-6, 'µs'],
  ],
  '1/s': [[1, '/s']],
  's/GB': [[1, 's']],
}

/** `12.3 Gbit/s` */
export function valueText(value: number, measure: MeasureId): string {
  const steps = STEPS[MEASURES[measure].unit]
  const [factor, unit] = steps.find(([least]) => value >= least) ?? steps.at(-1)!
  return `${digits(value / factor)} ${unit}`
}

/** `0.61 × (0.58–0.66)` */
export const ratioText = ({ median, min, max }: Summary): string => `${digits(median)} × (${digits(min)}–${digits(max)})`

/** `0.25 s`, or `0.21–0.25 s` */
export function secondsText([least, most]: readonly [number, number]): string {
  const [from, to] = [least.toFixed(2), most.toFixed(2)]
  return from === to ? `${to} s` : `${from}–${to} s`
}
