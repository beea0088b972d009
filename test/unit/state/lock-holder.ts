/** A process that holds a lab's lock until its standard input ends: lock-holder.ts LAB DIRECTORY. Prints `held` once it does. */
import { withLock } from '../../../src/state/lock.ts'

await withLock(
  process.argv[2]!,
  async () => {
    console.log('held')
    await new Promise((resolve) => process.stdin.on('end', resolve).resume())
  },
  undefined,
  undefined,
  process.argv[3]!,
)
