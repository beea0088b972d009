/**
 * Removes the labs of a command that can no longer do it itself: killed, out of memory, its terminal gone.
 * A shell of a few kilobytes reads from a pipe which labs there are; when the pipe ends without a farewell, its
 * writer is dead.
 */
// Not execa: the guard outlives netlab.
import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'

// Signals for the whole group (Ctrl-C) must not end the guard. Names of labs hold no spaces.
const SCRIPT = `
trap '' INT TERM HUP PIPE
command=$1
shift
labs=' '
while read -r what lab; do
  case $what in
    up) labs="$labs$lab " ;;
    gone)
      left=' '
      for each in $labs; do [ "$each" = "$lab" ] || left="$left$each "; done
      labs=$left ;;
    bye) exit 0 ;;
  esac
done
for lab in $labs; do
  echo "netlab $command ended before it could remove lab $lab: removing it" >&2
  "$@" down "$lab" >/dev/null
done
`

export class Watch {
  readonly #child

  /** @param command of netlab: `ci` */
  constructor(command: string) {
    this.#child = spawn('sh', ['-c', SCRIPT, 'sh', command, process.execPath, process.argv[1]!], {
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
      cwd: '/',
    })
    // Without a shell there is no guard; everything else works all the same.
    this.#child.on('error', () => {})
    this.#child.stdin.on('error', () => {})
    this.#child.unref()
    ;(this.#child.stdin as Socket).unref()
  }

  /** From now on the lab is ours to remove. */
  up(lab: string): void {
    this.#child.stdin.write(`up ${lab}\n`)
  }

  gone(lab: string): void {
    this.#child.stdin.write(`gone ${lab}\n`)
  }

  end(): void {
    this.#child.stdin.end('bye\n')
  }
}
