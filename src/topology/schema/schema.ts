/**
 * The one description of the topology format. The TypeScript types, the JSON Schema
 * (`netlab schema`, `topology.schema.json`) and the reference in `docs/topology.md` all derive
 * from it. It checks shapes only: what needs more than one value to decide (references,
 * overlaps, capacity) is checked in lab/.
 *
 * Modules (backends, attach, services, policy) keep the schema of their options beside their code and hand it in
 * as {@link KnownModules}, so that a new module changes nothing here.
 */
import * as z from 'zod'
import { networkPolicySpec, serviceSpec } from '../kubernetes/kubernetes.ts'
import {
  cidrByFamily,
  ip,
  ipByFamily,
  label,
  labelMap,
  labels,
  namespacedLabel,
  namespacedName,
  portName,
  portNumber,
  protocol,
  subdomain,
} from './scalars.ts'
import { orList, quote } from './format.ts'
import { MAX_REPLICAS } from './rules.ts'
import { customIssue, textRule, wording, type Wording } from './messages.ts'
import type { Preset } from '../preset.ts'

/** What options of modules are made of. */
export const optionTypes = { array: z.array, boolean: z.boolean, enum: z.enum, int: z.int, object: z.object, string: z.string }
export type OptionTypes = typeof optionTypes

/** A module's options, made of the types that it is handed: most commands use modules and read no options. */
export type ModuleOptions = (types: OptionTypes) => z.ZodObject
/** The values that fit. */
export type OptionsOf<T extends (types: OptionTypes) => z.ZodType> = z.infer<ReturnType<T>>

/** What a topology must know of a module that it names. */
interface KnownModule {
  readonly options: ModuleOptions
}

/** What a topology must know of an attach module: also what it calls its ends of links to pods, where it is told what. */
interface KnownAttach extends KnownModule {
  readonly interfaceOf?: (choice: ModuleChoice, pod: NamespacedName) => string | undefined
}

/** A pod as Kubernetes names it. */
interface NamespacedName {
  readonly namespace: string
  readonly name: string
}

/** The modules a topology can name, keyed by the name used in `type:`. */
export interface KnownModules {
  readonly backends: Readonly<Record<string, KnownModule & { readonly needsRouter?: boolean }>>
  readonly attach: Readonly<Record<string, KnownAttach>>
  readonly services: Readonly<Record<string, KnownModule>>
  readonly policy: Readonly<Record<string, KnownModule>>
  readonly presets: Readonly<Record<string, Preset>>
  /** Presets that are none yet, and what each waits for. */
  readonly waiting: Readonly<Record<string, string>>
}

/** A module and its options, as the topology gives them. The module's own schema has checked and completed them. */
export interface ModuleChoice {
  readonly type: string
  readonly [option: string]: unknown
}

const mtu = z.int().min(576).max(65_535).describe('Bytes of IP packet the link carries (RFC 791: at least 576).')

/** How to complain about a module that does not exist. */
type Unknown = Required<Pick<Wording, 'code' | 'noun'>>

/** `vxlan` or `{ type: vxlan, vni: 7 }`: both end as an object with every option filled in. The first module is the default. */
function moduleChoice(known: Readonly<Record<string, KnownModule>>, { code, noun }: Unknown, what: string) {
  const names = Object.keys(known) as [string, ...string[]]
  const unknown = { noun, code, expected: `${orList(names)}, or a mapping with \`type\`` }
  const objects = names.map((name) => {
    const options = known[name]!.options(optionTypes)
    const description = options.description ?? `Options of ${name}.`
    return options
      .safeExtend({ type: z.literal(name).describe('Which one.') })
      .strict()
      .meta({ title: name, description })
  })
  const choice = z
    .discriminatedUnion('type', objects as unknown as [z.ZodObject<{ type: z.ZodLiteral<string> }>])
    .register(wording, unknown) as unknown as z.ZodType<ModuleChoice, ModuleChoice>
  const byName = z.enum(names).register(wording, unknown)
  return z
    .union([byName.transform((type) => ({ type })).pipe(choice), choice])
    .register(wording, unknown)
    .prefault(names[0])
    .describe(`${what}: a name, or an object with \`type\` and options.`)
}

