/** The entry. `netlab --version` is answered before anything else is loaded: it costs what Node costs. */
import { VERSION } from './version.ts'

export async function main(argv: readonly string[]): Promise<void> {
  // Whoever reads us may stop early, as in `netlab plan | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  // That nobody reads the progress any more is no reason to stop half-way, as in `netlab up lab.yaml 2>&1 | head`.
  process.stderr.on('error', () => {})
  if (argv.length === 3 && (argv[2] === '--version' || argv[2] === '-V')) {
    process.stdout.write(`${VERSION}\n`)
    return
  }
  const { run } = await import('./cli.ts')
  await run(argv)
}
