import { quoteLine } from '../kernel/script.ts'
import type { Lab } from '../lab/lab.ts'

/** The command line that makes a lab again what its file asks for, to be pasted into a shell. */
export const upCommand = ({ file, forced }: Pick<Lab, 'file' | 'forced'>): string =>
  `netlab up ${quoteLine(file)}${forced ? ' --force' : ''}`
