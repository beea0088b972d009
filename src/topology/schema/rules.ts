/** Rules of the format that later stages follow, too, which read no topology and so need no schema. */

/** Most replicas one entry may ask for: far above what one machine can carry. */
export const MAX_REPLICAS = 50_000

/** RFC 1123 label: what Kubernetes accepts as the name of a namespace, Service or container. */
export const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
