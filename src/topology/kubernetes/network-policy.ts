/**
 * networking.k8s.io/v1 NetworkPolicySpec, checked as the Kubernetes API server does
 * (pkg/apis/networking/validation): what it accepts is accepted, and nothing else.
 */
import * as z from 'zod'
import { parseCidr, within } from '../address.ts'
import { labelKey, labelMap, labelValue, lenientCidr, once, portNumber, portOrName, protocol } from '../schema/scalars.ts'
import { quote } from '../schema/format.ts'
import { customIssue, wording } from '../schema/messages.ts'

const requirement = once(() =>
  z
    .strictObject({
      key: labelKey.describe('Label the requirement is about.'),
      operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How the label relates to `values`.'),
      values: z.array(labelValue).optional().describe('For In and NotIn.'),
    })
    .superRefine(({ operator, values = [] }, context) => {
      const takesValues = operator === 'In' || operator === 'NotIn'
      if (takesValues === values.length > 0) return
      const message = takesValues ? `${operator} needs at least one value` : `${operator} takes no values`
      const hint = takesValues ? 'add `values: [...]`' : 'remove `values`, or use In'
      context.addIssue(customIssue({ code: takesValues ? 'missing-values' : 'surplus-values', message, hint }, ['values']))
    }),
)

export const labelSelector = once(() =>
  z
    .strictObject({
      matchLabels: labelMap.optional().describe('Labels that must be there with these values.'),
      matchExpressions: z.array(requirement()).optional().describe('Requirements that must all hold.'),
    })
    .meta({ id: 'LabelSelector', description: 'Selects by labels; `{}` selects everything.' })
    .register(wording, { surplus: 'labels go under `matchLabels:`' }),
)

const ipBlock = once(() =>
  z
    .strictObject({
      cidr: lenientCidr.describe('Addresses that are meant.'),
      except: z.array(lenientCidr).optional().describe('Networks inside `cidr` that are not meant.'),
    })
    .superRefine(({ cidr, except = [] }, context) => {
      const whole = parseCidr(cidr)
      for (const [i, text] of except.entries()) {
        const part = parseCidr(text)
        if (!whole || !part || (within(part, whole) && part.prefix > whole.prefix)) continue
        const message = `${quote(text)} is not a smaller network inside ${cidr}`
        context.addIssue(customIssue({ code: 'outside-network', message, hint: '`except` cuts pieces out of `cidr`' }, ['except', i]))
      }
    }),
)

const peer = once(() =>
  z
    .strictObject({
      podSelector: labelSelector().optional().describe("Pods, in the policy's namespace or in those `namespaceSelector` selects."),
      namespaceSelector: labelSelector().optional().describe('Namespaces: all their pods, or those `podSelector` selects.'),
      ipBlock: ipBlock().optional().describe('Addresses outside the cluster.'),
    })
    .superRefine((value, context) => {
      const { ipBlock, podSelector, namespaceSelector } = value
      if (ipBlock && (podSelector || namespaceSelector)) {
        const hint = 'write two items of the list: they are alternatives'
        context.addIssue(
          customIssue({ code: 'conflicting-keys', message: '`ipBlock` cannot be combined with a selector', hint }, ['ipBlock']),
        )
      }
      if (Object.keys(value).length === 0) {
        const hint = '`podSelector: {}` means all pods of the namespace; without the whole list everything is meant'
        context.addIssue(customIssue({ code: 'empty-peer', message: 'a peer needs podSelector, namespaceSelector or ipBlock', hint }))
      }
    })
    .meta({ id: 'NetworkPolicyPeer', description: 'Who is meant: pods or addresses.' }),
)

const port = once(() =>
  z
    .strictObject({
      protocol: protocol.default('TCP').describe('TCP, UDP or SCTP.'),
      port: portOrName.optional().describe('Port number, or the name a container gave it. Default: all ports.'),
      endPort: portNumber.optional().describe('Last port of a range that begins with `port`.'),
    })
    .superRefine(({ port, endPort }, context) => {
      if (endPort === undefined) return
      if (typeof port !== 'number') {
        const message = port === undefined ? '`endPort` needs `port`' : '`endPort` needs a `port` that is a number'
        context.addIssue(
          customIssue({ code: 'conflicting-keys', message, hint: 'a range is `port: 8000` and `endPort: 8100`' }, ['endPort']),
        )
      } else if (endPort < port) {
        const hint = 'the range ends before it begins'
        context.addIssue(customIssue({ code: 'out-of-range', message: `${endPort} is less than \`port\`, ${port}`, hint }, ['endPort']))
      }
    })
    .meta({ id: 'NetworkPolicyPort', description: 'Ports that are meant.' }),
)

const ports = once(() => z.array(port()).optional().describe('Ports that are meant. Without it (or empty): all.'))

export const networkPolicySpec = once(() =>
  z
    .strictObject({
      podSelector: labelSelector().prefault({}).describe('Pods of the namespace the policy is for; `{}` for all.'),
      policyTypes: z
        .array(z.enum(['Ingress', 'Egress']))
        .max(2)
        .optional()
        .describe('Directions the policy isolates. Default: Ingress, and Egress if there are egress rules.'),
      ingress: z
        .array(
          z
            .strictObject({ from: z.array(peer()).optional().describe('Sources. Without it (or empty): anyone.'), ports: ports() })
            .describe('What may come in.'),
        )
        .optional()
        .describe('Who may reach the pods: any of these rules is enough.'),
      egress: z
        .array(
          z
            .strictObject({ to: z.array(peer()).optional().describe('Destinations. Without it (or empty): anyone.'), ports: ports() })
            .describe('What may go out.'),
        )
        .optional()
        .describe('Whom the pods may reach: any of these rules is enough.'),
    })
    .meta({ id: 'NetworkPolicySpec', description: 'Kubernetes NetworkPolicySpec (networking.k8s.io/v1).' }),
)

/** @public */
export type LabelSelector = z.infer<ReturnType<typeof labelSelector>>
/** @public */
export type NetworkPolicyPeer = z.infer<ReturnType<typeof peer>>
/** @public */
export type NetworkPolicyPort = z.infer<ReturnType<typeof port>>
/** @public */
export type NetworkPolicySpec = z.infer<ReturnType<typeof networkPolicySpec>>
