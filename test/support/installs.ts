/**
 * Six installs in the shape in which people deploy them: labels, nulls, dots, sidecars, the hosts' network, kinds of others
 * beside. Each is applied as it is; the topology around it says what must come of it.
 */
import { join } from 'node:path'
import { root } from './root.ts'

interface Install {
  /** What people call it. */
  readonly title: string
  readonly manifest: string
  /** Of objects that name none. */
  readonly namespace?: string
  /** Externals and promises, as YAML. */
  readonly more: string
  /** Pods with addresses of their own, and those that are their hosts. */
  readonly pods: number
  readonly hostPods: number
  /** Codes of what is warned about, each once. */
  readonly warnings: readonly string[]
}

export const INSTALLS: Readonly<Record<string, Install>> = {
  ingress: {
    title: 'an ingress controller',
    manifest: 'ingress.yaml',
    more: `
  - { from: client, to: ip-10-0-0-5.internal, port: 443/tcp }
  - { from: visitor, to: ingress-edge/edge.controller-ip-10-0-0-6.internal, port: 80/tcp }
  - { from: visitor, to: svc/ingress-edge/edge-admission, port: 443/tcp }
  - { from: visitor, to: ingress-edge/edge-admission-create-1, result: deny }`,
    pods: 2,
    hostPods: 2,
    warnings: ['not-acted-upon'],
  },
  gitops: {
    title: 'a GitOps server',
    manifest: 'gitops.yaml',
    namespace: 'flow',
    more: `
  - { from: flow/flow-server-1, to: svc/flow/flow-redis, port: 6379/tcp }
  - { from: visitor, to: svc/flow/flow-redis, port: 6379/tcp, result: deny }
  - { from: visitor, to: svc/flow/flow-metrics, port: 8082/tcp }
  - { from: visitor, to: svc/flow/flow-server, port: 80/tcp }`,
    pods: 6,
    hostPods: 0,
    warnings: ['not-acted-upon'],
  },
  monitoring: {
    title: 'a monitoring stack',
    manifest: 'monitoring.yaml',
    namespace: 'monitoring',
    more: `
  - { from: monitoring/dashboards-1, to: svc/monitoring/metrics, port: 9090/tcp }
  - { from: visitor, to: svc/monitoring/metrics, port: 9090/tcp, result: deny }
  - { from: monitoring/metrics.main-0, to: ip-10-0-0-6.internal, port: 9100/tcp }`,
    pods: 4,
    hostPods: 2,
    warnings: ['not-acted-upon'],
  },
  balancer: {
    title: 'a load balancer',
    manifest: 'balancer.yaml',
    more: `
  - { from: visitor, to: svc/hello, port: 80/tcp }
  - { from: visitor, to: balancer-system/speaker-ip-10-0-0-5.internal, port: 7946/tcp }
  - { from: ip-10-0-0-5.internal, to: svc/balancer-system/balancer-webhook-service, port: 443/tcp }`,
    pods: 4,
    hostPods: 2,
    warnings: ['merged-object', 'not-acted-upon'],
  },
  storage: {
    title: 'a storage system',
    manifest: 'storage.yaml',
    more: `
  - { from: visitor, to: svc/storage-system/manager-0, port: 9500/tcp }
  - { from: visitor, to: storage-system/manager-1, port: 9501/tcp, result: deny }
  - { from: storage-system/csi-controller-1, to: storage-system/manager-2, port: 9501/tcp }
  - { from: visitor, to: storage-system/disk.csi.example.com-node-ip-10-0-0-5.internal, port: 9808/tcp }`,
    pods: 6,
    hostPods: 2,
    warnings: ['not-acted-upon'],
  },
  shop: {
    title: 'a demo shop',
    manifest: 'shop.jsons',
    namespace: 'shop',
    more: `
  - { from: client, to: ip-10-0-0-5.internal, port: 30086/tcp }
  - { from: shop/storefront-1, to: svc/shop/cart, port: 7070/tcp }
  - { from: shop/cart-1, to: svc/shop/redis-cart, port: 6379/tcp }
  - { from: shop/loadgenerator-1, to: svc/shop/redis-cart, port: 6379/tcp, result: deny }`,
    pods: 6,
    hostPods: 0,
    warnings: [],
  },
}

/** A topology around an install. */
export const topologyOf = ({ manifest, namespace, more }: Install): string => `hosts: { ip-10-0-0-5.internal: {}, ip-10-0-0-6.internal: {} }
pods: { visitor: {} }
externals: { client: {} }
${namespace === undefined ? '' : `network: { namespace: ${namespace} }\n`}manifests: [${join(root, 'test/support/installs', manifest)}]
expect:${more}
`
