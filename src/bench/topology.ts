/**
 * The lab that is measured in place of a file's: the same network, underlay and hosts, with pods, a Service and policies of the
 * benchmark's own. What is compared is then how packets are carried, whatever pods a file has and whatever its policies forbid.
 */
import type { Lab } from '../lab/lab.ts'
import type { NetworkPolicySpec } from '../topology/kubernetes/network-policy.ts'
import type { LoadedTopology } from '../topology/loaded.ts'
import type { PodSpec, Topology } from '../topology/schema/schema.ts'
import { otherHost, PORT, type Ends } from './paths.ts'

const CLIENT = 'bench-client'
const NEAR = 'bench-near'
const FAR = 'bench-far'
/** Label of both that are measured against. */
const SERVER = 'bench-server'
/** The Service, by its key. */
export const SERVICE = 'bench'

/** Numbers of policies that are measured beside none. */
export const POLICIES = [100, 500] as const

/** The longest name of a lab whose namespaces' names still say what they are. */
const LONGEST = 40

/** What the lab is called. Another one of the file's own name may be up meanwhile. */
export const benchName = (lab: string, policies: number): string =>
  `bench-${lab.slice(0, LONGEST).replace(/-+$/, '')}${policies === 0 ? '' : `-${policies}`}`

const app = (name: string): { readonly matchLabels: Record<string, string> } => ({ matchLabels: { app: name } })

/**
 * One of many policies. All select the client or the servers, in turn, so that each is asked. Those of the first half name others
 * and other ports than the connections that are measured, the second half lets these through: an opening packet meets half of them.
 */
function policy(n: number, count: number): NetworkPolicySpec {
  const isIngress = n % 2 === 0
  const unrelated = [
    { podSelector: app(`other-${n}`) },
    { namespaceSelector: { matchLabels: { team: `team-${n}` } } },
    { ipBlock: { cidr: `172.${16 + (n % 16)}.${n % 256}.0/24` } },
  ][n % 3]!
  const own = { podSelector: isIngress ? app(CLIENT) : app(SERVER) }
  const matches = n >= count / 2
  const peers = [matches ? own : unrelated]
  const ports = { ports: [{ protocol: 'TCP' as const, port: matches ? PORT : PORT + 100, endPort: PORT + 200 }] }
  return isIngress
    ? { podSelector: app(SERVER), policyTypes: ['Ingress'], ingress: [{ from: peers, ...ports }] }
    : { podSelector: app(CLIENT), policyTypes: ['Egress'], egress: [{ to: peers, ...ports }] }
}

const pod = (host: string, label: string): PodSpec => ({
  host,
  labels: { app: label },
  containers: [],
  ready: true,
  terminating: false,
})

/**
 * A topology with the benchmark's pods, Service and policies in place of its own.
 * @param lab what the topology resolves to, which knows its hosts
 */
export function benchTopology(loaded: LoadedTopology, lab: Lab, policies: number): LoadedTopology {
  const [first] = lab.hosts
  const other = otherHost(lab)
  const own = {
    [CLIENT]: pod(first!.name, CLIENT),
    [NEAR]: pod(first!.name, SERVER),
    ...(other ? { [FAR]: { ...pod(other.name, SERVER), labels: { app: SERVER, endpoint: 'true' } } } : {}),
  }
  const service: Topology['services'][string] = {
    type: 'ClusterIP',
    selector: other ? { endpoint: 'true' } : { app: SERVER },
    ports: [{ protocol: 'TCP', port: PORT, targetPort: PORT }],
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    publishNotReadyAddresses: false,
  }
  const { endpointSlices: _, podNames: __, realAddresses: ___, ...rest } = loaded
  return {
    ...rest,
    topology: {
      ...loaded.topology,
      name: benchName(lab.name, policies),
      namespaces: {},
      pods: own,
      externals: {},
      services: policies === 0 ? { [SERVICE]: service } : {},
      policies: Object.fromEntries(Array.from({ length: policies }, (_, n) => [`bench-${n}`, policy(n, policies)])),
      manifests: [],
      expect: [],
    },
  }
}

/** The pods of such a lab. */
export function benchEnds({ pods }: Lab): Ends & { readonly near: NonNullable<Ends['near']> } {
  const find = (name: string) => pods.find((p) => p.name === name)
  return { client: find(CLIENT)!, near: find(NEAR)!, far: find(FAR) }
}
