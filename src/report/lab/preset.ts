/** What a preset chose, in a line, written as YAML. */
import type { ChosenPreset } from '../../topology/preset.ts'

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (typeof value !== 'object' || value === null) return /[{}[\],]/.test(String(value)) ? JSON.stringify(value) : String(value)
  return `{ ${Object.entries(value)
    .map(([key, each]) => `${key}: ${flow(each)}`)
    .join(', ')} }`
}

/** `flannel chose backend: { type: vxlan, … }, policy: none`. */
export function presetText({ name, filled }: ChosenPreset): string {
  const chosen = Object.entries(filled).map(([key, value]) => `${key}: ${flow(value)}`)
  return `${name} chose ${chosen.length === 0 ? 'nothing: the file says everything itself' : chosen.join(', ')}`
}