/** A real system by name. */
function presetName({ presets, waiting }: Pick<KnownModules, 'presets' | 'waiting'>) {
  return z
    .enum(Object.keys(presets) as [string, ...string[]])
    .register(wording, { noun: 'preset', code: 'unknown-preset', waiting })
    .optional()
    .describe('A real system by name, which fills in what this file leaves out. What stands here wins.')
}

const chainName = () =>
  z
    .string()
    .regex(/^(?!-)[A-Za-z0-9_-]{1,28}$/, 'expected at most 28 letters, digits, "_" and "-"')
    .describe('Name of the chain.')

/** Ports of a container are told apart by name. */
function uniqueNames(items: readonly { readonly name?: string | undefined }[], context: z.RefinementCtx) {
  const seen = new Set<string>()
  for (const [i, { name }] of items.entries()) {
    if (name === undefined || !seen.has(name)) seen.add(name ?? '')
    else
      context.addIssue(
        customIssue({ code: 'duplicate-name', message: `${quote(name)} is taken`, hint: 'give each a name of its own' }, [i, 'name']),
      )
  }
}

const port = z.strictObject({
  name: portName.optional().describe('What `targetPort` and policies may call this port.'),
  containerPort: portNumber.describe('Port the container listens on.'),
  protocol: protocol.default('TCP').describe('TCP, UDP or SCTP.'),
})

const containerOf = <P extends z.ZodObject>(owner: string, declared: P) =>
  z
    .strictObject({
      name: label.describe(`Unique in its ${owner}.`),
      command: z
        .array(z.string())
        .min(1)
        .optional()
        .describe('Program and arguments to run. Without it the built-in responder answers on every declared port.'),
      ports: z.array(declared).superRefine(uniqueNames).default([]).describe('Declared ports.'),
    })
    .meta({ title: 'container', description: `A process of ${owner === 'pod' ? 'a' : 'an'} ${owner}.` })

const container = containerOf(
  'pod',
  port.extend({
    hostPort: portNumber.optional().describe('Port of the host that leads here.'),
    hostIP: ip.optional().describe('The address of the host on which `hostPort` leads here. Default: every one.'),
  }),
)

const host = z
  .strictObject({
    segment: label.optional().describe('Underlay segment the host is plugged into. Default: spread round-robin over the segments.'),
    address: ipByFamily.optional().describe('Pinned underlay address: one, or one per family.'),
    podCIDR: cidrByFamily.optional().describe('Pinned pod block of this host: one, or one per family; inside `network.podCIDR`.'),
    labels: labels.describe('Node labels.'),
    mtu: mtu.optional().describe("MTU of this host's underlay link. Default: `underlay.mtu`."),
    replicas: z.int().min(1).max(MAX_REPLICAS).optional().describe('Makes name-1 … name-N of it.'),
  })
  .meta({ title: 'host', description: 'A simulated node.' })

const pod = z
  .strictObject({
    host: subdomain.optional().describe('Host the pod runs on. Default: spread round-robin over the hosts.'),
    labels: labels.describe('What selectors of services and policies match.'),
    ip: ipByFamily.optional().describe("Pinned address: one, or one per family; inside its host's block."),
    containers: z.array(container).default([]).describe("Processes that share the pod's network namespace."),
    ready: z.boolean().default(true).describe('Whether Services send it anything: what a readiness probe would say.'),
    terminating: z.boolean().default(false).describe('It is about to end: Services send it something only where no other pod is ready.'),
    hostNetwork: z
      .boolean()
      .optional()
      .describe("The pod is its host: its containers run in the host's network namespace, and no policy selects it."),
    nodeSelector: labelMap.optional().describe('Labels a host must have for the pod to run on it.'),
    replicas: z.int().min(1).max(MAX_REPLICAS).optional().describe('Makes name-1 … name-N of it.'),
  })
  .meta({ title: 'pod', description: 'A network namespace with an address of its own, on a host.' })

const external = () =>
  z
    .strictObject({
      address: ipByFamily
        .optional()
        .describe('Pinned address: one, or one per family. Default: from 203.0.113.0/24 and 2001:db8:ffff::/64.'),
      podRoutes: z.boolean().default(false).describe('Route pod blocks to it without NAT, as BGP to a top-of-rack switch would.'),
      containers: z
        .array(containerOf('external', port.extend({ name: portName.optional().describe('What capture filters may call this port.') })))
        .default([])
        .describe('Processes that run there, such as a server that pods ask.'),
    })
    .meta({ title: 'external', description: 'A machine outside the cluster.' })

