/**
 * No enforcement, as with Flannel: the API server takes NetworkPolicies, and no program on the nodes acts upon them. Every pod
 * reaches every pod; what policies would allow is still computed.
 */
import type { PolicyModule } from '../policy.ts'

export const none: PolicyModule = {
  summary: 'policies are read, and nothing enforces them (Flannel)',
  enforces: false,
  options: (z) => z.object({}),
  needs: () => [],
  objects: () => [],
  denies: () => undefined,
  explain: () => undefined,
}
