/** Labs for drawing, made from topology text as the commands make them. */
import { compile, type Compiled } from '../../../src/compile/compile.ts'
import { modules } from '../../../src/cli/topology-file.ts'
import { resolve } from '../../../src/lab/resolve.ts'
import { loadTopology } from '../../../src/topology/load.ts'

export function labFrom(text: string): Compiled {
  const loaded = loadTopology(text, 'lab.yaml', modules)
  const resolved = loaded.value ? resolve(loaded.value) : loaded
  if (!loaded.value || !resolved.value) throw new Error(JSON.stringify([...loaded.diagnostics, ...resolved.diagnostics]))
  return compile((resolved as ReturnType<typeof resolve>).value!)
}

export const SMALL = `
name: small
hosts: { node-1: {}, node-2: {} }
pods: { pod-a: { host: node-1 }, pod-b: { host: node-2 } }
`

export const TWO_RACKS = `
name: two-racks
network: { backend: { type: vxlan, vni: 7, tunnel: cross-segment } }
underlay: { segments: { rack-1: 192.168.1.0/24, rack-2: 192.168.2.0/24 } }
hosts: { node-1: { segment: rack-1 }, node-2: { segment: rack-2 }, end: { segment: rack-2, mtu: 9000 } }
pods:
  pod-a: { host: node-1 }
  shop/cart:
    host: node-2
    containers:
      - { name: http, ports: [{ containerPort: 8080 }] }
      - { name: dns, ports: [{ containerPort: 53, protocol: UDP }] }
externals: { client: { containers: [{ name: web, ports: [{ containerPort: 443 }] }] }, tor: { podRoutes: true } }
`
