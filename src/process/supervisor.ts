/**
 * The program that starts containers and daemons, and outlives netlab: one for each `up` that has something to start.
 * It is Perl because perl-base is on every Debian and Ubuntu, can call setns(2), and a forked child shares its
 * parent's memory: a pod's responder then costs a few hundred KiB.
 *
 * Everything else here knows only {@link Supervise} and the records that supervisor.pl describes.
 */
import { fileURLToPath } from 'node:url'
import { fieldReader, frame, type Launch } from './spec.ts'
import { HelperEnded } from '../netns/failures.ts'
import { startHelper, unstartable } from '../netns/helper-process.ts'
import { inside, MACHINE } from '../netns/inside.ts'

/**
 * Starts processes and keeps records of them in a directory. Resolves when each either runs (a responder: listens) or
 * cannot, with a message for each id: empty, or the reason. Ids without one were not started before the signal fired.
 */
export type Supervise = (dir: string, launches: readonly Launch[], signal?: AbortSignal) => Promise<ReadonlyMap<string, string>>

/** Paths of the two Perl programs, which lie beside this file, bundled or not. */
export const programs = {
  supervisor: fileURLToPath(new URL('./supervisor.pl', import.meta.url)),
  responder: fileURLToPath(new URL('./responder.pl', import.meta.url)),
}

/** @throws MachineError when the supervisor cannot do its work at all (no perl, no permission) */
export const supervise: Supervise = async (dir, launches, signal) => {
  // It outlives this process, and so not in this process's namespace.
  const child = inside(MACHINE, () =>
    startHelper('perl', [programs.supervisor, dir, programs.responder], {
      cwd: '/',
      // Nothing of ours reaches Perl (PERL5OPT and the like); what it starts gets its environment with its launch.
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    }),
  )
  // Told to end, it starts nothing more and says that it is done.
  const abort = () => child.kill('SIGTERM')
  signal?.addEventListener('abort', abort)
  try {
    return await new Promise((resolve, reject) => {
      const reported = new Map<string, string>()
      let errors = ''
      let id: string | undefined
      const readFields = fieldReader((field) => {
        if (id === undefined) {
          id = field
          return
        }
        if (id !== '') reported.set(id, field)
        else if (field === 'ready') child.stdin.end(frame(launches))
        else resolve(reported)
        id = undefined
      })
      child.stdout.on('data', readFields)
      child.stderr.on('data', (chunk: Buffer) => {
        errors += chunk.toString()
      })
      child.on('error', (cause) => reject(unstartable('perl', cause)))
      child.on('close', (code) =>
        reject(new HelperEnded(errors.trim() || `the supervisor of the containers ended early (exit code ${code})`)),
      )
    })
  } finally {
    signal?.removeEventListener('abort', abort)
    // It stays, we may leave.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy()
    child.unref()
  }
}
