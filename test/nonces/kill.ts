import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** Starts a busy process on a store, kills it -9 under load, and gives what it had reported as committed. */
export async function reportedBeforeKill(url: string, prefix: string, atLeast: number): Promise<string[]> {
  const child = fork(join(import.meta.dirname, 'busy-process.ts'), [url, prefix], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  let said = ''
  child.stdout?.setEncoding('latin1').on('data', (text: string) => {
    said += text
    if (said.length > atLeast * (prefix.length + 5)) child.kill('SIGKILL')
  })
  await once(child, 'close')
  return said.split('\n').slice(0, -1)
}
