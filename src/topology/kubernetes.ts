/** Shapes of the Kubernetes objects a topology may hold: core/v1 ServiceSpec, networking.k8s.io/v1 NetworkPolicySpec. */
export {
  networkPolicySpec,
  type LabelSelector,
  type NetworkPolicyPeer,
  type NetworkPolicyPort,
  type NetworkPolicySpec,
} from './network-policy.ts'
export { serviceSpec, type ServicePort, type ServiceSpec } from './service.ts'
