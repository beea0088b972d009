/** The entry. `netlab --version` is answered before anything else is loaded: it costs what Node costs. */
import { VERSION } from './version.ts'

/** As for everything else this machine lacks. */
const CANNOT_WRITE = 3

export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader of the output may stop early, as in `netlab plan | head`; what the command found out still counts.
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0)
    process.stderr.write(`netlab: cannot write the output: ${error.message}\n`)
    process.exit(CANNOT_WRITE)
  })
  // That the progress is not read any more is no reason to stop half-way, as in `netlab up lab.yaml 2>&1 | head`.
  process.stderr.on('error', () => {})
  if (argv.length === 3 && (argv[2] === '--version' || argv[2] === '-V')) {
    process.stdout.write(`${VERSION}\n`)
    return
  }
  const { run } = await import('./cli/program.ts')
  await run(argv)
}
