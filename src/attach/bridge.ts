/**
 * A bridge on each host, as Docker's `docker0` and the CNI bridge plugin's `cni0`.
 *
 * Every pod is one veth pair: `eth0` in the pod, the other end a port of the bridge. Pods of a host are
 * neighbours on one L2 domain (the host's block is on-link); everything else goes to the bridge's own
 * address, the gateway.
 *
 *   pod eth0 ── p1-pod-a ┐
 *                        cni0 (gateway 10.244.0.1) → the host's routing table
 *   pod eth0 ── p2-pod-b ┘
 *
 * Where the backend joins the bridges of all hosts, their pods are neighbours as well: the network is that of all pods, and a host's
 * block the part of it that its pods have addresses from.
 *
 * Two settings are for Services and policies: br_netfilter shows bridged packets to iptables, so that
 * both act between pods of one bridge; hairpin lets a pod reach itself through its own Service.
 */
import type { KernelObject } from '../kernel/objects.ts'
import { isReservedDevice, mac } from '../lab/names.ts'
import { parseCidr, type Family } from '../topology/address.ts'
import type { Attach, AttachModule } from './attach.ts'
import { interfaceOf, interfacesOption } from './interfaces.ts'
import type { OptionTypes, OptionsOf } from '../topology/schema/schema.ts'
import { docker } from './ports/docker.ts'
import { portmap } from './ports/portmap.ts'

/** Docker's own bridge. */
const DOCKER = 'docker0'

const options = (z: OptionTypes) =>
  z.object({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,13}$/, 'expected a lower-case letter, then at most 13 letters, digits and "-"')
      .refine((name) => !isReservedDevice(name), 'this name belongs to something else in the host')
      .default('cni0')
      .describe('Name of the bridge. Where it is docker0, ports of hosts lead to pods by the chains of Docker.'),
    interfaces: interfacesOption(z),
  })

function bridge({ name }: OptionsOf<typeof options>): Attach {
  return {
    needs: ['bridge', 'br_netfilter'],
    hops: 0,
    sharesL2: true,
    devices: [name],
    hostPorts: name === DOCKER ? docker(name) : portmap({ device: () => name, sharesL2: true }),
    objects({ host, pods, podMTU, oneLink }, lab) {
      const here = { ns: host.netns, from: host.source }
      const prefixOf = (of: { readonly family: Family; readonly prefix: number }): number =>
        oneLink ? lab.podCIDRs.map((c) => parseCidr(c)!).find((c) => c.family === of.family)!.prefix : of.prefix
      const objects: KernelObject[] = [
        {
          ...here,
          kind: 'sysctl',
          key: 'net/bridge/bridge-nf-call-iptables',
          value: '1',
          note: 'bridged packets pass iptables: Services and policies act between pods of one host',
        },
        { ...here, kind: 'sysctl', key: 'net/bridge/bridge-nf-call-ip6tables', value: '1' },
        {
          ...here,
          kind: 'link',
          type: 'bridge',
          name,
          mac: mac('bridge', host.index),
          mtu: podMTU,
          note: "the pods' bridge; its address is their gateway",
        },
        ...host.blocks.map((b): KernelObject => ({ ...here, kind: 'address', dev: name, address: `${b.gateway}/${prefixOf(b)}` })),
      ]
      for (const pod of pods) {
        objects.push({
          kind: 'veth',
          ns: host.netns,
          from: pod.source,
          name: pod.hostInterface,
          mac: pod.hostMac,
          mtu: podMTU,
          port: { master: name, hairpin: true },
          peer: { ns: pod.netns, name: 'eth0', mac: pod.mac, mtu: podMTU },
        })
        const inPod = { ns: pod.netns, from: pod.source, dev: 'eth0' }
        for (const a of pod.addresses) objects.push({ ...inPod, kind: 'address', address: `${a.ip}/${prefixOf(a)}` })
        for (const b of host.blocks) objects.push({ ...inPod, kind: 'route', family: b.family, dst: 'default', via: b.gateway })
      }
      return objects
    },
  }
}

export const bridgeModule: AttachModule = {
  summary: 'a bridge a host, pods are its ports (Docker, CNI bridge, Flannel)',
  options,
  interfaceOf,
  create: (o) => bridge(o as OptionsOf<typeof options>),
}
