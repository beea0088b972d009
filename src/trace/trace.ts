/** What a trace needs once it listens: one chunk of the program, loaded meanwhile. */
export { finish, gather } from './collect/gather.ts'
export { buildResult } from './build-result.ts'
