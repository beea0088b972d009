/** What a trace needs once it listens: one chunk of the program, loaded meanwhile. */
export { finish, gather } from './gather.ts'
export { tell } from './tell.ts'
