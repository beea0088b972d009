/**
 * Routed pods, in Calico's shape: no bridge, the host routes each pod by its address.
 *
 * The pod has its address alone (/32, /128) and sends everything to a gateway that no interface owns:
 * 169.254.1.1 in IPv4, the host end's link-local address in IPv6. The host end answers ARP for it
 * (proxy_arp) and has one route per pod. All host ends carry the same MAC, so a pod's ARP entry is right
 * wherever it runs.
 *
 *   pod eth0 10.244.0.2/32, default via 169.254.1.1 ── p1-pod-a (ee:ee:ee:ee:ee:ee, proxy_arp)
 *                                                      host: 10.244.0.2 dev p1-pod-a
 *
 * The rest of the host's block is a blackhole: an address no pod has must not leave by the default route.
 * proxy_arp answers only where the host has a route to 169.254.1.1 through another device; the default
 * route does that, and where the underlay has no router a route of its own does.
 */
import type { KernelObject } from '../kernel/objects.ts'
import { gatewayOf } from '../lab/lab.ts'
import type { Attach, AttachModule } from './attach.ts'
import { interfaceOf, interfacesOption } from './interfaces.ts'
import type { OptionTypes } from '../topology/schema/schema.ts'
import { portmap } from './ports/portmap.ts'

const options = (z: OptionTypes) => z.object({ interfaces: interfacesOption(z) })

/** What Calico gives every host end; the link-local address follows from it (RFC 4291, modified EUI-64). */
const HOST_MAC = 'ee:ee:ee:ee:ee:ee'
const GATEWAY = { 4: '169.254.1.1', 6: 'fe80::ecee:eeff:feee:eeee' } as const

function routed(): Attach {
  return {
    needs: [],
    hops: 1,
    sharesL2: false,
    devices: [],
    hostPorts: portmap({ device: (pod) => pod.hostInterface, sharesL2: false }),
    objects({ host, pods, podMTU }, lab) {
      const here = { ns: host.netns, from: host.source }
      const objects: KernelObject[] = host.blocks.map((b) => ({
        ...here,
        kind: 'route',
        note: 'addresses of the block that no pod has go nowhere',
        family: b.family,
        dst: b.cidr,
        type: 'blackhole',
      }))
      if (!gatewayOf(lab, host.segment) && lab.families.includes(4)) {
        objects.push({
          ...here,
          kind: 'route',
          family: 4,
          dst: `${GATEWAY[4]}/32`,
          dev: 'eth0',
          note: 'proxy_arp answers for 169.254.1.1 only if another device leads to it',
        })
      }
      for (const pod of pods) {
        const dev = pod.hostInterface
        const atHost = { ns: host.netns, from: pod.source, dev }
        const inPod = { ns: pod.netns, from: pod.source, dev: 'eth0' }
        objects.push({
          kind: 'veth',
          ns: host.netns,
          from: pod.source,
          name: dev,
          mac: HOST_MAC,
          mtu: podMTU,
          peer: { ns: pod.netns, name: 'eth0', mac: pod.mac, mtu: podMTU },
        })
        for (const { family, ip } of pod.addresses) {
          const alone = `${ip}/${family === 4 ? 32 : 128}`
          objects.push({ ...inPod, kind: 'address', address: alone })
          if (family === 4) {
            objects.push(
              { ...atHost, kind: 'sysctl', key: `net/ipv4/conf/${dev}/proxy_arp`, value: '1' },
              { ...atHost, kind: 'sysctl', key: `net/ipv4/neigh/${dev}/proxy_delay`, value: '0' },
              { ...inPod, kind: 'route', family, dst: `${GATEWAY[4]}/32` },
            )
          } else {
            objects.push({ ...atHost, kind: 'sysctl', key: `net/ipv6/conf/${dev}/proxy_ndp`, value: '1' })
          }
          objects.push(
            { ...inPod, kind: 'route', family, dst: 'default', via: GATEWAY[family] },
            { ...atHost, kind: 'route', family, dst: alone },
          )
        }
      }
      return objects
    },
  }
}

export const routedModule: AttachModule = {
  summary: 'no bridge: a /32 (/128) route a pod, gateway 169.254.1.1 by proxy ARP (Calico)',
  options,
  interfaceOf,
  create: () => routed(),
}
