/**
 * Pods and what makes them (core/v1, apps/v1, batch/v1), as far as a network sees them: names, labels, container ports,
 * hosts. Images are not run, so everything else is passed over.
 */
import * as z from 'zod'
import { labelSelector } from './network-policy.ts'
import { unset } from '../schema/absent.ts'
import { ip, label, labelMap, portName, portNumber, protocol, subdomain } from '../schema/scalars.ts'
import { customIssue, type Verdict } from '../schema/messages.ts'
import { ignored, meta, templateMeta, typed } from './meta.ts'

const containerPort = z.strictObject({
  name: unset(portName.optional(), ''),
  containerPort: portNumber,
  protocol: unset(protocol.default('TCP'), ''),
  hostPort: unset(portNumber.optional(), 0),
  hostIP: unset(ip.optional(), ''),
})

const container = z.strictObject({
  name: label,
  ports: z
    .array(containerPort)
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
  restartPolicy: z.enum(['Always', 'OnFailure', 'Never']).optional(),
  ...ignored(
    `args command env envFrom image imagePullPolicy lifecycle livenessProbe readinessProbe resizePolicy resources restartPolicyRules
    securityContext startupProbe stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts workingDir`,
  ),
})

export type ManifestContainer = z.infer<typeof container>

const podSpec = z
  .strictObject({
    containers: z.array(container).min(1),
    initContainers: z.array(container).default([]),
    nodeName: unset(subdomain.optional(), ''),
    nodeSelector: labelMap.optional(),
    hostNetwork: z.boolean().optional(),
    affinity: z.unknown().optional(),
    topologySpreadConstraints: z.unknown().optional(),
    ...ignored(
      `activeDeadlineSeconds automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks ephemeralContainers hostAliases hostIPC
      hostPID hostUsers hostname hostnameOverride imagePullSecrets os overhead preemptionPolicy priority priorityClassName readinessGates
      resourceClaims resources restartPolicy runtimeClassName schedulerName schedulingGates securityContext serviceAccount serviceAccountName
      setHostnameAsFQDN shareProcessNamespace subdomain terminationGracePeriodSeconds tolerations volumes workloadRef`,
    ),
  })
  .superRefine(({ containers, initContainers, hostNetwork }, context) => {
    const names = new Set<string>()
    for (const [key, list] of Object.entries({ containers, initContainers })) {
      for (const [i, { name, ports }] of list.entries()) {
        if (names.has(name)) {
          const hint = 'containers and init containers of a pod have different names'
          context.addIssue(customIssue({ code: 'duplicate-name', message: `"${name}" is taken`, hint }, [key, i, 'name']))
        }
        names.add(name)
        for (const [j, port] of hostNetwork === true ? ports.entries() : []) {
          if (port.hostPort === undefined || port.hostPort === port.containerPort) continue
          const message = `${port.hostPort} is not \`containerPort\`, ${port.containerPort}: with \`hostNetwork\` they are one port`
          context.addIssue(customIssue({ code: 'conflicting-keys', message, hint: 'remove `hostPort`' }, [key, i, 'ports', j, 'hostPort']))
        }
      }
    }
  })

const template = z.strictObject({ metadata: templateMeta, spec: podSpec })
const count = z.int().min(0).max(50_000)
const replicas = count.default(1)

interface Making {
  readonly selector: z.infer<ReturnType<typeof labelSelector>>
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

const object = <T extends z.ZodType>(spec: T) => z.strictObject({ ...typed, metadata: meta, spec })

const workload = (more: Record<string, z.ZodType>) =>
  object(z.strictObject({ selector: labelSelector(), template, ...more }).superRefine(selectsItsOwn))

const common = 'minReadySeconds revisionHistoryLimit'

const jobSpec = z.strictObject({
  template,
  parallelism: count.default(1),
  completions: count.optional(),
  suspend: z.boolean().default(false),
  selector: labelSelector().optional(),
  ...ignored(
    `activeDeadlineSeconds backoffLimit backoffLimitPerIndex completionMode managedBy manualSelector maxFailedIndexes podFailurePolicy
    podReplacementPolicy successPolicy ttlSecondsAfterFinished`,
  ),
})

/** Objects whose pods are pods of a lab, by kind; with the one version each. */
export const WORKLOADS = {
  Pod: { version: 'v1', schema: object(podSpec) },
  Deployment: { version: 'apps/v1', schema: workload({ replicas, ...ignored(`${common} paused progressDeadlineSeconds strategy`) }) },
  ReplicaSet: { version: 'apps/v1', schema: workload({ replicas, ...ignored('minReadySeconds') }) },
  ReplicationController: {
    version: 'v1',
    schema: object(
      z
        .strictObject({ selector: labelMap.optional(), template, replicas, ...ignored('minReadySeconds') })
        .superRefine(({ selector, template: made }, context) =>
          selectsItsOwn({ selector: { matchLabels: selector ?? made.metadata.labels }, template: made }, context),
        ),
    ),
  },
  StatefulSet: {
    version: 'apps/v1',
    schema: workload({
      replicas,
      ordinals: z.strictObject({ start: z.int().min(0).default(0) }).optional(),
      ...ignored(`${common} persistentVolumeClaimRetentionPolicy podManagementPolicy serviceName updateStrategy volumeClaimTemplates`),
    }),
  },
  DaemonSet: { version: 'apps/v1', schema: workload(ignored(`${common} updateStrategy`)) },
  Job: { version: 'batch/v1', schema: object(jobSpec) },
  CronJob: {
    version: 'batch/v1',
    schema: object(
      z.strictObject({
        jobTemplate: z.strictObject({ metadata: templateMeta, spec: jobSpec }),
        schedule: z.string().min(1),
        suspend: z.boolean().default(false),
        ...ignored('concurrencyPolicy failedJobsHistoryLimit startingDeadlineSeconds successfulJobsHistoryLimit timeZone'),
      }),
    ),
  },
} as const

export type WorkloadKind = keyof typeof WORKLOADS
export type JobSpec = z.infer<typeof jobSpec>
export interface WorkloadSpec {
  readonly template: z.infer<typeof template>
  readonly replicas: number
  readonly ordinals?: { readonly start: number }
}
export interface CronJobSpec {
  readonly jobTemplate: { readonly spec: JobSpec }
  readonly suspend: boolean
}
export type ManifestPodSpec = z.infer<typeof podSpec>
