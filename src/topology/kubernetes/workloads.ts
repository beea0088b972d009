/**
 * Pods and what makes them (core/v1, apps/v1), as far as a network sees them: names, labels, container ports, hosts.
 * Images are not run, so everything else is passed over.
 */
import * as z from 'zod'
import { networkPolicySpec, serviceSpec } from './kubernetes.ts'
import { unset } from '../schema/absent.ts'
import { label, labelKey, labelMap, labelValue, portName, portNumber, protocol } from '../schema/scalars.ts'
import { customIssue, type Verdict } from '../schema/messages.ts'
import { ignored, meta, templateMeta, typed } from './meta.ts'

const container = z.strictObject({
  name: label,
  ports: z
    .array(
      z.strictObject({
        name: unset(portName.optional(), ''),
        containerPort: portNumber,
        protocol: unset(protocol.default('TCP'), ''),
        ...ignored('hostPort hostIP'),
      }),
    )
    .superRefine((ports, context) => {
      const seen = new Set<string>()
      for (const [i, { name }] of ports.entries()) {
        if (name !== undefined && seen.has(name))
          context.addIssue(
            customIssue({ code: 'duplicate-name', message: `"${name}" is taken`, hint: 'give each a name of its own' }, [i, 'name']),
          )
        seen.add(name ?? '')
      }
    })
    .default([]),
  ...ignored(
    `args command env envFrom image imagePullPolicy lifecycle livenessProbe readinessProbe resizePolicy resources restartPolicy restartPolicyRules
    securityContext startupProbe stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts workingDir`,
  ),
})

const podSpec = z.strictObject({
  containers: z.array(container).min(1),
  nodeName: unset(label.optional(), ''),
  nodeSelector: labelMap.optional(),
  hostNetwork: z.boolean().optional(),
  affinity: z.unknown().optional(),
  topologySpreadConstraints: z.unknown().optional(),
  ...ignored(
    `activeDeadlineSeconds automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks ephemeralContainers hostAliases hostIPC hostPID
    hostUsers hostname hostnameOverride imagePullSecrets initContainers os overhead preemptionPolicy priority priorityClassName readinessGates resourceClaims
    resources restartPolicy runtimeClassName schedulerName schedulingGates securityContext serviceAccount serviceAccountName setHostnameAsFQDN
    shareProcessNamespace subdomain terminationGracePeriodSeconds tolerations volumes workloadRef`,
  ),
})

const requirement = z.strictObject({
  key: labelKey,
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
  values: z.array(labelValue).optional(),
})
const selector = z.strictObject({ matchLabels: labelMap.optional(), matchExpressions: z.array(requirement).optional() })
const template = z.strictObject({ metadata: templateMeta, spec: podSpec })
const replicas = z.int().min(0).max(50_000).default(1)

interface Making {
  readonly selector: z.infer<typeof selector>
  readonly template: z.infer<typeof template>
}

/** A controller that does not select what it makes would make pods for ever: the API server refuses it. */
function selectsItsOwn(
  { selector: { matchLabels = {}, matchExpressions = [] }, template: { metadata } }: Making,
  context: z.RefinementCtx,
): void {
  const complain = (verdict: Verdict): void => context.addIssue(customIssue(verdict, ['selector']))
  const has = (key: string, values?: readonly string[]): boolean =>
    Object.hasOwn(metadata.labels, key) && (!values || values.includes(metadata.labels[key]!))
  if (Object.keys(matchLabels).length + matchExpressions.length === 0) {
    complain({
      code: 'empty-selector',
      message: 'an empty selector is not valid here',
      hint: 'write `matchLabels:` with labels of the template',
    })
    return
  }
  const wrong =
    Object.entries(matchLabels).find(([key, value]) => !has(key, [value]))?.[0] ??
    matchExpressions.find(({ key, operator, values = [] }) =>
      operator === 'In' ? !has(key, values) : operator === 'NotIn' ? has(key, values) : has(key) === (operator === 'DoesNotExist'),
    )?.key
  if (wrong !== undefined)
    complain({
      code: 'selector-mismatch',
      message: `it does not select the pods of the template, by their label "${wrong}"`,
      hint: 'give `template.metadata.labels` what the selector asks for',
    })
}

const workload = (more: Record<string, z.ZodType>) =>
  z.strictObject({ ...typed, metadata: meta, spec: z.strictObject({ selector, template, replicas, ...more }).superRefine(selectsItsOwn) })

const common = 'minReadySeconds revisionHistoryLimit'

/** The kinds that are read, by name; with the one version each. */
export const KINDS = {
  Namespace: { version: 'v1', schema: z.strictObject({ ...typed, metadata: meta, spec: z.unknown().optional() }) },
  Pod: { version: 'v1', schema: z.strictObject({ ...typed, metadata: meta, spec: podSpec }) },
  Deployment: { version: 'apps/v1', schema: workload(ignored(`${common} paused progressDeadlineSeconds strategy`)) },
  ReplicaSet: { version: 'apps/v1', schema: workload(ignored('minReadySeconds')) },
  StatefulSet: {
    version: 'apps/v1',
    schema: workload({
      ordinals: z.strictObject({ start: z.int().min(0).default(0) }).optional(),
      ...ignored(`${common} persistentVolumeClaimRetentionPolicy podManagementPolicy serviceName updateStrategy volumeClaimTemplates`),
    }),
  },
  DaemonSet: { version: 'apps/v1', schema: workload({ replicas: z.undefined().optional(), ...ignored(`${common} updateStrategy`) }) },
  Service: { version: 'v1', schema: z.strictObject({ ...typed, metadata: meta, spec: serviceSpec }) },
  NetworkPolicy: {
    version: 'networking.k8s.io/v1',
    schema: z.strictObject({ ...typed, metadata: meta, spec: networkPolicySpec.prefault({}) }),
  },
} as const

export type WorkloadSpec = Making & { readonly replicas: number; readonly ordinals?: { readonly start: number } }
export type ManifestPodSpec = z.infer<typeof podSpec>
