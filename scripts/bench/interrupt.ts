// Ctrl-C, SIGTERM and a closed terminal end what runs, remove what was made, and exit with 130.
const controller = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => controller.abort(new Error(`interrupted by ${signal}`)))

/** Aborted by a signal; its reason is an error that names the signal. */
export const interruption = controller.signal
