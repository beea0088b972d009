/** A topology of 20 hosts and many pods, each on a line of its own, from line 23 on. */
export function bigTopology(pods: number): string {
  const hosts = Array.from({ length: 20 }, (_, i) => `  node-${i + 1}: {}\n`)
  const lines = Array.from(
    { length: pods },
    (_, i) => `  pod-${i}: { host: node-${(i % 20) + 1}, labels: { app: web, tier: t${i % 7} } }\n`,
  )
  return `hosts:\n${hosts.join('')}pods:\n${lines.join('')}`
}
