/**
 * What netlab may need of a kernel beyond plain sockets. Found by trying: lists of loaded modules say nothing (features may
 * be built in, modules may load on demand).
 */
export interface FeatureDefinition<N extends string = string> {
  readonly name: N
  /** What it is for, after "for": `pods and links of the underlay`. */
  readonly purpose: string
  /**
   * A shell line that succeeds only where the feature works, and otherwise prints why not. Runs as root in a fresh
   * namespace, `lo` down. Makes things in that namespace alone: a probe must not change the machine.
   */
  readonly probe: string
  /** How to get it: what a kernel must have been built with, or able to load, and packages of programs. */
  readonly needs: string
  /** Programs it is driven with, beyond those of every lab. */
  readonly tools?: readonly string[]
  /** How to load it where the kernel does not by itself: a shell line in the machine's own namespace, unless the file is there. */
  readonly load?: { readonly unless: string; readonly line: string }
}
