/** Names and MAC addresses that are the same at every run and cannot collide by construction. */

/** IFNAMSIZ is 16 with the terminating NUL (include/uapi/linux/if.h). */
const MAX_INTERFACE = 15

/**
 * `p12-shop-cart`: a letter for what hangs on the interface, a number that is unique in the
 * namespace that holds it, and as much of the name as fits for people.
 */
export function interfaceName(letter: string, number: number, name: string): string {
  return `${letter}${number}-${name.replace('/', '-')}`.slice(0, MAX_INTERFACE).replace(/-+$/, '')
}

/** What a MAC of ours belongs to: its second byte. */
const macKinds = {
  pod: 1,
  podPort: 2,
  host: 3,
  switchPort: 4,
  bridge: 5,
  vtep: 6,
  router: 7,
  routerPort: 8,
  external: 9,
  externalPort: 10,
  switch: 11,
} as const

/**
 * `02:01:HH:HH:NN:NN`: locally administered (IEEE 802: bit 1 of the first byte), then the kind,
 * the index of the host or segment, and a number within it.
 */
export function mac(kind: keyof typeof macKinds, index: number, number = 0): string {
  return [2, macKinds[kind], index >> 8, index & 255, number >> 8, number & 255].map((b) => b.toString(16).padStart(2, '0')).join(':')
}

/** `demo.pod-a`, `demo.shop.cart`: labels hold no dots, so no two nodes can meet in one name. */
export const netnsName = (lab: string, ...parts: string[]): string => [lab, ...parts].join('.')
