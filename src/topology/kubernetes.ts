/** Shapes of the Kubernetes objects a topology may hold (core/v1 ServiceSpec, networking.k8s.io/v1 NetworkPolicySpec). */
import * as z from 'zod'

export const serviceSpec = z.looseObject({})
export const networkPolicySpec = z.looseObject({})
