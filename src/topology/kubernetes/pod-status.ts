/** What a cluster says of a pod (`status`, as `kubectl get -o yaml` lists it), as far as a lab can have it too. */
import { canonicalIp, parseIp } from '../address.ts'
import { isMapping } from './objects.ts'

/** Whether the Ready condition is not False. */
export function isReady(status: unknown): boolean {
  const conditions = isMapping(status) ? status['conditions'] : undefined
  return !Array.isArray(conditions) || !conditions.some((c: unknown) => isMapping(c) && c['type'] === 'Ready' && c['status'] === 'False')
}

/** A pod that has ended stays listed until it is deleted; its address may be another one's by now. */
export const isRunning = (status: unknown): boolean => !isMapping(status) || !['Succeeded', 'Failed'].includes(String(status['phase']))

/** Addresses a pod had in its cluster; one a family. */
export function addressesIn(status: unknown): string[] {
  if (!isMapping(status)) return []
  const list: readonly unknown[] = Array.isArray(status['podIPs']) ? status['podIPs'] : []
  const texts = [...list.map((entry) => (isMapping(entry) ? entry['ip'] : undefined)), status['podIP']]
  return [...new Set(texts.flatMap((text) => (typeof text === 'string' && parseIp(text) ? [canonicalIp(text)] : [])))]
}
