/**
 * One change of a lab at a time. The lock is an abstract Unix socket (unix(7)): the kernel releases it when
 * its holder ends, however it ends, so there is no stale lock to clean up and no file left behind.
 */
import { connect, createServer, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const nameOf = (lab: string): string => `\0netlab/${lab}`

/** Milliseconds to wait for the holder of the lock. */
const PATIENCE = 10_000

function tryBind(lab: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.on('error', () => {}).end(`${process.pid}`))
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    server.listen(nameOf(lab), () => resolve(server.unref()))
  })
}

/** Asks the holder of the lock for its pid. Any user can bind the name, so the answer is believed only if it is a number. */
function holder(lab: string): Promise<string> {
  return new Promise((resolve) => {
    let pid = ''
    const socket = connect(nameOf(lab))
    socket.setTimeout(500, () => socket.destroy())
    socket.on('data', (chunk) => void ((pid += chunk.toString('latin1')).length > 10 && socket.destroy()))
    socket.on('error', () => {}).on('close', () => resolve(/^\d{1,10}$/.test(pid) ? pid : 'unknown'))
  })
}

/** The lab is being changed by another netlab, which did not finish in time. */
export class LabBusy extends Error {}

/**
 * Runs `work` while holding the lab's lock.
 * @param onWait called once, with the holder's pid, when another process has it
 * @param signal ends the waiting
 * @throws LabBusy after ten seconds; the signal's reason
 */
export async function withLock<T>(
  lab: string,
  work: () => Promise<T>,
  onWait: (pid: string) => void = () => {},
  signal?: AbortSignal,
): Promise<T> {
  const deadline = Date.now() + PATIENCE
  let server = await tryBind(lab)
  if (!server) {
    const pid = await holder(lab)
    onWait(pid)
    while (!server && Date.now() < deadline) {
      signal?.throwIfAborted()
      await sleep(50)
      server = await tryBind(lab)
    }
    if (!server) throw new LabBusy(`lab ${lab} is being changed by another netlab (pid ${pid})`)
  }
  try {
    signal?.throwIfAborted()
    return await work()
  } finally {
    server.close()
  }
}
