import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'

/**
 * Runs something while no other process runs what wants the same file; waits for them. The kernel holds the lock (flock(2)) for as long as
 * somebody has the descriptor open that `run` is given: it ends with its owner, however that dies, and with the child that the descriptor is handed to.
 */
export function locked<T>(file: string, run: (descriptor: number) => T): T {
  const descriptor = openSync(file, 'a')
  try {
    // Node has no flock: the command locks the open file that it shares with us, and leaves it locked.
    const { status, error } = spawnSync('flock', ['3'], { stdio: ['ignore', 'ignore', 'inherit', descriptor] })
    if (status !== 0) throw new Error(`${file} cannot be locked`, { cause: error })
    return run(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