const probedPort = () =>
  textRule({
    title: 'PORT/PROTOCOL',
    description: 'PORT/PROTOCOL, or icmp.',
    expected: 'PORT/PROTOCOL such as 80/tcp, or icmp',
    pattern: /^(\d{1,5}\/(tcp|udp|sctp)|icmp)$/,
    examples: ['80/tcp', '53/udp', 'icmp'],
    check: (text) => {
      const port = /^(\d{1,5})\/(tcp|udp|sctp)$/.exec(text)?.[1]
      if (text === 'icmp' || (port && Number(port) >= 1 && Number(port) <= 65_535)) return undefined
      const hint = port ? 'ports are 1 to 65535' : 'write a port number and tcp, udp or sctp, such as 80/tcp; or icmp'
      return { code: 'invalid-port', message: `${quote(text)} is not a port to probe`, hint }
    },
  })

const expectation = () =>
  z
    .strictObject({
      from: z.string().min(1).describe('Node the probe leaves from.'),
      to: z.string().min(1).describe('Node, `svc/name`, `svc/namespace/name` or IP address.'),
      port: probedPort().default('icmp').describe('`80/tcp`, `53/udp`; default ICMP.'),
      result: z.enum(['allow', 'deny']).default('allow').describe('What must come of it.'),
      wire: z.array(z.string()).optional().describe('Headers the packet must have on the underlay, outermost first.'),
    })
    .meta({ title: 'expectation', description: 'A promise, checked with a probe.' })

const border = () =>
  z
    .strictObject({
      nat: z
        .boolean()
        .default(false)
        .describe(
          "SNAT what leaves for externals to the border's own address, but for those with `podRoutes`. Answers find their way back.",
        ),
      firewall: z
        .strictObject({
          allow: z
            .array(
              z.strictObject({
                from: z.string().min(1).optional().describe('External, address or network. Default: every external.'),
                to: z.string().min(1).optional().describe('Host, pod, address or network. Default: everything inside.'),
                port: probedPort().optional().describe('`80/tcp`, `53/udp` or icmp. Default: every protocol and port.'),
              }),
            )
            .default([])
            .describe('Connections that externals may begin.'),
        })
        .optional()
        .describe('Stateful: what begins inside passes, and so do its answers; what begins outside is dropped unless `allow` lists it.'),
    })
    .meta({ title: 'border', description: 'What the router that externals are plugged into does with packets.' })

const atLeastOne = (code: string, what: string, hint: string) => (entries: Record<string, unknown>, context: z.RefinementCtx) => {
  if (Object.keys(entries).length === 0) context.addIssue(customIssue({ code, message: `there is no ${what}`, hint }))
}

const path = z.string().min(1)

/** What a file may leave out at the top, as lists or mappings. */
export const SECTIONS = ['namespaces', 'externals', 'services', 'policies', 'manifests', 'expect'] as const

const empty = { mapping: z.unknown().default({}), list: z.unknown().default([]) }

/**
 * Builds the schema for a given set of modules. A section that a file leaves out needs no schema but its default: making
 * that of Services takes longer than checking a small file.
 */
