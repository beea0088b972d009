/** Shapes of the Kubernetes objects a topology may hold: core/v1 ServiceSpec, networking.k8s.io/v1 NetworkPolicySpec. */
export * from './network-policy.ts'
export * from './service.ts'
