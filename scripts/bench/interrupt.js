// Ctrl-C, a polite kill and a closed terminal end what runs, remove what was made, and exit with 130.
export class Interrupted extends Error {}

const controller = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => controller.abort(new Interrupted(signal)))

export const interruption = controller.signal