export function topologySchema(modules: KnownModules, sections: readonly (typeof SECTIONS)[number][] = SECTIONS) {
  const section = <T extends z.ZodType>(name: (typeof SECTIONS)[number], otherwise: z.ZodType, make: () => T): T =>
    sections.includes(name) ? make() : (otherwise as T)
  return z.strictObject({
    name: label.optional().describe("Name of the lab. Default: the file's base name."),
    network: z
      .strictObject({
        preset: presetName(modules),
        podCIDR: cidrByFamily.prefault('10.244.0.0/16').describe('Pod network: IPv4, IPv6, or one of each; split into one block per host.'),
        hostPrefix: z
          .union([
            z.int().min(1).max(128),
            z.strictObject({
              ipv4: z.int().min(8).max(30).optional().describe('Of the IPv4 block. Default: 24.'),
              ipv6: z.int().min(16).max(126).optional().describe('Of the IPv6 block. Default: 64.'),
            }),
          ])
          .default({})
          .describe("Prefix length of a host's block: a number, or one per family. Default: 24 and 64."),
        serviceCIDR: cidrByFamily
          .optional()
          .describe('Network of Service addresses. Default: 10.96.0.0/16 and fd00:10:96::/112, by the families of `podCIDR`.'),
        backend: moduleChoice(modules.backends, { code: 'unknown-backend', noun: 'backend' }, 'How packets get from host to host'),
        attach: moduleChoice(modules.attach, { code: 'unknown-attach', noun: 'attach module' }, 'How a pod is connected to its host'),
        services: moduleChoice(
          modules.services,
          { code: 'unknown-services', noun: 'services module' },
          "How a Service's address becomes a pod's",
        ),
        policy: moduleChoice(modules.policy, { code: 'unknown-policy', noun: 'policy module' }, 'How NetworkPolicies are enforced'),
        namespace: label.optional().describe('Namespace of objects of `manifests` that name none. Default: `default`.'),
        masquerade: z
          .union([z.boolean(), z.strictObject({ chain: chainName() })])
          .default(true)
          .describe('SNAT what leaves the cluster, never what stays in it. `chain`: true, in an iptables chain of that name.'),
      })
      .prefault({})
      .describe('The pod network.'),
    underlay: z
      .strictObject({
        mtu: mtu.default(1500).describe('MTU of the links between hosts.'),
        segments: z
          .record(label, cidrByFamily)
          .superRefine(atLeastOne('no-segments', 'segment', 'remove the key for the default, or name one: `lan: 192.168.50.0/24`'))
          .meta({ minProperties: 1 })
          .prefault({ lan: '192.168.50.0/24' })
          .describe('L2 segments by name. Two or more are joined by a router.'),
        routing: z
          .enum(['static', 'bgp'])
          .default('static')
          .describe(
            '`static`: one router is in all segments. `bgp`: each has a router of its own, `tor-SEGMENT`, and these are joined by spines.',
          ),
        spines: z.int().min(1).max(16).optional().describe('With `routing: bgp`: routers between those of the segments. Default: 2.'),
        bfd: z
          .boolean()
          .optional()
          .describe(
            'With `routing: bgp`: routers watch each other by BFD (RFC 5880), every 100 ms, and notice a lost one after three. Default: false.',
          ),
        border: border()
          .optional()
          .describe('With `routing: bgp`: what the router between the fabric and externals does. Default: it forwards.'),
      })
      .prefault({})
      .describe('The network the hosts are plugged into.'),
    hosts: z
      .record(subdomain, host)
      .superRefine(atLeastOne('no-hosts', 'host', 'a lab needs at least one: `hosts: { node-1: {} }`'))
      .meta({ minProperties: 1 })
      .describe('Simulated nodes, by name.'),
    namespaces: section('namespaces', empty.mapping, () =>
      z.record(label, z.strictObject({ labels })).default({}).describe('Kubernetes namespaces; only needed for labels.'),
    ),
    pods: z.record(namespacedName, pod).describe('Pods by `name` or `namespace/name`.'),
    externals: section('externals', empty.mapping, () =>
      z.record(label, external()).default({}).describe('Machines outside the cluster, beyond the router.'),
    ),
    services: section('services', empty.mapping, () =>
      z.record(namespacedLabel, serviceSpec()).default({}).describe('Kubernetes ServiceSpecs by `name` or `namespace/name`.'),
    ),
    policies: section('policies', empty.mapping, () =>
      z.record(namespacedName, networkPolicySpec()).default({}).describe('Kubernetes NetworkPolicySpecs by `name` or `namespace/name`.'),
    ),
    manifests: section('manifests', empty.list, () =>
      z
        .array(
          z.union([
            path.transform((one): { path: string; namespace?: string | undefined } => ({ path: one })),
            z.strictObject({
              path: path.describe('File, glob or directory.'),
              namespace: label.optional().describe('Namespace of objects that name none. Default: `network.namespace`.'),
            }),
          ]),
        )
        .default([])
        .describe('Kubernetes manifests: files, globs, directories.'),
    ),
    expect: section('expect', empty.list, () => z.array(expectation()).default([]).describe('Promises the lab must keep.')),
  })
}

/** A topology as the user wrote it, validated and with defaults filled in. */
export type Topology = z.infer<ReturnType<typeof topologySchema>>
export type HostSpec = Topology['hosts'][string]
export type PodSpec = Topology['pods'][string]
export type ContainerSpec = PodSpec['containers'][number]
/** @public */
export type ExternalSpec = Topology['externals'][string]
