/**
 * Names of pods that controllers make. A cluster cuts what a generated name begins with and adds five random characters
 * (k8s.io/apiserver/pkg/storage/names); here a number, or the host, takes their place, so that a lab stays the same.
 */

/** `maxGeneratedNameLength` of Kubernetes: 63 less five random characters. */
const MAX_BASE = 58
const MAX_GENERATED = 63

/** What names of a controller's pods begin with: `web-`, cut as Kubernetes cuts it. */
export const baseOf = (name: string): string => `${name}-`.slice(0, MAX_BASE)

/** Name of a DaemonSet's pod: it says the host where that fits, else the host's number, from 1. */
export function daemonPodName(name: string, host: string, number: number): string {
  const whole = `${name}-${host}`
  return whole.length <= MAX_GENERATED ? whole : `${baseOf(name)}${number}`
}

/** `web` of the namespace default, else `shop/web`: keys of a topology. */
export const keyIn = (namespace: string, name: string): string => (namespace === 'default' ? name : `${namespace}/${name}`)
