// Ctrl-C, a polite kill and a closed terminal end what runs, remove what was made, and exit with 130.
const controller = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => controller.abort(new Error(`interrupted by ${signal}`)))

export const interruption = controller.signal
