/** A valid topology with something of everything. */
export const EVERYTHING = `name: two-racks
network:
  podCIDR: [10.244.0.0/16, "fd00:10:244::/48"]
  hostPrefix: { ipv4: 24, ipv6: 64 }
  serviceCIDR: 10.96.0.0/16
  backend: { type: vxlan, vni: 7, tunnel: cross-segment }
  attach: routed
  masquerade: false
underlay:
  mtu: 1500
  segments: { rack-1: 192.168.1.0/24, rack-2: [192.168.2.0/24, "fd00:2::/64"] }
hosts:
  node-1: { segment: rack-1 }
  node-2: { segment: rack-2, address: 192.168.2.20, podCIDR: 10.244.7.0/24, labels: { zone: b }, mtu: 9000 }
  worker: { replicas: 10 }
namespaces:
  shop: { labels: { team: red } }
pods:
  pod-a: { host: node-1, labels: { app.kubernetes.io/name: web, empty: "" }, ip: [10.244.0.10, "fd00:10:244::a"] }
  shop/cart:
    host: node-2
    containers:
      - name: http
        ports: [{ name: web, containerPort: 8080, protocol: TCP }]
      - name: sidecar
        command: [sh, -c, sleep 5]
  load: { replicas: 50 }
externals:
  client: { containers: [{ name: web, ports: [{ name: http, containerPort: 80 }] }] }
  tor: { address: 203.0.113.10, podRoutes: true }
services:
  shop/cart: { selector: { app: cart }, type: NodePort, ports: [{ name: web, port: 80, targetPort: web }] }
policies:
  shop/deny-all: { podSelector: {}, policyTypes: [Ingress] }
manifests: [k8s/*.yaml]
expect:
  - { from: pod-a, to: shop/cart, port: 8080/tcp }
  - { from: client, to: svc/shop/cart, result: deny, wire: [vxlan] }
`
